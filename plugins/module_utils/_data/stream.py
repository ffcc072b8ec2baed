# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes on their way: read, hash, unpack and hand on in one pass, in blocks, whatever the size."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeVar

from .._arguments import FuturePath
from .._client.retry import SYSTEM_CLOCK, Attempts, is_transient
from .._errors import (
    ConfigurationError,
    DataError,
    MissingPath,
    quoted,
)
from .._image.attributes import SERVICE_ALGORITHMS
from .._redact import redacted
from .format import MAX_MAGIC_BYTES, MAX_START_BYTES, compression_of

T = TypeVar("T")

BLOCK = 1 << 20

NOT_A_WORD = re.compile(r"\W+")
MAX_ALGORITHM_LENGTH = 20
HEX = re.compile(r"[0-9a-fA-F]+")

# In bytes: what a file of `xz -9` asks for, and a little for its filters. The next larger dictionary asks for 97 MiB.
MAX_XZ_MEMORY = 66 << 20


@dataclass(frozen=True)
class Digest:
    """A hash value in lowercase hexadecimal digits; `algorithm` is a name that hashlib knows."""

    algorithm: str
    value: str


@dataclass(frozen=True)
class Content:
    """What is known about some bytes: their number, None where unknown, and digests by algorithm."""

    size: int | None
    digests: Mapping[str, str]


class Reading(Protocol):
    """A source that has been opened."""

    @property
    def size(self) -> int | None:
        """The number of bytes to come; None where nobody says it."""

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end."""

    def finish(self) -> None:
        """Raises DataError unless all bytes have come and are those of one state of the source."""


class Source(Protocol):
    """Where bytes come from; `str()` is what users may read."""

    @property
    def filename(self) -> str:
        """What a checksum file calls it."""

    def open(self) -> AbstractContextManager[Reading]:
        """Raises DataError where there are none to be had."""


class File:
    """A regular file that is not empty; or one that will be there, of which nothing is known."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_there = not isinstance(path, FuturePath)
        self.size = self._look().st_size if self.is_there else None

    def __str__(self) -> str:
        return self.path

    @property
    def filename(self) -> str:
        return os.path.basename(self.path)

    @contextmanager
    def open(self) -> Iterator[_FileReading]:
        with ExitStack() as stack:
            try:
                # Unbuffered: the blocks are large enough, and a copy is saved.
                stream = stack.enter_context(open(self.path, "rb", buffering=0, opener=without_waiting))
            except OSError as error:
                raise self._unreadable(error) from None
            yield _FileReading(self.path, stream)

    def _look(self) -> os.stat_result:
        try:
            found = os.stat(self.path)
            _refuse_no_file(self.path, found)
            if not os.access(self.path, os.R_OK):
                raise PermissionError(13, "Permission denied")
        except FileNotFoundError as error:
            raise MissingPath(str(self._unreadable(error)), "path") from None
        except OSError as error:
            raise self._unreadable(error) from None
        if not found.st_size:
            raise DataError(f"path: {self.path} is empty. An image without data boots nothing; give the right file.")
        return found

    def _unreadable(self, error: OSError) -> DataError:
        return DataError(
            f"path: {self.path} cannot be read: {error.strerror}. It must be there, and readable for the user of this "
            "task, on the host where the task runs."
        )


def _refuse_no_file(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise DataError(f"path: {path} is {kind}. Give the path of the file that holds the image.")


def without_waiting(path: str, flags: int) -> int:
    """Opens a file; a pipe that has taken its place since it was looked at is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


class _FileReading:
    def __init__(self, path: str, stream: io.FileIO) -> None:
        found = os.fstat(stream.fileno())
        _refuse_no_file(path, found)
        self._path = path
        self._stream = stream
        self._start = _state(found)
        self.size: int = found.st_size
        self._count = 0

    def read(self, count: int) -> bytes:
        try:
            # What is appended meanwhile must not push the last block out before the end is looked at.
            block = self._stream.read(min(count, self.size - self._count))
        except OSError as error:
            raise DataError(f"path: reading {self._path} failed after {self._count} bytes: {error.strerror}.") from None
        self._count += len(block)
        return block

    def finish(self) -> None:
        try:
            states = {_state(os.fstat(self._stream.fileno())), _state(os.stat(self._path))}
        except OSError:
            states = set()
        if states != {self._start} or self._count != self.size:
            raise DataError(
                f"path: {self._path} was changed while it was read, so that what was read is no state of it. "
                "Nothing of it is used; run the task again once the file is complete."
            )


def _state(found: os.stat_result) -> tuple[int, ...]:
    # The time of the last change of the inode as well: whoever may write a file can set st_mtime to any value.
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Stream:
    """The bytes of a source as they are sent: checked against the stated digest, and unpacked where that is asked.

    `content` is what a whole pass has shown, None before; `start` are the first bytes that were sent. `attempts` counts
    how often a source that broke off (a DataError that is passing) is read again, always from byte 0: it may give
    something else then, of which no byte may stand behind those of before.
    """

    def __init__(
        self,
        source: Source,
        stated: Digest | None = None,
        decompress: bool = False,
        algorithms: Iterable[str] = SERVICE_ALGORITHMS,
        attempts: Callable[[], Attempts] = lambda: Attempts(0, SYSTEM_CLOCK),
    ) -> None:
        self.source = source
        self.stated = stated
        self.decompress = decompress
        self.content: Content | None = None
        self.start = b""
        self._prepared: Body | None = None
        self._algorithms = tuple(algorithms)
        self._attempts = attempts
        self._counted: Attempts | None = None

    def hashed(self, algorithms: Iterable[str]) -> Stream:
        """Another stream of the same bytes, whose content has digests of these algorithms."""
        return Stream(self.source, self.stated, self.decompress, algorithms, self._attempts)

    @property
    def is_there(self) -> bool:
        """Whether there is anything to read."""
        return not isinstance(self.source, File) or self.source.is_there

    @contextmanager
    def open(self) -> Iterator[Body]:
        """The body of a request, from byte 0."""
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            yield prepared
            return
        self.content = None
        with self.source.open() as reading:
            yield Body(self._blocks(reading), None if self.decompress else reading.size)

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Within it, the source is open, its first block is read, and the next `open` goes on from there.

        So what is wrong with a source at its beginning is known before anything else is done.
        """
        with ExitStack() as stack:
            self._prepared = self._repeated(lambda: stack.enter_context(self.open()))
            try:
                yield
            finally:
                self._prepared = None

    def read_through(self) -> Content:
        """What a pass shows that sends the bytes nowhere."""

        def read() -> Content:
            with self.open() as body:
                for dummy in body:
                    pass
            if self.content is None:
                raise ValueError("a whole pass leaves its content")
            return self.content

        return self._repeated(read)

    def begin_again(self, error: DataError) -> None:
        """Returns once it is time to open the source again, after it broke off; raises the error if it is not to be."""
        if self._counted is None:
            self._counted = self._attempts()
        if not is_transient(error) or not self._counted.again():
            raise error.tried(self._counted.count) from None

    def _repeated(self, read: Callable[[], T]) -> T:
        """What `read` gives, once more from byte 0 if the source breaks off."""
        while True:
            try:
                return read()
            except DataError as error:
                self.begin_again(error)

    def known(self) -> Content:
        """What can be said about the bytes that are sent without reading them."""
        if self.decompress:
            return Content(None, {})
        stated = {} if self.stated is None else {self.stated.algorithm: self.stated.value}
        return Content(self._size(), stated)

    def _size(self) -> int | None:
        if isinstance(self.source, File):
            return self.source.size
        with self.source.open() as reading:
            return reading.size

    def _blocks(self, reading: Reading) -> Iterator[bytes]:
        """All blocks, the last of them held back until everything is known to be right.

        So a service that has been promised a size never gets a complete image with wrong bytes.
        """
        hashes = {algorithm: _hash(algorithm) for algorithm in self._algorithms}
        of_source = None
        if self.stated is not None:
            # Unpacked bytes are others than those of the source; otherwise one pass serves both.
            shared = None if self.decompress else hashes.get(self.stated.algorithm)
            of_source = shared or _hash(self.stated.algorithm)
        of_sent = [digest for digest in hashes.values() if digest is not of_source]
        size, held = 0, b""
        for block in _begun(self._unpacked(reading, of_source)):
            if held:
                yield held
            else:
                self.start = block[:MAX_START_BYTES]
            held = block
            size += len(block)
            for digest in of_sent:
                digest.update(block)
        reading.finish()
        if self.stated is not None and of_source is not None:
            self._compare(self.stated, of_source.hexdigest())
        if not size:
            raise DataError(f"{self.source}: there is nothing in it. An image without data boots nothing.")
        self.content = Content(size, {algorithm: digest.hexdigest() for algorithm, digest in hashes.items()})
        yield held

    def _unpacked(self, reading: Reading, of_source: Any) -> Iterator[bytes]:
        read = _hashing(reading.read, of_source)
        if not self.decompress:
            yield from _read_on(read)
            return
        raw = io.BufferedReader(_Raw(read), BLOCK)
        kind = compression_of(raw.peek(MAX_MAGIC_BYTES))
        if kind is None:
            yield from _read_on(raw.read)
            return
        unpack = _unpacker(kind, str(self.source))
        try:
            yield from _unpacked_once(unpack(raw).read, kind, str(self.source))
            # What stands behind the packed bytes belongs to the stated digest, too.
            for dummy in _read_on(raw.read):
                pass
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise _not_unpacked(kind, str(self.source), error) from None

    def _compare(self, stated: Digest, actual: str) -> None:
        if actual != stated.value:
            raise DataError(
                f"checksum: {self.source} has {stated.algorithm} {actual}, but {stated.value} was stated. Either the "
                "file or the checksum is not the one that is meant; nothing of it is used.",
                expected=stated.value,
                actual=actual,
                algorithm=stated.algorithm,
            )


class Body:
    """An iterable that requests sends block by block; with `len` it declares the size, else it sends chunks."""

    def __init__(self, blocks: Iterator[bytes], size: int | None) -> None:
        # Whatever is wrong with a small source comes up here, before the request is begun.
        self._first = next(blocks, b"")
        self._blocks = blocks
        self.size = size
        if size is not None:
            self.len = size

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._blocks


class _Raw(io.RawIOBase):
    """The file object that the decompressors of the standard library want."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # At least as much as tells what it is, however little a source gives at a time.
        filled = 0
        while filled < min(len(buffer), MAX_MAGIC_BYTES) and (block := self._read(len(buffer) - filled)):
            buffer[filled : filled + len(block)] = block
            filled += len(block)
        return filled


def digest_from(option: str, text: str) -> tuple[str, str]:
    """Algorithm and rest of `<algorithm>:<hexadecimal digits or URL>`."""
    algorithm, colon, rest = text.partition(":")
    algorithm = algorithm.strip().lower()
    if not colon or not rest.strip() or algorithm not in _algorithms():
        found = quoted(redacted(algorithm)[:MAX_ALGORITHM_LENGTH])
        raise ConfigurationError(
            f"{option}: {found} does not begin <algorithm>:<checksum>, such as "
            "sha256:0123abcd..., or sha256:https://vendor.example.com/SHA256SUMS. The algorithms are "
            f"{', '.join(_algorithms())}."
        )
    return algorithm, rest.strip()


def digest_of(option: str, algorithm: str, value: str) -> Digest:
    digits = _hash(algorithm).digest_size * 2
    # Copied from a web page, it may bring characters along that nobody sees.
    seen = NOT_A_WORD.sub("", value)
    if not HEX.fullmatch(seen) or len(seen) != digits:
        raise ConfigurationError(
            f"{option}: {quoted(redacted(value))} is no {algorithm} checksum, which has {digits} hexadecimal digits."
        )
    return Digest(algorithm, seen.lower())


def _algorithms() -> list[str]:
    # Those of variable length (shake_*) have no digest of their own.
    return sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake_"))


def _hash(algorithm: str) -> Any:
    # For comparison, not for security: md5 is what the service has, and hardened systems refuse it otherwise.
    return hashlib.new(algorithm, usedforsecurity=False)


def hash_of(algorithm: str) -> Any:
    """A new hash object; DataError where this Python does not know the algorithm."""
    try:
        return _hash(algorithm)
    except ValueError:
        raise DataError(f"The hash algorithm {algorithm} of the service is not known to this Python.") from None


def _hashing(read: Callable[[int], bytes], digest: Any) -> Callable[[int], bytes]:
    if digest is None:
        return read

    def read_and_hash(count: int) -> bytes:
        block = read(count)
        digest.update(block)
        return block

    return read_and_hash


def _read_on(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while block := read(BLOCK):
        yield block


def _begun(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, the first block of which is enough to tell what they are."""
    start = b""
    for block in blocks:
        start += block
        if len(start) >= MAX_START_BYTES:
            break
    if start:
        yield start
    yield from blocks


def _unpacked_once(read: Callable[[int], bytes], kind: str, source: str) -> Iterator[bytes]:
    """The unpacked bytes, unless they are packed again: a service takes those for an image that boots nothing."""
    blocks, start = _read_on(read), b""
    for block in blocks:
        start += block
        if len(start) >= MAX_MAGIC_BYTES:
            break
    again = compression_of(start)
    if again is not None:
        raise DataError(
            f"decompress: {source} is {kind}, and what it holds is packed again ({again}). One packing is undone, not "
            "two; unpack the file first and give its path. If it comes from a url, the server may have packed it."
        )
    if start:
        yield start
    yield from blocks


def _not_unpacked(kind: str, source: str, error: Exception) -> DataError:
    # The libraries have no error of its own for it: "Memory usage limit exceeded" (liblzma), "Frame requires too much
    # memory for decoding" (libzstd, which allows 128 MiB).
    if kind in ("xz", "zst") and "memory" in str(error).lower():
        limit = f"{MAX_XZ_MEMORY >> 20} MiB" if kind == "xz" else "128 MiB"
        return DataError(
            f"decompress: {source} is {kind} and asks for more memory than it gets, {limit} ({error}). Nothing of it "
            "is used; unpack the file first and give its path, or pack it with a smaller dictionary, such as xz -9."
        )
    return DataError(f"decompress: {source} is {kind}, but broken: {error}. Nothing of it is used; get the file again.")


def _unpacker(kind: str, source: str) -> Callable[[Any], Any]:
    if kind == "gz":
        return lambda raw: gzip.GzipFile(fileobj=raw)
    if kind == "bz2":
        return lambda raw: _Members(raw, bz2.BZ2Decompressor, padding=b"\0")
    if kind == "xz":
        # Zeros may follow (the .xz file format, section 2.2), as gzip and bzip2 let them, too.
        return lambda raw: _Members(raw, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_XZ_MEMORY), padding=b"\0")
    if kind == "zst":
        return _zstd_unpacker(source)
    raise DataError(
        f"decompress: {source} is {kind}, which is not supported; gz, bz2, xz and zst are. Unpack the file first."
    )


def _zstd_unpacker(source: str) -> Callable[[Any], Any]:
    try:
        decompressor: Callable[[], Any] = import_module("compression.zstd").ZstdDecompressor  # since Python 3.14
    except ImportError:
        pass
    else:
        return lambda raw: _Members(raw, decompressor)
    try:
        from zstandard import ZstdDecompressor
    except ImportError:
        raise DataError(
            f"decompress: {source} is zst, which this Python cannot unpack. Install the Python library zstandard "
            "on the host where the task runs, or unpack the file first."
        ) from None
    return lambda raw: _Zstandard(raw, ZstdDecompressor().decompressobj)


class _Members:
    """What the file objects of the standard library lack: they take a broken second member for the end of the first."""

    def __init__(self, raw: Any, new: Callable[[], Any], padding: bytes = b"") -> None:
        self._raw = raw
        self._new = new
        self._padding = padding
        self._member: Any = new()
        self._rest = b""

    def read(self, count: int) -> bytes:
        """At most `count` bytes, none at the end."""
        while True:
            if self._member.eof:
                self._rest = (self._member.unused_data or self._raw.read(BLOCK)).lstrip(self._padding)
                while self._padding and not self._rest and (more := self._raw.read(BLOCK)):
                    self._rest = more.lstrip(self._padding)
                if not self._rest:
                    return b""
                self._member = self._new()
            packed = b""
            if self._member.needs_input:
                packed = self._rest or self._raw.read(BLOCK)
                self._rest = b""
                if not packed:
                    raise EOFError("it ends in the middle")
            try:
                unpacked: bytes = self._member.decompress(packed, count)
            except Exception as error:
                # Each decompressor has an error of its own, and that of zstd cannot be named on an older Python.
                raise ValueError(str(error)) from None
            if unpacked:
                return unpacked


class _Zstandard:
    """What zstandard's own reader lacks: it takes an end before the end of the frame for a good one."""

    # A block of 128 KiB may take 4 bytes, and all that comes of one step lies in memory.
    STEP = 256

    def __init__(self, raw: Any, frame: Callable[[], Any]) -> None:
        self._raw = raw
        self._new_frame = frame
        self._frame = frame()
        self._started = False
        self._rest = b""

    def read(self, dummy_count: int) -> bytes:
        """Some bytes, none at the end."""
        while True:
            packed = self._rest or self._raw.read(self.STEP)
            self._rest = b""
            if not packed:
                if self._started:
                    raise EOFError("it ends in the middle")
                return b""
            try:
                unpacked: bytes = self._frame.decompress(packed)
            except Exception as error:
                # ZstdError, which cannot be named where the library may be missing.
                raise ValueError(str(error)) from None
            self._started = not self._frame.eof
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, self._new_frame()
            if unpacked:
                return unpacked
