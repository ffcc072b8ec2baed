# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a real server: errors in every form, what is repeated, TLS, proxies, pages, and no secret told."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._client import proxies as _proxies
from ansible_collections.platform9.pcd.plugins.module_utils._client import transport as _transport
from ansible_collections.platform9.pcd.plugins.module_utils._client import waiting as _waiting
from ansible_collections.platform9.pcd.plugins.module_utils._client.failures import (
    MAX_SERVER_MESSAGE_LENGTH,
    server_words,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http, prepare_process
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import PATCH_TYPE, Images
from ansible_collections.platform9.pcd.plugins.module_utils._client.progress import Progress
from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import (
    MAX_OUTAGE_SECONDS,
    MAX_PAUSE_SECONDS,
    Outages,
    is_transient,
    pause,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import Clock as RetryClock
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data.address import Address
from ansible_collections.platform9.pcd.plugins.module_utils._data.url import Url
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    NotFound,
    PcdError,
    TooLarge,
    Unauthorized,
    UnsupportedMedia,
)
from ansible_collections.platform9.pcd.tests.support.certificates import Certificates
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_ID, PASSWORD, TOKEN, Clock, image
from ansible_collections.platform9.pcd.tests.support.scripted_server import (
    BREAK_OFF,
    HALF_AN_ANSWER,
    HALF_AN_ANSWER_THEN_SILENCE,
    SILENCE,
    BrokenReply,
    Reply,
    Request,
    Serve,
    Service,
    as_urllib3,
)

REQUEST_ID = "req-7634f624-9ba9-4387-aeee-c8ee68dec85e"


class Sleep(list[float]):
    """Remembers how long it should have slept."""

    def __call__(self, seconds: float) -> None:
        assert seconds >= 0  # as time.sleep has it
        self.append(seconds)


@pytest.fixture
def sleep() -> Sleep:
    return Sleep()


def http_to(
    service: Service | str, sleep: Sleep | None = None, secrets: tuple[str, ...] = (), **transport: Any
) -> Http:
    url = f"{service.url}/glance/v2" if isinstance(service, Service) else service
    transport = {"timeout": 30, "retries": 0, **transport}
    return Http(
        url,
        Transport(**transport),
        {"X-Auth-Token": TOKEN},
        (TOKEN, *secrets),
        RetryClock(sleep=Sleep() if sleep is None else sleep),
    )


def images_of(service: Service | str, sleep: Sleep | None = None, **transport: Any) -> Images:
    return Images(http_to(service, sleep, **transport))


# Every operation, by the name that its errors have.
OPERATIONS: dict[str, Callable[[Images], Any]] = {
    "get": lambda images: images.get(ID),
    "list": lambda images: list(images.list()),
    "create": lambda images: images.create({"name": "new"}),
    "update": lambda images: images.update(ID, [{"op": "remove", "path": "/foo"}]),
    "delete": lambda images: images.delete(ID),
    "deactivate": lambda images: images.deactivate(ID),
    "reactivate": lambda images: images.reactivate(ID),
}
READS = ["get", "list"]
WRITES = ["create", "update", "delete", "deactivate", "reactivate"]
WANTED = {
    "get": f"look up image {ID}",
    "list": "list the images",
    "create": "create image new",
    "update": f"update image {ID}",
    "delete": f"delete image {ID}",
    "deactivate": f"deactivate image {ID}",
    "reactivate": f"reactivate image {ID}",
}


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "reply", "method", "path"),
    [
        ("get", Reply(200, image()), "GET", f"/glance/v2/images/{ID}"),
        ("list", Reply(200, {"images": []}), "GET", "/glance/v2/images"),
        ("create", Reply(201, image()), "POST", "/glance/v2/images"),
        ("update", Reply(200, image()), "PATCH", f"/glance/v2/images/{ID}"),
        ("delete", Reply(204), "DELETE", f"/glance/v2/images/{ID}"),
        ("deactivate", Reply(204), "POST", f"/glance/v2/images/{ID}/actions/deactivate"),
        ("reactivate", Reply(204), "POST", f"/glance/v2/images/{ID}/actions/reactivate"),
    ],
)
def test_an_operation_is_one_request(operation: str, reply: Reply, method: str, path: str, serve: Serve) -> None:
    service = serve(reply)
    OPERATIONS[operation](images_of(service))
    (request,) = service.requests
    assert (request.method, request.path) == (method, path)
    assert request.headers["X-Auth-Token"] == TOKEN
    assert request.headers["Accept"] == "application/json"
    assert "platform9.pcd" in request.headers["User-Agent"]


@pytest.mark.parametrize("operation", ["get", "list", "delete", "deactivate", "reactivate"])
def test_what_has_no_body_is_sent_without_body_and_without_content_type(operation: str, serve: Serve) -> None:
    """Glance answers 400 to a DELETE or an action with any body, even {}."""
    service = serve(Reply(500))
    with pytest.raises(ApiError):
        OPERATIONS[operation](images_of(service))
    (request,) = service.requests
    assert request.body == b""
    assert request.headers["Content-Type"] is None
    assert request.headers["Transfer-Encoding"] is None
    assert request.headers["Content-Length"] in (None, "0")


def test_a_new_image_is_sent_as_json(serve: Serve) -> None:
    service = serve(Reply(201, image()))
    images_of(service).create({"name": "Grüße", "tags": ["a"]})
    (request,) = service.requests
    assert request.document == {"name": "Grüße", "tags": ["a"]}
    assert request.headers["Content-Type"] == "application/json"


def test_a_patch_is_sent_with_the_media_type_that_the_service_asks_for(serve: Serve) -> None:
    service = serve(Reply(200, image()))
    patch = [{"op": "replace", "path": "/min_disk", "value": 20}]
    images_of(service).update(ID, patch)
    (request,) = service.requests
    assert request.document == patch
    assert request.headers["Content-Type"] == PATCH_TYPE == "application/openstack-images-v2.1-json-patch"


def test_the_answer_is_what_the_service_says(serve: Serve) -> None:
    service = serve(Reply(200, image(name="as stored")))
    assert images_of(service).get(ID) == image(name="as stored")
    assert images_of(service).update(ID, []) == image(name="as stored")


def test_an_id_cannot_leave_its_place_in_the_path(serve: Serve) -> None:
    service = serve(Reply(200, image()))
    images_of(service).get("a/b?c#d")
    assert service.requests[0].target == "/glance/v2/images/a%2Fb%3Fc%23d"


def test_a_netrc_file_gives_no_credentials(home: Path, serve: Serve) -> None:
    netrc = home / ".netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {PASSWORD}\ndefault login me password {PASSWORD}\n")
    netrc.chmod(0o600)
    service = serve(Reply(200, {"images": []}))
    list(images_of(service).list())
    assert service.requests[0].headers["Authorization"] is None


# --- errors ------------------------------------------------------------------------------------------------------

GLANCE_HTML = (
    "<html>\n <head>\n  <title>400 Bad Request</title>\n </head>\n <body>\n  <h1>400 Bad Request</h1>\n  Provided "
    "object does not match schema &#x27;image&#x27;: &#x27;x&#x27; is not of type &#x27;integer&#x27;\n\nOn instance["
    "&#x27;min_disk&#x27;]:\n    &#x27;x&#x27;<br /><br />\n\n\n\n </body>\n</html>"
)
NGINX_HTML = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
STYLED_HTML = (
    "<!DOCTYPE html><html><head><style>body { color: red }</style><script>if (a < b) { alert('x') }</script>"
    "<!-- <p>old</p> --></head><body>Bad &amp; <b\n class='x'>broken</b></body></html>"
)
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=UTF-8"}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(
            Reply(
                404, {"message": "No image found with ID X<br /><br />\n\n\n", "code": "404 Not Found", "title": "x"}
            ),
            "No image found with ID X",
            id="Glance, with a residue of HTML",
        ),
        pytest.param(
            Reply(
                400,
                {
                    "message": "Provided object does not match schema 'image': 'x' is not of type 'integer'\n\nFailed "
                    "validating 'type' in schema['properties']['min_disk']:\n    {'type': 'integer'}<br /><br />\n\n\n",
                    "code": "400 Bad Request",
                    "title": "Bad Request",
                },
            ),
            "Provided object does not match schema 'image': 'x' is not of type 'integer' Failed validating 'type' in "
            "schema['properties']['min_disk']: {'type': 'integer'}",
            id="Glance, in several lines",
        ),
        pytest.param(
            Reply(415, {"message": "<br /><br />\n\n\n", "code": "415 Unsupported Media Type", "title": "x"}),
            "",
            id="Glance, with nothing but the residue",
        ),
        pytest.param(
            Reply(403, {"error": {"code": 403, "message": "You are not authorized.", "title": "Forbidden"}}),
            "You are not authorized.",
            id="Keystone, and the published schema of Glance",
        ),
        pytest.param(Reply(500, {"error": "out of order"}), "out of order", id="an error that is a text"),
        pytest.param(Reply(500, {"error": {"title": "Bad"}}), "Bad", id="an error with only a title"),
        pytest.param(Reply(500, {"error": None}), "", id="an error that is null"),
        pytest.param(Reply(500, {"error": [1]}), "", id="an error that is a list"),
        pytest.param(Reply(500, {"message": {"a": "b"}}), "", id="a message that is not text"),
        pytest.param(Reply(500, {"detail": "unknown"}), "", id="a dictionary that says nothing known"),
        pytest.param(Reply(500, {}), "", id="an empty dictionary"),
        pytest.param(
            Reply(400, GLANCE_HTML, HTML),
            "400 Bad Request Provided object does not match schema 'image': 'x' is not of type 'integer' On "
            "instance['min_disk']: 'x'",
            id="HTML of Glance",
        ),
        pytest.param(Reply(502, NGINX_HTML, HTML), "502 Bad Gateway nginx", id="HTML of a proxy"),
        pytest.param(Reply(502, NGINX_HTML, JSON), "502 Bad Gateway nginx", id="HTML that says it were JSON"),
        pytest.param(Reply(502, NGINX_HTML, {"Content-Type": ""}), "502 Bad Gateway nginx", id="HTML without a type"),
        pytest.param(Reply(500, STYLED_HTML, HTML), "Bad & broken", id="HTML with scripts and styles"),
        pytest.param(
            Reply(400, "400 Bad Request\n\nMalformed JSON in request body.\n\n   "),
            "400 Bad Request Malformed JSON in request body.",
            id="plain text",
        ),
        pytest.param(Reply(400, '{"message": "No image fou', JSON), '{"message": "No image fou', id="half a document"),
        pytest.param(Reply(400, ""), "", id="nothing"),
        pytest.param(Reply(400, "  \n ", JSON), "", id="blanks"),
        pytest.param(Reply(400, "null", JSON), "", id="null"),
        pytest.param(Reply(400, "[1, 2]", JSON), "", id="a list"),
        pytest.param(Reply(400, "42", JSON), "", id="a number"),
        pytest.param(Reply(400, b"\xff\xfe\x00\x80", JSON), None, id="bytes that are not text"),
        pytest.param(Reply(400, b"\x1f\x8b broken", JSON), None, id="bytes that look packed"),
    ],
)
def test_an_error_says_what_was_wanted_what_happened_and_what_the_service_says(
    reply: Reply, words: str | None, serve: Serve
) -> None:
    headers = {**reply.headers, "x-openstack-request-id": REQUEST_ID}
    service = serve(Reply(reply.status, reply.body, headers))
    with pytest.raises(ApiError) as caught:
        images_of(service).update(ID, [])
    error, message = caught.value, str(caught.value)
    url = f"{service.url}/glance/v2/images/{ID}"
    assert message.startswith(f"Could not update image {ID}: PATCH {url} refused ({reply.status} ")
    assert message.endswith(f"(request id {REQUEST_ID})")
    if words is not None:
        assert error.server_message == words
        assert f": {words}" in message
    assert not any(residue in message for residue in ("<", ">", "&#", "\n", "\r", "  "))
    assert error.status == reply.status
    assert error.facts == {"method": "PATCH", "url": url, "status": reply.status, "request_id": REQUEST_ID}
    json.dumps(error.facts)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (413, TooLarge),
        (415, UnsupportedMedia),
        (418, ApiError),
        (429, ApiError),
        (500, ApiError),
        (503, ApiError),
    ],
)
def test_each_status_has_its_class_whatever_was_asked(status: int, kind: type[ApiError], serve: Serve) -> None:
    images = images_of(serve(Reply(status, {"message": "said so"})))
    for operation, ask in OPERATIONS.items():
        with pytest.raises(ApiError, match="said so") as caught:
            ask(images)
        assert caught.value.__class__ is kind
        assert caught.value.status == status
        assert f"Could not {WANTED[operation]}: " in str(caught.value)
        assert f"({status} " in str(caught.value)


@pytest.mark.parametrize("away", [Reply(503), Reply(504), BREAK_OFF], ids=["503", "504", "broken off"])
def test_only_the_first_task_pays_for_all_retries_of_a_service_that_is_away(
    away: Reply | BrokenReply, serve: Serve, sleep: Sleep
) -> None:
    """Each task has a client of its own; `outages` is what a process keeps."""
    there = Reply(200, image())
    service = serve(*[away] * 3, away, away, there, *[away] * 3)
    outages = Outages()

    def requests_of_a_task() -> int:
        before = len(service.requests)
        with suppress(ApiError, ConnectionFailed):
            images_of(service, sleep, retries=2, outages=outages).get(ID)
        return len(service.requests) - before

    assert [requests_of_a_task() for dummy in range(5)] == [3, 1, 1, 1, 3]


def test_an_outage_is_expected_for_a_minute_only() -> None:
    outages = Outages()
    outages.seen("https://one", 100.0, ConnectionFailed("nothing answered"))
    assert outages.is_on("https://one", 100.0 + MAX_OUTAGE_SECONDS / 2)
    assert not outages.is_on("https://two", 101.0)
    assert not outages.is_on("https://one", 101.0 + MAX_OUTAGE_SECONDS)


@pytest.mark.parametrize("status", [500, 429, 408, 409])
def test_an_answer_of_the_service_itself_is_not_an_outage(status: int, serve: Serve, sleep: Sleep) -> None:
    service, outages = serve(Reply(status)), Outages()
    for dummy in range(2):
        with pytest.raises(ApiError) as caught:
            images_of(service, sleep, retries=2, outages=outages).get(ID)
    assert "tried only once" not in str(caught.value)
    assert len(service.requests) == (2 if status == 409 else 6)


def test_a_500_that_stays_is_not_reported_as_an_outage(serve: Serve, sleep: Sleep) -> None:
    with pytest.raises(ApiError, match="failed at this very request, and may fail at it each time") as caught:
        images_of(serve(Reply(500)), sleep, retries=2).get(ID)
    assert "later" not in str(caught.value)


@pytest.mark.parametrize(("status", "advice"), [(404, "Check the address"), (409, "what is in front of the service")])
@pytest.mark.parametrize(
    "body", ["", "<html><h1>404 Not Found</h1><hr>nginx</html>", "404 page not found", "null", "[]", '{"message": ']
)
def test_a_404_or_409_of_somebody_else_says_nothing_of_an_image(
    body: str, status: int, advice: str, serve: Serve
) -> None:
    """A wrong address or a proxy answers so; taken for "no such image", it would cause another one to be created."""
    images = images_of(serve(Reply(status, body)))
    for ask in OPERATIONS.values():
        with pytest.raises(ApiError, match=advice) as caught:
            ask(images)
        assert caught.value.__class__ is ApiError
        assert caught.value.status == status


def test_without_a_request_id_none_is_shown(serve: Serve) -> None:
    with pytest.raises(ApiError) as caught:
        images_of(serve(Reply(500))).get(ID)
    assert "request id" not in str(caught.value)
    assert str(caught.value).endswith("if others work, tell the administrator of the service.")
    assert caught.value.facts["request_id"] is None


def test_very_long_words_of_the_service_are_cut(serve: Serve) -> None:
    with pytest.raises(ApiError) as caught:
        images_of(serve(Reply(400, "word " * 100_000))).get(ID)
    assert len(caught.value.server_message) <= MAX_SERVER_MESSAGE_LENGTH + len(" ...")
    assert caught.value.server_message.endswith(" ...")


def test_the_query_is_not_in_the_address_that_an_error_shows(serve: Serve) -> None:
    with pytest.raises(ApiError) as caught:
        list(images_of(serve(Reply(400))).list([("name", "eq:x")]))
    assert "?" not in str(caught.value)
    assert "?" not in caught.value.facts["url"]


ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10), st.just("<p>a</p> <br />b")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["error", "message", "title", "code", "required_auth_methods", "x"]), inner, max_size=4
        ),
    ),
    max_leaves=8,
)


@given(ANY_JSON, st.sampled_from(["application/json", "text/html", "text/plain", ""]))
@example({"required_auth_methods": 1}, "application/json")
@example({"required_auth_methods": [1]}, "application/json")
@example({"required_auth_methods": [[1]]}, "application/json")
@example({"required_auth_methods": [["<p>a</p> <br />b"]]}, "application/json")
def test_no_json_document_confuses_the_reading_of_an_error(document: Any, content_type: str) -> None:
    words = server_words(content_type, json.dumps(document))
    assert "\n" not in words
    assert "<p>" not in words
    assert "<br />" not in words


@given(st.text(max_size=50), st.sampled_from(["application/json", "text/html", "text/plain", ""]))
def test_no_text_confuses_the_reading_of_an_error(text: str, content_type: str) -> None:
    assert "\n" not in server_words(content_type, text)


# --- answers that are no error and yet not what was asked for ----------------------------------------------------


@pytest.mark.parametrize("operation", ["get", "list", "create", "update"])
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(200, "<html>Welcome</html>", HTML), id="HTML"),
        pytest.param(Reply(200, "<html>Welcome</html>", JSON), id="HTML that says it were JSON"),
        pytest.param(Reply(200, '{"images": [', JSON), id="half a document"),
        pytest.param(Reply(200, b"\xff\xfe\xfd", JSON), id="bytes that are not text"),
        pytest.param(Reply(200, ""), id="nothing"),
        pytest.param(Reply(200, "null", JSON), id="null"),
        pytest.param(Reply(200, "true", JSON), id="true"),
        pytest.param(Reply(200, "[]", JSON), id="an empty list"),
        pytest.param(Reply(200, "{}", JSON), id="an empty dictionary"),
        pytest.param(Reply(200, "42", JSON), id="a number"),
        pytest.param(Reply(200, '"text"', JSON), id="a text"),
        pytest.param(Reply(200, {"id": ID}), id="an image without a status"),
        pytest.param(Reply(200, {"id": 1, "status": "active"}), id="an image whose id is a number"),
        pytest.param(Reply(200, {"images": None}), id="images that are null"),
        pytest.param(Reply(200, {"images": {"id": ID}}), id="images that are a dictionary"),
        pytest.param(Reply(200, {"images": [None]}), id="an image that is null"),
        pytest.param(Reply(200, {"images": [{"id": ID}]}), id="an image in the list without a status"),
        pytest.param(Reply(200, {"versions": []}), id="the versions of the service"),
    ],
)
def test_an_answer_of_somebody_else_is_an_error_that_says_what_was_wanted(
    operation: str, reply: Reply, serve: Serve
) -> None:
    status = 201 if operation == "create" else 200
    service = serve(Reply(status, reply.body, {**reply.headers, "x-openstack-request-id": REQUEST_ID}))
    with pytest.raises(ApiError) as caught:
        OPERATIONS[operation](images_of(service))
    message = str(caught.value)
    assert message.startswith(f"Could not {WANTED[operation]}: ")
    assert str(status) in message
    assert REQUEST_ID in message
    assert "<" not in message
    assert caught.value.__class__ is ApiError
    assert caught.value.facts["status"] == status


@pytest.mark.parametrize(("operation", "status"), [("create", 200), ("create", 204), ("update", 202), ("get", 203)])
def test_a_success_of_another_kind_is_an_error(operation: str, status: int, serve: Serve) -> None:
    with pytest.raises(ApiError, match=f"unexpected status .{status}"):
        OPERATIONS[operation](images_of(serve(Reply(status, image()))))


@pytest.mark.parametrize("operation", ["delete", "deactivate", "reactivate"])
@pytest.mark.parametrize("reply", [Reply(200, "<html>Welcome</html>", HTML), Reply(200, "null"), Reply(202)])
def test_an_action_is_done_only_if_the_service_says_so_in_its_own_way(
    operation: str, reply: Reply, serve: Serve
) -> None:
    with pytest.raises(ApiError, match=f"Could not {WANTED[operation]}: "):
        OPERATIONS[operation](images_of(serve(reply)))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_nobody_else_sees_the_token(status: int, serve: Serve) -> None:
    elsewhere = serve(Reply(200, image()))
    service = serve(Reply(status, "", {"Location": f"{elsewhere.url}/x"}))
    for ask in OPERATIONS.values():
        with pytest.raises(ApiError, match="redirect") as caught:
            ask(images_of(service, retries=3))
        assert f"{elsewhere.url}/x" in str(caught.value)
    assert elsewhere.requests == []
    assert len(service.requests) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("to", "told"), [("http://[", "http://..."), ("//[x", "//...")])
def test_a_redirect_to_something_that_cannot_be_read_is_reported_as_any_other(
    to: str, told: str, operation: str, serve: Serve
) -> None:
    service = serve(Reply(302, "", {"Location": to}))
    with pytest.raises(ApiError, match="which is not followed") as caught:
        OPERATIONS[operation](images_of(service))
    assert f"a redirect to {told}, which" in str(caught.value)


@pytest.mark.parametrize(
    ("to", "told"),
    [
        (f"https://me:{PASSWORD}/{TOKEN}@elsewhere/x", "https://elsewhere/x"),
        (f"https://me:{PASSWORD}#{TOKEN}@elsewhere/x", "https://..."),
        (f"https://{TOKEN}@elsewhere/x?ticket={PASSWORD}", "https://elsewhere/x"),
        (f"https://elsewhere/x?ticket={PASSWORD}", "https://elsewhere/x"),
        (f"/login?ticket={PASSWORD}#{TOKEN}", "/login"),
    ],
)
def test_a_redirect_is_reported_without_the_secrets_in_its_address(to: str, told: str, serve: Serve) -> None:
    service = serve(Reply(302, "", {"Location": to}))
    with pytest.raises(ApiError, match="which is not followed") as caught:
        images_of(service).get(ID)
    assert f"a redirect to {told}, which" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_an_address_that_the_service_quotes_is_shown_without_its_secrets(serve: Serve) -> None:
    words = f"could not open https://me:{PASSWORD}/{TOKEN}@vendor/x.img?sig={PASSWORD}: timeout"
    with pytest.raises(ApiError) as caught:
        images_of(serve(Reply(400, {"message": words}))).get(ID)
    assert "could not open https://vendor/x.img: timeout" in str(caught.value)
    assert caught.value.server_message == "could not open https://vendor/x.img: timeout"


# --- what is repeated --------------------------------------------------------------------------------------------


TRANSIENT = [
    *(pytest.param(Reply(status), id=str(status)) for status in (408, 429, 500, 502, 503, 504)),
    pytest.param(Reply(413, "", {"Retry-After": "1"}), id="413 for a moment"),
    pytest.param(BREAK_OFF, id="reset"),
    pytest.param(HALF_AN_ANSWER, id="cut"),
    pytest.param(Reply(200, ""), id="empty"),
    pytest.param(Reply(200, "null"), id="null"),
    pytest.param(Reply(200, '{"images": ['), id="half a document"),
    pytest.param(Reply(200, "<html>"), id="HTML"),
]


@pytest.mark.parametrize("transient", TRANSIENT)
@pytest.mark.parametrize("operation", READS)
def test_what_only_reads_is_asked_again_after_a_failure_that_passes(
    transient: Reply | BrokenReply, operation: str, sleep: Sleep, serve: Serve
) -> None:
    answer = Reply(200, {**image(), "images": []})
    service = serve(transient, transient, answer)
    OPERATIONS[operation](images_of(service, sleep, retries=4))
    assert service.methods == ["GET"] * 3
    assert len(sleep) == 2


@pytest.mark.parametrize("transient", [Reply(503), BREAK_OFF])
@pytest.mark.parametrize("retries", [0, 1, 4])
def test_it_is_asked_again_as_often_as_allowed_and_then_the_failure_is_reported(
    transient: Reply | BrokenReply, retries: int, sleep: Sleep, serve: Serve
) -> None:
    service = serve(transient)
    with pytest.raises((ApiError, ConnectionFailed), match="Could not look up image") as caught:
        images_of(service, sleep, retries=retries).get(ID)
    assert (f"It was tried {1 + retries} times." in str(caught.value)) == (retries > 0)
    assert len(service.requests) == 1 + retries
    assert len(sleep) == retries


@pytest.mark.parametrize("failure", TRANSIENT)
@pytest.mark.parametrize("operation", WRITES)
def test_what_changes_something_is_never_sent_twice(
    failure: Reply | BrokenReply, operation: str, sleep: Sleep, serve: Serve
) -> None:
    service = serve(failure)
    with pytest.raises((ApiError, ConnectionFailed), match=f"Could not {WANTED[operation]}: ") as caught:
        OPERATIONS[operation](images_of(service, sleep, retries=4))
    # Who looks what was done may send it again.
    assert is_transient(caught.value)
    assert len(service.requests) == 1
    assert sleep == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 501])
@pytest.mark.parametrize("operation", READS)
def test_an_answer_that_stays_the_same_is_not_asked_for_again(
    status: int, operation: str, sleep: Sleep, serve: Serve
) -> None:
    service = serve(Reply(status))
    with pytest.raises(ApiError):
        OPERATIONS[operation](images_of(service, sleep, retries=4))
    assert len(service.requests) == 1
    assert sleep == []


@pytest.mark.parametrize("silence", [SILENCE, HALF_AN_ANSWER_THEN_SILENCE])
@pytest.mark.parametrize("operation", READS)
def test_a_service_that_falls_silent_is_asked_again(
    silence: BrokenReply, operation: str, sleep: Sleep, serve: Serve
) -> None:
    service = serve(silence)
    with pytest.raises(ConnectionFailed, match=r"did not answer within 0\.2 seconds") as caught:
        OPERATIONS[operation](images_of(service, sleep, timeout=0.2, retries=1))
    assert len(service.requests) <= 2  # fewer, if the machine is too busy to have noticed them
    assert len(sleep) == 1
    assert service.host in str(caught.value)
    assert "timeout" in str(caught.value)


def test_a_connection_gets_ten_seconds_at_the_most() -> None:
    assert Transport().timeouts == (10, 60)
    assert Transport(timeout=5).timeouts == (5, 5)
    assert Transport(timeout=3600).timeouts == (10, 3600)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_connection_that_does_not_come_about_is_given_up_soon(
    operation: str, sleep: Sleep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_transport, "MAX_CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        # Linux drops what it has no room for, so that nothing answers, as behind a firewall.
        for dummy in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}/glance/v2"
        with pytest.raises(
            ConnectionFailed, match=r"did not answer within 0\.2 seconds\. Check that it can be"
        ) as caught:
            OPERATIONS[operation](images_of(address, sleep, retries=1))
    # The option would not help.
    assert "raise the option" not in str(caught.value)
    assert "It was tried 2 times." in str(caught.value)


def test_a_server_that_is_silent_before_tls_is_given_up_soon(sleep: Sleep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "MAX_CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}/glance/v2"
        with pytest.raises(ConnectionFailed, match=r"did not answer within 0\.2 seconds"):
            images_of(address, sleep).get(ID)


@pytest.mark.parametrize("operation", [*READS, "create"])
def test_a_wait_is_reported(operation: str, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_waiting, "MIN_WAITING_SECONDS", 0.05)
    lines: list[str] = []
    service = serve(SILENCE)
    with pytest.raises(ConnectionFailed):
        OPERATIONS[operation](images_of(service, timeout=0.5, retries=1, progress=Progress(lines.append, 0)))
    assert lines
    assert {line.rpartition(" for ")[0] for line in lines} == {f"{WANTED[operation]}: no answer from {service.host}"}


def test_no_wait_is_reported_if_the_answer_comes_soon(serve: Serve) -> None:
    lines: list[str] = []
    images_of(serve(Reply(200, image())), progress=Progress(lines.append, 60)).get(ID)
    assert lines == []


@pytest.mark.parametrize(("deadline", "requests"), [(0, 1), (20, 3), (1000, 5)])
def test_no_request_is_repeated_after_the_deadline(deadline: float, requests: int, serve: Serve) -> None:
    clock, service = Clock(), serve(Reply(503, "", {"Retry-After": "10"}))
    transport = Transport(timeout=30, retries=4, deadline=deadline)
    http = Http(service.url, transport, clock=clock.hands)
    with pytest.raises(ApiError, match="look up image"):
        Images(http).get(ID)
    assert len(service.requests) == requests
    assert sum(clock.slept) <= deadline


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_reached_nobody_is_sent_again_whatever_it_is(operation: str, sleep: Sleep) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/glance/v2"
        with pytest.raises(ConnectionFailed, match=r"refuses the connection.*It was tried 3 times\."):
            OPERATIONS[operation](images_of(address, sleep, retries=2))
    assert len(sleep) == 2


@pytest.mark.parametrize("notices", [True, False])
@pytest.mark.parametrize("status", [200, 404])
def test_a_body_that_is_cut_is_noticed_with_every_release(
    status: int, notices: bool, sleep: Sleep, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_urllib3(monkeypatch, notices)
    document = json.dumps(image()).encode()
    cut = BrokenReply(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(document) + 1, document))
    service = serve(cut, Reply(200, image()))
    assert images_of(service, sleep, retries=1).get(ID) == image()
    assert len(service.requests) == 2


# --- a token that is accepted no more -----------------------------------------------------------------------------

NEW_TOKEN = "gAAAAABpNewToken-kept-secret-by-everybody_9876543210"


def refuses_old_token(answer: Reply) -> Callable[[Request], Reply]:
    """An answer only for the new token."""

    def reply(request: Request) -> Reply:
        return answer if request.headers["X-Auth-Token"] == NEW_TOKEN else Reply(401, "Unauthorized")

    return reply


def renewing(service: Service, renew: Callable[[str], str], **transport: Any) -> Http:
    chosen = Transport(**{"timeout": 30, "retries": 0, **transport})
    return Http(service.url, chosen, {"X-Auth-Token": TOKEN}, (TOKEN,), RetryClock(sleep=Sleep()), renew=renew)


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda images: images.get(ID), Reply(200, image())),
        (lambda images: [*images.list()], Reply(200, {"images": []})),
        (lambda images: images.create({"name": "x"}), Reply(201, image())),
        (lambda images: images.update(ID, []), Reply(200, image())),
        (lambda images: images.delete(ID), Reply(204)),
        (lambda images: images.deactivate(ID), Reply(204)),
        (lambda images: images.start_import(ID, {}), Reply(202, "")),
        (lambda images: images.download(ID).__enter__().content, Reply(200, b"data")),
    ],
)
def test_with_a_new_token_the_request_is_sent_once_more(
    ask: Callable[[Images], object], answer: Reply, serve: Serve
) -> None:
    service, tokens = serve(refuses_old_token(answer)), []

    def renew(refused: str) -> str:
        tokens.append(1)
        return NEW_TOKEN

    images = Images(renewing(service, renew))
    ask(images)
    assert [request.headers["X-Auth-Token"] for request in service.requests] == [TOKEN, NEW_TOKEN]
    ask(images)
    assert len(tokens) == 1
    assert len(service.requests) == 3


def test_a_new_token_is_got_once_for_a_request_and_told_nobody(serve: Serve) -> None:
    service, tokens = serve(lambda request: Reply(401, f"not {request.headers['X-Auth-Token']}")), []

    def renew(refused: str) -> str:
        tokens.append(1)
        return NEW_TOKEN

    with pytest.raises(Unauthorized, match="not \\*\\*\\*") as caught:
        Images(renewing(service, renew, retries=4)).get(ID)
    assert (len(tokens), len(service.requests)) == (1, 2)
    assert NEW_TOKEN not in str(caught.value)


def test_a_login_that_fails_is_reported_beside_the_token_that_was_refused(serve: Serve) -> None:
    def renew(refused: str) -> str:
        raise ConnectionFailed("Keystone does not answer")

    with pytest.raises(
        Unauthorized, match="Could not look up image.*new one has failed, too: Keystone does not answer"
    ):
        Images(renewing(serve(Reply(401)), renew)).get(ID)


def test_a_stream_is_not_sent_again_with_a_new_token_but_may_be(serve: Serve) -> None:
    service = serve(refuses_old_token(Reply(204)))
    http = renewing(service, lambda refused: NEW_TOKEN)
    with pytest.raises(Unauthorized) as caught:
        http.send("/file", iter([b"data"]), purpose="upload", headers={}, timeout=1)
    assert is_transient(caught.value)
    http.send("/file", iter([b"data"]), purpose="upload", headers={}, timeout=1)
    assert [request.headers["X-Auth-Token"] for request in service.requests] == [TOKEN, NEW_TOKEN]


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("0", 0, 0),
        ("7", 7, 7),
        ("1.5", 1.5, 1.5),
        ("86400", MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
        ("inf", MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
        ("-5", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
        ("soon", 0, MAX_PAUSE_SECONDS),
        ("nan", 0, MAX_PAUSE_SECONDS),
        ("", 0, MAX_PAUSE_SECONDS),
        ("Wed, 99 Foo 2015", 0, MAX_PAUSE_SECONDS),
    ],
)
def test_the_service_says_when_to_ask_again_within_reason(
    retry_after: str, least: float, most: float, sleep: Sleep, serve: Serve
) -> None:
    service = serve(Reply(503, "", {"Retry-After": retry_after}), Reply(200, image()))
    images_of(service, sleep, retries=1).get(ID)
    (slept,) = sleep
    assert least <= slept <= most


@given(st.integers(0, 100), st.one_of(st.none(), st.text(max_size=20), st.integers().map(str), st.floats().map(str)))
@example(0, "Mon, 01 Jan 0001 00:00:00 -0000")
@example(0, "Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example(0, "Mon, 31 Dec 9999 23:59:59 -2359")
def test_no_pause_is_longer_than_the_longest_whatever_the_service_says(attempt: int, retry_after: str | None) -> None:
    assert 0 <= pause(attempt, retry_after) <= MAX_PAUSE_SECONDS


def test_pauses_grow_if_the_service_does_not_set_them(sleep: Sleep, serve: Serve) -> None:
    with pytest.raises(ApiError):
        images_of(serve(Reply(503)), sleep, retries=6).get(ID)
    # Each is random between half of its most and all of it, so that every second one must be larger.
    assert sleep[0] < sleep[2] < sleep[4]
    assert all(0 < seconds <= MAX_PAUSE_SECONDS for seconds in sleep)


# --- nobody there ------------------------------------------------------------------------------------------------


def test_a_port_that_nobody_listens_on_is_reported(sleep: Sleep) -> None:
    with socket.socket() as bound:
        # Bound and not listening: nobody else can take the port meanwhile.
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(ConnectionFailed, match=f"{host} refuses the connection") as caught:
            images_of(f"http://{host}/glance/v2", sleep, retries=2).get(ID)
    assert str(caught.value).startswith(f"Could not look up image {ID}: ")
    assert caught.value.facts == {"url": f"http://{host}/glance/v2/images/{ID}"}
    assert len(sleep) == 2


def test_a_name_that_does_not_resolve_is_reported_at_once(sleep: Sleep) -> None:
    with pytest.raises(ConnectionFailed, match=r"the name of pcd\.invalid cannot be resolved"):
        images_of("https://pcd.invalid/glance/v2", sleep, retries=2).get(ID)
    assert sleep == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_connection_that_breaks_off_is_reported(operation: str, serve: Serve) -> None:
    service = serve(BREAK_OFF)
    with pytest.raises(ConnectionFailed) as caught:
        OPERATIONS[operation](images_of(service))
    message = str(caught.value)
    assert message.startswith(f"Could not {WANTED[operation]}: the connection to {service.host} failed or broke off")
    assert "object at 0x" not in message
    assert "Connection(" not in message


# --- TLS ---------------------------------------------------------------------------------------------------------


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    certificates: Certificates, sleep: Sleep, serve: Serve
) -> None:
    service = serve(Reply(200, image()), tls=certificates)
    with pytest.raises(ConnectionFailed, match=f"the certificate of {service.host} cannot be trusted") as caught:
        images_of(service, sleep, retries=4).get(ID)
    assert "ca_cert" in str(caught.value)
    assert "object at 0x" not in str(caught.value)
    assert service.requests == []
    assert sleep == []


def test_a_certificate_of_an_authority_of_ones_own_is_trusted(certificates: Certificates, serve: Serve) -> None:
    service = serve(Reply(200, image()), tls=certificates)
    assert images_of(service, verify=certificates.authority).get(ID) == image()


def test_a_certificate_for_another_name_is_not_trusted(certificates: Certificates, serve: Serve) -> None:
    service = serve(Reply(200, image()), tls=certificates)
    # The same host by a name that its certificate does not have.
    url = service.url.replace("127.0.0.1", "127.1") + "/glance/v2"
    with pytest.raises(ConnectionFailed, match="cannot be trusted"):
        images_of(url, verify=certificates.authority).get(ID)
    assert service.requests == []


def test_any_certificate_will_do_if_nothing_is_verified_and_nothing_is_printed(
    certificates: Certificates, serve: Serve, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    service = serve(Reply(200, image()), tls=certificates)
    assert images_of(service, verify=False).get(ID) == image()
    assert capfd.readouterr() == ("", "")
    assert len(recwarn) == 0


def test_the_environment_does_not_switch_the_verification_on_again(
    certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    assert images_of(serve(Reply(200, image()), tls=certificates), verify=False).get(ID) == image()


def test_https_to_a_service_without_tls_is_reported(sleep: Sleep, serve: Serve) -> None:
    service = serve(Reply(200, image()))
    with pytest.raises(ConnectionFailed, match=f"{service.host} does not speak TLS as expected") as caught:
        images_of(service.url.replace("http:", "https:"), sleep, retries=4).get(ID)
    assert "http://" in str(caught.value)
    assert service.requests == []
    assert sleep == []


def test_plain_http_to_a_service_with_tls_is_reported(certificates: Certificates, serve: Serve) -> None:
    service = serve(Reply(200, image()), tls=certificates)
    with pytest.raises(ConnectionFailed, match=f"Could not look up image {ID}: .*{service.host}"):
        images_of(service.url.replace("https:", "http:")).get(ID)
    assert service.requests == []


def test_a_client_certificate_is_shown(certificates: Certificates, serve: Serve) -> None:
    service = serve(Reply(200, image()), tls=certificates, client_certificate=True)
    pair = (certificates.client_certificate, certificates.client_key)
    assert images_of(service, verify=certificates.authority, client_cert=pair).get(ID) == image()


def test_without_the_client_certificate_that_is_asked_for_there_is_no_answer(
    certificates: Certificates, serve: Serve
) -> None:
    service = serve(Reply(200, image()), tls=certificates, client_certificate=True)
    with pytest.raises(ConnectionFailed, match=f"Could not look up image {ID}: .*{service.host}"):
        images_of(service, verify=certificates.authority).get(ID)
    assert service.requests == []


@pytest.mark.parametrize("content", ["", "this is not a certificate\n"])
def test_a_file_without_certificates_is_reported_and_named(
    content: str, tmp_path: Path, certificates: Certificates, serve: Serve
) -> None:
    path = tmp_path / "empty.pem"
    path.write_text(content)
    service = serve(Reply(200, image()), tls=certificates)
    with pytest.raises(PcdError, match="ca_cert"):
        images_of(service, verify=str(path)).get(ID)
    with pytest.raises(PcdError, match="client_cert"):
        images_of(service, verify=False, client_cert=str(path)).get(ID)
    assert service.requests == []


# --- proxies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(variable: str, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(Reply(200, image()))
    monkeypatch.setenv(variable, proxy.url)
    assert images_of("http://pcd.invalid/glance/v2").get(ID) == image()
    assert [request.target for request in proxy.requests] == [f"http://pcd.invalid/glance/v2/images/{ID}"]


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", ["127.0.0.1", "pcd.invalid,127.0.0.1", "127.0.0.0/8", "*"])
def test_no_proxy_is_used_if_the_environment_says_so(
    variable: str, value: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, service = serve(Reply(502)), serve(Reply(200, image()))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv(variable, value)
    assert images_of(service).get(ID) == image()
    assert proxy.requests == []


def test_a_proxy_that_refuses_to_connect_gets_no_token_and_is_reported(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(Reply(502))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    with pytest.raises(ConnectionFailed, match=r"the proxy for pcd\.invalid does not answer") as caught:
        images_of("https://pcd.invalid/glance/v2").get(ID)
    assert "HTTPS_PROXY" in str(caught.value)
    assert proxy.requests == []


def test_a_proxy_that_is_not_there_is_reported_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{PASSWORD}@127.0.0.1:1")
    with pytest.raises(ConnectionFailed, match="the proxy for") as caught:
        images_of("http://pcd.invalid/glance/v2").get(ID)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "://proxy",
        "proxy:port",
        "http://proxy:99999",
        "http://proxy:0",
        "http://[::1",
        "http://::1:3128",
        "http://a..b:3128",
        f"http://{'a' * 64}:3128",
        "ftp://proxy:3128",
        "nonsense://proxy",
        "socks9://proxy",
        f"http://me:{PASSWORD}@:3128",
        f"proxy://me:{PASSWORD}@host:3128",
    ],
)
def test_a_proxy_with_an_invalid_address_is_reported_as_such(
    address: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, address)
    with pytest.raises(ConfigurationError, match=r"the proxy for pcd\.invalid cannot be used") as caught:
        images_of("http://pcd.invalid/glance/v2").get(ID)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "SOCKS5H"])
def test_a_socks_proxy_without_pysocks_is_reported_as_such(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://me:{PASSWORD}@proxy:1080")
    monkeypatch.setattr(_proxies, "find_spec", lambda dummy_name: None)
    with pytest.raises(
        ConfigurationError, match=r"requests needs the Python library PySocks.*requests\[socks\]"
    ) as caught:
        images_of("https://pcd.invalid/glance/v2").get(ID)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("garbage", ["[", ":::", "10.0.0.0/99", "*.,,; ", "http://", "\u00e4..b", "127.0.0.1:port"])
def test_a_no_proxy_that_names_nobody_is_of_no_account(
    garbage: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(Reply(200, image()))
    monkeypatch.setenv("HTTP_PROXY", proxy.host)
    monkeypatch.setenv("NO_PROXY", garbage)
    assert images_of("http://pcd.invalid/glance/v2").get(ID) == image()


@pytest.mark.parametrize(
    "host", ["a..b", f"{'a' * 64}.invalid", f"{'ü' * 60}.invalid", "*.invalid", "[::1", "pcd.invalid:99999"]
)
@pytest.mark.parametrize("operation", ["get", "create"])
def test_a_host_that_cannot_be_one_is_reported_in_one_line(operation: str, host: str) -> None:
    """The catalogue of Keystone may hold one."""
    with pytest.raises(ConfigurationError, match=f"Could not {WANTED[operation]}: .* is not a usable address"):
        OPERATIONS[operation](images_of(f"https://{host}/glance/v2"))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY"])
@pytest.mark.parametrize(
    "proxy",
    [
        f"http://me:{PASSWORD}/{TOKEN}@127.0.0.1:1",
        f"http://me:{PASSWORD}#{TOKEN}@127.0.0.1:1",
        f"http://me:{PASSWORD}?{TOKEN}@127.0.0.1:1",
        f"http://me:{PASSWORD} {TOKEN}@127.0.0.1:1",
        f"http://me:{PASSWORD}[{TOKEN}@127.0.0.1:1",
        f"http://me:{PASSWORD}\\{TOKEN}@127.0.0.1:1",
        f"http://me:{PASSWORD}%{TOKEN}@127.0.0.1:1",
        f"http://{PASSWORD}#{TOKEN}@127.0.0.1:1",
        f"http://{PASSWORD}?{TOKEN}@127.0.0.1:1",
        f"http://me:{PASSWORD}@a..b:1",
        f"http://me:{PASSWORD}@127.0.0.1:port",
        f"http://me:{PASSWORD}@127.0.0.1:99999",
        f"ftp://me:{PASSWORD}@127.0.0.1:1",
        f"http:/me:{PASSWORD}@127.0.0.1:1",
        f"me:{PASSWORD}/{TOKEN}@127.0.0.1:1",
        f"me:{PASSWORD}",
    ],
)
def test_a_proxy_that_cannot_be_used_is_reported_without_its_password(
    proxy: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, proxy)
    scheme = variable.partition("_")[0].lower()
    for ask in (
        lambda: images_of(f"{scheme}://pcd.invalid/glance/v2").get(ID),
        lambda: Url(Address(f"{scheme}://vendor.invalid/x.img"), Transport(retries=0)).text(),
    ):
        with pytest.raises(PcdError, match="proxy") as caught:
            ask()
        assert PASSWORD.lower() not in str(caught.value).lower()
        assert TOKEN.lower() not in str(caught.value).lower()


# --- secrets -----------------------------------------------------------------------------------------------------

LONG = "x" * 590


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(PASSWORD, id="an ordinary password"),
        pytest.param('with "quotes" & <marks> \\ and\ttab', id="a password with marks"),
        pytest.param("two  blanks in  a row", id="a password with blanks"),
        pytest.param("Paßwort-größer-als-ASCII", id="a password beyond ASCII"),
        pytest.param("sesame-open-thyself-" + "again-" * 20, id="a long password"),
        pytest.param("&amp;-is-a-part-of-it", id="a password that looks like HTML"),
    ],
)
@pytest.mark.parametrize(
    "echo",
    [
        pytest.param(lambda secret: Reply(400, {"message": f"bad: {secret}<br />"}), id="Glance"),
        pytest.param(lambda secret: Reply(400, {"error": {"message": f"bad: {secret}"}}), id="Keystone"),
        pytest.param(lambda secret: Reply(400, f"bad: {secret} in plain text"), id="text"),
        pytest.param(lambda secret: Reply(400, json.dumps({"p": secret})[:-2], JSON), id="half a document"),
        pytest.param(lambda secret: Reply(400, f"<html><p>bad: {secret}</p></html>", HTML), id="HTML"),
        pytest.param(lambda secret: Reply(400, {"message": f"{LONG}{secret}"}), id="at the place that cuts the words"),
        pytest.param(lambda secret: Reply(400, {"required_auth_methods": [[secret]]}), id="ways to log in"),
        pytest.param(lambda secret: Reply(302, "", {"Location": f"/x?p={quote(secret)}"}), id="a redirect"),
    ],
)
def test_a_secret_is_in_no_message_even_if_the_service_repeats_it(
    secret: str, echo: Callable[[str], Reply], serve: Serve
) -> None:
    assert_untold(secret, echo(secret), serve)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(400, "", reason=f"Bad {PASSWORD}"), id="the reason"),
        pytest.param(Reply(400, "", {"x-openstack-request-id": PASSWORD}), id="the request id"),
        pytest.param(Reply(302, "", {"Location": f"http://me:{PASSWORD}@pcd.example.com"}), id="the address elsewhere"),
    ],
)
def test_a_secret_in_a_header_is_in_no_message(reply: Reply, serve: Serve) -> None:
    assert_untold(PASSWORD, reply, serve)


def assert_untold(secret: str, reply: Reply, serve: Serve) -> None:
    http = http_to(serve(reply), secrets=(secret,))
    with pytest.raises(ApiError) as caught:
        http.request("POST", "/x", purpose="log in", expected=(201,), body={"a": secret})
    told = str(caught.value) + caught.value.server_message + json.dumps(caught.value.facts, ensure_ascii=False)
    # Not even a part of it.
    assert [secret[at : at + 8] for at in range(len(secret) - 7) if secret[at : at + 8] in told] == []


@pytest.mark.parametrize("status", [202, 302, 400, 401, 403, 404, 409, 500, 503])
def test_a_token_is_in_no_message(status: int, serve: Serve) -> None:
    def repeats_it(request: Request) -> Reply:
        return Reply(status, {"message": str(request.headers)}, {"Location": f"/x?token={TOKEN}"})

    images = images_of(serve(repeats_it))
    for ask in OPERATIONS.values():
        with pytest.raises(ApiError) as caught:
            ask(images)
        assert TOKEN not in str(caught.value) + caught.value.server_message + json.dumps(caught.value.facts)


# --- pages -------------------------------------------------------------------------------------------------------


def page(*ids: str, following: object = None) -> Reply:
    return Reply(200, {"images": [image(id=i) for i in ids], **({} if following is None else {"next": following})})


def test_pages_follow_although_next_lacks_the_prefix_of_the_endpoint(serve: Serve) -> None:
    service = serve(
        page("a", "b", following="/v2/images?limit=1000&name=eq%3Ax%26y%2Bz&marker=b"),
        page("c", following="/v2/images?limit=1000&name=eq%3Ax%26y%2Bz&marker=c"),
        page(),
    )
    found = images_of(service).list([("name", "eq:x&y+z")])
    assert [each["id"] for each in found] == ["a", "b", "c"]
    assert {request.path for request in service.requests} == {"/glance/v2/images"}
    name, size = ("name", "eq:x&y+z"), ("limit", "1000")
    assert [sorted(request.query) for request in service.requests] == [
        sorted([name, size]),
        sorted([name, size, ("marker", "b")]),
        sorted([name, size, ("marker", "c")]),
    ]


@pytest.mark.parametrize("host", ["", "user@", "other."])
def test_a_next_on_another_host_is_asked_for_at_our_own(host: str, serve: Serve) -> None:
    elsewhere = serve(page("evil"))
    target = f"http://{host}{elsewhere.host}" if host != "other." else elsewhere.url.replace("http:", "")
    service = serve(page("a", following=f"{target}/v2/images?marker=a"), page("b"))
    assert [each["id"] for each in images_of(service).list()] == ["a", "b"]
    assert elsewhere.requests == []
    assert service.requests[1].path == "/glance/v2/images"
    assert service.requests[1].query == [("marker", "a")]


@pytest.mark.parametrize("following", ["http://[", 5, {}, [], "", "?", "nonsense", True])
def test_a_next_that_is_none_ends_or_is_an_error_but_never_a_loop(following: object, serve: Serve) -> None:
    service = serve(page("a", following=following))
    with suppress(ApiError):
        list(images_of(service).list())
    assert len(service.requests) <= 2


def test_pages_that_go_in_a_circle_are_an_error_and_no_short_list(serve: Serve) -> None:
    service = serve(page("a", following="/v2/images?limit=1000"))
    with pytest.raises(ApiError, match="list the images: GET .* with a next page that was there before"):
        list(images_of(service).list())
    assert len(service.requests) == 1
    service = serve(page("a", following="/v2/images?marker=a"), page("b", following="/v2/images?marker=b"))
    with pytest.raises(ApiError, match="a next page that was there before"):
        list(images_of(service).list())
    assert [request.query for request in service.requests[1:]] == [[("marker", "a")], [("marker", "b")]]


def test_pages_that_bring_nothing_new_end_with_an_error_though_each_has_another_address(serve: Serve) -> None:
    """Glance goes in circles so if it sorts by what some images lack: each page begins behind another image."""
    service = serve(*(page("a", "b", following=f"/v2/images?marker={number}") for number in range(9)))
    with pytest.raises(ApiError, match="a next page that was there before"):
        list(images_of(service).list())
    assert len(service.requests) == 2


def test_a_circle_of_pages_is_not_an_error_if_no_more_is_wanted(serve: Serve) -> None:
    service = serve(page("a", following="/v2/images?limit=1"))
    assert [each["id"] for each in images_of(service).list(at_most=1)] == ["a"]


def test_an_empty_page_ends_even_with_a_next(serve: Serve) -> None:
    service = serve(page("a", following="/v2/images?marker=a"), page(following="/v2/images?marker=b"))
    assert [each["id"] for each in images_of(service).list()] == ["a"]
    assert len(service.requests) == 2


def test_a_page_has_1000_images(serve: Serve) -> None:
    service = serve(page())
    assert list(images_of(service).list()) == []
    assert service.requests[0].query == [("limit", "1000")]


@pytest.mark.parametrize(("at_most", "size"), [(1, "1"), (999, "999"), (1000, "1000"), (5000, "1000")])
def test_no_more_is_asked_for_than_wanted(at_most: int, size: str, serve: Serve) -> None:
    service = serve(page())
    list(images_of(service).list(at_most=at_most))
    assert service.requests[0].query == [("limit", size)]


@pytest.mark.parametrize(("at_most", "pages"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (None, 3)])
def test_at_most_stops_asking(at_most: int | None, pages: int, serve: Serve) -> None:
    service = serve(
        page("a", "b", following="/v2/images?marker=b"), page("c", "d", following="/v2/images?marker=d"), page("e")
    )
    found = [each["id"] for each in images_of(service).list(at_most=at_most)]
    assert found == list("abcde")[:at_most]
    assert len(service.requests) == pages


def test_a_page_is_asked_for_only_when_its_images_are(serve: Serve) -> None:
    service = serve(page("a", following="/v2/images?marker=a"), page("b"))
    found = images_of(service).list()
    assert service.requests == []
    assert next(found)["id"] == "a"
    assert len(service.requests) == 1


def test_a_failure_on_a_later_page_does_not_shorten_the_list(serve: Serve) -> None:
    service = serve(page(ID, following="/v2/images?marker=x"), Reply(400, {"message": "No image found with ID x"}))
    found = images_of(service).list()
    assert next(found)["id"] == ID
    with pytest.raises(ApiError, match="No image found with ID x"):
        next(found)


def test_images_of_one_list_may_be_asked_for_twice(serve: Serve) -> None:
    service = serve(page(ID, OTHER_ID))
    images = images_of(service)
    assert [each["id"] for each in images.list()] == [each["id"] for each in images.list()] == [ID, OTHER_ID]


def test_nothing_is_sent_to_prepare_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *dummy: pytest.fail("it connects"))
    prepare_process()
