# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes in a packed file, block by block. It is imported only if a task asks for it (decompress)."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from .._errors import DataError
from .digest import BLOCK
from .format import MAX_MAGIC_BYTES, compression_of, with_start

# In bytes: what a file of `xz -9` asks for, and a little for its filters. The next larger dictionary asks for 97 MiB.
MAX_XZ_MEMORY = 66 << 20


def unpacked(read: Callable[[int], bytes], source: str) -> Iterator[bytes]:
    """The unpacked bytes of what `read` gives; the bytes themselves if they are not packed.

    DataError if they cannot be unpacked, or are packed twice. `source` is what a message calls them.
    """
    raw = io.BufferedReader(_Raw(read), BLOCK)
    kind = compression_of(raw.peek(MAX_MAGIC_BYTES))
    if kind is None:
        yield from _blocks(raw.read)
        return
    unpack = _unpacker(kind, source)
    try:
        yield from _unpacked_once(unpack(raw).read, kind, source)
        # What follows the packed bytes belongs to the stated digest, too.
        for dummy in _blocks(raw.read):
            pass
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _not_unpacked(kind, source, error) from None


def _blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while block := read(BLOCK):
        yield block


class _Raw(io.RawIOBase):
    """The file object that the decompressors of the standard library want."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # At least as much as shows what it is, however little a source gives at a time.
        filled = 0
        while filled < min(len(buffer), MAX_MAGIC_BYTES) and (block := self._read(len(buffer) - filled)):
            buffer[filled : filled + len(block)] = block
            filled += len(block)
        return filled


def _unpacked_once(read: Callable[[int], bytes], kind: str, source: str) -> Iterator[bytes]:
    """The unpacked bytes, unless they are packed again: a service takes those for an image that boots nothing."""
    blocks = with_start(_blocks(read), MAX_MAGIC_BYTES)
    start = next(blocks, b"")
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
                # ZstdError, which cannot be named because the library may be missing.
                raise ValueError(str(error)) from None
            self._started = not self._frame.eof
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, self._new_frame()
            if unpacked:
                return unpacked
