# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is unpacked on its way: every byte of it, in little memory, and nothing of a file that is broken."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import (
    BLOCK,
    Digest,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.format import (
    MAGIC,
    MAX_MAGIC_BYTES,
    compression_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Stream
from ansible_collections.platform9.pcd.tests.support.byte_sources import (
    PATTERN,
    SMALL,
    Memory,
    content_of,
    file,
    hexdigest,
    sent,
    sent_before_error,
)


def zstd(data: bytes) -> bytes:
    packed: bytes = pytest.importorskip("zstandard").ZstdCompressor(level=1).compress(data)
    return packed


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, 1),
    "bz2": lambda data: bz2.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": zstd,
}
# Packs well, so that few packed bytes give many blocks.
RANDOM = PATTERN[: BLOCK + 10]
SPARSE = b"".join(PATTERN[at : at + 16] + bytes(16_368) for at in range(100))
KINDS = pytest.mark.parametrize("kind", PACK)


def unpacked(packed: bytes, piece: int = BLOCK, stated: Digest | None = None) -> Stream:
    return Stream(Memory(packed, piece, len(packed)), stated, decompress=True)


@KINDS
@pytest.mark.parametrize("data", [b"x", SMALL, RANDOM, SPARSE], ids=["a byte", "small", "random", "sparse"])
def test_what_was_packed_goes_out_as_it_was_before(kind: str, data: bytes) -> None:
    stream = unpacked(PACK[kind](data))
    with stream.open() as body:
        assert body.size is None
        blocks = list(body)
    assert b"".join(blocks) == data
    assert stream.content == content_of(data)


@KINDS
def test_a_packed_file_that_unpacks_to_very_much_does_not_fill_the_memory(kind: str) -> None:
    with unpacked(PACK[kind](bytes(12 * BLOCK))).open() as body:
        sizes = [len(block) for block in body]
    assert sum(sizes) == 12 * BLOCK
    assert max(sizes) <= 8 * BLOCK


def xz_with_dictionary(code: int, data: bytes = SMALL) -> bytes:
    """A file of xz whose header asks for another dictionary (the .xz file format, sections 3.1 and 5.3.1)."""
    packed = bytearray(lzma.compress(data, preset=0))
    header = slice(12, 12 + (packed[12] + 1) * 4)
    assert packed[14:16] == b"\x21\x01"
    packed[16] = code
    packed[header.stop - 4 : header.stop] = zlib.crc32(packed[header.start : header.stop - 4]).to_bytes(4, "little")
    return bytes(packed)


XZ_9 = 28  # 64 MiB, as `xz -9` writes it; each two more are twice as much


def test_the_largest_dictionary_that_xz_itself_takes_is_unpacked() -> None:
    assert sent(unpacked(xz_with_dictionary(XZ_9))) == SMALL


@pytest.mark.parametrize("code", [XZ_9 + 1, XZ_9 + 2, 40])
def test_a_file_of_xz_gets_no_more_memory_than_that(code: int) -> None:
    out, message = sent_before_error(unpacked(xz_with_dictionary(code)))
    assert out == b""
    assert message.startswith("decompress: memory is xz and asks for more memory than it gets, 66 MiB ")
    assert "xz -9" in message


def test_a_second_member_of_xz_gets_no_more_memory_either() -> None:
    out, message = sent_before_error(unpacked(lzma.compress(SMALL) + xz_with_dictionary(40)))
    assert len(out) <= len(SMALL)
    assert "asks for more memory" in message


def test_a_file_of_zstd_gets_no_more_memory_than_the_library_gives() -> None:
    zstandard = pytest.importorskip("zstandard")
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    dummy, message = sent_before_error(unpacked(compressor.compress(SMALL) + compressor.flush()))
    assert message.startswith("decompress: memory is zst and asks for more memory than it gets, 128 MiB ")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_what_unpacks_for_ever_does_not_fill_the_memory(kind: str) -> None:
    """A packed file of 60 KiB or less that unpacks to 60 MiB, many times over: each block is as large as any other."""
    stream = unpacked(PACK[kind](bytes(60 * BLOCK)) * 3)
    tracemalloc.start()
    try:
        with stream.open() as body:
            count = sum(len(block) for block in body)
        dummy, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 180 * BLOCK
    assert peak < 16 * BLOCK


@pytest.mark.parametrize("outer", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("inner", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("piece", [1, BLOCK])
def test_what_is_packed_twice_is_never_sent_half_unpacked(outer: str, inner: str, piece: int) -> None:
    out, message = sent_before_error(unpacked(PACK[outer](PACK[inner](SMALL)), piece))
    assert out == b""
    assert message.startswith(f"decompress: memory is {outer}, and what it holds is packed again ({inner}).")


@KINDS
@pytest.mark.parametrize("piece", [1, 2, 7, 4096])
def test_small_pieces_make_no_difference(kind: str, piece: int) -> None:
    data = SMALL * 3
    assert sent(unpacked(PACK[kind](data), piece)) == data


@KINDS
def test_several_members_in_one_file_are_one_image(kind: str) -> None:
    """As parallel packers write them."""
    parts = [SMALL, SPARSE, b"end"]
    assert sent(unpacked(b"".join(PACK[kind](part) for part in parts))) == b"".join(parts)


@KINDS
def test_a_packed_file_that_was_cut_is_never_sent_to_its_end(kind: str) -> None:
    packed = PACK[kind](SPARSE)
    for missing in (1, len(packed) // 2):
        out, message = sent_before_error(unpacked(packed[:-missing]))
        assert len(out) < len(SPARSE)
        assert message.startswith(f"decompress: memory is {kind}, but broken: ")


@KINDS
def test_a_second_member_that_was_cut_is_an_error_as_well(kind: str) -> None:
    packed = PACK[kind](SMALL)
    out, message = sent_before_error(unpacked(packed + packed[:-3]))
    assert message.startswith(f"decompress: memory is {kind}, but broken: ")
    assert len(out) < 2 * len(SMALL)


@KINDS
def test_a_packed_file_with_damage_within_is_an_error(kind: str) -> None:
    packed = bytearray(PACK[kind](PATTERN[:100_000]))
    for at in range(len(packed) // 2, len(packed) // 2 + 64):
        packed[at] ^= 0xFF
    # Without a checksum of the content, random data that zstd has stored as it is hides the damage.
    data = bytes(packed) if kind != "zst" else PACK["zst"](SPARSE)[:6] + b"\xff" * 20
    dummy, message = sent_before_error(unpacked(data))
    assert message.startswith(f"decompress: memory is {kind}, but broken: ")


@KINDS
def test_nothing_but_the_first_bytes_is_an_error(kind: str) -> None:
    packed = PACK[kind](SMALL)
    start = next(magic for magic, name in MAGIC.items() if name == kind)
    for length in (len(start), len(start) + 1, 8):
        out, message = sent_before_error(unpacked(packed[: max(length, len(start))]))
        assert out == b""
        assert message.startswith(f"decompress: memory is {kind}, but broken: ")


@KINDS
def test_a_packed_file_of_nothing_is_an_error(kind: str) -> None:
    out, message = sent_before_error(unpacked(PACK[kind](b"")))
    assert out == b""
    assert "there is nothing in it" in message


@KINDS
@pytest.mark.parametrize("garbage", [b"x", b"garbage", b"\xff" * 2 * BLOCK], ids=len)
def test_garbage_behind_a_packed_file_is_an_error(garbage: bytes, kind: str) -> None:
    """It may be what is left of a second member."""
    dummy, message = sent_before_error(unpacked(PACK[kind](SMALL) + garbage))
    assert message.startswith(f"decompress: memory is {kind}, but broken: ")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("count", [12, 512, 2 * BLOCK])
@pytest.mark.parametrize("data", [SMALL, SPARSE], ids=["small", "sparse"])
def test_zeros_that_fill_up_the_last_sector_are_no_damage(data: bytes, count: int, kind: str) -> None:
    """The stated checksum is that of the file with all of its zeros."""
    packed = PACK[kind](data) + bytes(count)
    assert sent(unpacked(packed, stated=Digest("sha256", hexdigest("sha256", packed)))) == data
    out, message = sent_before_error(unpacked(packed, stated=Digest("sha256", hexdigest("sha256", packed[:-1]))))
    assert len(out) < len(data)
    assert message.startswith("checksum: ")


@KINDS
def test_the_checksum_is_that_of_the_packed_file(kind: str) -> None:
    packed = PACK[kind](SPARSE)
    stream = unpacked(packed, stated=Digest("sha512", hexdigest("sha512", packed)))
    assert sent(stream) == SPARSE
    assert stream.content == content_of(SPARSE)


@KINDS
@pytest.mark.parametrize("data", [SMALL, SPARSE], ids=["small", "sparse"])
def test_a_packed_file_with_a_wrong_checksum_keeps_the_last_block_back(kind: str, data: bytes) -> None:
    stream = unpacked(PACK[kind](data), stated=Digest("sha256", hexdigest("sha256", data)))
    out, message = sent_before_error(stream)
    assert len(out) < len(data)
    assert message.startswith("checksum: ")


@pytest.mark.parametrize("count", [4, 8])
def test_the_minimum_padding_of_xz_is_not_damage(count: int) -> None:
    assert sent(unpacked(PACK["xz"](SMALL) + bytes(count))) == SMALL


@pytest.mark.parametrize("count", [12, 512])
def test_members_of_xz_with_padding_between_them_are_one_image(count: int) -> None:
    """As xz itself unpacks them (The .xz File Format, section 2.2)."""
    assert sent(unpacked(PACK["xz"](SMALL) + bytes(count) + PACK["xz"](SPARSE))) == SMALL + SPARSE


@pytest.mark.parametrize("kind", [kind for kind in MAGIC.values() if kind not in PACK])
def test_a_source_that_gives_one_byte_at_a_time_is_known_by_its_first_bytes_all_the_same(kind: str) -> None:
    start = next(magic for magic, name in MAGIC.items() if name == kind)
    out, message = sent_before_error(unpacked(start + SMALL, 1))
    assert out == b""
    assert message.startswith(f"decompress: memory is {kind}, which is not supported")


@pytest.mark.parametrize("size", [1, MAX_MAGIC_BYTES - 1, MAX_MAGIC_BYTES, MAX_MAGIC_BYTES + 1, 1000])
def test_a_source_that_gives_one_byte_at_a_time_and_is_not_packed_goes_out_as_it_is(size: int) -> None:
    stream = unpacked(SMALL[:size], 1)
    assert sent(stream) == SMALL[:size]
    assert stream.content == content_of(SMALL[:size])


@pytest.mark.parametrize("data", [b"x", SMALL, PATTERN], ids=["a byte", "small", "random"])
def test_a_file_that_is_not_packed_goes_out_as_it_is(data: bytes) -> None:
    stream = unpacked(data, stated=Digest("md5", hexdigest("md5", data)))
    assert sent(stream) == data
    assert stream.content == content_of(data)


def test_a_packed_file_is_sent_packed_if_nobody_asks_to_unpack_it(tmp_path: Path) -> None:
    packed = PACK["gz"](SMALL)
    stream = Stream(file(tmp_path, packed))
    assert sent(stream) == packed
    assert compression_of(stream.start) == "gz"


@pytest.mark.parametrize("kind", [kind for kind in MAGIC.values() if kind not in PACK])
def test_a_compression_that_nobody_can_unpack_here_is_named(kind: str) -> None:
    start = next(magic for magic, name in MAGIC.items() if name == kind)
    out, message = sent_before_error(unpacked(start + SMALL))
    assert out == b""
    assert message == (
        f"decompress: memory is {kind}, which is not supported; gz, bz2, xz and zst are. Unpack the file first."
    )


def test_without_the_library_zst_says_which_one_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    start = next(magic for magic, name in MAGIC.items() if name == "zst")
    dummy, message = sent_before_error(unpacked(start + SMALL))
    assert "Python library zstandard" in message
