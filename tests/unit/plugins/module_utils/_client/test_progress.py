# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines about how far a transfer is, by a clock of the test's own."""

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

from ansible_collections.platform9.pcd.plugins.module_utils._client import progress as _progress
from ansible_collections.platform9.pcd.plugins.module_utils._client.progress import Progress, duration, readable

MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Told:
    """A progress whose lines and clock the test has in its hands."""

    def __init__(self, interval: float = 5.0) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.progress = Progress(self.lines.append, interval, self.clock)


def test_a_line_shows_name_size_percent_rate_and_the_time_left() -> None:
    told = Told()
    meter = told.progress.meter("ubuntu: uploading", 100 * MIB)
    told.clock.now += 5
    meter.moved(25 * MIB)
    assert told.lines == ["ubuntu: uploading: 25.0 MiB of 100.0 MiB (25 %), 5.0 MiB/s, 15 s left"]


def test_nothing_is_said_before_the_first_interval_is_over() -> None:
    told = Told()
    meter = told.progress.meter("ubuntu: uploading", 100)
    told.clock.now += 4.9
    meter.moved(50)
    assert told.lines == []


def test_of_an_unknown_size_only_what_is_known_is_shown() -> None:
    told = Told()
    meter = told.progress.meter("ubuntu: uploading", None)
    told.clock.now += 8
    meter.moved(16 * MIB)
    assert told.lines == ["ubuntu: uploading: 16.0 MiB, 2.0 MiB/s"]


def test_lines_come_less_often_the_longer_it_takes() -> None:
    told = Told()
    meter = told.progress.meter("ubuntu: uploading", 7200)
    for second in range(1, 7201):
        told.clock.now += 1
        meter.moved(second)
    assert 30 < len(told.lines) < 80
    assert "(100 %)" not in told.lines[0]


def test_an_interval_of_zero_shows_every_block() -> None:
    told = Told(interval=0)
    blocks = list(told.progress.meter("ubuntu: uploading", 3).counted([b"a", b"b", b"c"]))
    assert blocks == [b"a", b"b", b"c"]
    assert len(told.lines) == 3
    assert "3 bytes of 3 bytes (100 %)" in told.lines[-1]
    assert "left" not in told.lines[-1]


def test_a_block_counts_once_it_has_been_taken() -> None:
    told = Told(interval=0)
    blocks = told.progress.meter("ubuntu: uploading", 2).counted([b"a", b"b"])
    next(blocks)
    assert told.lines == []
    next(blocks)
    assert len(told.lines) == 1


def test_waiting_for_the_service_shows_its_state_and_the_stores_that_are_done() -> None:
    told = Told()
    meter = told.progress.meter("ubuntu: importing by web-download", 3 * 1024 * MIB)
    told.clock.now += 75
    meter.waits("status importing", 1, 2)
    assert told.lines == [
        "ubuntu: importing by web-download: 3.0 GiB, status importing, 1 of 2 stores (50 %), for 1 min 15 s"
    ]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval of zero is 0.01 seconds."""
    monkeypatch.setattr(_progress, "MIN_WAITING_SECONDS", 0.01)


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
    monkeypatch.setattr(_progress, "REPORTER", _progress._Reporter())
    monkeypatch.setattr(_progress, "MIN_WAITING_SECONDS", 0.5)
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
    code = f"from {_progress.__name__} import Progress\nwith Progress(print, 60).waiting('x'): pass"
    # ansible-test lets tests find the collection in a way that another process does not inherit.
    environ = {**os.environ, "PYTHONPATH": str(Path(_progress.__file__).parents[6])}
    subprocess.run([sys.executable, "-c", code], timeout=30, check=True, env=environ)


def test_waiting_ends_with_what_is_waited_for_and_lets_its_error_through() -> None:
    lines: list[str] = []
    with pytest.raises(KeyError), Progress(lines.append, 60).waiting("x"):
        raise KeyError
    assert lines == []


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


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "0 bytes"),
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536 * MIB, "1.5 GiB"),
        (1 << 53, "8192.0 TiB"),
    ],
)
def test_sizes_are_readable(count: int | None, text: str) -> None:
    assert readable(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_several_transfers_have_their_own_lines_and_one_for_all() -> None:
    told = Told(0)
    checked: list[int] = []
    together = told.progress.together(2, lambda: checked.append(1))
    first, second = together.meter("a: uploading", 10 * MIB), together.meter("b: uploading", None)
    told.clock.now += 2
    first.moved(4 * MIB)
    second.moved(2 * MIB)
    # It broke off, and begins again.
    first.moved(MIB)
    together.ended()
    assert told.lines == [
        "a: uploading: 4.0 MiB of 10.0 MiB (40 %), 2.0 MiB/s, 3 s left",
        "all images: 0 of 2 done, 4.0 MiB, 2.0 MiB/s",
        "b: uploading: 2.0 MiB, 1.0 MiB/s",
        "all images: 0 of 2 done, 6.0 MiB, 3.0 MiB/s",
        "a: uploading: 1.0 MiB of 10.0 MiB (10 %), 512.0 KiB/s, 18 s left",
        "all images: 0 of 2 done, 3.0 MiB, 1.5 MiB/s",
        "all images: 1 of 2 done, 3.0 MiB, 1.5 MiB/s",
    ]
    assert len(checked) == 3


def test_what_ends_the_transfers_comes_before_the_next_block() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    meter = Progress().together(1, stop).meter("a: uploading", None)
    with pytest.raises(KeyboardInterrupt):
        list(meter.counted([b"one", b"two"]))
