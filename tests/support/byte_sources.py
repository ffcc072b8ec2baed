# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes to send, a source that gives them in pieces, and what goes out of a stream of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import (
    BLOCK,
    Content,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import SERVICE_ALGORITHMS

# Bytes that do not repeat at the borders of blocks, so that one that is lost or doubled shows.
PATTERN = hashlib.shake_256(b"pattern").digest(3 * BLOCK + 1000)
SMALL = PATTERN[:1000]
DATA = b"the data of an image"


def file(folder: Path, content: bytes, name: str = "image.qcow2") -> File:
    path = folder / name
    path.write_bytes(content)
    return File(str(path))


def hexdigest(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content).hexdigest()


def content_of(data: bytes, *algorithms: str) -> Content:
    return Content(len(data), {name: hexdigest(name, data) for name in algorithms or SERVICE_ALGORITHMS})


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
