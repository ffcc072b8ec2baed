# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of a record, by what is declared and what the first bytes of its data show."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._arguments import FuturePath
from ansible_collections.platform9.pcd.plugins.module_utils._data.delivery import Delivery
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Content
from ansible_collections.platform9.pcd.plugins.module_utils._data.formats import GIB, with_formats
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError, PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Stores
from ansible_collections.platform9.pcd.tests.support.byte_sources import Memory

RAW = b"\xeb\x63\x90" + bytes(600)


def qcow2(disk: int = GIB) -> bytes:
    return (b"QFI\xfb" + struct.pack(">IQIIQ", 3, 0, 0, 16, disk)).ljust(512, b"\0")


def sent(data: bytes, size: int | None = None) -> Delivery:
    """Data that the task sends."""
    return Delivery("upload", Stores(), 60, stream=Stream(Memory(data, size=size)))


def fetched(start: bytes | None, size: int | None = None) -> Delivery:
    """Data that the service fetches, as far as the task knows it."""
    known = None if size is None else Content(size, {})
    # It is not opened: there is nothing else to read in it.
    return Delivery("web-download", Stores(), 60, known=known, fetched=Stream(Memory(b"")), start=start)


def formats(delivery: Delivery, inherited: dict[str, Any], desired: dict[str, Any]) -> tuple[Any, Any, list[str]]:
    warned: list[str] = []
    found = with_formats({**inherited, **desired}, desired, delivery, warned.append)
    return found.get("container_format"), found.get("disk_format"), warned


@pytest.mark.parametrize("make", [sent, fetched])
@pytest.mark.parametrize(
    ("data", "inherited", "desired", "expected"),
    [
        pytest.param(qcow2(), {}, {}, ("bare", "qcow2"), id="found"),
        pytest.param(RAW, {}, {}, ("bare", "raw"), id="no format is raw data"),
        pytest.param(qcow2(), {}, {"container_format": "bare"}, ("bare", "qcow2"), id="found in a bare container"),
        pytest.param(qcow2(), {"disk_format": "raw", "container_format": "bare"}, {}, ("bare", "qcow2"), id="denied"),
        pytest.param(RAW, {"disk_format": "ploop", "container_format": "bare"}, {}, ("bare", "ploop"), id="not denied"),
        pytest.param(RAW, {"disk_format": "qcow2", "container_format": "bare"}, {}, ("bare", "raw"), id="not marked"),
        pytest.param(
            RAW, {}, {"disk_format": "aki", "container_format": "aki"}, ("aki", "aki"), id="another container"
        ),
        pytest.param(qcow2(), {}, {"disk_format": "raw"}, (None, "raw"), id="a container is lacking"),
    ],
)
def test_the_first_bytes_say_what_nobody_has_declared(
    make: Any, data: bytes, inherited: dict[str, Any], desired: dict[str, Any], expected: tuple[Any, Any]
) -> None:
    assert formats(make(data), inherited, desired) == (*expected, [])


@pytest.mark.parametrize("make", [sent, fetched])
def test_a_declared_format_that_the_bytes_deny_is_refused(make: Any) -> None:
    with pytest.raises(DataError, match="^disk_format: memory is qcow2 by its first bytes, and raw was declared"):
        formats(make(qcow2()), {}, {"disk_format": "raw", "container_format": "bare"})


def test_a_file_that_is_not_there_yet_shows_no_format() -> None:
    stream = Stream(File(FuturePath("/later.qcow2")))
    assert formats(Delivery("upload", Stores(), 60, stream=stream), {}, {}) == ("bare", None, [])


def test_data_whose_beginning_is_not_known_needs_a_declared_format() -> None:
    declared = {"disk_format": "qcow2", "container_format": "bare"}
    assert formats(fetched(None), {}, declared) == ("bare", "qcow2", [])
    with pytest.raises(PlanError, match="^disk_format: it was not given, and cannot be found"):
        formats(fetched(None), {}, {})


@pytest.mark.parametrize(
    ("delivery", "needed"),
    [
        (sent(qcow2(2 * GIB)), None),
        (sent(qcow2(2 * GIB + 1)), 3),
        # What is in the header counts, not how large the file is.
        (sent(qcow2(2 * GIB), size=9 * GIB), None),
        (sent(RAW, size=2 * GIB), None),
        (sent(RAW, size=9 * GIB), 9),
        (sent(RAW, size=None), None),
        (fetched(qcow2(5 * GIB)), 5),
        (fetched(RAW, size=4 * GIB), 4),
        (fetched(RAW), None),
    ],
)
def test_a_disk_that_is_larger_than_declared_is_warned_of(delivery: Delivery, needed: int | None) -> None:
    warned = formats(delivery, {"min_disk": 1}, {"min_disk": 2})[2]
    assert [f"Set min_disk: {needed}." in warning for warning in warned] == [True] * (needed is not None)
    # Only a declaration can be wrong.
    assert formats(delivery, {"min_disk": 1}, {})[2] == []
