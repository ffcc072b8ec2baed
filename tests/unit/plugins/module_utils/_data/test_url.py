# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vendor's file, given by a server in a thread: what is asked for, who gets a secret, and how it may go wrong."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from urllib3.util import connection

from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import is_transient
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data.address import DEFAULT_PORTS, Address
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import BLOCK, Content, Digest
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Stream
from ansible_collections.platform9.pcd.plugins.module_utils._data.url import MAX_LISTING_CHARACTERS, MAX_REDIRECTS, Url
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, DataError
from ansible_collections.platform9.pcd.tests.support.certificates import Certificates
from ansible_collections.platform9.pcd.tests.support.samples import PASSWORD, Clock
from ansible_collections.platform9.pcd.tests.support.scripted_server import (
    BREAK_OFF,
    SILENCE,
    BrokenReply,
    Reply,
    Request,
    Serve,
    Service,
    as_urllib3,
)

DATA = bytes(range(256)) * 10
SIGNATURE = "sig-1f8e7d6c5b4a39281706"
HEADER = "Bearer-vendor-secret-5521"
USER = "vendor-user-7104"
SECRETS = (PASSWORD, SIGNATURE, HEADER, USER)


def url(service: Service | str, path: str = "/images/debian.qcow2", clock: Clock | None = None, **given: Any) -> Url:
    transport: dict[str, Any] = {"timeout": 30, "retries": 0}
    transport = {**transport, **{key: given.pop(key) for key in Transport._fields if key in given}}
    address = f"{service.url}{path}" if isinstance(service, Service) else service
    return Url(Address(address, **given), Transport(**transport), (clock or Clock()).hands)


def listing(image: str, text: str, **given: Any) -> str:
    """The text of the file at this address, beside the image at that one."""
    return Url(Address(image, **given).beside(text, "checksum"), Transport(timeout=30, retries=0)).text()


def fetched(source: Url) -> bytes:
    content = b""
    with source.open() as reading:
        while block := reading.read(BLOCK):
            content += block
        reading.finish()
    return content


def refused(source: Url) -> DataError:
    """The error for it, which shows no secret."""
    with pytest.raises(DataError) as caught:
        fetched(source)
    told = str(caught.value) + json.dumps(caught.value.facts)
    assert [secret for secret in SECRETS if secret in told] == []
    assert "?" not in told
    assert "object at 0x" not in told
    # What stands behind it is printed with -vvv, with the whole address in it.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def redirect(to: str, status: int = 302) -> Reply:
    return Reply(status, "", {"Location": to})


# --- what is asked for -------------------------------------------------------------------------------------------


def test_a_file_is_one_request_for_its_bytes_as_they_are(serve: Serve) -> None:
    service = serve(Reply(200, DATA))
    assert fetched(url(service, "/a/x.img?token=1")) == DATA
    (request,) = service.requests
    assert (request.method, request.target) == ("GET", "/a/x.img?token=1")
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["Authorization"] is None
    assert "platform9.pcd" in request.headers["User-Agent"]


def test_the_size_is_known_before_the_bytes(serve: Serve) -> None:
    with url(serve(Reply(200, DATA))).open() as reading:
        assert reading.size == len(DATA)


@pytest.mark.parametrize(
    ("digits", "size"), [("3000", 3000), ("*", None), ("9" * 5000, None)], ids=["a size", "none", "too many digits"]
)
def test_the_beginning_is_one_request_whatever_size_is_announced(digits: str, size: int | None, serve: Serve) -> None:
    service = serve(Reply(206, DATA[:4], {"Content-Range": f"bytes 0-3/{digits}"}))
    assert url(service).beginning(4) == (size, DATA[:4])
    assert [request.headers["Range"] for request in service.requests] == ["bytes=0-3"]


def test_a_length_with_more_digits_than_python_reads_is_not_known(serve: Serve) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000)
    source = url(serve(BrokenReply(head + DATA)))
    assert source.beginning(4) == (None, DATA[:4])
    assert fetched(source) == DATA


GZ = gzip.compress(DATA, mtime=0)
PACKED_FILES = {
    "gz": GZ,
    "tgz": GZ,
    "GZ": GZ,
    "bz2": bz2.compress(DATA),
    "xz": lzma.compress(DATA),
    "zst": b"\x28\xb5\x2f\xfd and so on",
    "Z": b"\x1f\x9d and so on",
}
CODINGS = {"bz2": "x-bzip2", "xz": "xz", "zst": "zstd", "Z": "x-compress"}


@pytest.mark.parametrize("ending", PACKED_FILES)
@pytest.mark.parametrize("announced", [True, False])
def test_a_packed_file_that_is_called_packed_for_the_way_stays_as_it_came(
    ending: str, announced: bool, serve: Serve
) -> None:
    """As servers call it by the end of its name; unpacked, it would have another hash than the file."""
    packed = PACKED_FILES[ending]
    coding = CODINGS.get(ending, "gzip")
    for name in sorted({coding, coding.removeprefix("x-"), coding.upper()}):
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n" % name.encode()
        reply = Reply(200, packed, {"Content-Encoding": name}) if announced else BrokenReply(head + packed)
        assert fetched(url(serve(reply), f"/debian.raw.{ending}")) == packed


def test_a_packed_file_that_is_called_packed_in_another_way_is_the_file_by_its_first_bytes(serve: Serve) -> None:
    packed = PACKED_FILES["xz"]
    assert fetched(url(serve(Reply(200, packed, {"Content-Encoding": "gzip"})), "/debian.raw.xz")) == packed


@pytest.mark.parametrize(
    ("name", "encoding", "body"),
    [
        ("debian.raw", "gzip", GZ),
        ("debian.raw", "GZIP", GZ),
        ("debian.raw", "x-gzip", GZ),
        ("debian.raw", "gzip, gzip", gzip.compress(GZ)),
        ("debian.raw", "br", b"packed"),
        ("debian.raw", "br", DATA),
        ("debian.raw", "deflate", b"packed"),
        ("debian.raw.xz", "gzip", gzip.compress(PACKED_FILES["xz"])),
        ("debian.raw.xz", "br", PACKED_FILES["xz"]),
        ("debian.raw.bz2", "gzip", gzip.compress(PACKED_FILES["bz2"])),
        ("debian.raw.gz", "gzip", gzip.compress(GZ)),
        ("debian.raw.gz", "gzip, gzip", gzip.compress(GZ)),
        ("debian.raw.gz", "gzip, gzip", GZ),
        ("debian.raw.gz", "zstd", PACKED_FILES["zst"]),
        ("debian.raw.gz", "gzip", b""),
        ("", "gzip", GZ),
    ],
)
def test_a_file_that_was_packed_for_the_way_all_the_same_is_not_the_file(
    name: str, encoding: str, body: bytes, serve: Serve
) -> None:
    error = refused(url(serve(Reply(200, body, {"Content-Encoding": encoding})), f"/{name}"))
    assert error.facts == {"content_encoding": encoding.lower()}
    assert f"was sent packed ({encoding.lower()})" in str(error)
    assert not is_transient(error)


def test_bytes_that_are_packed_as_they_are_transferred_are_not_the_file(serve: Serve) -> None:
    """Transfer-Encoding: gzip, chunked; what comes out of the chunks is packed."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    service = serve(BrokenReply(head + b"%x\r\n" % len(GZ) + GZ + b"\r\n0\r\n\r\n"))
    for name in ("debian.raw", "debian.raw.gz"):
        assert refused(url(service, f"/{name}")).facts == {"content_encoding": "gzip"}


def test_a_file_that_is_not_packed_is_called_so(serve: Serve) -> None:
    for encoding in ("identity", "", "Identity"):
        assert fetched(url(serve(Reply(200, DATA, {"Content-Encoding": encoding})))) == DATA


def test_a_netrc_file_gives_no_credentials(home: Path, serve: Serve) -> None:
    netrc = home / ".netrc"
    netrc.write_text(f"default login me password {PASSWORD}\n")
    netrc.chmod(0o600)
    service = serve(Reply(200, DATA))
    fetched(url(service))
    assert service.requests[0].headers["Authorization"] is None


def test_a_proxy_of_the_environment_is_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(Reply(200, DATA))
    monkeypatch.setenv("http_proxy", proxy.url)
    assert fetched(url("http://vendor.invalid/x.img")) == DATA
    assert proxy.requests[0].target == "http://vendor.invalid/x.img"


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%s\r\n" % (100, DATA[at : at + 100]) for at in range(0, 1000, 100))
    + b"0\r\n\r\n"
)
WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA


@pytest.mark.parametrize(("answer", "size"), [(CHUNKED, 1000), (WITHOUT_LENGTH, len(DATA))])
def test_a_server_need_not_say_how_much_will_come(answer: bytes, size: int, serve: Serve) -> None:
    service = serve(BrokenReply(answer))
    with url(service).open() as reading:
        assert reading.size is None
    assert fetched(url(service)) == DATA[:size]


def test_a_stream_of_it_sends_exactly_its_bytes(serve: Serve) -> None:
    data = DATA * (2 * BLOCK // len(DATA)) + b"end"
    stream = Stream(url(serve(Reply(200, data))), algorithms=["md5"])
    assert stream.known() == Content(len(data), {})
    with stream.open() as body:
        assert body.size == len(data)
        assert b"".join(body) == data


# --- credentials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "given", "username", "password"),
    [
        ("/x", {"username": "me", "password": PASSWORD}, "me", PASSWORD),
        ("/x", {"username": "me"}, "me", ""),
        ("me:pass@/x", {}, "me", "pass"),
        ("me%40h:p%3As%2Fs@/x", {}, "me@h", "p:s/s"),
        ("me:pass@/x", {"username": "you", "password": PASSWORD}, "you", PASSWORD),
        (":pass@/x", {}, "", "pass"),
        ("me:@/x", {}, "me", ""),
        ("/x", {"username": "Jürgen", "password": "pässwörd"}, "Jürgen", "pässwörd"),
        ("/x", {"username": "Łukasz", "password": "пароль-密码-€"}, "Łukasz", "пароль-密码-€"),
        ("m%C3%A9:p%E2%82%AC@/x", {}, "mé", "p€"),
    ],
)
def test_user_and_password_come_from_the_options_or_the_address(
    path: str, given: dict[str, Any], username: str, password: str, serve: Serve
) -> None:
    service = serve(Reply(200, DATA))
    login, at, rest = path.rpartition("@")
    source = url(f"http://{login}{at}{service.host}{rest}", **given)
    assert fetched(source) == DATA
    # In UTF-8, as RFC 7617 has it.
    assert service.requests[0].headers["Authorization"] == basic(username, password)
    assert service.requests[0].target == "/x"


def test_headers_are_sent_as_they_are_given(serve: Serve) -> None:
    service = serve(Reply(200, DATA))
    source = url(service, headers={"X-Token": HEADER, "X-Number": 5, "Accept": "application/octet-stream"})
    fetched(source)
    sent = service.requests[0].headers
    assert (sent["X-Token"], sent["X-Number"], sent["Accept"]) == (HEADER, "5", "application/octet-stream")


def test_a_header_that_is_null_is_not_sent(serve: Serve) -> None:
    service = serve(Reply(200, DATA))
    source = url(service, headers={"X-Token": None, "X-Empty": "", "X-Other": HEADER})
    fetched(source)
    sent = service.requests[0].headers
    assert (sent["X-Token"], sent["X-Empty"], sent["X-Other"]) == (None, "", HEADER)
    assert "None" not in str(sent)


def test_no_header_makes_the_server_pack_the_file(serve: Serve) -> None:
    service = serve(Reply(200, DATA))
    fetched(url(service, headers={"Accept-Encoding": "gzip"}))
    assert service.requests[0].headers["Accept-Encoding"] == "identity"


# --- redirects ---------------------------------------------------------------------------------------------------

LOGIN: dict[str, Any] = {"username": "me", "password": PASSWORD, "headers": {"X-Token": HEADER}}


def credentials(request: Request) -> tuple[str | None, str | None]:
    return request.headers["Authorization"], request.headers["X-Token"]


GIVEN = (basic("me", PASSWORD), HEADER)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["/other", "other", "?signed=1", "//{host}/other"])
def test_a_redirect_on_the_same_host_keeps_the_credentials(status: int, to: str, serve: Serve) -> None:
    service = serve(Reply(200))
    service.replies(redirect(to.format(host=service.host), status), Reply(200, DATA))
    assert fetched(url(service, **LOGIN)) == DATA
    assert [credentials(request) for request in service.requests] == [GIVEN, GIVEN]


def test_a_redirect_to_another_port_is_one_to_another_host(serve: Serve) -> None:
    mirror = serve(Reply(200, DATA))
    service = serve(redirect(f"{mirror.url}/x?sig={SIGNATURE}"))
    assert fetched(url(service, **LOGIN)) == DATA
    assert [credentials(request) for request in service.requests] == [GIVEN]
    assert [credentials(request) for request in mirror.requests] == [(None, None)]
    assert mirror.requests[0].target == f"/x?sig={SIGNATURE}"


def test_a_redirect_to_another_name_of_the_host_is_one_to_another_host(serve: Serve) -> None:
    service = serve(Reply(200))
    port = service.host.rpartition(":")[2]
    service.replies(redirect(f"http://localhost:{port}/x"), Reply(200, DATA))
    assert fetched(url(service, **LOGIN)) == DATA
    assert [credentials(request) for request in service.requests] == [GIVEN, (None, None)]


def test_credentials_in_the_address_stay_with_its_host(serve: Serve) -> None:
    mirror = serve(Reply(200, DATA))
    service = serve(redirect(mirror.url))
    fetched(url(f"http://me:{PASSWORD}@{service.host}/x"))
    assert credentials(service.requests[0])[0] == basic("me", PASSWORD)
    assert credentials(mirror.requests[0])[0] is None


def test_credentials_that_a_redirect_brings_along_are_nobodys(serve: Serve) -> None:
    mirror = serve(Reply(200, DATA))
    service = serve(redirect(f"http://you:{PASSWORD}@{mirror.host}/x"))
    assert fetched(url(service)) == DATA
    assert credentials(mirror.requests[0]) == (None, None)


def test_after_a_way_over_another_host_the_own_one_is_known_again(serve: Serve) -> None:
    service, mirror = serve(Reply(200)), serve(Reply(200))
    service.replies(redirect(f"{mirror.url}/x"), Reply(200, DATA))
    mirror.replies(redirect(f"{service.url}/back"))
    assert fetched(url(service, **LOGIN)) == DATA
    assert [credentials(request) for request in service.requests] == [GIVEN, GIVEN]
    assert [credentials(request) for request in mirror.requests] == [(None, None)]


def through(http: Service, https: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host vendor.invalid: its standard ports lead to these servers."""
    ports = {80: http, 443: https}
    connect = connection.create_connection

    def to_the_servers(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
        host, port = ports[address[1]].host.split(":")
        return connect((host, int(port)), *rest, **more)

    monkeypatch.setattr(connection, "create_connection", to_the_servers)


@pytest.mark.parametrize("to", ["https://vendor.invalid/x", "https://vendor.invalid:443/x", "https://VENDOR.invalid/x"])
def test_the_step_to_https_on_the_standard_ports_keeps_the_credentials(
    to: str, certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    https = serve(Reply(200, DATA), tls=certificates)
    http = serve(redirect(to))
    through(http, https, monkeypatch)
    assert fetched(url("http://vendor.invalid/x", verify=False, **LOGIN)) == DATA
    assert [credentials(request) for request in (*http.requests, *https.requests)] == [GIVEN, GIVEN]


@pytest.mark.parametrize("to", ["http://vendor.invalid/x", "http://vendor.invalid:80/x", "HTTP://other.invalid/x"])
@pytest.mark.parametrize("first", [None, "/elsewhere"])
def test_the_step_back_from_https_to_http_is_not_made(
    to: str, first: str | None, certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_way = [] if first is None else [redirect(first)]
    https = serve(*on_the_way, redirect(f"{to}?sig={SIGNATURE}"), tls=certificates)
    http = serve(Reply(200, DATA))
    through(http, https, monkeypatch)
    error = refused(url(f"https://{USER}:{PASSWORD}@vendor.invalid/a?sig={SIGNATURE}", verify=False, retries=3))
    assert str(error).startswith(f"url: https://vendor.invalid{first or '/a'} leads from https to plain http, to ")
    assert to.removeprefix("HTTP://") in str(error)
    assert len(https.requests) == len(on_the_way) + 1
    assert http.requests == []


def test_a_checksum_file_does_not_come_by_plain_http_either(
    certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    https = serve(redirect("http://vendor.invalid/SUMS"), tls=certificates)
    http = serve(Reply(200, "text"))
    through(http, https, monkeypatch)
    with pytest.raises(DataError, match="^checksum: https://vendor.invalid/x leads from https to plain http"):
        url("https://vendor.invalid/x", verify=False, option="checksum").text()
    assert http.requests == []


def test_the_step_back_is_refused_wherever_on_the_way_it_comes(
    certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    https = serve(redirect("http://vendor.invalid/y"), tls=certificates)
    http = serve(redirect("https://vendor.invalid/x"), Reply(200, DATA))
    through(http, https, monkeypatch)
    assert "leads from https to plain http" in str(refused(url("http://vendor.invalid/x", verify=False)))
    assert len(http.requests) == 1


def test_another_host_is_not_upgraded_to(
    certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    https = serve(Reply(200, DATA), tls=certificates)
    http = serve(redirect("https://other.invalid/x"))
    through(http, https, monkeypatch)
    assert fetched(url("http://vendor.invalid/x", verify=False, **LOGIN)) == DATA
    assert [credentials(request) for request in https.requests] == [(None, None)]


def test_a_redirect_that_leads_back_to_itself_ends(serve: Serve) -> None:
    service = serve(redirect("/again"))
    assert f"more than {MAX_REDIRECTS} times" in str(refused(url(service, **LOGIN)))
    assert len(service.requests) == MAX_REDIRECTS + 1


def test_as_many_redirects_as_allowed_are_followed(serve: Serve) -> None:
    service = serve(*[redirect("/again")] * MAX_REDIRECTS, Reply(200, DATA))
    assert fetched(url(service)) == DATA


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://h/x", "data:,x", f"gopher://h/?sig={SIGNATURE}"])
def test_a_redirect_to_something_else_than_http_is_not_followed(to: str, serve: Serve) -> None:
    service = serve(redirect(to))
    error = refused(url(service))
    assert str(error).startswith(f"url: {service.url}/images/debian.qcow2 redirects to '")
    assert "not an http address" in str(error)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "to",
    [
        "http://h:99999999/x",
        "https://",
        f"http://{'a' * 64}.invalid/x?sig={SIGNATURE}",
        f"http://a..invalid/x?sig={SIGNATURE}",
        f"http://{USER}:{PASSWORD}@{'a' * 64}.invalid/x?sig={SIGNATURE}",
    ],
)
def test_a_redirect_to_an_address_that_is_none_is_an_error(to: str, serve: Serve) -> None:
    service = serve(redirect(to))
    assert str(refused(url(service, retries=3))).startswith(f"url: could not fetch {service.url}/images/debian.qcow2: ")
    assert len(service.requests) == 1


@pytest.mark.parametrize("to", ["http://[", "//[x", f"http://[::1?sig={SIGNATURE}", f"//[{SIGNATURE}"])
def test_a_redirect_to_something_that_cannot_be_read_is_an_error(to: str, serve: Serve) -> None:
    service = serve(redirect(to))
    error = refused(url(service, retries=3))
    assert str(error).startswith("url: ")
    assert f"{service.url}/images/debian.qcow2" in str(error)
    assert len(service.requests) == 1


def test_a_redirect_to_no_host_at_all_is_one_to_the_same_host(serve: Serve) -> None:
    service = serve(redirect("http:///x"))
    assert f"more than {MAX_REDIRECTS} times" in str(refused(url(service)))
    assert {request.target for request in service.requests[1:]} == {"/x"}


@pytest.mark.parametrize("status", [300, 304])
def test_a_redirect_without_an_address_is_an_error(status: int, serve: Serve) -> None:
    assert f"answered {status}" in str(refused(url(serve(Reply(status, "", {"Location": ""})))))
    assert "answered 302" in str(refused(url(serve(Reply(302)))))


# --- what may go wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "url_username"),
        (403, "url_username"),
        (404, "Check the address"),
        (410, "Check the address"),
        (204, "Check the address"),
        (206, "Check the address"),
        (429, "later"),
        (500, "later"),
        (503, "later"),
    ],
)
def test_another_answer_than_the_file_is_reported_with_its_status(status: int, advice: str, serve: Serve) -> None:
    service = serve(Reply(status, "never mind"))
    error = refused(url(service, f"/x?sig={SIGNATURE}", **LOGIN))
    assert str(error).startswith(f"url: {service.url}/x answered {status} ")
    assert advice in str(error)
    assert error.facts == {"status": status}


@pytest.mark.parametrize("transient", [Reply(429), Reply(502), Reply(503), Reply(504), BREAK_OFF])
def test_what_passes_is_asked_again(transient: Reply | BrokenReply, serve: Serve) -> None:
    service, clock = serve(transient, transient, Reply(200, DATA)), Clock()
    assert fetched(url(service, clock=clock, retries=2, **LOGIN)) == DATA
    assert [credentials(request) for request in service.requests] == [GIVEN] * 3
    assert len(clock.slept) == 2


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("transient", [Reply(503), BREAK_OFF])
def test_it_is_asked_as_often_as_allowed_and_no_more(
    transient: Reply | BrokenReply, retries: int, serve: Serve
) -> None:
    service, clock = serve(transient), Clock()
    refused(url(service, clock=clock, retries=retries))
    assert len(service.requests) == 1 + retries
    assert len(clock.slept) == retries


@pytest.mark.parametrize("transient", [Reply(503, "", {"Retry-After": "7"}), BREAK_OFF])
def test_nothing_is_asked_again_after_the_deadline(transient: Reply | BrokenReply, serve: Serve) -> None:
    service, clock = serve(transient), Clock()
    refused(url(service, clock=clock, retries=3, deadline=0))
    assert len(service.requests) == 1
    assert clock.slept == []


def test_the_server_says_when_to_ask_again(serve: Serve) -> None:
    service, clock = serve(Reply(503, "", {"Retry-After": "7"}), Reply(200, DATA)), Clock()
    fetched(url(service, clock=clock, retries=1))
    assert clock.slept == [7]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500])
def test_what_stays_is_not_asked_again(status: int, serve: Serve) -> None:
    service, clock = serve(Reply(status)), Clock()
    refused(url(service, clock=clock, retries=3))
    assert len(service.requests) == 1
    assert clock.slept == []


def test_each_place_on_the_way_is_asked_again(serve: Serve) -> None:
    mirror = serve(Reply(503), Reply(200, DATA))
    service = serve(BREAK_OFF, redirect(mirror.url))
    assert fetched(url(service, retries=1)) == DATA


def test_a_port_that_nobody_listens_on_is_reported() -> None:
    with socket.socket() as bound:
        # Bound and not listening: nobody else can take the port meanwhile.
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        error = refused(url(f"http://{host}/x?sig={SIGNATURE}", **LOGIN))
    assert str(error) == (
        f"url: could not fetch http://{host}/x: {host} refuses the connection. "
        "Check the address and the port, and that the service runs."
    )


def test_a_name_that_does_not_resolve_is_reported_at_once() -> None:
    clock = Clock()
    error = refused(url(f"https://vendor.invalid/x?sig={SIGNATURE}", clock=clock, retries=3))
    assert "the name of vendor.invalid cannot be resolved" in str(error)
    assert clock.slept == []


@pytest.mark.parametrize("name", ["a" * 64, "a." + "b" * 64])
def test_an_impossible_name_is_reported_at_once(name: str) -> None:
    clock = Clock()
    error = refused(url(f"http://{USER}:{PASSWORD}@{name}.invalid/x?sig={SIGNATURE}", clock=clock, retries=3))
    assert str(error).startswith(f"url: could not fetch http://{name}.invalid/x: ")
    assert clock.slept == []


def test_an_address_that_cannot_be_read_is_not_told_with_what_is_secret_in_it(serve: Serve) -> None:
    """Old releases tell it as a whole."""
    for source in (
        url(f"http://{USER}:{PASSWORD}@{'ä' * 60}.invalid/x?sig={SIGNATURE}"),
        url(serve(redirect(f"http://h:99999999/x?sig={SIGNATURE}"))),
        url(serve(redirect(f"http://{USER}:{PASSWORD}@h:99999999/x?sig={SIGNATURE}"))),
    ):
        with pytest.raises(DataError, match="^url: could not fetch ") as caught:
            fetched(source)
        assert [secret for secret in SECRETS if secret in str(caught.value)] == []


def test_a_name_that_is_not_ascii_is_looked_up_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(address: tuple[str, int], *dummy: Any, **dummies: Any) -> socket.socket:
        asked.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(connection, "create_connection", refuse)
    refused(url("http://bücher.invalid/größe.img"))
    assert asked == ["xn--bcher-kva.invalid"]


@pytest.mark.parametrize("fault", [BREAK_OFF, SILENCE, BrokenReply(b"no HTTP at all\r\n\r\n")])
def test_no_message_shows_who_is_in_the_address(fault: BrokenReply, serve: Serve) -> None:
    service = serve(fault)
    address = f"http://{USER}:{PASSWORD}@{service.host}/x?sig={SIGNATURE}"
    assert f"fetch http://{service.host}/x: " in str(refused(url(address, timeout=0.2)))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        assert f"{host} refuses" in str(refused(url(f"http://{USER}:{PASSWORD}@{host}/x?sig={SIGNATURE}")))
        # A redirect brings others along.
        sends_on = serve(redirect(f"http://{USER}:{PASSWORD}@{host}/x?sig={SIGNATURE}"))
        assert f"{host} refuses" in str(refused(url(sends_on)))


def test_a_proxy_in_the_way_shows_nobody_who_is_in_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{bound.getsockname()[1]}")
        error = refused(url(f"http://{USER}:{PASSWORD}@vendor.invalid/x?sig={SIGNATURE}"))
    assert "the proxy for vendor.invalid does not answer" in str(error)


def test_a_server_that_falls_silent_is_given_its_time_once(serve: Serve) -> None:
    clock = Clock()
    error = refused(url(serve(SILENCE), clock=clock, timeout=0.2, retries=3))
    assert "did not answer within 0.2 seconds" in str(error)
    assert clock.slept == []


def announced(length: int, sent: bytes, stays_open: bool = False) -> BrokenReply:
    return BrokenReply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + sent, stays_open)


LARGE = DATA * (2 * BLOCK // len(DATA) + 1)


@pytest.mark.parametrize("sent", [b"", b"x", DATA, LARGE[:BLOCK], LARGE], ids=len)
@pytest.mark.parametrize("lacking", [1, 1000, 2 * BLOCK])
@pytest.mark.parametrize("notices", [True, False])
def test_a_download_that_ends_early_is_reported_with_both_sizes(
    sent: bytes, lacking: int, notices: bool, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_urllib3(monkeypatch, notices)
    service = serve(announced(len(sent) + lacking, sent))
    error = refused(url(service, f"/x?sig={SIGNATURE}"))
    assert str(error) == (
        f"url: {service.url}/x ended early: {len(sent) + lacking} bytes were announced, {len(sent)} came. "
        "Nothing of it is used; run the task again."
    )
    assert error.facts == {"expected": len(sent) + lacking, "actual": len(sent)}


def test_urllib3_is_made_to_notice_a_body_that_ends_early(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise all that is left to tell it is a length that may be lacking."""
    as_urllib3(monkeypatch, False)
    with url(serve(Reply(200, DATA))).open() as reading:
        assert reading._response.raw.enforce_content_length is True


def test_a_length_that_is_not_a_number_does_not_count(serve: Serve) -> None:
    for length in (b"\xb2", b"many", b"", b"-5"):
        service = serve(BrokenReply(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + DATA))
        with url(service).open() as reading:
            assert reading.size is None
        assert fetched(url(service)) == DATA


@pytest.mark.parametrize("length", [5, 1000, 10_000])
def test_a_length_beside_chunks_is_of_no_account(length: int, serve: Serve) -> None:
    """RFC 9112, section 6.3: the chunks say where the end is."""
    answer = CHUNKED.replace(b"\r\n", b"\r\nContent-Length: %d\r\n" % length, 1)
    service = serve(BrokenReply(answer))
    with url(service).open() as reading:
        assert reading.size is None
    assert fetched(url(service)) == DATA[:1000]
    refused(url(serve(BrokenReply(answer[:-7]))))


def test_of_a_download_that_ends_early_less_goes_out_than_was_promised(serve: Serve) -> None:
    data = bytes(2 * BLOCK + 5)
    stream = Stream(url(serve(announced(len(data) + 1, data))))
    out: list[bytes] = []
    with stream.open() as body:
        assert body.size == len(data) + 1
        with pytest.raises(DataError, match="^url: "):
            out.extend(body)
    assert len(b"".join(out)) < len(data)
    assert stream.content is None


def test_chunks_that_end_early_are_no_whole_file(serve: Serve) -> None:
    for cut in (5, 7, 60, 200):
        service = serve(BrokenReply(CHUNKED[:-cut]))
        error = refused(url(service, f"/x?sig={SIGNATURE}"))
        assert str(error).startswith(f"url: the download of {service.url}/x broke off after ")


def test_a_download_that_falls_silent_is_reported(serve: Serve) -> None:
    service = serve(announced(len(DATA) + 1, DATA, stays_open=True))
    error = refused(url(service, f"/x?sig={SIGNATURE}", timeout=0.2))
    assert str(error).startswith(f"url: the download of {service.url}/x broke off after ")
    assert f": {service.host} did not answer within 0.2 seconds. " in str(error)
    assert "raise the option timeout" in str(error)


def test_chunks_that_fall_silent_are_reported(serve: Serve) -> None:
    service = serve(BrokenReply(CHUNKED[:-60], stays_open=True))
    address = f"http://{USER}:{PASSWORD}@{service.host}/x?sig={SIGNATURE}"
    error = refused(url(address, timeout=0.2))
    assert str(error).startswith(f"url: the download of {service.url}/x broke off after ")
    assert f": {service.host} did not answer within 0.2 seconds. " in str(error)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(403, "", reason=f"Bad {PASSWORD} {HEADER} {SIGNATURE}"),
        redirect(f"ftp://me:{PASSWORD}@h/x?sig={SIGNATURE}"),
        redirect(f"http://{PASSWORD}.invalid/x?sig={SIGNATURE}"),
    ],
)
def test_a_secret_that_the_server_repeats_is_in_no_message(reply: Reply, serve: Serve) -> None:
    refused(url(serve(reply), f"/x?{SIGNATURE}", **LOGIN))


# --- a checksum file ---------------------------------------------------------------------------------------------


def test_a_file_of_text_comes_as_a_whole(serve: Serve) -> None:
    assert url(serve(Reply(200, "abc  größe.img\n"))).text() == "abc  größe.img\n"


def test_bytes_that_are_no_text_do_no_harm(serve: Serve) -> None:
    assert "abc" in url(serve(Reply(200, b"\xff\xfe abc"))).text()


def test_an_image_in_place_of_a_checksum_file_is_not_read_to_its_end(serve: Serve) -> None:
    service = serve(Reply(200, bytes(MAX_LISTING_CHARACTERS + (1 << 20))))
    with pytest.raises(DataError, match="^checksum: .*too large"):
        url(service, option="checksum").text()


@pytest.mark.parametrize("cut", [announced(100, b"abc"), BrokenReply(CHUNKED[:-60]), BREAK_OFF])
def test_a_checksum_file_that_breaks_off_is_asked_for_again(cut: BrokenReply, serve: Serve) -> None:
    clock = Clock()
    service = serve(cut, cut, Reply(200, "text"))
    assert url(service, retries=2, clock=clock).text() == "text"
    assert (len(service.requests), len(clock.slept)) == (3, 2)
    service = serve(cut)
    with pytest.raises(DataError, match=r"It was tried 2 times\.$"):
        url(service, retries=1).text()
    assert len(service.requests) == 2


def test_a_checksum_file_that_falls_silent_is_given_its_time_once(serve: Serve) -> None:
    service = serve(announced(100, b"abc", stays_open=True))
    with pytest.raises(DataError, match="did not answer within 0.2 seconds"):
        url(service, retries=3, timeout=0.2).text()
    assert len(service.requests) == 1


def test_a_download_that_breaks_off_is_said_to_be_passing(serve: Serve) -> None:
    for cut, transient in (
        (announced(len(DATA) + 1, DATA), True),
        (BrokenReply(CHUNKED[:-60]), True),
        (announced(len(DATA) + 1, DATA, stays_open=True), False),
        (Reply(404), False),
    ):
        assert is_transient(refused(url(serve(cut), timeout=0.2))) is transient


def test_a_checksum_file_that_ends_early_is_an_error(serve: Serve) -> None:
    with pytest.raises(DataError, match="^url: "):
        url(serve(announced(100, b"abc"))).text()


@pytest.mark.parametrize("template", ["{service}/SHA256SUMS", "{service}/other/SHA256SUMS?x=y"])
def test_a_checksum_file_on_the_same_host_gets_the_credentials(template: str, serve: Serve) -> None:
    service = serve(Reply(200, "text"))
    address = template.format(service=service.url)
    assert listing(service.url, address, **LOGIN) == "text"
    assert listing(f"http://me:{PASSWORD}@{service.host}/x", address, headers=LOGIN["headers"]) == "text"
    assert [credentials(request) for request in service.requests] == [GIVEN, GIVEN]


def test_a_checksum_file_on_another_host_gets_no_credentials(serve: Serve) -> None:
    service, other = serve(Reply(200)), serve(Reply(200, "text"))
    assert listing(service.url, f"{other.url}/SHA256SUMS", **LOGIN) == "text"
    assert credentials(other.requests[0]) == (None, None)


def test_an_error_of_a_checksum_file_names_its_own_option(serve: Serve) -> None:
    service = serve(Reply(404))
    with pytest.raises(DataError, match=f"^checksum: {service.url}/SUMS answered 404"):
        listing(service.url, f"{service.url}/SUMS", **LOGIN)
    with pytest.raises(ConfigurationError, match="^checksum: "):
        listing(service.url, "file:///etc/passwd")


# --- TLS ---------------------------------------------------------------------------------------------------------


def test_a_certificate_of_an_unknown_authority_is_not_trusted(certificates: Certificates, serve: Serve) -> None:
    service, clock = serve(Reply(200, DATA), tls=certificates), Clock()
    error = refused(url(service, clock=clock, retries=3, **LOGIN))
    assert re.search(r"the certificate of 127\.0\.0\.1:\d+ cannot be trusted", str(error))
    assert service.requests == []
    assert clock.slept == []


def test_a_certificate_of_an_authority_of_ones_own_is_trusted(certificates: Certificates, serve: Serve) -> None:
    service = serve(Reply(200, DATA), tls=certificates)
    assert fetched(url(service, verify=certificates.authority)) == DATA


def test_an_authority_of_ones_own_does_not_push_out_the_usual_ones(
    certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A private cloud with an authority of its own, and a vendor in public."""
    import shutil

    from ansible_collections.platform9.pcd.tests.support.certificates import make_certificates

    private = tmp_path / "private"
    private.mkdir()
    other = make_certificates(private)
    usual = tmp_path / "usual.pem"
    shutil.copy(certificates.authority, usual)
    # The file in which OpenSSL looks for those that a system trusts.
    monkeypatch.setenv("SSL_CERT_FILE", str(usual))
    service = serve(Reply(200, DATA), tls=certificates)
    assert fetched(url(service, verify=other.authority)) == DATA


def test_with_an_authority_of_ones_own_the_name_is_still_verified(certificates: Certificates, serve: Serve) -> None:
    service = serve(Reply(200, DATA), tls=certificates)
    # The same host by a name that its certificate does not have.
    address = service.url.replace("127.0.0.1", "127.1")
    assert "cannot be trusted" in str(refused(url(address, verify=certificates.authority)))


def test_an_address_of_numbers_that_the_certificate_does_not_name_is_not_trusted(
    certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(Reply(200, DATA), tls=certificates)
    through(service, service, monkeypatch)
    # It names this one.
    assert fetched(url("https://127.0.0.1/x", verify=certificates.authority)) == DATA
    assert "cannot be trusted" in str(refused(url("https://127.0.0.2/x", verify=certificates.authority)))
    assert len(service.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x30\x82\x01\x0a\xff"])
def test_a_file_of_ones_own_authority_without_a_certificate_is_reported(
    content: bytes | None, scheme: str, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"^ca_cert: {path} is not a file of certificates: ") as caught:
        fetched(url(f"{scheme}://vendor.invalid/x", verify=str(path)))
    assert caught.value.__cause__ is None


def test_a_file_without_certificates_is_an_error_of_ca_cert(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_text("no certificate")
    with pytest.raises(ConfigurationError, match=f"^ca_cert: {path} is not a file of certificates: "):
        fetched(url("https://vendor.invalid/x", verify=str(path)))


def test_a_folder_is_one_of_certificates(tmp_path: Path, certificates: Certificates, serve: Serve) -> None:
    """As for the cloud, REQUESTS_CA_BUNDLE may name one; here it does not have the authority of the server."""
    with pytest.raises(DataError, match="certificate") as caught:
        fetched(url(serve(Reply(200, DATA), tls=certificates), verify=str(tmp_path)))
    assert "is not a file of certificates" not in str(caught.value)


def test_any_certificate_will_do_if_nothing_is_verified_and_nothing_is_printed(
    certificates: Certificates, serve: Serve, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    assert fetched(url(serve(Reply(200, DATA), tls=certificates), verify=False)) == DATA
    assert capfd.readouterr() == ("", "")
    assert len(recwarn) == 0


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_of_requests_is_of_no_account(
    variable: str, certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, certificates.authority)
    refused(url(serve(Reply(200, DATA), tls=certificates)))


def test_the_standard_ports_are_those_of_the_schemes() -> None:
    assert DEFAULT_PORTS == {"http": 80, "https": 443}


# --- any stated checksum -----------------------------------------------------------------------------------------


def test_a_download_with_a_wrong_checksum_is_not_sent_to_its_end(serve: Serve) -> None:
    service = serve(Reply(200, DATA))
    stream = Stream(url(service, f"/x?sig={SIGNATURE}", **LOGIN), Digest("md5", "0" * 32))
    with pytest.raises(DataError, match=f"^checksum: {service.url}/x has md5 ") as caught:
        stream.read_through()
    assert SIGNATURE not in str(caught.value)
