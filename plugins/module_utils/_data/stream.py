# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes that a task sends: read, hashed, unpacked and passed on in one pass, in blocks, whatever the size."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain
from typing import Any, Protocol, TypeVar

from .._arguments import FuturePath
from .._client.retry import SYSTEM_CLOCK, Attempts, is_transient
from .._errors import DataError, MissingPath
from .._image.attributes import SERVICE_ALGORITHMS
from .digest import BLOCK, Content, Digest, hash_of
from .format import MAX_START_BYTES, check_format, with_start

T = TypeVar("T")


class Reading(Protocol):
    """A source that is open."""

    @property
    def size(self) -> int | None:
        """The number of bytes to come; None if the source does not say it."""

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end."""

    def finish(self) -> None:
        """Raises DataError unless all bytes have come and are those of one state of the source."""


class Source(Protocol):
    """The origin of bytes; `str()` is its name in messages, without secrets."""

    @property
    def filename(self) -> str:
        """Its name in a checksum file."""

    def open(self) -> AbstractContextManager[Reading]:
        """Raises DataError if there are none."""


class File:
    """A regular file that is not empty; or, in check mode, one that may be created later, of which nothing is known."""

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
                stream = stack.enter_context(open(self.path, "rb", buffering=0, opener=open_nonblocking))
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
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise DataError(f"path: {path} is {kind}. Give the path of the file that holds the image.")


def open_nonblocking(path: str, flags: int) -> int:
    """Opens a file without waiting, in case a pipe has replaced it since it was checked."""
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
            # Data that is appended meanwhile must not release the last block before the end is checked.
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
                f"path: {self._path} was changed while it was read. "
                "Nothing of it is used; run the task again once the file is complete."
            )


def _state(found: os.stat_result) -> tuple[int, ...]:
    # The time of the last change of the inode as well: whoever may write a file can set st_mtime to any value.
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Stream:
    """The bytes of a source as they are sent: checked against the stated digest, and unpacked if `decompress` is set.

    `content` is what a complete pass has shown, None before it; `start` holds the first bytes that were sent.
    `attempts` counts how often a source that broke off (a transient DataError) is read again. That is always done from
    byte 0: the source may give other data then, which must not be mixed with the data before. The first bytes must not
    contradict the declared `disk_format`; with None they are not checked. `recheck`
    says whether the checksum file now states another digest.
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
        self.disk_format: str | None = None
        self.recheck: Callable[[], bool] | None = None
        self._begun: tuple[ExitStack, Body] | None = None
        self._algorithms = tuple(algorithms)
        self._attempts = attempts
        self._counted: Attempts | None = None

    def hashed(self, algorithms: Iterable[str]) -> Stream:
        """Another stream of the same bytes, whose content has digests of these algorithms."""
        stream = Stream(self.source, self.stated, self.decompress, algorithms, self._attempts)
        stream.recheck = self.recheck
        return stream

    @property
    def is_there(self) -> bool:
        """Whether there is anything to read."""
        return not isinstance(self.source, File) or self.source.is_there

    @contextmanager
    def open(self) -> Iterator[Body]:
        """The body of a request, from byte 0."""
        begun, self._begun = self._begun, None
        if begun is not None:
            with begun[0]:
                yield begun[1]
            return
        self.content = None
        with self.source.open() as reading:
            yield Body(self._blocks(reading), None if self.decompress else reading.size)

    def begin(self) -> int | None:
        """Open the source and read its first block; the next `open` continues from there. Its size, None if unknown.

        So what is wrong at the beginning of a source is known before anything else is done.
        """
        if self._begun is None:
            stack = ExitStack()
            self._begun = (stack, self._repeated(lambda: stack.enter_context(self.open())))
        return self._begun[1].size

    def close(self) -> None:
        """Close the source if it is begun and nothing has gone on from there."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun[0].close()

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Within it, the source is begun."""
        self.begin()
        try:
            yield
        finally:
            self.close()

    def read_through(self) -> Content:
        """Read everything without sending it, and return what that shows."""

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

    @property
    def stated_content(self) -> Content:
        """What the stated digest says about the bytes that are sent: of unpacked bytes, it says nothing."""
        if self.stated is None or self.decompress:
            return Content(None, {})
        return Content(None, {self.stated.algorithm: self.stated.value})

    def known(self) -> Content:
        """What is known about the bytes that are sent, without reading them."""
        return Content(None if self.decompress else self._size(), self.stated_content.digests)

    def _size(self) -> int | None:
        if isinstance(self.source, File):
            return self.source.size
        with self.source.open() as reading:
            return reading.size

    def _blocks(self, reading: Reading) -> Iterator[bytes]:
        """All blocks; the last one is held back until everything is verified.

        So a service that expects a certain size never gets a complete image with wrong bytes.
        """
        hashes = {algorithm: hash_of(algorithm) for algorithm in self._algorithms}
        of_source = None
        if self.stated is not None:
            # Unpacked bytes differ from those of the source; if nothing is unpacked, one hash serves both.
            shared = None if self.decompress else hashes.get(self.stated.algorithm)
            of_source = shared or hash_of(self.stated.algorithm)
        of_sent = [digest for digest in hashes.values() if digest is not of_source]
        size, held = 0, b""
        for block in with_start(self._unpacked(reading, of_source), MAX_START_BYTES):
            if held:
                yield held
            else:
                self.start = block[:MAX_START_BYTES]
                if self.disk_format is not None:
                    check_format(self.start, self.disk_format, str(self.source))
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
            return iter(lambda: read(BLOCK), b"")
        # Imported here, because most files are not packed, and their tasks need no library for it.
        from .decompress import unpacked

        return unpacked(read, str(self.source))

    def _compare(self, stated: Digest, actual: str) -> None:
        if actual != stated.value:
            error = DataError(
                f"checksum: {self.source} has {stated.algorithm} {actual}, but {stated.value} was stated. Either the "
                "file or the checksum is not the one that is meant; nothing of it is used.",
                expected=stated.value,
                actual=actual,
                algorithm=stated.algorithm,
            )
            error.recheck = self.recheck
            raise error


class Body:
    """An iterable that requests sends block by block; with `len` it declares the size, else it sends chunks.

    `at_end` is called after its last block.
    """

    def __init__(self, blocks: Iterator[bytes], size: int | None, at_end: Callable[[], object] = lambda: None) -> None:
        # What is wrong with a small source raises here, before the request is begun.
        self._first = next(blocks, b"")
        self._blocks = blocks
        self._at_end = at_end
        self.size = size
        self.is_sent = False  # to its end
        self.sent = 0  # bytes, at the most
        if size is not None:
            self.len = size

    def __iter__(self) -> Iterator[bytes]:
        for block in chain((self._first,), self._blocks):
            self.sent += len(block)
            yield block
        self.is_sent = True
        self._at_end()


def _hashing(read: Callable[[int], bytes], digest: Any) -> Callable[[int], bytes]:
    if digest is None:
        return read

    def read_and_hash(count: int) -> bytes:
        block = read(count)
        digest.update(block)
        return block

    return read_and_hash
