# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A progress that nobody listens to costs nothing."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.progress import Progress


def test_no_thread_is_started_if_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "Thread", None)
    with Progress().waiting("x"):
        pass


def test_no_clock_is_asked_if_nobody_listens() -> None:
    def never() -> float:
        raise AssertionError("the clock was asked")

    meter = Progress(None, 0, never).meter("ubuntu: uploading", 1)
    meter.moved(1)
    meter.waits("status importing")
