# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud of clouds.yaml, with what secure.yaml says of it, in the words of the connection options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, quoted

# clouds.yaml says these in other words (openstacksdk, "Configuring OpenStack SDK Applications").
CLOUD_KEYS = {"ca_cert": "cacert", "client_cert": "cert", "client_key": "key"}
CLOUD_AUTH_ALIASES = {"project_id": "tenant_id", "project_name": "tenant_name"}


def cloud_from(name: str, environ: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """What is said of the cloud, flat and without what is empty; and the path of its clouds.yaml."""
    path = _clouds_yaml(name, environ)
    entry = _cloud(path, name)
    secure = environ.get("OS_CLIENT_SECURE_FILE") or os.path.join(os.path.dirname(path), "secure.yaml")
    if os.path.exists(secure):
        secrets = _clouds(secure).get(name) or {}
        if not isinstance(secrets, dict):
            raise ConfigurationError(f"cloud: {name} in {secure} is no dictionary. Correct the file.")
        entry = _merged(entry, secrets)
    auth = entry.get("auth") or {}
    if not isinstance(auth, dict):
        raise ConfigurationError(f"cloud: auth of cloud {name} in {path} is no dictionary. Correct the file.")
    flat = {key: value for key, value in {**entry, **auth}.items() if value not in (None, "")}
    for key, alias in {**CLOUD_KEYS, **CLOUD_AUTH_ALIASES}.items():
        if alias in flat:
            flat.setdefault(key, flat[alias])
    if "interface" not in flat:
        for alias in ("image_interface", "endpoint_type"):
            if alias in flat:
                flat["interface"] = flat[alias]
    return flat, path


def _clouds_yaml(name: str, environ: Mapping[str, str]) -> str:
    given = environ.get("OS_CLIENT_CONFIG_FILE")
    if given:
        if not os.path.exists(given):
            raise ConfigurationError(
                f"cloud: OS_CLIENT_CONFIG_FILE names {given}, which is not there. Correct the variable, or unset it."
            )
        return given
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    folders = [os.getcwd(), os.path.join(config, "openstack"), "/etc/openstack"]
    for folder in folders:
        for suffix in ("yaml", "yml"):
            path = os.path.join(folder, f"clouds.{suffix}")
            if os.path.exists(path):
                return path
    raise ConfigurationError(
        f"cloud: no clouds.yaml with the cloud {name} was found in {', '.join(folders)}. "
        "Put it there, or name it in the variable OS_CLIENT_CONFIG_FILE."
    )


def _cloud(path: str, name: str) -> dict[str, Any]:
    clouds = _clouds(path)
    if name in clouds and not isinstance(clouds[name], dict):
        raise ConfigurationError(f"cloud: {name} in {path} is no dictionary. Correct the file.")
    if name not in clouds:
        known = ", ".join(sorted(str(cloud) for cloud in clouds)) or "none"
        raise ConfigurationError(f"cloud: {path} has no cloud {quoted(name)}. It has: {known}.")
    entry: dict[str, Any] = clouds[name]
    return entry


def _clouds(path: str) -> dict[str, Any]:
    # Only who names a cloud needs PyYAML; ansible-core brings it along on the controller.
    try:
        import yaml
    except ImportError:
        raise ConfigurationError(
            f"cloud: reading {path} needs the Python library PyYAML, which is not installed where this task runs. "
            "Install it there, or give the connection by options or OS_* variables."
        ) from None
    try:
        with open(path, encoding="utf-8") as stream:
            document = yaml.safe_load(stream)
    except OSError as error:
        raise ConfigurationError(f"cloud: {path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, ValueError) as error:
        # The error's own text may quote a line of the file, and that line may hold a password.
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"cloud: {path} is not valid YAML{where}. Correct the file.") from None
    clouds = document.get("clouds") if isinstance(document, dict) else None
    if not isinstance(clouds, dict):
        raise ConfigurationError(f"cloud: {path} has no dictionary named clouds at its top. Correct the file.")
    return clouds


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
