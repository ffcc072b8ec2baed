# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The projects that Keystone knows: one method for one operation of the Identity API v3."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .http import Http

Project = dict[str, Any]


class Projects:
    """The projects and domains that the token of `http` may look up. Errors are those of Http."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def get(self, project_id: str) -> Project:
        """The project of this id.

        Who may look up projects gets NotFound for an id that no project has; others get Forbidden for every project
        but the one of their token (keystone/common/policies/project.py, get_project).
        """
        path, purpose = f"/projects/{quote(project_id, safe='')}", f"look up project {project_id}"
        answer = self._http.request("GET", path, purpose=purpose, expected=(200,), repeatable=True)
        found: Any = answer.payload.get("project") if isinstance(answer.payload, dict) else None
        if not _is_described(found):
            raise self._http.wrong_shape(answer, "GET", path, purpose, "no project")
        project: Project = found
        return project

    def named(self, name: str, domain_id: str) -> list[Project]:
        """The projects of this name in the domain: one or none. Forbidden for most users who are no administrators."""
        query = [("name", name), ("domain_id", domain_id)]
        return self._http.items("/projects", "projects", f"look up project {name}", _is_described, query)

    def own(self) -> list[Project]:
        """The projects that the user of the token can authenticate for."""
        return self._http.items("/auth/projects", "projects", "list the projects of the user", _is_described)

    def domains_named(self, name: str) -> list[Project]:
        """The domains of this name: one or none."""
        return self._http.items("/domains", "domains", f"look up domain {name}", _is_described, [("name", name)])


def _is_described(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("id"), str)
