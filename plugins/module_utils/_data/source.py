# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream of bytes that a request names as the data of an image, and its checksum if a file says it."""

from __future__ import annotations

import os
import stat
from typing import Any

from .._client.transport import Transport
from .._errors import DataError, quoted
from .._session import Once
from .address import Address
from .checksum_file import digest_in, is_beside
from .digest import Digest
from .options import ChecksumFile, DataRequest
from .stream import File, Stream, open_nonblocking
from .url import MAX_LISTING_CHARACTERS, Url


def stream_of(request: DataRequest, transport: Transport, once: Once | None = None) -> Stream:
    """The bytes of the request's source. A checksum file is fetched now, nothing else; with `once`, only once.

    `transport` is that of the cloud; of it, a URL is reached with timeout and retries, and its CA is trusted, too.
    """
    # What is said about the cloud's certificate says nothing about the vendor's.
    transport = transport._replace(verify=transport.verify or True, client_cert=None)
    names: tuple[str, ...]
    match request.source:
        case Address() as address:
            url, names = Url(address, transport), address.names
            stated = _digest(request.checksum, names, transport, once)
            stream = Stream(url, stated, request.decompress, attempts=url.attempts)
        case File() as file:
            # Whatever makes the one file may make the other.
            is_early, names = not file.is_there and _is_missing(request.checksum), (file.filename,)
            stated = None if is_early else _digest(request.checksum, names, transport, once)
            stream = Stream(file, stated, request.decompress)
        case _:
            raise ValueError("no source, no stream")

    def is_changed() -> bool:
        try:
            return _digest(request.checksum, names, transport) != stated
        except DataError:
            return False

    stream.recheck = is_changed
    return stream


def _is_missing(checksum: Digest | ChecksumFile | None) -> bool:
    """Whether the checksum stands in a file on this host that is not there."""
    return isinstance(checksum, ChecksumFile) and isinstance(checksum.place, str) and not os.path.exists(checksum.place)


def _digest(
    checksum: Digest | ChecksumFile | None, names: tuple[str, ...], transport: Transport, once: Once | None = None
) -> Digest | None:
    """The digest that is stated; `names` are those that a checksum file may have for the data."""
    if not isinstance(checksum, ChecksumFile):
        return checksum
    place = checksum.place

    def read() -> str:
        return _text_of(place) if isinstance(place, str) else Url(place, transport).text()

    listing = read() if once is None else once.answer(_key_of(place), read)
    name = os.path.basename(place) if isinstance(place, str) else place.filename
    is_of_one = is_beside(name, names, checksum.algorithm)
    found = digest_in(listing, names, checksum.algorithm, checksum.text, is_of_one)
    if found is None:
        raise DataError(
            f"checksum: {checksum.text} has no {checksum.algorithm} checksum of {quoted(names[0])}. Check that it is "
            "the file for this image and this algorithm, or state the checksum itself."
        )
    return found


def _key_of(place: Address | str) -> Any:
    """What a file is read by: another user may get another one at the same address."""
    return place if isinstance(place, str) else (place.url, place.credentials, tuple(place.headers.items()))


def _text_of(path: str) -> str:
    """The text of a checksum file on the host of the task; it has to be a regular file of ordinary size."""
    try:
        with open(path, "rb", opener=open_nonblocking) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise DataError(f"checksum: {path} is not a regular file. Give the file of checksums.")
            content = stream.read(MAX_LISTING_CHARACTERS + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"checksum: {path} cannot be read: {reason}. Give the file of checksums.") from None
    if len(content) > MAX_LISTING_CHARACTERS:
        raise DataError(f"checksum: {path} is too large to be a file of checksums.")
    return content.decode("utf-8", errors="replace")
