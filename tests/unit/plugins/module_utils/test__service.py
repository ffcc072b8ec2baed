# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a service that answers as the sandbox does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Images
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ApiError
from ansible_collections.platform9.pcd.plugins.module_utils._service import parse_service, read_service
from ansible_collections.platform9.pcd.plugins.module_utils._session import Session
from ansible_collections.platform9.pcd.tests.support.samples import TOKEN
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Request, Serve, Service

Subject = Optional[dict[str, Any]]
LINKS = [{"rel": "self", "href": "http://glance/v2/"}]
GOOD: dict[str, Reply] = {
    "/glance/versions": Reply(200, {"versions": [{"id": "v2.9", "status": "CURRENT", "links": LINKS, "more": 1}]}),
    "/glance/v2/info/import": Reply(200, {"import-methods": {"type": "array", "value": ["glance-direct"]}}),
    "/glance/v2/info/stores": Reply(
        200, {"stores": [{"id": "a", "default": "true"}, {"id": "b", "read-only": "true"}]}
    ),
    "/glance/v2/info/stores/detail": Reply(403, {"message": "no"}),
}
NOT_HERE = Reply(404, {"message": "not here"})


def read(
    serve: Serve, instead: Mapping[str, Reply] | None = None, subject: Subject = None, project_id: str | None = None
) -> tuple[dict[str, Any], Service]:
    """What is read from a good service with other answers for the paths that end so."""
    replies = {
        path: next((reply for end, reply in (instead or {}).items() if path.endswith(f"/{end}")), reply)
        for path, reply in GOOD.items()
    }

    def answer(request: Request) -> Reply:
        return replies[request.path]

    service = serve(answer)
    transport = Transport(retries=0)
    images = Images(Http(f"{service.url}/glance/v2", transport, headers={"X-Auth-Token": TOKEN}))
    session = Session(images, project_id, transport, print, image_regions=("one", "two"), subject=subject)
    return read_service(parse_service({}), session), service


def store(**given: Any) -> dict[str, Any]:
    return {"description": None, "is_default": False, "read_only": False, **given}


def test_everything_has_one_shape(serve: Serve) -> None:
    read_, service = read(serve)
    assert read_ == {
        "endpoint": f"{service.url}/glance/v2",
        "project": None,
        "user": None,
        "roles": [],
        "region": None,
        "regions": ["one", "two"],
        "versions": [{"id": "v2.9", "status": "CURRENT", "links": LINKS}],
        "import_methods": ["glance-direct"],
        "stores": [store(id="a", is_default=True), store(id="b", read_only=True)],
    }
    assert set(service.methods) == {"GET"}


def test_the_versions_are_asked_for_without_the_token(serve: Serve) -> None:
    dummy, service = read(serve)
    told = {request.path: request.headers["X-Auth-Token"] for request in service.requests}
    assert told.pop("/glance/versions") is None
    assert set(told.values()) == {TOKEN}


def test_the_details_of_stores_are_shown_if_the_service_shows_them(serve: Serve) -> None:
    details = {"type": "rbd", "weight": 7, "properties": {"pool": "images"}}
    read_, service = read(serve, {"detail": Reply(200, {"stores": [{"id": "a", "default": True, **details}]})})
    assert read_["stores"] == [store(id="a", is_default=True, **details)]
    assert "/glance/v2/info/stores" not in [request.path for request in service.requests]


@pytest.mark.parametrize("detail", [NOT_HERE, Reply(404, "<html>no route</html>"), Reply(403, "no")])
def test_a_service_without_details_shows_its_stores(serve: Serve, detail: Reply) -> None:
    assert [each["id"] for each in read(serve, {"detail": detail})[0]["stores"]] == ["a", "b"]


def test_a_service_without_stores_has_none(serve: Serve) -> None:
    assert read(serve, {"detail": NOT_HERE, "stores": NOT_HERE})[0]["stores"] == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_versions_that_a_proxy_hides_are_none(serve: Serve, status: int) -> None:
    assert read(serve, {"versions": Reply(status, "<html>")})[0]["versions"] == []


def test_versions_may_come_as_several_choices(serve: Serve) -> None:
    choices = Reply(300, GOOD["/glance/versions"].body)
    assert [each["id"] for each in read(serve, {"versions": choices})[0]["versions"]] == ["v2.9"]


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        ({"versions": Reply(500, "<html>")}, "look up the API versions"),
        ({"versions": Reply(200, b"null")}, "nothing in it"),
        ({"versions": Reply(200, {"versions": ["v2"]})}, "no list of versions"),
        ({"import": Reply(403, "no")}, "look up the import methods"),
        ({"import": Reply(200, [])}, "no list of import methods"),
        ({"stores": Reply(403, "no")}, "look up the stores"),
        ({"detail": Reply(500, "no")}, "look up the stores"),
        ({"stores": Reply(200, {"stores": {}})}, "no list of stores"),
    ],
)
def test_what_is_wrong_is_reported(serve: Serve, instead: dict[str, Reply], words: str) -> None:
    with pytest.raises(ApiError, match=words):
        read(serve, instead)


def test_the_login_is_shown_as_far_as_it_is_known(serve: Serve) -> None:
    subject = {"project": {"id": "p"}, "user": {"id": "u"}, "roles": ["member"], "region": "one"}
    assert subject.items() <= read(serve, subject=subject)[0].items()
    assert read(serve, project_id="p")[0]["project"] == {"id": "p", "name": None, "domain": None}
