# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines about what a process waits for, from one thread."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client import waiting as _waiting
from ansible_collections.platform9.pcd.plugins.module_utils._client.progress import Progress
from ansible_collections.platform9.pcd.tests.support.progress import Told


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval of zero is 0.01 seconds."""
    monkeypatch.setattr(_waiting, "MIN_WAITING_SECONDS", 0.01)


def test_waiting_for_an_answer_shows_for_how_long(impatient: None) -> None:
    told, said = Told(interval=0), threading.Event()

    def tell(line: str) -> None:
        told.lines.append(line)
        told.clock.now += 75
        said.set()

    told.clock.now += 3
    with Progress(tell, 0, told.clock).waiting("log in at Keystone: no answer from pcd:5000"):
        assert said.wait(10)
    assert told.lines[0] == "log in at Keystone: no answer from pcd:5000 for 0 s"


def test_no_line_comes_after_the_end_of_a_wait(impatient: None) -> None:
    lines, begun = [], threading.Event()

    def tell(line: str) -> None:
        begun.set()
        time.sleep(0.05)
        lines.append(line)

    with Progress(tell, 0).waiting("x"):
        assert begun.wait(10)
    count = len(lines)
    assert count > 0
    time.sleep(0.1)
    assert len(lines) == count


def test_many_waits_start_one_thread_which_ends_when_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Thread(threading.Thread):
        def start(self) -> None:
            started.append(self)
            super().start()

    monkeypatch.setattr(threading, "Thread", Thread)
    monkeypatch.setattr(_waiting, "REPORTER", _waiting._Reporter())
    monkeypatch.setattr(_waiting, "MIN_WAITING_SECONDS", 0.5)
    progress = Progress(lambda line: None, 0)
    for count in (1, 2):
        with progress.waiting("x"):
            for dummy in range(50):
                with progress.waiting("y"):
                    pass
        assert len(started) == count
        started[-1].join(10)
        assert not started[-1].is_alive()


def test_waits_of_several_threads_and_within_each_other_have_their_own_lines(impatient: None) -> None:
    lines: dict[str, list[str]] = {}
    said = {name: threading.Event() for name in "abc"}

    def wait(name: str, interval: float) -> None:
        def tell(line: str) -> None:
            lines.setdefault(name, []).append(line)
            said[name].set()

        with Progress(tell, interval).waiting(name):
            assert said[name].wait(10)

    # What waits longer without a line does not keep the others from theirs.
    with Progress(lines.setdefault("long", []).append, 60).waiting("long"):
        threads = [threading.Thread(target=wait, args=(name, 0)) for name in said]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert set(lines) == {"long", "a", "b", "c"}
    assert all(line.startswith(f"{name} for ") for name in said for line in lines[name])
    assert lines["long"] == []


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_a_reporter_of_its_own_even_while_the_other_is_at_work(impatient: None) -> None:
    begun, forked = threading.Event(), threading.Event()

    def tell(dummy_line: str) -> None:
        begun.set()
        forked.wait(10)

    read, write = os.pipe()
    with Progress(tell, 0).waiting("in the parent"):
        assert begun.wait(10)
        child = os.fork()
        if child == 0:
            try:
                with Progress(lambda line: os.write(write, line.encode()), 0).waiting("in the child"):
                    time.sleep(5)
            finally:
                os._exit(0)
        try:
            assert select.select([read], [], [], 4)[0]
            assert os.read(read, 100).startswith(b"in the child for ")
        finally:
            forked.set()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(read)
            os.close(write)


def test_a_line_that_cannot_be_shown_does_not_keep_later_ones_away(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda dummy: failed.set())

    def tell(dummy_line: str) -> None:
        raise OSError

    with Progress(tell, 0).waiting("x"):
        assert failed.wait(10)
    told = threading.Event()
    with Progress(lambda line: told.set(), 0).waiting("y"):
        assert told.wait(10)


def test_the_thread_does_not_keep_the_process_alive() -> None:
    code = f"from {Progress.__module__} import Progress\nwith Progress(print, 60).waiting('x'): pass"
    # ansible-test lets tests find the collection in a way that another process does not inherit.
    environ = {**os.environ, "PYTHONPATH": str(Path(_waiting.__file__).parents[6])}
    subprocess.run([sys.executable, "-c", code], timeout=30, check=True, env=environ)


def test_waiting_ends_with_what_is_waited_for_and_lets_its_error_through() -> None:
    lines: list[str] = []
    with pytest.raises(KeyError), Progress(lines.append, 60).waiting("x"):
        raise KeyError
    assert lines == []
