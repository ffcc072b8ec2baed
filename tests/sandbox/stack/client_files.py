# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients read: sandbox.json, clouds.yaml with secure.yaml, and the RC files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stack import layout
from stack.folders import SOURCE, write_private
from stack.releases import Release
from stack.state import State

# Variables of one RC file that would change the meaning of another one sourced later in the same shell.
RC_UNSET = (
    "OS_APPLICATION_CREDENTIAL_ID OS_APPLICATION_CREDENTIAL_SECRET OS_AUTH_TYPE OS_CLOUD OS_PASSWORD"
    " OS_PROJECT_DOMAIN_NAME OS_PROJECT_NAME OS_TOKEN OS_USERNAME OS_USER_DOMAIN_NAME"
)


def write_client_files(
    state: State,
    release: Release,
    origins: Mapping[str, str],
    ids: Mapping[str, Any],
    convert: str | None,
    python: Path,
    databases: Mapping[str, Any],
    features: Mapping[str, Any] | None = None,
) -> None:
    keystone = f"{origins['gateway']}/keystone/v3"
    # The Python of Keystone has openstacksdk, which tests compare the collection with.
    described = {
        **describe(state, release, origins, ids),
        "convert": convert,
        "python": str(python),
        "sql_program": str(SOURCE / "stack/sql.py"),
        "databases": databases,
        # Of the Glances behind library_url.
        "policy_files": [
            str(state.root / "etc" / name / "policy.yaml")
            for name in (features or {}).get("libraries", [layout.LIBRARY.name])
        ],
        # None: one process each and SQLite.
        "production": features,
    }
    write_private(state.description, json.dumps(described, indent=2) + "\n")

    clouds = {
        user.name: cloud(state, password_login(keystone, user)) for user in layout.USERS if not user.totp_required
    }
    split_login = password_login(keystone, layout.MEMBER)
    secret = {"auth": {"password": split_login.pop("password")}}
    clouds["split"] = cloud(state, split_login)
    clouds["appcred"] = {
        "auth_type": "v3applicationcredential",
        **cloud(
            state,
            {
                "auth_url": keystone,
                "application_credential_id": ids["application_credential"],
                "application_credential_secret": layout.APPLICATION_CREDENTIAL.secret,
            },
        ),
    }
    write_private(state.clouds_file, yaml({"clouds": clouds}))
    write_private(state.secure_file, yaml({"clouds": {"split": secret}}))

    common = {
        "OS_AUTH_URL": keystone,
        "OS_IDENTITY_API_VERSION": "3",
        "OS_REGION_NAME": layout.HOME_REGION,
        "OS_CACERT": str(state.ca_file),
    }
    for user in layout.USERS:
        personal = {
            "OS_USERNAME": user.name,
            "OS_PASSWORD": user.password,
            "OS_PROJECT_NAME": user.project,
            "OS_USER_DOMAIN_NAME": layout.DOMAIN_NAME,
            "OS_PROJECT_DOMAIN_NAME": layout.DOMAIN_NAME,
        }
        write_private(state.root / f"openrc-{user.name}.sh", shell({**common, **personal}))
    credential = {
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": ids["application_credential"],
        "OS_APPLICATION_CREDENTIAL_SECRET": layout.APPLICATION_CREDENTIAL.secret,
    }
    write_private(state.root / "openrc-appcred.sh", shell({**common, **credential}))


def describe(state: State, release: Release, origins: Mapping[str, str], ids: Mapping[str, Any]) -> dict[str, Any]:
    gateway = origins["gateway"]
    return {
        "release": release.name,
        "glance": release.glance,
        "base_url": gateway,
        "keystone_url": f"{gateway}/keystone/v3",
        "glance_url": f"{gateway}/glance",
        "images_url": f"{gateway}/glance/v2",
        "library_url": f"{origins['library']}/glance/v2",
        # None: the second region leads to the Glance of images_url.
        "second_region": layout.SECOND_REGION,
        "second_url": f"{origins['second']}/glance/v2" if "second" in origins else None,
        "ca_file": str(state.ca_file),
        "clouds_file": str(state.clouds_file),
        "secure_file": str(state.secure_file),
        "request_log": str(state.request_log),
        "region": layout.HOME_REGION,
        "regions": {region: sorted(interfaces) for region, interfaces in layout.IMAGE_INTERFACES.items()},
        "domain_id": layout.DOMAIN_ID,
        "domain_name": layout.DOMAIN_NAME,
        "users": {
            user.name: {
                "password": user.password,
                "id": ids["users"][user.name],
                "project": user.project,
                "project_id": ids["projects"][user.project],
                "roles": list(user.roles),
                "totp_secret": layout.TOTP_SECRET if user.totp_required else None,
            }
            for user in layout.USERS
        },
        "application_credential": {
            "id": ids["application_credential"],
            "name": layout.APPLICATION_CREDENTIAL.name,
            "secret": layout.APPLICATION_CREDENTIAL.secret,
            "user": layout.APPLICATION_CREDENTIAL.owner,
        },
        "totp_secret": layout.TOTP_SECRET,
    }


def password_login(keystone: str, user: layout.User) -> dict[str, str]:
    return {
        "auth_url": keystone,
        "username": user.name,
        "password": user.password,
        "project_name": user.project,
        "user_domain_name": layout.DOMAIN_NAME,
        "project_domain_name": layout.DOMAIN_NAME,
    }


def cloud(state: State, auth: Mapping[str, str]) -> dict[str, Any]:
    return {"auth": auth, "region_name": layout.HOME_REGION, "cacert": str(state.ca_file)}


def yaml(tree: Mapping[str, Any], indent: str = "") -> str:
    """Nested mappings of strings as YAML; a JSON string is a YAML string too."""
    lines = "---\n" if not indent else ""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            lines += f"{indent}{key}:\n{yaml(value, indent + '  ')}"
        else:
            lines += f"{indent}{key}: {json.dumps(value)}\n"
    return lines


def shell(variables: Mapping[str, str]) -> str:
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return f"unset {RC_UNSET}\n{exports}"
