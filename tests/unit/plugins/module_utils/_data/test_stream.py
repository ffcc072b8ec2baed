# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes on their way: every one of them, once, and none that is not verified is the last."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import (
    BLOCK,
    Content,
    Digest,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.format import (
    MAX_MAGIC_BYTES,
    MAX_START_BYTES,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError
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

# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_knows_its_size_and_its_name(tmp_path: Path) -> None:
    found = file(tmp_path, SMALL)
    assert (found.size, found.filename, str(found)) == (len(SMALL), "image.qcow2", str(tmp_path / "image.qcow2"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda path: None, "No such file or directory", id="nothing"),
        pytest.param(Path.mkdir, "is a folder", id="a folder"),
        pytest.param(os.mkfifo, "is not a regular file", id="a pipe"),
        pytest.param(lambda path: path.symlink_to("/nowhere/at/all"), "No such file", id="a link to nothing"),
        pytest.param(lambda path: path.symlink_to(path.name), "cannot be read", id="a link to itself"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is not a regular file", id="a link to a device"),
        pytest.param(lambda path: path.write_bytes(b""), "is empty", id="an empty file"),
    ],
)
def test_a_path_without_data_is_reported_with_the_option(
    make: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    make(path)
    with pytest.raises(DataError, match=f"^path: {path} ") as caught:
        File(str(path))
    assert words in str(caught.value)


def test_a_file_that_may_not_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    words = r"^path: .* (is not a regular file|cannot be read: Is a directory)\."
    with pytest.raises(DataError, match=words), found.open():
        pass


def test_a_file_that_goes_between_the_first_look_and_the_reading_is_reported(tmp_path: Path) -> None:
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


def test_other_hashes_are_computed_if_they_are_asked_for(tmp_path: Path) -> None:
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


def test_a_pipe_that_has_taken_the_place_of_the_file_is_reported_and_not_waited_for(tmp_path: Path) -> None:
    found = file(tmp_path, PATTERN)
    os.unlink(found.path)
    os.mkfifo(found.path)
    with pytest.raises(DataError, match="^path: .* is not a regular file"):
        Stream(found).read_through()


def test_a_file_that_changes_between_two_passes_is_simply_another_one(tmp_path: Path) -> None:
    found = file(tmp_path, PATTERN)
    Stream(found).read_through()
    Path(found.path).write_bytes(SMALL)
    assert Stream(found).read_through() == content_of(SMALL)


# --- what is known beforehand ------------------------------------------------------------------------------------


def test_of_a_file_its_size_and_the_stated_checksum_are_known_without_reading_it(tmp_path: Path) -> None:
    found = file(tmp_path, SMALL)
    assert Stream(found).known() == Content(len(SMALL), {})
    assert Stream(found, Digest("md5", "aa")).known() == Content(len(SMALL), {"md5": "aa"})


def test_of_what_is_unpacked_nothing_is_known_beforehand(tmp_path: Path) -> None:
    packed = file(tmp_path, gzip.compress(SMALL))
    assert Stream(packed, Digest("md5", "aa"), decompress=True).known() == Content(None, {})


def test_a_source_without_a_size_is_known_by_its_checksum() -> None:
    assert Stream(Memory(SMALL), Digest("md5", "aa")).known() == Content(None, {"md5": "aa"})
