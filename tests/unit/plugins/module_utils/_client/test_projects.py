# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to Keystone about projects and domains, asked of a server in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.projects import Projects
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ApiError, Forbidden, NotFound
from ansible_collections.platform9.pcd.tests.support.samples import OTHER_PROJECT, PROJECT, TOKEN, Clock
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Serve, Service

DOCUMENT = {"id": PROJECT, "name": "service", "domain_id": "default"}
OPERATIONS: dict[str, Callable[[Projects], Any]] = {
    "get": lambda projects: projects.get(PROJECT),
    "named": lambda projects: projects.named("a project & more", "default"),
    "own": lambda projects: projects.own(),
    "domains_named": lambda projects: projects.domains_named("customers"),
}
EVERY = pytest.mark.parametrize("operation", OPERATIONS)


def projects_of(service: Service, retries: int = 0) -> Projects:
    transport = Transport(timeout=30, retries=retries)
    return Projects(Http(f"{service.url}/v3", transport, {"X-Auth-Token": TOKEN}, (TOKEN,), Clock().hands))


@pytest.mark.parametrize(
    ("operation", "path", "query", "key", "found"),
    [
        ("get", f"/v3/projects/{PROJECT}", [], "project", DOCUMENT),
        ("named", "/v3/projects", [("name", "a project & more"), ("domain_id", "default")], "projects", [DOCUMENT]),
        ("own", "/v3/auth/projects", [], "projects", [DOCUMENT, {"id": OTHER_PROJECT}]),
        ("domains_named", "/v3/domains", [("name", "customers")], "domains", []),
    ],
)
def test_each_operation_is_one_request_whose_answer_is_unwrapped(
    operation: str, path: str, query: list[tuple[str, str]], key: str, found: Any, serve: Serve
) -> None:
    service = serve(Reply(200, {key: found, "links": {}}))
    assert OPERATIONS[operation](projects_of(service)) == found
    (request,) = service.requests
    assert (request.method, request.path, request.query) == ("GET", path, query)
    assert request.headers["X-Auth-Token"] == TOKEN


def test_an_id_stays_one_segment_of_the_path(serve: Serve) -> None:
    service = serve(Reply(200, {"project": DOCUMENT}))
    projects_of(service).get("../domains?x")
    assert service.requests[0].target == "/v3/projects/..%2Fdomains%3Fx"


@EVERY
def test_a_question_is_asked_again_after_a_transient_error(operation: str, serve: Serve) -> None:
    service = serve(Reply(503), Reply(200, {"project": DOCUMENT, "projects": [], "domains": []}))
    OPERATIONS[operation](projects_of(service, retries=1))
    assert len(service.requests) == 2


@EVERY
@pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (404, NotFound)])
def test_a_refusal_keeps_its_kind_and_the_words_of_keystone(
    operation: str, status: int, kind: type[ApiError], serve: Serve
) -> None:
    service = serve(Reply(status, {"error": {"message": "You are not authorized."}}))
    with pytest.raises(kind, match=r"^Could not (look up|list) .*You are not authorized\."):
        OPERATIONS[operation](projects_of(service))


@EVERY
@pytest.mark.parametrize("inner", [None, [], {}, "text", [{"name": "no id"}], [{"id": 1}], {"id": None}, ["text"]])
def test_an_answer_of_another_shape_is_an_error(operation: str, inner: Any, serve: Serve) -> None:
    if inner == [] and operation != "get":
        inner = {"a": []}
    service = serve(Reply(200, dict.fromkeys(("project", "projects", "domains"), inner)))
    with pytest.raises(ApiError, match=r"answered 200, but with no (project|list of (projects|domains))"):
        OPERATIONS[operation](projects_of(service))
