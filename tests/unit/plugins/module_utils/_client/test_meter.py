# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines about how far a transfer is, by a clock of the test's own."""

from __future__ import annotations

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.meter import duration, readable
from ansible_collections.platform9.pcd.tests.support.progress import Told

MIB = 1 << 20


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
