# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options about the data of an image, and the stream of bytes that they describe."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._client.transport import Transport
from .._errors import ConfigurationError, DataError, quoted
from .._image.plan import Stores
from .._redact import SHORTEST_PASSWORD, redacted

if TYPE_CHECKING:
    from .digest import Digest
    from .stream import File, Stream
    from .url import Url

# What only data needs is imported where there is some: most tasks are about attributes alone.

METHODS = ["upload", "glance-direct", "web-download", "copy-image"]

DATA_OPTIONS: dict[str, Any] = {
    "path": {"type": "path"},
    "url": {"type": "str"},
    "url_username": {"type": "str"},
    "url_password": {"type": "str", "no_log": True},
    "url_headers": {"type": "dict", "no_log": True},
    "checksum": {"type": "str"},
    "decompress": {"type": "bool", "default": False},
    "method": {"type": "str", "choices": METHODS},
    "stores": {"type": "list", "elements": "str"},
    "all_stores": {"type": "bool", "default": False},
    "all_stores_must_succeed": {"type": "bool"},
    "on_content_change": {"type": "str", "choices": ["fail", "keep", "replace"], "default": "fail"},
    "retired": {"type": "str", "choices": ["delete", "hide", "deactivate", "rename"], "default": "hide"},
    "retired_suffix": {"type": "str"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 3600},
}

# A year, in seconds. Sockets take no time that is much longer.
MAX_WAIT_SECONDS = 366 * 86400

Params = Mapping[str, Any]


def has_source(params: Params) -> bool:
    return params["path"] is not None or params["url"] is not None


def secrets_from(params: Params) -> tuple[str, ...]:
    """What may stand in no message, beside the credentials of the cloud."""
    # A short value, such as "1" of a header, would be found everywhere.
    secrets = _url(params, Transport()).secrets if params["url"] is not None else ()
    return tuple(secret for secret in secrets if len(secret) >= SHORTEST_PASSWORD)


def stores_from(params: Params) -> Stores:
    return Stores(tuple(dict.fromkeys(params["stores"] or ())), params["all_stores"], params["all_stores_must_succeed"])


def check_data(params: Params) -> None:
    """Raises where the options about the data cannot be used together, or where the file is not there."""
    _refuse_lonely(params)
    stores = stores_from(params)
    if stores.names and stores.every:
        raise ConfigurationError("all_stores: it means every store, and stores names some. Give one of both.")
    if stores.must_succeed is not None and not stores.are_chosen:
        raise ConfigurationError("all_stores_must_succeed: it needs stores or all_stores.")
    if any(not name.strip() or "," in name for name in stores.names):
        raise ConfigurationError("stores: a store has a name without commas. Correct the list, or leave it out.")
    if params["retired_suffix"] is not None and params["retired"] != "rename":
        raise ConfigurationError("retired_suffix: it is used with retired: rename alone.")
    if params["retired_suffix"] == "":
        raise ConfigurationError("retired_suffix: it is empty, so that the old image would keep its name.")
    if not 0 <= params["wait_timeout"] <= MAX_WAIT_SECONDS:
        raise ConfigurationError(f"wait_timeout: it is not a number of seconds from 0 to {MAX_WAIT_SECONDS}.")
    if params["on_content_change"] == "replace" and not params["wait"]:
        raise ConfigurationError(
            "wait: a replacement is verified before the old image is retired, and has to be waited for. Leave wait out."
        )
    _check_method(params, stores)
    if params["checksum"] is not None:
        _stated(params, None)
    if params["url"] is not None:
        _url(params, Transport())
    if params["path"] is not None:
        from .stream import File

        File(params["path"])


def stream_from(params: Params, transport: Transport) -> Stream:
    """The bytes that `path` or `url` means. A checksum file is fetched now, nothing else.

    `transport` is that of the cloud; of it, a URL is reached with timeout and retries, and its CA is trusted, too.
    """
    from .stream import File, Stream

    source: File | Url
    if params["url"] is not None:
        # What is said about the cloud's certificate says nothing about the vendor's.
        source = _url(params, transport._replace(verify=transport.verify or True, client_cert=None))
    else:
        source = File(params["path"])
    stated = _stated(params, (source, transport))
    if isinstance(source, File):
        return Stream(source, stated, params["decompress"])
    return Stream(source, stated, params["decompress"], attempts=source.attempts)


def _url(params: Params, transport: Transport) -> Url:
    from .url import Url

    return Url(
        params["url"],
        transport,
        username=params["url_username"],
        password=params["url_password"],
        headers=params["url_headers"],
    )


def _stated(params: Params, place: tuple[File | Url, Transport] | None) -> Digest | None:
    """The digest that is stated. Without a `place`, what a checksum file says is not looked up, and is None."""
    if params["checksum"] is None:
        return None
    from .checksum_file import digest_in, is_beside
    from .digest import digest_from, digest_of
    from .stream import File
    from .url import Url

    algorithm, rest = digest_from("checksum", params["checksum"])
    if "://" not in rest:
        return digest_of("checksum", algorithm, rest)
    is_file = rest.startswith("file://")
    if place is None:
        if is_file:
            _path_of(rest)
        else:
            Url(rest, Transport(), "checksum")
        if params["url"] is not None and not _url(params, Transport()).filename:
            raise ConfigurationError(
                f"checksum: the url ends without the name of a file, so that no line of {redacted(rest)} is known to "
                f"be about it. State the checksum itself ({algorithm}:0123abcd...), or give the address of the file."
            )
        return None
    source, transport = place
    if is_file:
        if isinstance(source, File) and not source.is_there and not os.path.exists(_path_of(rest)):
            # Whatever makes the one may make the other.
            return None
        listing = _text_of(rest)
    elif isinstance(source, Url):
        listing = source.beside(rest, "checksum").text()
    else:
        listing = Url(rest, transport._replace(verify=transport.verify or True, client_cert=None), "checksum").text()
    names = source.names if isinstance(source, Url) else (source.filename,)
    where = redacted(rest)
    found = digest_in(listing, names, algorithm, where, is_beside(_name_of(rest), names, algorithm))
    if found is None:
        raise DataError(
            f"checksum: {where} has no {algorithm} checksum of {quoted(source.filename)}. Check that it is "
            "the file for this image and this algorithm, or state the checksum itself."
        )
    return found


def _text_of(address: str) -> str:
    """The text of a checksum file on the host of the task; it has to be a regular file of ordinary size."""
    import stat

    from .stream import without_waiting
    from .url import MAX_LISTING_CHARACTERS

    path = _path_of(address)
    try:
        with open(path, "rb", opener=without_waiting) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise DataError(f"checksum: {path} is no regular file. Give the file of checksums.")
            content = stream.read(MAX_LISTING_CHARACTERS + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"checksum: {path} cannot be read: {reason}. Give the file of checksums.") from None
    if len(content) > MAX_LISTING_CHARACTERS:
        raise DataError(f"checksum: {path} is too large to be a file of checksums.")
    return content.decode("utf-8", errors="replace")


def _name_of(address: str) -> str:
    """The name of the file at an address that is known to be one."""
    from posixpath import basename
    from urllib.parse import unquote, urlsplit

    return unquote(basename(urlsplit(address).path))


def _path_of(address: str) -> str:
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if not parts.path or parts.netloc not in ("", "localhost"):
        raise ConfigurationError(
            f"checksum: {quoted(redacted(address))} is no file on the host where the task runs. Write file:// and an "
            "absolute path, such as sha256:file:///srv/images/SHA256SUMS."
        )
    return unquote(parts.path)


def _refuse_lonely(params: Params) -> None:
    for option in ("url_username", "url_password", "url_headers"):
        if params[option] is not None and params["url"] is None:
            raise ConfigurationError(f"{option}: it needs url.")
    if params["url_password"] is not None and params["url_username"] is None:
        raise ConfigurationError("url_password: it needs url_username.")
    if not has_source(params):
        for option in ("checksum", "decompress", "method"):
            if params[option] and params[option] != "copy-image":
                raise ConfigurationError(f"{option}: it needs the data it is about. Give path or url, too.")


def _check_method(params: Params, stores: Stores) -> None:
    method = params["method"]
    if method == "copy-image" and (has_source(params) or not stores.are_chosen):
        raise ConfigurationError(
            "method: copy-image brings an image that has its data into further stores. Give stores or all_stores, and "
            "neither path nor url. (Where data is given, the stores that lack it get it by themselves.)"
        )
    if method == "upload" and (stores.every or len(stores.names) > 1):
        raise ConfigurationError(
            "method: upload sends the data into one store. Use glance-direct for several, or leave method out."
        )
    if method == "web-download":
        if params["url"] is None:
            raise ConfigurationError("method: web-download needs url; a path is for upload or glance-direct.")
        if params["decompress"] or not _url(params, Transport()).is_public:
            raise ConfigurationError(
                "method: with web-download the image service itself fetches the url. It unpacks nothing, and gets no "
                "user, password or headers. Use upload, which streams the data through, or leave method out."
            )
