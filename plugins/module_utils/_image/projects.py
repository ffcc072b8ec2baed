# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ids of the projects that a task names, looked up at Keystone as far as the credentials allow it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from .._client.credentials import PROJECT_ID, plain_project_id
from .._client.projects import Project, Projects
from .._errors import ApiError, ConfigurationError, Forbidden, NotFound, quoted
from .._session import Session

# The id of Keystone's first domain, the only one that it does not make in that form.
FIRST_DOMAIN = "default"
# What Keystone answers to users who may not look up what they ask for.
NOT_ALLOWED = (403, 404)


class ProjectIds:
    """Ids of projects, for one task. `domain` is the one that names belong to, as the option says it.

    `option` is the one that names the projects.
    """

    def __init__(self, session: Session, domain: str | None, option: str = "projects") -> None:
        self._session = session
        self._domain = domain
        self._option = option
        self._known: set[str] = set()

    def resolved(self, texts: Sequence[str]) -> list[str]:
        """The ids of the projects, each once. What looks like an id is one: a name never stands in for it."""
        ids = [plain_project_id(text) if PROJECT_ID.fullmatch(text) else self._id_of(text) for text in texts]
        return list(dict.fromkeys(ids))

    def check(self, project_ids: Sequence[str]) -> None:
        """Raises if Keystone says that one of these does not exist.

        The image service itself takes any text for a project. A warning names what could not be checked.
        """
        unchecked = []
        is_allowed = self._session.projects is not None
        for project_id in project_ids:
            if project_id in self._known:
                continue
            if is_allowed:
                is_allowed = self._exists(project_id)
            if not is_allowed and not any(project["id"] == project_id for project in self._own):
                unchecked.append(project_id)
        if unchecked:
            self._session.warn(
                f"{self._option}: whether there is a project {', '.join(unchecked)} could not be checked, because "
                "these credentials may not look up other projects. The image service takes any id, so that the image "
                "is shared with nobody if it is mistyped."
            )

    def _exists(self, project_id: str) -> bool:
        """Whether Keystone says that the project exists; ConfigurationError if it says that it does not."""
        try:
            self._projects.get(project_id)
        except Forbidden:
            return False
        except NotFound as error:
            raise ConfigurationError(
                f"{self._option}: there is no project {quoted(project_id)}. Check the id. "
                f"(Keystone says: {error.server_message})",
                **error.facts,
            ) from None
        return True

    def _id_of(self, name: str) -> str:
        projects, domain_id = self._projects, self._domain_id(name)
        try:
            found, is_complete = projects.named(name, domain_id), True
        except ApiError as error:
            if error.status not in NOT_ALLOWED:
                raise
            found, is_complete = self._own, False
        ids = [
            project["id"]
            for project in found
            # Compared again, since databases may ignore the case.
            if project.get("name") == name and project.get("domain_id") == domain_id
        ]
        if len(ids) == 1:
            self._known.add(str(ids[0]))
            return str(ids[0])
        place = f"in domain {self._domain or domain_id}"
        if is_complete:
            raise ConfigurationError(
                f"{self._option}: there is no project {quoted(name)} {place}. Check the name, and project_domain, or "
                "give the id of the project."
            )
        raise ConfigurationError(
            f"{self._option}: {quoted(name)} is not one of the projects that this user can log in to {place}, and "
            "these credentials may not look up others. Give the id of the project instead of its name."
        )

    def _domain_id(self, name: str) -> str:
        own, wanted = self._session.project_domain, self._domain
        if wanted is None and own.id is None:
            raise ConfigurationError(
                f"project_domain: the domain of project {quoted(name)} is not known, because the token was "
                "not looked up at Keystone. Give project_domain, or the id of the project."
            )
        if wanted is None or wanted in (own.id, own.name):
            return str(own.id)
        if wanted == FIRST_DOMAIN:
            return wanted
        if PROJECT_ID.fullmatch(wanted):
            return plain_project_id(wanted)
        return self._other_domain

    @cached_property
    def _other_domain(self) -> str:
        wanted = str(self._domain)
        try:
            found = self._projects.domains_named(wanted)
        except Forbidden as error:
            raise error.with_message(
                f"project_domain: these credentials may not look up domain {quoted(wanted)}. Give the id of the "
                "domain, or the ids of the projects."
            ) from None
        ids = [domain["id"] for domain in found if domain.get("name") == wanted]
        if len(ids) != 1:
            raise ConfigurationError(f"project_domain: there is no domain {quoted(wanted)}. Check the name.")
        return str(ids[0])

    @cached_property
    def _projects(self) -> Projects:
        if self._session.projects is None:
            raise ConfigurationError(
                f"{self._option}: a name is looked up at Keystone, and auth_url does not say where that is. Give "
                "auth_url, or the id of the project."
            )
        return self._session.projects()

    @cached_property
    def _own(self) -> list[Project]:
        """The projects of the user, who may list these at least."""
        if self._session.projects is None:
            return []
        try:
            return self._projects.own()
        except ApiError as error:
            if error.status not in NOT_ALLOWED:
                raise
            return []
