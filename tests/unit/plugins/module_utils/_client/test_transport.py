# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service is reached, and how its JSON is read."""

from __future__ import annotations

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import (
    MAX_CONNECT_SECONDS,
    Transport,
    attempts_of,
    decoded,
)
from ansible_collections.platform9.pcd.tests.support.samples import Clock


@pytest.mark.parametrize(("timeout", "connect"), [(2, 2), (60, MAX_CONNECT_SECONDS)])
def test_a_connection_gets_no_more_time_than_it_can_need(timeout: float, connect: float) -> None:
    assert Transport(timeout=timeout).timeouts == (connect, timeout)


def test_attempts_have_the_retries_and_the_deadline_of_the_transport() -> None:
    clock = Clock()
    attempts = attempts_of(Transport(retries=1, deadline=100), clock.hands)
    assert [attempts.again(), attempts.again()] == [True, False]
    assert not attempts_of(Transport(retries=9, deadline=1), clock.hands).again(retry_after="2")


def test_json_is_read_and_anything_else_is_a_value_error() -> None:
    assert decoded(b'{"a": [1, null]}') == {"a": [1, None]}
    for text in ("", "{", "<html>", "[" * 100_000):
        with pytest.raises(ValueError, match=r"."):
            decoded(text)
