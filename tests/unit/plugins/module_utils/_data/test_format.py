# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the first bytes of data tell, and what is refused because of them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._data.format import (
    MAX_START_BYTES,
    check_format,
    document_of,
    format_of,
    needs_other_files,
    virtual_size_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import DISK_FORMATS

SIZE = 10 << 30


def qcow2(version: int = 3, backing: int = 0, features: int = 0) -> bytes:
    start = b"QFI\xfb" + struct.pack(">IQIIQ", version, backing, 0, 16, SIZE)
    return (start.ljust(72, b"\0") + struct.pack(">Q", features)).ljust(512, b"\0")


def vmdk(kind: str = 'createType="monolithicSparse"', extent: str = 'RW 20971520 SPARSE "disk.vmdk"') -> bytes:
    header = b"KDMV" + struct.pack("<IIQQQQ", 1, 3, SIZE // 512, 128, 1, 20)
    text = f'# Disk DescriptorFile\nversion=1\n{kind}\n\n# Extent description\n{extent}\n\nddb.adapterType = "ide"\n'
    return header.ljust(512, b"\0") + text.encode().ljust(20 * 512, b"\0")


def iso(mark: bytes = b"CD001", start: bytes = b"") -> bytes:
    return start.ljust(32 << 10, b"\0") + b"\x01" + mark + bytes(2042)


VDI = bytes(64) + b"\x7f\x10\xda\xbe" + bytes(300) + struct.pack("<Q", SIZE) + bytes(136)
VHD = b"conectix" + bytes(32) + struct.pack(">Q", SIZE) + bytes(464)
MBR = b"\xeb\x63\x90" + bytes(507) + b"\x55\xaa"
TEXT = b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 20480 FLAT "/etc/passwd" 0\n'
STARTS = {
    "qcow2": qcow2(),
    "vmdk": vmdk(),
    "vhd": VHD,
    "vhdx": b"vhdxfile" + bytes(504),
    "vdi": VDI,
    "iso": iso(),
    "ploop": b"WithouFreSpacExt" + bytes(48),
}


@pytest.mark.parametrize("disk_format", STARTS)
def test_a_format_is_recognised_and_accepted_as_what_it_is(disk_format: str) -> None:
    assert format_of(STARTS[disk_format]) == disk_format
    check_format(STARTS[disk_format], disk_format, "disk")


@pytest.mark.parametrize("mark", [b"CD001", b"NSR02", b"NSR03"])
@pytest.mark.parametrize("start", [b"", MBR])
def test_an_iso_may_be_a_disk_as_well(mark: bytes, start: bytes) -> None:
    assert format_of(iso(mark, start)) == "iso"
    for declared in ("iso", "raw"):
        check_format(iso(mark, start), declared, "disk")


@pytest.mark.parametrize(
    "start", [b"", b"\0", MBR, bytes(MAX_START_BYTES), b"QFI", b"LUKS\xba\xbe", bytes(64), b"CD001"]
)
def test_what_shows_no_format_is_raw_data(start: bytes) -> None:
    assert format_of(start) is None
    check_format(start, "raw", "disk")


@pytest.mark.parametrize("declared", [each for each in DISK_FORMATS if each != "raw"])
@pytest.mark.parametrize("found", STARTS)
def test_a_format_that_the_bytes_contradict_is_refused_with_what_they_are(declared: str, found: str) -> None:
    if declared == found:
        return
    with pytest.raises(DataError, match=f"^disk_format: disk is {found} by its first bytes, and {declared} was"):
        check_format(STARTS[found], declared, "disk")


@pytest.mark.parametrize("found", [each for each in STARTS if each != "iso"])
def test_a_disk_of_another_format_is_not_raw(found: str) -> None:
    with pytest.raises(DataError, match=f"^disk_format: disk is {found} by its first bytes, and raw was declared"):
        check_format(STARTS[found], "raw", "disk")


@pytest.mark.parametrize("declared", ["qcow2", "vmdk", "vhdx", "vdi", "iso"])
def test_raw_data_is_not_a_format_that_always_has_a_mark(declared: str) -> None:
    with pytest.raises(DataError, match=f"^disk_format: disk is raw data by its first bytes, and {declared} was"):
        check_format(MBR, declared, "disk")


@pytest.mark.parametrize("declared", ["vhd", "ploop", "ami", "ari", "aki"])
def test_a_format_without_a_mark_at_its_beginning_passes(declared: str) -> None:
    check_format(MBR, declared, "disk")


PACKED = {
    "gz": gzip.compress(b"x"),
    "bz2": bz2.compress(b"x"),
    "xz": lzma.compress(b"x"),
    "zst": b"\x28\xb5\x2f\xfd\x00",
    "zip": b"PK\x03\x04",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "compress (.Z)": b"\x1f\x9d\x90",
}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("declared", ["raw", "qcow2", "vhd", "iso"])
def test_packed_data_is_refused_with_what_to_do(kind: str, declared: str) -> None:
    with pytest.raises(DataError, match=r"^decompress: disk is packed") as caught:
        check_format(PACKED[kind], declared, "disk")
    assert f"({kind})" in str(caught.value)
    assert str(caught.value).endswith(
        "Set decompress: true." if kind in ("gz", "bz2", "xz", "zst") else "Unpack the file first."
    )


@pytest.mark.parametrize("declared", ["raw", "qcow2", "vhd", "ami"])
@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"\xef\xbb\xbf\r\n  <HTML lang=en>", "an HTML page"),
        (b"<!-- the login -->\n<html>", "an HTML page"),
        (b"<head><title>502", "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "an XML document"),
        (b"<Error><Code>AccessDenied</Code></Error>", "an XML document"),
        (b'{"error": {"code": 404}}', "a JSON document"),
        (b'[ {\n "errors"', "a JSON document"),
        (b"{}", "a JSON document"),
    ],
)
def test_a_document_of_a_web_server_is_refused_whatever_is_declared(start: bytes, kind: str, declared: str) -> None:
    with pytest.raises(DataError, match=f"^disk_format: disk is {kind} and no disk image"):
        check_format(start, declared, "disk")


@pytest.mark.parametrize(
    "start",
    [b"", b"<", b"<htmlx", b"<html>\0", b'{"\0', b"{1}", b"[1, 2]", b"text", iso(start=b"<html>"), MBR],
)
def test_other_data_may_be_a_disk(start: bytes) -> None:
    assert document_of(start) is None


@pytest.mark.parametrize("start", [b"Please log in.", b"<p>gone</p>"])
def test_text_is_a_page_if_its_server_says_so(start: bytes) -> None:
    assert (document_of(start), document_of(start, "text/plain")) == (None, None)
    assert document_of(start, "text/html") == "an HTML page"


@pytest.mark.parametrize("start", [b"", MBR, qcow2(), gzip.compress(b"x", mtime=0), b"BZh91AY&SY"])
def test_a_disk_stays_one_though_its_server_calls_it_a_page(start: bytes) -> None:
    assert document_of(start, "text/html") is None


@pytest.mark.parametrize("declared", ["ami", "ari", "aki"])
@pytest.mark.parametrize("kind", PACKED)
def test_a_kernel_and_its_ram_disk_may_be_packed(kind: str, declared: str) -> None:
    check_format(PACKED[kind], declared, "disk")


@pytest.mark.parametrize("start", [b"\x1f\x8b", b"\x1f\x8b\x01rest", b"\x1f\x9d", b"\x1f\x9d\x01rest"])
def test_two_bytes_of_encrypted_data_are_no_compression(start: bytes) -> None:
    check_format(start, "raw", "disk")


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (qcow2(), None),
        (qcow2(version=2), None),
        (qcow2(features=0b11), None),
        (qcow2(version=2, features=0b100), None),
        (qcow2(backing=1), "is a qcow2 with a backing file"),
        (qcow2(backing=1 << 56), "is a qcow2 with a backing file"),
        (qcow2(version=2, backing=0x200), "is a qcow2 with a backing file"),
        (qcow2(features=0b100), "is a qcow2 with an external data file"),
        (qcow2(features=0b111), "is a qcow2 with an external data file"),
        (vmdk(), None),
        (vmdk('CREATETYPE="streamOptimized"'), None),
        (vmdk(extent='RW 4 SPARSE "a-s001.vmdk"\nRW 4 SPARSE "a-s002.vmdk"'), None),
        (vmdk('createType="monolithicFlat"'), "is a VMDK that is neither monolithicSparse nor streamOptimized"),
        (vmdk(""), "is a VMDK that is neither monolithicSparse nor streamOptimized"),
        (
            vmdk('CREATETYPE="monolithicSparse"\ncreateType="twoGbMaxExtentFlat"'),
            "is a VMDK that is neither monolithicSparse nor streamOptimized",
        ),
        (vmdk(extent='RW 4 FLAT "/etc/passwd" 0'), "is a VMDK with an extent in another folder"),
        (vmdk(extent='  rdonly\t4 FLAT "../x" 0'), "is a VMDK with an extent in another folder"),
        (vmdk(extent='\r\x0brw 4 FLAT "/etc/passwd" 0'), "is a VMDK with an extent in another folder"),
        (vmdk(extent='\n\n\n\t rw 4 FLAT "/etc/passwd" 0'), "is a VMDK with an extent in another folder"),
        (
            vmdk('createType="monolithicSparse"\nparentCID=22d5e67b\nparentFileNameHint="/etc/passwd"'),
            "is a VMDK with a parent file",
        ),
        (vmdk('createType="monolithicSparse"\n PARENTFILENAMEHINT = "x"'), "is a VMDK with a parent file"),
        (vmdk('createType="monolithicSparse"\nparentCID=ffffffff'), None),
        (TEXT, "is a VMDK that only names the files with its data"),
        (TEXT.upper(), "is a VMDK that only names the files with its data"),
        (MBR, None),
        (iso(), None),
    ],
)
def test_a_disk_that_needs_other_files_is_found(start: bytes, reason: str | None) -> None:
    assert needs_other_files(start) == reason


def test_many_empty_lines_cost_no_more_than_other_lines() -> None:
    """A descriptor comes from a vendor, and each pass over the data looks at it."""

    def seconds(line: bytes) -> float:
        text = b'createType="monolithicSparse"\n' + line * (MAX_START_BYTES // 2 // len(line))
        sectors = -(-len(text) // 512)
        start = b"KDMV" + bytes(24) + struct.pack("<QQ", 1, sectors)
        begun = time.perf_counter()
        assert needs_other_files(start.ljust(512, b"\0") + text) is None
        return time.perf_counter() - begun

    # Looked through up to the last line from each one, they cost some thousand times as much.
    assert seconds(b"\n") < 200 * seconds(b"x\n")


@pytest.mark.parametrize(
    ("start", "declared"), [(qcow2(backing=1), "qcow2"), (qcow2(features=0b100), "qcow2"), (TEXT, "vmdk")]
)
def test_a_disk_that_needs_other_files_is_refused(start: bytes, declared: str) -> None:
    with pytest.raises(DataError, match=r"^disk_format: disk is a .*Such an image is not complete"):
        check_format(start, declared, "disk")


@pytest.mark.parametrize("declared", ["qcow2", "iso", "raw", "vdi"])
@pytest.mark.parametrize(
    ("start", "found"),
    [
        (iso(start=qcow2()), "qcow2, iso"),
        (iso(start=VDI), "vdi, iso"),
        (iso(start=VHD), "vhd, iso"),
        (qcow2()[:64] + VDI[64:], "qcow2, vdi"),
    ],
)
def test_data_of_two_formats_is_refused_as_either(start: bytes, found: str, declared: str) -> None:
    with pytest.raises(DataError, match=rf"^disk_format: disk has the marks of several formats \({found}\)"):
        check_format(start, declared, "disk")


@pytest.mark.parametrize("length", [8, 72, 511])
@pytest.mark.parametrize("disk_format", ["qcow2", "vhd", "vhdx", "vdi"])
def test_a_disk_that_ends_within_its_header_is_refused(disk_format: str, length: int) -> None:
    start = STARTS[disk_format][:length]
    if format_of(start) is not None:
        with pytest.raises(DataError, match=f"^disk_format: disk is {disk_format} .* ends after {length} bytes"):
            check_format(start, disk_format, "disk")


@pytest.mark.parametrize("declared", DISK_FORMATS)
@pytest.mark.parametrize(
    ("start", "found"),
    [
        (b"QED\0" + bytes(60), "a QED disk"),
        (qcow2(version=1), "a qcow disk of version 1"),
        (qcow2(version=4), "a qcow disk of version 4"),
    ],
)
def test_a_disk_that_the_service_takes_as_no_format_is_refused(start: bytes, found: str, declared: str) -> None:
    with pytest.raises(DataError, match=f"^disk_format: disk is {found}, which the image service does not take"):
        check_format(start, declared, "disk")


@pytest.mark.parametrize(
    ("start", "size"),
    [
        (qcow2(), SIZE),
        (VHD, SIZE),
        (VDI, SIZE),
        (vmdk(), SIZE),
        (qcow2()[:27], None),
        (TEXT, None),
        (iso(), None),
        (MBR, None),
        (b"", None),
    ],
)
def test_the_virtual_size_stands_in_the_header(start: bytes, size: int | None) -> None:
    assert virtual_size_of(start) == size


@given(st.sampled_from([*STARTS.values(), TEXT, b""]), st.binary(max_size=200), st.integers(0, 600))
def test_no_bytes_end_in_a_traceback(start: bytes, noise: bytes, length: int) -> None:
    data = start[:length] + noise
    virtual_size_of(data)
    needs_other_files(data)
    for declared in DISK_FORMATS:
        with suppress(DataError):
            check_format(data, declared, "disk")
