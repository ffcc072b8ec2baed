# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a bootstrapped Keystone database with the layout's projects, users and catalogue.

Run with the virtual environment's Python: python -m stack.setup.seed RESULT_FILE
It asks Keystone's WSGI application in this very process: no port, no server to wait for. The
result file gets the ids that the layout cannot know.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

RESULT_FILE = sys.argv[1]
# Keystone hands the command line to oslo.config.
sys.argv = sys.argv[:1]
os.environ["OS_KEYSTONE_CONFIG_DIR"] = os.path.join(os.environ["PCD_SANDBOX_ROOT"], "etc")

from keystone.wsgi.api import application  # noqa: E402
from werkzeug.test import Client  # noqa: E402

from stack import layout  # noqa: E402


class Keystone:
    """Keystone's API, spoken as one user."""

    def __init__(self, user: layout.User) -> None:
        self._client = Client(application)
        self._token = ""
        domain = {"id": layout.DOMAIN_ID}
        login = {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": user.name, "domain": domain, "password": user.password}},
            },
            "scope": {"project": {"name": user.project, "domain": domain}},
        }
        self._token = self._request("POST", "/auth/tokens", {"auth": login}).headers["X-Subject-Token"]

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-Auth-Token": self._token} if self._token else {}
        answer = self._client.open("/v3" + path, method=method, json=body, headers=headers)
        if answer.status_code >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.get_data(as_text=True)}")
        return answer

    def put(self, path: str) -> None:
        self._request("PUT", path)

    def create(self, collection: str, kind: str, **attributes: Any) -> Any:
        return self._request("POST", "/" + collection, {kind: attributes}).get_json()[kind]

    def ensure(self, collection: str, kind: str, **attributes: Any) -> str:
        """The id of the one that bootstrap made, or of a new one."""
        key = "type" if kind == "service" else "name"
        found = self._request("GET", f"/{collection}?{key}={attributes[key]}").get_json()[collection]
        return found[0]["id"] if found else self.create(collection, kind, **attributes)["id"]


def seed() -> dict[str, Any]:
    admin = Keystone(layout.ADMIN)
    user_ids: dict[str, str] = {}
    project_ids: dict[str, str] = {}
    for user in (*layout.USERS, layout.GLANCE):
        project = admin.ensure("projects", "project", name=user.project, domain_id=layout.DOMAIN_ID)
        project_ids[user.project] = project
        options = {}
        if user.totp_required:
            options = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "totp"]]}
        user_ids[user.name] = admin.ensure(
            "users", "user", name=user.name, password=user.password, domain_id=layout.DOMAIN_ID, options=options
        )
        for role in user.roles:
            role_id = admin.ensure("roles", "role", name=role)
            admin.put(f"/projects/{project}/users/{user_ids[user.name]}/roles/{role_id}")
        if user.totp_required:
            admin.create("credentials", "credential", type="totp", blob=layout.TOTP_SECRET, user_id=user_ids[user.name])

    # The real ports come with each start; Keystone wants something that looks like a URL meanwhile.
    origins = layout.origins(dict.fromkeys(layout.server_names(), 1))
    for region in layout.REGIONS:
        admin.create("regions", "region", id=region)
    for endpoint in layout.ENDPOINTS:
        names = {"identity": "keystone", "image": "glance"}
        service = admin.ensure("services", "service", type=endpoint.service_type, name=names[endpoint.service_type])
        admin.create(
            "endpoints",
            "endpoint",
            service_id=service,
            region_id=endpoint.region,
            interface=endpoint.interface,
            url=endpoint.url.format_map(origins),
        )

    credential = layout.APPLICATION_CREDENTIAL
    owner = next(user for user in layout.USERS if user.name == credential.owner)
    made = Keystone(owner).create(
        f"users/{user_ids[owner.name]}/application_credentials",
        "application_credential",
        name=credential.name,
        secret=credential.secret,
        unrestricted=False,
    )
    return {"users": user_ids, "projects": project_ids, "application_credential": made["id"]}


if __name__ == "__main__":
    result = seed()
    with open(RESULT_FILE, "w", encoding="utf-8") as stream:
        json.dump(result, stream)
