# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations about data, imports and stores, asked of a server in a thread. The others: test__http.py."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Images
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Body
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    DataError,
    Forbidden,
    NotFound,
    PcdError,
    UnsupportedMedia,
)
from ansible_collections.platform9.pcd.tests.support.samples import ID, TOKEN, Clock
from ansible_collections.platform9.pcd.tests.support.scripted_server import (
    BREAK_OFF,
    SILENCE,
    BrokenReply,
    Reply,
    Serve,
    Service,
)

# More than the buffers of a connection hold, so that who does not read it is noticed.
LARGE = hashlib.shake_128(b"large").digest(8 << 20)
TIMEOUT = 60


def images_of(service: Service, clock: Clock | None = None, **transport: Any) -> Images:
    chosen = Transport(**{"timeout": 30, "retries": 0, **transport})
    return Images(Http(f"{service.url}/glance/v2", chosen, {"X-Auth-Token": TOKEN}, (TOKEN,), (clock or Clock()).hands))


def body(*blocks: bytes, size: int | None = None) -> Body:
    return Body(iter(blocks), size)


def failing(block: bytes) -> Iterator[bytes]:
    yield block
    yield block
    raise DataError("the file was changed")


SENDERS: dict[str, Callable[[Images, Body], None]] = {
    "file": lambda images, data: images.upload(ID, data, None, TIMEOUT),
    "stage": lambda images, data: images.stage(ID, data, TIMEOUT),
}
PATHS = pytest.mark.parametrize("path", SENDERS)


# --- sending -----------------------------------------------------------------------------------------------------


@PATHS
def test_data_of_a_known_size_is_one_put_that_says_so(path: str, serve: Serve) -> None:
    service = serve(Reply(204))
    SENDERS[path](images_of(service), body(b"abc", b"def", size=6))
    (request,) = service.requests
    assert (request.method, request.path) == ("PUT", f"/glance/v2/images/{ID}/{path}")
    assert request.body == b"abcdef"
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert request.headers["Content-Length"] == "6"
    assert request.headers["Transfer-Encoding"] is None
    # So that the service itself notices if a proxy on the way has cut it.
    assert request.headers["x-openstack-image-size"] == "6"
    assert request.headers["X-Auth-Token"] == TOKEN
    assert request.headers["X-Image-Meta-Store"] is None


@PATHS
def test_data_of_an_unknown_size_goes_in_chunks(path: str, serve: Serve) -> None:
    service = serve(Reply(204))
    SENDERS[path](images_of(service), body(b"abc", b"defg"))
    (request,) = service.requests
    assert request.complete
    assert request.body == b"abcdefg"
    assert request.headers["Transfer-Encoding"] == "chunked"
    assert request.headers["Content-Length"] is None
    assert request.headers["x-openstack-image-size"] is None


def test_the_store_is_named_if_one_is_meant(serve: Serve) -> None:
    service = serve(Reply(204))
    images_of(service).upload(ID, body(b"abc", size=3), "library", TIMEOUT)
    assert service.requests[0].headers["X-Image-Meta-Store"] == "library"


@PATHS
@pytest.mark.parametrize("failure", [Reply(503), Reply(429), Reply(500), BREAK_OFF])
def test_data_is_never_sent_twice_by_itself(path: str, failure: Reply | BrokenReply, serve: Serve) -> None:
    """What has been read once is gone; only a stream that is opened again may be sent again."""
    service, clock = serve(failure), Clock()
    with pytest.raises((ApiError, ConnectionFailed), match=f"Could not .*data of image {ID}: "):
        SENDERS[path](images_of(service, clock, retries=4), body(b"abc", size=3))
    assert len(service.requests) == 1
    assert clock.slept == []


@PATHS
@pytest.mark.parametrize("size", [None, 8 << 20])
def test_what_is_wrong_with_the_data_comes_out_as_it_is_and_the_service_gets_no_whole_body(
    path: str, size: int | None, serve: Serve
) -> None:
    service = serve(Reply(204))
    data = Body(failing(b"x" * 1000), size)
    with pytest.raises(DataError, match="^the file was changed$"):
        SENDERS[path](images_of(service), data)
    (request,) = service.wait_for_requests(1)
    assert not request.complete
    assert len(request.body) == 2000


@PATHS
@pytest.mark.parametrize(
    ("status", "kind"), [(403, Forbidden), (409, Conflict), (415, UnsupportedMedia), (400, ApiError), (503, ApiError)]
)
def test_a_refusal_is_reported_with_the_words_of_the_service(
    path: str, status: int, kind: type[ApiError], serve: Serve
) -> None:
    service = serve(Reply(status, {"message": "no such luck"}))
    with pytest.raises(kind, match=f"data of image {ID}: PUT .* refused .{status} .*: no such luck"):
        SENDERS[path](images_of(service), body(b"abc", size=3))


@PATHS
@pytest.mark.parametrize("status", [200, 201, 202])
def test_only_a_204_means_that_the_data_was_taken(path: str, status: int, serve: Serve) -> None:
    with pytest.raises(ApiError, match="unexpected status"):
        SENDERS[path](images_of(serve(Reply(status, "<html>Welcome</html>"))), body(b"abc", size=3))


def test_a_redirect_of_data_is_not_followed(serve: Serve) -> None:
    elsewhere = serve(Reply(204))
    service = serve(Reply(307, "", {"Location": f"{elsewhere.url}/x"}))
    with pytest.raises(ApiError, match="redirect"):
        SENDERS["file"](images_of(service), body(b"abc", size=3))
    assert elsewhere.requests == []


@pytest.mark.parametrize("reads", [0, 100_000])
def test_a_connection_that_is_reset_in_the_middle_is_reported(reads: int, serve: Serve) -> None:
    service = serve(BrokenReply(reads=reads))
    blocks = [LARGE[at : at + (1 << 20)] for at in range(0, len(LARGE), 1 << 20)]
    with pytest.raises(ConnectionFailed, match=f"Could not upload the data of image {ID}: ") as caught:
        SENDERS["file"](images_of(service), body(*blocks, size=len(LARGE)))
    assert service.host in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_the_service_gets_the_time_of_the_task_to_answer_and_no_more(serve: Serve) -> None:
    images = images_of(serve(SILENCE), timeout=0.1)
    with pytest.raises(ConnectionFailed, match="did not answer"):
        images.upload(ID, body(b"abc", size=3), None, 0.2)


def test_a_service_that_thinks_longer_than_the_timeout_is_waited_for(serve: Serve) -> None:
    """After the last byte Glance may hash, convert or copy for minutes."""
    from threading import Event

    gate = Event()

    def slow(request: object) -> Reply:
        # Nobody sets it: a pause that is longer than the timeout of the transport and shorter than that of the upload.
        gate.wait(0.3)
        return Reply(204)

    images_of(serve(slow), timeout=0.1).upload(ID, body(b"abc", size=3), None, 30)


# --- imports -----------------------------------------------------------------------------------------------------


def test_an_import_is_one_post_with_its_request(serve: Serve) -> None:
    service = serve(Reply(202))
    wanted = {"method": {"name": "web-download", "uri": "https://h/x"}, "all_stores": True}
    images_of(service).start_import(ID, wanted)
    (request,) = service.requests
    assert (request.method, request.path) == ("POST", f"/glance/v2/images/{ID}/import")
    assert request.document == wanted
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("failure", [Reply(503), Reply(409), Reply(200), Reply(204), BREAK_OFF])
def test_an_import_is_asked_for_once(failure: Reply | BrokenReply, serve: Serve) -> None:
    service = serve(failure)
    with pytest.raises(PcdError, match=f"Could not import the data of image {ID}: "):
        images_of(service, retries=4).start_import(ID, {})
    assert len(service.requests) == 1


def test_the_methods_that_the_service_offers(serve: Serve) -> None:
    offered = {"import-methods": {"description": "x", "type": "array", "value": ["glance-direct", "web-download"]}}
    service = serve(Reply(503), Reply(200, offered))
    assert images_of(service, retries=1).import_methods() == ["glance-direct", "web-download"]
    assert service.requests[0].path == "/glance/v2/info/import"


def test_a_service_may_offer_no_method(serve: Serve) -> None:
    assert images_of(serve(Reply(200, {"import-methods": {"value": []}}))).import_methods() == []


@pytest.mark.parametrize("detail", [False, True])
def test_the_stores_that_the_service_offers(detail: bool, serve: Serve) -> None:
    stores = [{"id": "a", "default": "true"}, {"id": "b", "read-only": "true"}]
    service = serve(Reply(200, {"stores": stores}))
    assert images_of(service).stores(detail) == stores
    assert service.requests[0].path == f"/glance/v2/info/stores{'/detail' if detail else ''}"


def test_a_service_with_one_store_without_a_name_has_no_list_of_stores(serve: Serve) -> None:
    with pytest.raises(NotFound, match="look up the stores"):
        images_of(serve(Reply(404, {"message": "Multi backend is not supported"}))).stores()


def test_the_tasks_that_have_worked_on_an_image(serve: Serve) -> None:
    service = serve(Reply(200, {"tasks": [{"id": "t", "message": "failed"}]}))
    assert images_of(service).tasks(ID) == [{"id": "t", "message": "failed"}]
    assert service.requests[0].path == f"/glance/v2/images/{ID}/tasks"


@pytest.mark.parametrize(
    ("ask", "lacking"),
    [
        (lambda images: images.import_methods(), "no list of import methods"),
        (lambda images: images.stores(), "no list of stores"),
        (lambda images: images.tasks(ID), "no list of tasks"),
    ],
)
@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        5,
        {"stores": None, "tasks": None, "import-methods": None},
        {"stores": {}, "tasks": {}, "import-methods": {}},
        {"stores": ["a"], "tasks": ["a"], "import-methods": ["a"]},
        {"import-methods": {"value": "glance-direct"}},
    ],
)
def test_an_answer_of_somebody_else_is_an_error(
    ask: Callable[[Images], object], lacking: str, document: object, serve: Serve
) -> None:
    with pytest.raises(ApiError, match=f"answered 200, but with {'nothing in it' if document is None else lacking}"):
        ask(images_of(serve(Reply(200, document))))


# --- downloads ---------------------------------------------------------------------------------------------------


def downloaded(images: Images, start: int = 0) -> bytes:
    with images.download(ID, start) as response:
        return b"".join(response.iter_content(1 << 16))


def test_a_download_brings_the_bytes_as_they_are(serve: Serve) -> None:
    service = serve(Reply(200, LARGE[: 1 << 20]))
    assert downloaded(images_of(service)) == LARGE[: 1 << 20]
    (request,) = service.requests
    assert (request.method, request.path) == ("GET", f"/glance/v2/images/{ID}/file")
    assert request.headers["Accept"] == "application/octet-stream, application/json;q=0.9"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["Range"] is None
    assert request.headers["X-Auth-Token"] == TOKEN


def test_a_download_can_be_continued(serve: Serve) -> None:
    service = serve(Reply(206, b"rest"))
    with images_of(service).download(ID, 100) as response:
        assert (response.status_code, response.content) == (206, b"rest")
    assert service.requests[0].headers["Range"] == "bytes=100-"


def test_an_image_without_data_is_an_empty_answer(serve: Serve) -> None:
    with images_of(serve(Reply(204))).download(ID) as response:
        assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("transient", [Reply(503), BREAK_OFF])
def test_a_download_is_asked_for_again_as_long_as_nothing_has_come(
    transient: Reply | BrokenReply, serve: Serve
) -> None:
    service, clock = serve(transient, Reply(200, b"abc")), Clock()
    assert downloaded(images_of(service, clock, retries=1)) == b"abc"
    assert len(clock.slept) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Forbidden), (404, NotFound), (416, ApiError), (503, ApiError), (302, ApiError)]
)
def test_a_download_that_is_refused_is_reported(status: int, kind: type[ApiError], serve: Serve) -> None:
    service = serve(Reply(status, {"message": "no such luck"}, {"Location": "http://elsewhere.invalid/"}))
    with pytest.raises(kind, match=f"Could not download the data of image {ID}: ") as caught:
        downloaded(images_of(service))
    assert TOKEN not in str(caught.value)


def test_a_success_of_another_kind_is_not_a_download(serve: Serve) -> None:
    with pytest.raises(ApiError, match="unexpected status"):
        downloaded(images_of(serve(Reply(202, b"abc"))))


@pytest.mark.parametrize("sent", [b"", b"abc"])
def test_a_download_that_breaks_off_is_reported_as_such(sent: bytes, serve: Serve) -> None:
    service = serve(BrokenReply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + sent))
    images = images_of(service)
    with pytest.raises(requests.RequestException) as caught:
        downloaded(images)
    error = images.download_broke_off(ID, caught.value)
    assert isinstance(error, ConnectionFailed)
    assert str(error).startswith(f"Could not download the data of image {ID}: ")
    assert service.host in str(error)


def test_a_download_that_is_left_does_not_keep_the_connection(serve: Serve) -> None:
    service = serve(Reply(200, LARGE), Reply(200, b"abc"))
    images = images_of(service)
    with images.download(ID) as response:
        next(response.iter_content(10))
    assert downloaded(images) == b"abc"
