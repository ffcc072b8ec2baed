# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads over TLS that a service does not read to their end."""

from __future__ import annotations

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import is_transient
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ApiError, ConnectionFailed
from ansible_collections.platform9.pcd.tests.support.certificates import Certificates
from ansible_collections.platform9.pcd.tests.support.scripted_server import BrokenReply, Serve


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
