# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines about how far a transfer is, by a clock of the test's own."""

from __future__ import annotations

import threading

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


def test_a_line_tells_name_size_percent_rate_and_the_time_left() -> None:
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


def test_an_interval_of_zero_tells_every_block() -> None:
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


def test_waiting_for_the_service_tells_its_state_and_the_stores_that_are_done() -> None:
    told = Told()
    meter = told.progress.meter("ubuntu: importing by web-download", 3 * 1024 * MIB)
    told.clock.now += 75
    meter.waits("status importing", 1, 2)
    assert told.lines == [
        "ubuntu: importing by web-download: 3.0 GiB, status importing, 1 of 2 stores (50 %), for 1 min 15 s"
    ]


def test_waiting_for_an_answer_tells_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "MIN_WAITING_SECONDS", 0.01)
    told, said = Told(interval=0), threading.Event()

    def tell(line: str) -> None:
        told.lines.append(line)
        told.clock.now += 75
        said.set()

    told.clock.now += 3
    with Progress(tell, 0, told.clock).waiting("log in at Keystone: no answer from pcd:5000"):
        assert said.wait(10)
    assert told.lines[0] == "log in at Keystone: no answer from pcd:5000 for 0 s"
    count = len(told.lines)
    # Whoever waited last has ended.
    assert threading.active_count() == 1 or not any("_wait" in thread.name for thread in threading.enumerate())
    assert len(told.lines) == count


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
