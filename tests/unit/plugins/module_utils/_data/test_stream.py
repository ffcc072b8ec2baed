# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes on their way: every one of them, once, and none that is not verified is the last."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._data.format import MAGIC, MAX_MAGIC_BYTES, MAX_START_BYTES
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import (
    BLOCK,
    SERVICE_ALGORITHMS,
    Content,
    Digest,
    File,
    Stream,
    compression_of,
    digest_from,
    digest_of,
    hash_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, DataError

# Bytes that do not repeat at the borders of blocks, so that one that is lost or doubled shows.
PATTERN = hashlib.shake_256(b"pattern").digest(3 * BLOCK + 1000)
SMALL = PATTERN[:1000]


def hexdigest(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content).hexdigest()


def content_of(data: bytes, *algorithms: str) -> Content:
    return Content(len(data), {name: hexdigest(name, data) for name in algorithms or SERVICE_ALGORITHMS})


def file(tmp_path: Path, content: bytes, name: str = "image.qcow2") -> File:
    path = tmp_path / name
    path.write_bytes(content)
    return File(str(path))


class Memory:
    """A source that gives its content in pieces of at most `piece` bytes, and may turn out to be wrong at its end."""

    filename = "image.qcow2"

    def __init__(self, content: bytes, piece: int = BLOCK, size: int | None = None, error: str | None = None) -> None:
        self._content, self._piece, self.size, self._error = content, piece, size, error
        self._at = 0
        self.finished = False

    def __str__(self) -> str:
        return "memory"

    @contextmanager
    def open(self) -> Iterator[Memory]:
        self._at, self.finished = 0, False
        yield self

    def read(self, count: int) -> bytes:
        block = self._content[self._at : self._at + min(count, self._piece)]
        self._at += len(block)
        return block

    def finish(self) -> None:
        assert self._at == len(self._content)
        self.finished = True
        if self._error:
            raise DataError(self._error)


def sent(stream: Stream) -> bytes:
    with stream.open() as body:
        return b"".join(body)


def send_into(out: list[bytes], stream: Stream) -> None:
    with stream.open() as body:
        out.extend(body)


def sent_before_error(stream: Stream) -> tuple[bytes, str]:
    """What went out before the stream failed, and the message."""
    out: list[bytes] = []
    with pytest.raises(DataError) as caught:
        send_into(out, stream)
    assert stream.content is None
    return b"".join(out), str(caught.value)


# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_knows_its_size_and_its_name(tmp_path: Path) -> None:
    found = file(tmp_path, SMALL)
    assert (found.size, found.filename, str(found)) == (len(SMALL), "image.qcow2", str(tmp_path / "image.qcow2"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda path: None, "No such file or directory", id="nothing"),
        pytest.param(Path.mkdir, "is a folder", id="a folder"),
        pytest.param(os.mkfifo, "is no regular file", id="a pipe"),
        pytest.param(lambda path: path.symlink_to("/nowhere/at/all"), "No such file", id="a link to nothing"),
        pytest.param(lambda path: path.symlink_to(path.name), "cannot be read", id="a link to itself"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is no regular file", id="a link to a device"),
        pytest.param(lambda path: path.write_bytes(b""), "is empty", id="an empty file"),
    ],
)
def test_what_is_no_file_with_data_is_told_with_the_option(
    make: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    make(path)
    with pytest.raises(DataError, match=f"^path: {path} ") as caught:
        File(str(path))
    assert words in str(caught.value)


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of the system, since root, whom containers test as, may read everything."""
    file(tmp_path, SMALL)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)
    with pytest.raises(DataError, match="^path: .* cannot be read: Permission denied"):
        File(str(tmp_path / "image.qcow2"))


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    real = file(tmp_path, SMALL, "real")
    (tmp_path / "link").symlink_to(real.path)
    assert sent(Stream(File(str(tmp_path / "link")))) == SMALL


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("become", [become_a_pipe, become_a_folder])
def test_what_takes_the_place_of_a_file_after_the_first_look_is_not_waited_for(
    become: Callable[[Path], None], tmp_path: Path
) -> None:
    found = file(tmp_path, SMALL)
    become(Path(found.path))
    words = r"^path: .* (is no regular file|cannot be read: Is a directory)\."
    with pytest.raises(DataError, match=words), found.open():
        pass


def test_a_file_that_goes_between_the_first_look_and_the_reading_is_told(tmp_path: Path) -> None:
    found = file(tmp_path, SMALL)
    os.unlink(found.path)
    with pytest.raises(DataError, match="^path: .* cannot be read: No such file"):
        Stream(found).read_through()


# --- whole passes ------------------------------------------------------------------------------------------------


@given(
    st.one_of(
        st.integers(1, 50),
        st.sampled_from([BLOCK, 2 * BLOCK, 3 * BLOCK]).flatmap(lambda size: st.integers(size - 3, size + 3)),
    ),
    st.sampled_from([BLOCK, BLOCK - 1, BLOCK // 3, 4096]),
)
@example(1, 1)
@example(2 * MAX_MAGIC_BYTES + 1, 1)
def test_exactly_the_bytes_of_the_source_go_out_whatever_its_size(size: int, piece: int) -> None:
    source = Memory(PATTERN[:size], piece)
    stream = Stream(source)
    assert sent(stream) == PATTERN[:size]
    assert stream.content == content_of(PATTERN[:size])
    assert stream.start == PATTERN[: min(size, MAX_START_BYTES)]
    assert source.finished


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 1000])
def test_exactly_the_bytes_of_a_file_go_out(size: int, tmp_path: Path) -> None:
    stream = Stream(file(tmp_path, PATTERN[:size]))
    with stream.open() as body:
        assert body.size == size
        assert getattr(body, "len") == size  # noqa: B009
        blocks = list(body)
    assert b"".join(blocks) == PATTERN[:size]
    assert max(map(len, blocks)) <= BLOCK
    assert stream.content == content_of(PATTERN[:size])


def test_a_stream_can_be_sent_again_from_its_beginning(tmp_path: Path) -> None:
    stream = Stream(file(tmp_path, PATTERN))
    with stream.open() as body:
        next(iter(body))
    assert stream.content is None
    assert sent(stream) == PATTERN
    first = stream.content
    assert sent(stream) == PATTERN
    assert stream.content == first


def test_what_an_earlier_pass_has_shown_is_forgotten_with_the_next_one(tmp_path: Path) -> None:
    stream = Stream(file(tmp_path, PATTERN))
    stream.read_through()
    with stream.open():
        assert stream.content is None


def test_a_pass_without_sending_shows_the_same(tmp_path: Path) -> None:
    assert Stream(file(tmp_path, PATTERN)).read_through() == content_of(PATTERN)


def test_other_hashes_are_computed_where_they_are_asked_for(tmp_path: Path) -> None:
    found = file(tmp_path, SMALL)
    assert Stream(found, algorithms=["sha256"]).read_through() == content_of(SMALL, "sha256")


def test_a_source_without_a_size_is_sent_without_one() -> None:
    with Stream(Memory(SMALL)).open() as body:
        assert body.size is None
        assert not hasattr(body, "len")


def test_no_more_than_two_blocks_are_in_memory(tmp_path: Path) -> None:
    """The one that is sent and the one that is held back."""
    source = Memory(PATTERN)
    with Stream(source).open() as body:
        for number, block in enumerate(body):
            assert len(block) <= BLOCK
            assert source._at <= (number + 2) * BLOCK


# --- the last block is held back ---------------------------------------------------------------------------------

WRONG = "0" * 64


@pytest.mark.parametrize("size", [1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 1000])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "md5", "blake2b", "sha3_256"])
def test_a_wrong_checksum_keeps_the_last_block_back(size: int, algorithm: str, tmp_path: Path) -> None:
    data = PATTERN[:size]
    stated = Digest(algorithm, "0" * len(hexdigest(algorithm, b"")))
    stream = Stream(file(tmp_path, data), stated)
    out, message = sent_before_error(stream)
    assert len(out) < size
    assert data.startswith(out)
    assert message.startswith("checksum: ")
    for part in (algorithm, stated.value, hexdigest(algorithm, data), str(stream.source)):
        assert part in message


def test_the_facts_of_a_wrong_checksum_are_data(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Stream(file(tmp_path, SMALL), Digest("sha256", WRONG)).read_through()
    assert caught.value.facts == {
        "expected": WRONG,
        "actual": hexdigest("sha256", SMALL),
        "algorithm": "sha256",
    }


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_the_right_checksum_lets_everything_out(algorithm: str, tmp_path: Path) -> None:
    stream = Stream(file(tmp_path, PATTERN), Digest(algorithm, hexdigest(algorithm, PATTERN)))
    assert sent(stream) == PATTERN
    assert stream.content == content_of(PATTERN)


@pytest.mark.parametrize("size", [1, BLOCK, 2 * BLOCK + 5])
def test_a_source_that_turns_out_wrong_at_its_end_keeps_the_last_block_back(size: int) -> None:
    stream = Stream(Memory(PATTERN[:size], size=size, error="it ended early"))
    out, message = sent_before_error(stream)
    assert len(out) < size
    assert message == "it ended early"


def write_more(path: str) -> None:
    with open(path, "ab") as stream:
        stream.write(b"more")


def cut(path: str) -> None:
    os.truncate(path, 2 * BLOCK)


def replace_by_the_same(path: str) -> None:
    Path(f"{path}.new").write_bytes(Path(path).read_bytes())
    os.replace(f"{path}.new", path)


def touch(path: str) -> None:
    os.utime(path, ns=(1, 1))


def rewrite_with_the_old_time(path: str) -> None:
    before = os.stat(path)
    with open(path, "r+b") as stream:
        stream.write(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_of_a_file_that_grows_never_as_much_goes_out_as_was_promised(blocks: int, tmp_path: Path) -> None:
    """A service that has got what was promised makes an image of it."""
    found = file(tmp_path, PATTERN[: blocks * BLOCK])
    reading_on: list[bytes] = []
    with found.open() as reading:
        size = reading.size
        write_more(found.path)
        while block := reading.read(BLOCK):
            reading_on.append(block)
        with pytest.raises(DataError, match="was changed while it was read"):
            reading.finish()
    assert size == blocks * BLOCK
    # So that the block that is held back belongs to what was promised.
    assert len(b"".join(reading_on)) <= size


@pytest.mark.parametrize("change", [write_more, cut, replace_by_the_same, touch, rewrite_with_the_old_time, os.unlink])
@pytest.mark.parametrize("read_before", [1, 2])
def test_a_file_that_changes_while_it_is_read_is_not_sent_to_its_end(
    change: Callable[[str], None], read_before: int, tmp_path: Path
) -> None:
    found = file(tmp_path, PATTERN)
    stream = Stream(found)
    with stream.open() as body:
        blocks = iter(body)
        out = [next(blocks) for dummy in range(read_before)]
        change(found.path)
        with pytest.raises(DataError, match="^path: .* was changed while it was read"):
            out.extend(blocks)
    assert len(b"".join(out)) < len(PATTERN)
    assert stream.content is None


def test_a_pipe_that_has_taken_the_place_of_the_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    found = file(tmp_path, PATTERN)
    os.unlink(found.path)
    os.mkfifo(found.path)
    with pytest.raises(DataError, match="^path: .* is no regular file"):
        Stream(found).read_through()


def test_a_file_that_changes_between_two_passes_is_simply_another_one(tmp_path: Path) -> None:
    found = file(tmp_path, PATTERN)
    Stream(found).read_through()
    Path(found.path).write_bytes(SMALL)
    assert Stream(found).read_through() == content_of(SMALL)


# --- unpacking ---------------------------------------------------------------------------------------------------


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
def test_the_shortest_padding_of_xz_is_no_damage(count: int) -> None:
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


def test_a_packed_file_goes_out_packed_where_nobody_asks_to_unpack_it(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(("magic", "kind"), MAGIC.items())
def test_a_compression_is_known_by_its_first_bytes(magic: bytes, kind: str) -> None:
    assert compression_of(magic) == compression_of(magic + b"more") == kind
    assert compression_of(magic[:-1]) is None
    assert compression_of(b"\x00" + magic) is None


@pytest.mark.parametrize("start", [b"", b"QFI\xfb", b"KDMV", b"\x00" * 8, b"conectix"])
def test_images_are_not_taken_for_packed_files(start: bytes) -> None:
    assert compression_of(start) is None


# --- what is known beforehand ------------------------------------------------------------------------------------


def test_of_a_file_its_size_and_the_stated_checksum_are_known_without_reading_it(tmp_path: Path) -> None:
    found = file(tmp_path, SMALL)
    assert Stream(found).known() == Content(len(SMALL), {})
    assert Stream(found, Digest("md5", "aa")).known() == Content(len(SMALL), {"md5": "aa"})


def test_of_what_is_unpacked_nothing_is_known_beforehand(tmp_path: Path) -> None:
    packed = file(tmp_path, PACK["gz"](SMALL))
    assert Stream(packed, Digest("md5", "aa"), decompress=True).known() == Content(None, {})


def test_a_source_without_a_size_is_known_by_its_checksum() -> None:
    assert Stream(Memory(SMALL), Digest("md5", "aa")).known() == Content(None, {"md5": "aa"})


# --- checksums that users write ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "algorithm", "rest"),
    [
        ("sha256:abc", "sha256", "abc"),
        ("SHA256:abc", "sha256", "abc"),
        (" sha512 : abc ", "sha512", "abc"),
        ("md5:https://h:8443/x?y=z:a", "md5", "https://h:8443/x?y=z:a"),
        ("sha3_256:00", "sha3_256", "00"),
        ("blake2b:00", "blake2b", "00"),
    ],
)
def test_a_checksum_is_an_algorithm_and_the_rest(text: str, algorithm: str, rest: str) -> None:
    assert digest_from("checksum", text) == (algorithm, rest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        "sha256: ",
        ":abc",
        "sha257:abc",
        "shake_128:abc",
        "https://h/x",
        "0" * 64,
        "sha256=abc",
        "two\nlines:x",
    ],
)
def test_what_is_no_checksum_is_an_error_that_names_the_algorithms(text: str) -> None:
    with pytest.raises(ConfigurationError, match="^checksum: .*does not begin <algorithm>:<checksum>") as caught:
        digest_from("checksum", text)
    for part in ("md5", "sha256", "sha512"):
        assert part in str(caught.value)
    assert "shake" not in str(caught.value).replace("'shake_128'", "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "sha3_384", "blake2s"])
def test_a_digest_has_the_digits_of_its_algorithm_and_capitals_mean_the_same(algorithm: str) -> None:
    value = hexdigest(algorithm, b"x")
    assert digest_of("checksum", algorithm, value.upper()) == Digest(algorithm, value)
    for wrong in (value[:-1], value + "0", value[:-1] + "g", "", value[:-1] + " ", value[:-1] + "٣"):
        with pytest.raises(ConfigurationError, match=f"^checksum: .*{algorithm} checksum.*{len(value)} hexadecimal"):
            digest_of("checksum", algorithm, wrong)


@pytest.mark.parametrize("algorithm", ["sha512_256", "sha999", "", "None"])
def test_a_hash_that_this_python_does_not_know_is_told(algorithm: str) -> None:
    if algorithm in hashlib.algorithms_available:
        assert hash_of(algorithm).digest_size
        return
    with pytest.raises(DataError, match="is not known to this Python"):
        hash_of(algorithm)
