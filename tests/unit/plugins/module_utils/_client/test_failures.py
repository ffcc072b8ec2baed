# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of requests and urllib3 are distinguished by their types, wherever these stand among the causes."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
import requests
import urllib3

from ansible_collections.platform9.pcd.plugins.module_utils._client.failures import (
    causes,
    is_address_error,
    is_proxy_address_error,
    is_timeout,
    may_recover,
    reason_for,
    was_sent,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport

URL = "https://pcd.example.com:9292/v2/images"


def raised_by(cause: Exception, error: Exception, names_cause: bool) -> Exception:
    """The error as it is raised for the cause: urllib3 2 names it, urllib3 1.26 does not."""
    try:
        try:
            raise cause
        except type(cause):
            if names_cause:
                raise error from cause
            raise error  # noqa: B904
    except type(error) as caught:
        return caught


def connecting(cause: Exception, names_cause: bool = True) -> Exception:
    """What requests raises if no connection came about."""
    new: Any = urllib3.exceptions.NewConnectionError
    failed = raised_by(cause, new(None, "Failed to establish a new connection"), names_cause)
    pool: Any = None
    return requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/v2/images", failed))


def over_tls(cause: Exception) -> Exception:
    pool: Any = None
    failed = urllib3.exceptions.MaxRetryError(pool, "/v2/images", urllib3.exceptions.SSLError(cause))
    return requests.exceptions.SSLError(failed)


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


RESOLVED = socket.gaierror(-2, "Name or service not known")
REFUSED = ConnectionRefusedError(111, "Connection refused")
UNREACHABLE = OSError(101, "Network is unreachable")
RESET = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer"))


@pytest.mark.parametrize("names_cause", [True, False], ids=["urllib3 2", "urllib3 1.26"])
@pytest.mark.parametrize(
    ("cause", "recovers", "words"),
    [
        (RESOLVED, False, "the name of pcd.example.com:9292 cannot be resolved."),
        (REFUSED, True, "pcd.example.com:9292 refuses the connection."),
        (UNREACHABLE, True, "failed or broke off ([Errno 101] Network is unreachable)."),
    ],
)
def test_the_error_of_the_socket_decides(cause: Exception, recovers: bool, words: str, names_cause: bool) -> None:
    error = connecting(cause, names_cause)
    assert cause in causes(error)
    assert (may_recover(error), was_sent(error), is_timeout(error)) == (recovers, False, False)
    assert words in reason_for(error, URL, Transport())


@pytest.mark.parametrize(
    ("cause", "recovers", "words"),
    [
        (untrusted(), False, "the certificate of pcd.example.com:9292 cannot be trusted (self-signed certificate)."),
        (ssl.SSLEOFError(8, "closed"), True, "does not speak TLS as expected"),
        (ssl.SSLError(1, "[SSL] PEM lib (_ssl.c:3905)"), False, "has no usable certificate or key in PEM form"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), False, "does not speak TLS as expected"),
        (ValueError("hostname 'a' doesn't match 'b'"), False, "cannot be trusted (hostname 'a' doesn't match 'b')."),
    ],
)
def test_the_error_of_tls_decides(cause: Exception, recovers: bool, words: str) -> None:
    error = over_tls(cause)
    assert may_recover(error) is recovers
    assert words in reason_for(error, URL, Transport())


def test_what_broke_off_may_have_been_sent() -> None:
    error = requests.exceptions.ConnectionError(RESET)
    assert (may_recover(error), was_sent(error)) == (True, True)
    assert "failed or broke off ([Errno 104] reset by peer)" in reason_for(error, URL, Transport())


def test_words_of_another_kind_of_error_decide_nothing() -> None:
    error = requests.exceptions.ConnectionError(OSError("Failed to resolve; Connection refused; EOF occurred"))
    assert may_recover(error)
    assert "failed or broke off" in reason_for(error, URL, Transport())


def test_a_timeout_is_none_that_a_retry_of_a_refused_connection_hides() -> None:
    assert is_timeout(requests.exceptions.ReadTimeout("slow"))
    assert not may_recover(requests.exceptions.ReadTimeout("slow"))
    assert not is_timeout(connecting(REFUSED))


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.InvalidURL("http://user:pass word@host"),
        requests.exceptions.InvalidSchema("user:password"),
        urllib3.exceptions.LocationParseError("user:password"),
        requests.exceptions.ConnectionError(urllib3.exceptions.LocationParseError("user:password")),
        UnicodeError("user:password"),
    ],
)
def test_of_an_address_that_cannot_be_read_no_part_is_quoted(error: Exception) -> None:
    assert is_address_error(error)
    assert not is_proxy_address_error(error)
    assert reason_for(error, URL, Transport()) == "the address of pcd.example.com:9292 cannot be read. Check it."


def test_the_address_of_a_proxy_is_not_that_of_the_service() -> None:
    error = requests.exceptions.InvalidProxyURL("http://user:password@")
    assert is_proxy_address_error(error)
    assert not is_address_error(error)


def test_causes_that_go_round_in_a_circle_end() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert causes(first) == [first, second]
