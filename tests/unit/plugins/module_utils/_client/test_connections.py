# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads over TLS that a service does not read to their end, and TLS contexts that several connections use."""

from __future__ import annotations

import shutil
import ssl
import threading
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client import connections, files
from ansible_collections.platform9.pcd.plugins.module_utils._client.connections import load_trust_store
from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import is_transient
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ApiError, ConnectionFailed, PcdError
from ansible_collections.platform9.pcd.tests.support.certificates import Certificates, make_certificates
from ansible_collections.platform9.pcd.tests.support.scripted_server import BrokenReply, Reply, Serve


@pytest.mark.parametrize("status", [404, 409, 413])
def test_a_refusal_before_the_end_of_an_upload_is_read_over_tls(
    status: int, certificates: Certificates, serve: Serve
) -> None:
    words = b"quota exceeded"
    refusal = f"HTTP/1.1 {status} No\r\nContent-Type: text/plain\r\nContent-Length: {len(words)}\r\n\r\n"
    service = serve(BrokenReply(refusal.encode() + words, reads=1000), tls=certificates)
    http = Http(service.url, Transport(verify=certificates.authority))
    body = (bytes(1 << 16) for dummy in range(500))
    with pytest.raises(ApiError, match="quota exceeded") as caught:
        http.send("/file", body, purpose="upload", headers={}, timeout=5)
    assert caught.value.status == status
    assert len(service.requests) == 1


def test_an_upload_that_is_cut_off_over_tls_is_a_broken_connection(certificates: Certificates, serve: Serve) -> None:
    service = serve(BrokenReply(reads=1000), tls=certificates)
    http = Http(service.url, Transport(verify=certificates.authority))
    body = (bytes(1 << 16) for dummy in range(500))
    with pytest.raises(ConnectionFailed, match="failed or broke off") as caught:
        http.send("/file", body, purpose="upload", headers={}, timeout=5)
    assert is_transient(caught.value)
    assert "TLS" not in str(caught.value)


# --- contexts that are made once


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The authorities that clients load from now on; a file counts as settled at once."""
    found: list[str] = []
    load = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *arguments: str | None, **keywords: str) -> None:
        if context.protocol != ssl.PROTOCOL_TLS_SERVER:
            found.extend(str(argument) for argument in arguments if argument)
        load(context, *arguments, **keywords)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    monkeypatch.setattr(files, "MIN_AGE_SECONDS", -60)
    monkeypatch.setattr(connections, "CONTEXTS", connections._Contexts())
    return found


def ask(address: str, **transport: bool | str | tuple[str, str] | None) -> int:
    http = Http(address, Transport(retries=0, **transport))  # type: ignore[arg-type]
    return http.request("GET", "/", purpose="ask", expected=(200,)).status


def test_a_trust_store_is_loaded_once_for_all_connections(
    loaded: list[str], certificates: Certificates, serve: Serve
) -> None:
    service = serve(Reply(200, {}), tls=certificates)
    assert [ask(service.url, verify=certificates.authority) for dummy in range(3)] == [200] * 3
    assert loaded == [certificates.authority]


def test_a_trust_store_that_is_loaded_in_advance_is_not_loaded_again(
    loaded: list[str], certificates: Certificates, serve: Serve
) -> None:
    service = serve(Reply(200, {}), tls=certificates)
    load_trust_store(certificates.authority)
    ask(service.url, verify=certificates.authority)
    assert loaded == [certificates.authority]


def test_no_other_thread_uses_a_context(loaded: list[str], certificates: Certificates) -> None:
    load_trust_store(certificates.authority)
    other = threading.Thread(target=load_trust_store, args=(certificates.authority,))
    other.start()
    other.join()
    assert loaded == [certificates.authority] * 2


def test_a_file_of_authorities_that_has_changed_is_loaded_again(
    loaded: list[str], certificates: Certificates, serve: Serve, tmp_path: Path
) -> None:
    service = serve(Reply(200, {}), tls=certificates)
    others = tmp_path / "others"
    others.mkdir()
    trusted = tmp_path / "trusted.pem"
    shutil.copy(certificates.authority, trusted)
    assert ask(service.url, verify=str(trusted)) == 200
    shutil.copy(make_certificates(others).authority, trusted)
    with pytest.raises(PcdError, match="cannot be trusted"):
        ask(service.url, verify=str(trusted))
    shutil.copy(certificates.authority, trusted)
    assert ask(service.url, verify=str(trusted)) == 200
    trusted.write_text("no certificate", encoding="utf-8")
    with pytest.raises(PcdError):
        ask(service.url, verify=str(trusted))


def test_a_file_of_authorities_that_has_just_changed_is_loaded_for_each_connection(
    loaded: list[str], certificates: Certificates, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two changes within one step of the clock look the same."""
    monkeypatch.setattr(files, "MIN_AGE_SECONDS", 3600)
    service = serve(Reply(200, {}), tls=certificates)
    assert [ask(service.url, verify=certificates.authority) for dummy in range(2)] == [200, 200]
    assert loaded == [certificates.authority] * 2


def test_authorities_are_not_mixed_up_and_what_is_not_verified_stays_so(
    loaded: list[str], certificates: Certificates, serve: Serve, tmp_path: Path
) -> None:
    service = serve(Reply(200, {}), tls=certificates)
    other = make_certificates(tmp_path).authority
    for dummy in range(2):
        assert ask(service.url, verify=certificates.authority) == 200
        assert ask(service.url, verify=False) == 200
        with pytest.raises(PcdError, match="cannot be trusted"):
            ask(service.url, verify=other)
    assert sorted(loaded) == sorted([certificates.authority, other])


def test_a_folder_of_authorities_is_looked_at_for_each_connection(
    loaded: list[str], certificates: Certificates, serve: Serve, tmp_path: Path
) -> None:
    service = serve(Reply(200, {}), tls=certificates)
    for dummy in range(2):
        with pytest.raises(PcdError, match="cannot be trusted"):
            ask(service.url, verify=str(tmp_path))
    assert loaded == [str(tmp_path)] * 2


def test_a_certificate_of_the_client_is_sent_for_the_connections_that_name_it(
    loaded: list[str], certificates: Certificates, serve: Serve
) -> None:
    service = serve(Reply(200, {}), tls=certificates, client_certificate=True)
    own = (certificates.client_certificate, certificates.client_key)
    for dummy in range(2):
        assert ask(service.url, verify=certificates.authority, client_cert=own) == 200
        assert ask(service.url, verify=False, client_cert=own) == 200
        with pytest.raises(PcdError):
            ask(service.url, verify=certificates.authority)
    assert loaded == [certificates.authority] * 2
