# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The projects that a task names, asked of a Keystone in a thread that allows as much as each test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.credentials import Domain
from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.projects import Projects
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ApiError, ConfigurationError, Forbidden
from ansible_collections.platform9.pcd.plugins.module_utils._image.projects import ProjectIds
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, session_with
from ansible_collections.platform9.pcd.tests.support.samples import OTHER_PROJECT, PROJECT, Clock
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Request, Serve, Service

OWN = Domain("default", "Default")
OTHER_DOMAIN = "d0" * 16
UNKNOWN = "f" * 32
WEB = {"id": OTHER_PROJECT, "name": "web", "domain_id": "default"}
# What a Keystone answers that lets the user look up everything.
OPEN: dict[str, Reply] = {
    "/projects": Reply(200, {"projects": [WEB, {**WEB, "id": UNKNOWN, "name": "Web"}]}),
    f"/projects/{OTHER_PROJECT}": Reply(200, {"project": WEB}),
    f"/projects/{UNKNOWN}": Reply(404, {"error": {"message": "Could not find project."}}),
    "/domains": Reply(200, {"domains": [{"id": OTHER_DOMAIN, "name": "customers"}]}),
    "/auth/projects": Reply(200, {"projects": [WEB]}),
}
NO = Reply(403, {"error": {"message": "You are not authorized."}})
# To users who may look up nothing but their own projects.
CLOSED = {**dict.fromkeys(OPEN, NO), "/auth/projects": OPEN["/auth/projects"]}


def projects_of(service: Service) -> Callable[[], Projects]:
    return lambda: Projects(Http(service.url, Transport(timeout=30, retries=0), clock=Clock().hands))


class Bench:
    """The ids of projects, what Keystone was asked for them, and what was warned of."""

    def __init__(self, service: Service | None, domain: str | None, own: Domain) -> None:
        self.warned: list[str] = []
        self._service = service
        session = session_with(Glance(), self.warned)
        projects = None if service is None else projects_of(service)
        self.session = replace(session, projects=projects, project_domain=own)
        self.ids = ProjectIds(self.session, domain)

    @property
    def asked(self) -> list[str]:
        return [] if self._service is None else [request.path for request in self._service.requests]


def bench(
    serve: Serve, answers: Mapping[str, Reply] | None = None, domain: str | None = None, own: Domain = OWN
) -> Bench:
    def answer(request: Request) -> Reply:
        return (OPEN if answers is None else answers)[request.path]

    return Bench(serve(answer), domain, own)


# --- ids ---------------------------------------------------------------------------------------------------------


def test_what_looks_like_an_id_is_one_and_nobody_is_asked(serve: Serve) -> None:
    made = bench(serve)
    uuid = "8B2F4F6F-0bbd-4b0d-9b8d-7b1a3c1d5e7f"
    assert made.ids.resolved([PROJECT.upper(), uuid, PROJECT]) == [PROJECT, "8b2f4f6f0bbd4b0d9b8d7b1a3c1d5e7f"]
    assert made.asked == []


def test_a_name_is_looked_up_as_it_is_written_and_counts_once(serve: Serve) -> None:
    made = bench(serve)
    assert made.ids.resolved(["web", OTHER_PROJECT, "Web"]) == [OTHER_PROJECT, UNKNOWN]
    with pytest.raises(ConfigurationError, match="^projects: there is no project 'WEB' in domain default"):
        made.ids.resolved(["WEB"])


@pytest.mark.parametrize(
    ("domain", "own", "wanted", "asked"),
    [
        (None, OWN, "default", ["/projects"]),
        ("Default", OWN, "default", ["/projects"]),
        ("default", Domain(OTHER_DOMAIN, "customers"), "default", ["/projects"]),
        (OTHER_DOMAIN, OWN, OTHER_DOMAIN, ["/projects"]),
        ("customers", OWN, OTHER_DOMAIN, ["/domains", "/projects"]),
    ],
)
def test_only_the_name_of_another_domain_is_looked_up(
    domain: str | None, own: Domain, wanted: str, asked: list[str], serve: Serve
) -> None:
    answers = {**OPEN, "/projects": Reply(200, {"projects": [{**WEB, "domain_id": wanted}]})}
    made = bench(serve, answers, domain, own)
    assert made.ids.resolved(["web", "web"]) == [OTHER_PROJECT]
    assert list(dict.fromkeys(made.asked)) == asked
    assert made.asked.count("/domains") <= 1


def test_a_domain_whose_name_differs_in_case_is_not_the_one(serve: Serve) -> None:
    with pytest.raises(ConfigurationError, match="^project_domain: there is no domain 'Customers'"):
        bench(serve, domain="Customers").ids.resolved(["web"])


def test_a_domain_that_may_not_be_looked_up_is_an_error_that_says_what_to_give(serve: Serve) -> None:
    with pytest.raises(Forbidden, match="^project_domain: these credentials may not look up domain 'customers'"):
        bench(serve, CLOSED, "customers").ids.resolved(["web"])


@pytest.mark.parametrize("status", [403, 404])
def test_users_who_may_look_up_no_projects_name_their_own(status: int, serve: Serve) -> None:
    made = bench(serve, {**CLOSED, "/projects": Reply(status)})
    assert made.ids.resolved(["web"]) == [OTHER_PROJECT]
    with pytest.raises(ConfigurationError, match=r"^projects: 'db' is not one of the projects .* Give the id"):
        made.ids.resolved(["db"])
    assert made.asked.count("/auth/projects") == 1


def test_another_failure_is_an_error(serve: Serve) -> None:
    with pytest.raises(ApiError) as caught:
        bench(serve, {**OPEN, "/projects": Reply(400)}).ids.resolved(["web"])
    assert caught.value.status == 400


@pytest.mark.parametrize(("is_there", "own", "option"), [(False, OWN, "projects"), (True, Domain(), "project_domain")])
def test_a_name_needs_keystone_and_a_domain(is_there: bool, own: Domain, option: str, serve: Serve) -> None:
    made = bench(serve, own=own) if is_there else Bench(None, None, own)
    with pytest.raises(ConfigurationError, match=f"^{option}: .*the ids? of the project"):
        made.ids.resolved(["web"])
    assert made.asked == []


def test_an_error_begins_with_the_option_that_names_the_project(serve: Serve) -> None:
    made = bench(serve)
    ids = ProjectIds(made.session, None, "owner")
    with pytest.raises(ConfigurationError, match="^owner: there is no project 'db'"):
        ids.resolved(["db"])


# --- whether they exist ------------------------------------------------------------------------------------------


def test_an_id_that_no_project_has_is_refused_with_the_words_of_keystone(serve: Serve) -> None:
    made = bench(serve)
    made.ids.check([OTHER_PROJECT])
    with pytest.raises(ConfigurationError, match="there is no project .*Could not find project") as caught:
        made.ids.check([UNKNOWN])
    assert caught.value.facts["status"] == 404
    assert made.warned == []


def test_a_project_that_was_found_by_its_name_is_not_checked(serve: Serve) -> None:
    made = bench(serve)
    made.ids.check(made.ids.resolved(["web"]))
    assert made.asked == ["/projects"]


def test_what_may_not_be_looked_up_is_asked_once_and_warned_of(serve: Serve) -> None:
    made = bench(serve, CLOSED)
    made.ids.check([UNKNOWN, OTHER_PROJECT, PROJECT])
    (warning,) = made.warned
    assert UNKNOWN in warning
    assert PROJECT in warning
    assert OTHER_PROJECT not in warning
    assert made.asked == [f"/projects/{UNKNOWN}", "/auth/projects"]


def test_without_keystone_every_id_is_taken_and_warned_of() -> None:
    made = Bench(None, None, Domain())
    made.ids.check([UNKNOWN])
    assert len(made.warned) == 1
