# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bytes are, by their beginning: the format of a disk, or a compression. Pure.

What is recognised and refused follows oslo_utils/imageutils/format_inspector.py and glance/location.py
(set_data), which refuse it too, but only after the whole upload, and only in newer releases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .._errors import DataError

# So many of the first bytes tell what data is: the mark of an ISO 9660 stands at 32 KiB.
MAX_START_BYTES = 1 << 16

MAGIC = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x04\x22\x4d\x18": "lz4",
    b"LZIP": "lzip",
    b"\x1f\x9d": "compress (.Z)",
    b"\x89LZO": "lzop",
}
MAX_MAGIC_BYTES = max(map(len, MAGIC))
# What `decompress` unpacks.
UNPACKED = ("gz", "bz2", "xz", "zst")

QCOW2_MAGIC = b"QFI\xfb"
QCOW2_VERSIONS = (2, 3)
VMDK_MAGIC = b"KDMV"
# A VMDK that is a text and names other files (QEMU, block/vmdk.c, vmdk_probe).
VMDK_TEXT = b"# disk descriptorfile"
VDI_MAGIC = b"\x7f\x10\xda\xbe"
# QEMU, docs/interop/qed_spec.txt. No disk_format of the image service means it.
QED_MAGIC = b"QED\0"
FORMATS = {
    QCOW2_MAGIC: "qcow2",
    VMDK_MAGIC: "vmdk",
    b"conectix": "vhd",
    b"vhdxfile": "vhdx",
    # QEMU, block/parallels.c
    b"WithoutFreeSpace": "ploop",
    b"WithouFreSpacExt": "ploop",
}
# ISO 9660 and UDF.
ISO_MARKS = (b"CD001", b"NSR02", b"NSR03")
ISO_MARK_AT = (32 << 10) + 1

# So many bytes belong to the header; a disk has more.
HEADER_BYTES = {"qcow2": 512, "vhd": 512, "vhdx": 512, "vdi": 512, "iso": 34 << 10}

# Of these, the beginning always shows what they are. A VHD of fixed size has its mark at its end only.
ALWAYS_MARKED = ("qcow2", "vmdk", "vhdx", "vdi", "iso")
# How a document begins that a web server gives in place of a file: a login, the note of a proxy, or an error of a store
# of objects. No disk begins so.
DOCUMENTS = {
    "an HTML page": re.compile(rb"<(!--|(!doctype\s+html|html|head|body|title|script|style|meta)\b)", re.IGNORECASE),
    "an XML document": re.compile(rb"<(\?xml|!doctype|error)\b", re.IGNORECASE),
    "a JSON document": re.compile(rb'(\[\s*)?\{\s*["}]'),
}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PAGE_TYPES = ("text/html", "application/xhtml+xml")

# The parts of an Amazon image: a kernel and its initial RAM disk are packed as a rule.
AMAZON_FORMATS = ("ami", "ari", "aki")

# The kinds of VMDK that hold all their data.
WHOLE_VMDKS = ("monolithicsparse", "streamoptimized")
VMDK_SECTOR = 512
VMDK_TYPE = re.compile(r'createtype\s*=\s*"?([^"\r\n]*)')
# Blanks, but no line break: otherwise each of many empty lines would be looked through up to the last one.
VMDK_PARENT = re.compile(r"^[^\S\n]*parentfilenamehint\s*=", re.MULTILINE)
VMDK_EXTENT = re.compile(r"^[^\S\n]*(?:rw|rdonly|noaccess)\s.*", re.MULTILINE)


def compression_of(start: bytes) -> str | None:
    """The compression of data that begins with these bytes; None if it is none of these."""
    # A frame of zstd that holds no data may stand at the beginning (RFC 8878, section 3.1.2).
    if start[1:4] == b"\x2a\x4d\x18" and 0x50 <= start[0] <= 0x5F:
        return "zst"
    return next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), None)


def format_of(start: bytes) -> str | None:
    """The disk format of data that begins with these bytes (see MAX_START_BYTES); None if it shows none.

    That is raw data, as a rule, whatever partitions and systems of files it holds.
    """
    return next(_marks_of(start), None)


def _marks_of(start: bytes) -> Iterator[str]:
    """Every format whose mark the bytes have. They are one disk, so that a second mark is made to deceive."""
    yield from (disk_format for magic, disk_format in FORMATS.items() if start.startswith(magic))
    if start[64:68] == VDI_MAGIC:
        yield "vdi"
    if start[: len(VMDK_TEXT)].lower() == VMDK_TEXT:
        yield "vmdk"
    if start[ISO_MARK_AT : ISO_MARK_AT + 5] in ISO_MARKS:
        yield "iso"


def fits(found: str | None, declared: str) -> bool:
    """Whether data that was recognised as `found` can be of the declared format."""
    if found is None:
        return declared not in ALWAYS_MARKED
    # A hybrid ISO is a disk as well.
    return found == declared or (found == "iso" and declared == "raw")


def check_format(start: bytes, declared: str, source: str) -> None:
    """Raises DataError if data that begins so is not of the declared format, or needs other files."""
    found = format_of(start)
    if found is None:
        _refuse_document(start, source)
        if declared not in AMAZON_FORMATS:
            _refuse_packed(start, source)
    _refuse_unsupported(start, source)
    if not fits(found, declared):
        raise DataError(
            f"disk_format: {source} is {found or 'raw data'} by its first bytes, and {declared} was declared. No "
            f"instance would boot from it. Declare disk_format: {found or 'raw'}, or give the right file."
        )
    reason = needs_other_files(start)
    if reason is not None:
        raise DataError(
            f"disk_format: {source} {reason}. Such an image is not complete, and could show files of the host that "
            "opens it. Make one file of it first, such as with qemu-img convert."
        )


def document_of(start: bytes, media_type: str = "") -> str | None:
    """What kind of document the bytes begin, rather than a disk; None if they may be one. The media type is a claim."""
    if not start or b"\0" in start or format_of(start) is not None or compression_of(start) is not None:
        return None
    text = start.removeprefix(BYTE_ORDER_MARK).lstrip()
    kind = next((kind for kind, beginning in DOCUMENTS.items() if beginning.match(text)), None)
    return "an HTML page" if kind is None and media_type in PAGE_TYPES else kind


def no_disk(document: str, source: str) -> str:
    """The message that the source is such a document."""
    return (
        f"{source} is {document} and no disk image, such as a server gives it for a login, an error or a file that is "
        "gone. Nothing of it was sent. Look at it, and give the right file or address."
    )


def _refuse_document(start: bytes, source: str) -> None:
    document = document_of(start)
    if document is not None:
        raise DataError(f"disk_format: {no_disk(document, source)}")


def _refuse_packed(start: bytes, source: str) -> None:
    kind = compression_of(start)
    # Two bytes are too few to tell from any other data. The third one says how gz is packed, in the only way there is,
    # and how many bits a code of .Z has.
    third = {"gz": range(8, 9), "compress (.Z)": range(0x89, 0x91)}.get(str(kind))
    if kind is None or (third is not None and (len(start) < 3 or start[2] not in third)):
        return
    advice = "Set decompress: true." if kind in UNPACKED else "Unpack the file first."
    raise DataError(
        f"decompress: {source} is packed ({kind}). The image service would keep the packed bytes, from which no "
        f"instance boots. {advice}"
    )


def _refuse_unsupported(start: bytes, source: str) -> None:
    """Raises for what the image service would refuse after the upload, whatever format is declared."""
    marks = list(_marks_of(start))
    if len(marks) > 1:
        raise DataError(
            f"disk_format: {source} has the marks of several formats ({', '.join(marks)}), so that programs disagree "
            "on what it is. Give the right file, or convert it first, such as with qemu-img convert."
        )
    if marks and len(start) < HEADER_BYTES.get(marks[0], 0):
        raise DataError(
            f"disk_format: {source} is {marks[0]} by its first bytes, but ends after {len(start)} bytes, before the "
            "end of the header. Get the file again."
        )
    version = int.from_bytes(start[4:8], "big")
    if start.startswith(QED_MAGIC):
        found = "a QED disk"
    elif start.startswith(QCOW2_MAGIC) and version not in QCOW2_VERSIONS:
        found = f"a qcow disk of version {version}"
    else:
        return
    raise DataError(
        f"disk_format: {source} is {found}, which the image service does not take. Convert it first, such as with "
        "qemu-img convert -O qcow2."
    )


def needs_other_files(start: bytes) -> str | None:
    """What is wrong with a disk that takes a part of its data from other files; None if it does not."""
    if start.startswith(QCOW2_MAGIC):
        return _needs_of_qcow2(start)
    return _needs_of_vmdk(start) if format_of(start) == "vmdk" else None


def _needs_of_qcow2(start: bytes) -> str | None:
    # QEMU, docs/interop/qcow2.txt. CVE-2024-32498 is about the external data file.
    if any(start[8:16]):
        return "is a qcow2 with a backing file"
    if int.from_bytes(start[4:8], "big") >= 3 and int.from_bytes(start[72:80], "big") & 0b100:
        return "is a qcow2 with an external data file"
    return None


def _needs_of_vmdk(start: bytes) -> str | None:
    # CVE-2022-47951: a descriptor that names any file of the host.
    if not start.startswith(VMDK_MAGIC):
        return "is a VMDK that only names the files with its data"
    first = int.from_bytes(start[28:36], "little") * VMDK_SECTOR
    count = int.from_bytes(start[36:44], "little") * VMDK_SECTOR
    text = start[first : first + count].partition(b"\0")[0].decode("ascii", errors="replace").lower()
    kinds = VMDK_TYPE.findall(text)
    if not kinds or any(kind not in WHOLE_VMDKS for kind in kinds):
        return "is a VMDK that is neither monolithicSparse nor streamOptimized"
    if VMDK_PARENT.search(text):
        return "is a VMDK with a parent file"
    if any("/" in extent for extent in VMDK_EXTENT.findall(text)):
        return "is a VMDK with an extent in another folder"
    return None


def virtual_size_of(start: bytes) -> int | None:
    """The size of the disk in data that begins with these bytes; None if that cannot be read from them."""
    # The position of the number, its byte order, and the bytes of one unit.
    places = {"qcow2": (24, "big", 1), "vhd": (40, "big", 1), "vdi": (368, "little", 1), "vmdk": (12, "little", 512)}
    found = format_of(start)
    if found not in places or (found == "vmdk" and not start.startswith(VMDK_MAGIC)):
        return None
    at, order, unit = places[found]
    number = start[at : at + 8]
    return int.from_bytes(number, "big" if order == "big" else "little") * unit if len(number) == 8 else None


def with_start(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """The same bytes; the first block has so many of them that they tell what they are, if there are as many."""
    start = b""
    for block in blocks:
        start += block
        if len(start) >= count:
            break
    if start:
        yield start
    yield from blocks
