# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of an image with its data, and of a file with the data of an image -> typed requests.

What only data needs is imported if there is some: most tasks are about attributes only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from .._arguments import BY_PATH, FuturePath
from .._errors import ConfigurationError, MissingPath, quoted
from .._image.options import (
    ATTRIBUTE_OPTIONS,
    IDENTITY_OPTIONS,
    MATCH,
    TAG_OPTIONS,
    Target,
    check_integer,
    parse_attributes,
    parse_target,
)
from .._image.plan import Stores
from .._redact import MIN_PASSWORD_CHARACTERS, redacted
from .._session import Params
from .methods import COPY, METHODS

if TYPE_CHECKING:
    from .address import Address
    from .digest import Digest
    from .file_attributes import FileAttributes
    from .stream import File

DATA_OPTIONS: dict[str, Any] = {
    "path": {"type": "path"},
    "url": {"type": "str"},
    "url_username": {"type": "str"},
    "url_password": {"type": "str", "no_log": True},
    "url_headers": {"type": "dict", "no_log": True},
    "checksum": {"type": "str"},
    "decompress": {"type": "bool", "default": False},
    "method": {"type": "str", "choices": [*METHODS]},
    "stores": {"type": "list", "elements": "str"},
    "all_stores": {"type": "bool", "default": False},
    "all_stores_must_succeed": {"type": "bool"},
    "on_content_change": {"type": "str", "choices": ["fail", "keep", "prepare", "replace"], "default": "fail"},
    "retired": {"type": "str", "choices": ["delete", "hide", "deactivate", "rename"], "default": "hide"},
    "retired_suffix": {"type": "str"},
    "keep": {"type": "int"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 3600},
}

# Those of pcd_image beside the connection, and which of them go together.
IMAGE_OPTIONS: dict[str, Any] = {
    **IDENTITY_OPTIONS,
    **ATTRIBUTE_OPTIONS,
    **TAG_OPTIONS,
    **DATA_OPTIONS,
    "match": MATCH,
    "create": {"type": "bool", "default": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purge_properties": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
}
IMAGE_CONSTRAINTS: dict[str, Any] = {
    "required_one_of": [("id", "name")],
    "mutually_exclusive": [("path", "url")],
    "required_by": {
        "url_username": ("url",),
        "url_password": ("url", "url_username"),
        "url_headers": ("url",),
    },
}

# A year, in seconds. Sockets take no time that is much longer.
MAX_WAIT_SECONDS = 366 * 86400


class ChecksumFile(NamedTuple):
    """The checksum stands in a file: at an address, or at a path on the host of the task. `text` is what users read."""

    algorithm: str
    place: Address | str
    text: str


class DataRequest(NamedTuple):
    """The data that an image is to have, and what happens to an image that has other data; times are in seconds."""

    source: File | Address | None
    checksum: Digest | ChecksumFile | None
    decompress: bool
    method: str | None
    stores: Stores
    on_content_change: str
    retired: str
    retired_suffix: str | None
    keep: int | None
    wait: bool
    wait_timeout: int

    @property
    def is_about_data(self) -> bool:
        """Whether the image is to have certain data, or its data is to be in certain stores."""
        return self.source is not None or self.stores.are_chosen


class ImageRequest(NamedTuple):
    """One image as a user declares it.

    `desired` are attributes as in an image document; with `purge`, no other custom properties stay. `secrets` may stand
    in no message.
    """

    target: Target
    desired: Mapping[str, Any]
    data: DataRequest
    state: str
    create: bool
    purge: bool
    force: bool
    secrets: tuple[str, ...] = ()


class DownloadRequest(NamedTuple):
    """An image, and the file that is to have its data, with these attributes.

    `by_path` are the options given that Ansible applies by the path of the file.
    """

    target: Target
    dest: str
    attributes: FileAttributes
    by_path: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


def parse_image(params: Params) -> ImageRequest:
    """The request that options of pcd_image make: those of its task, or any other dictionary of them.

    An option that is missing is not given; the values have the types of IMAGE_OPTIONS. A ConfigurationError begins with
    the name of the option that is wrong. MissingPath: the file at `path` is not there.
    """
    params = {**{option: rules.get("default") for option, rules in IMAGE_OPTIONS.items()}, **params}
    desired = parse_attributes(params)
    # As the service writes it: another form of the id would select nothing.
    target = parse_target(params)._replace(owner=desired.get("owner"), visibility=params["visibility"])
    if params["purge_properties"] and params["properties"] is None:
        # What `required_if` says does not tell how to remove all.
        raise ConfigurationError(
            "purge_properties: it needs properties, to say which ones stay. Give properties: {} to remove all."
        )
    url = _address(params)
    return ImageRequest(
        target,
        desired,
        _parse_data(params, url),
        params["state"],
        params["create"],
        params["purge_properties"],
        params["force"],
        # A short value, such as "1" of a header, would be found everywhere.
        tuple(secret for secret in url.secrets if len(secret) >= MIN_PASSWORD_CHARACTERS) if url is not None else (),
    )


def parse_download(params: Params) -> DownloadRequest:
    """The request of pcd_image_download. MissingPath: there is no folder for the file."""
    from .file_attributes import FileAttributes

    # The option owner is that of the file here, and no project.
    target = parse_target(params)
    attributes = FileAttributes.from_params(params)
    dest = params["dest"]
    if not dest:
        raise ConfigurationError("dest: it is empty. Give the path of a file, or of a folder that is there.")
    _check_folder(dest if dest.endswith("/") else os.path.dirname(os.path.abspath(dest)), isinstance(dest, FuturePath))
    return DownloadRequest(target, dest, attributes, tuple(option for option in BY_PATH if params.get(option)))


def _check_folder(folder: str, may_be_made: bool) -> None:
    """Raises unless there is this folder; MissingPath only if nothing is there, so that a task could make it."""
    try:
        if stat.S_ISDIR(os.stat(folder).st_mode):
            return
        reason = "Not a directory"
    except FileNotFoundError:
        if may_be_made:
            return
        raise MissingPath(
            f"dest: there is no folder {folder} for the file. Create it first (ansible.builtin.file with state: "
            "directory), or give another dest.",
            "dest",
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
    raise ConfigurationError(
        f"dest: {folder} cannot be used as the folder of the file: {reason}. It must be a folder that the user of this "
        "task can enter. Give another dest."
    )


def _parse_data(params: Params, url: Address | None) -> DataRequest:
    stores = Stores(
        tuple(dict.fromkeys(params["stores"] or ())), params["all_stores"], params["all_stores_must_succeed"]
    )
    source: File | Address | None = url
    checksum = None
    # An image that is to be absent needs no data, whatever is said of it.
    if params["state"] == "present":
        _check_data(params, stores)
        _check_method(params, stores, url)
        checksum = _checksum(params, url)
        if params["path"] is not None:
            from .stream import File

            source = File(params["path"])
    return DataRequest(
        source,
        checksum,
        params["decompress"],
        params["method"],
        stores,
        params["on_content_change"],
        params["retired"],
        params["retired_suffix"],
        params["keep"],
        params["wait"],
        params["wait_timeout"],
    )


def _check_data(params: Params, stores: Stores) -> None:
    """Raises if options about the data cannot be used together."""
    if params["path"] is None and params["url"] is None:
        for option in ("checksum", "decompress", "method"):
            if params[option] and params[option] != COPY:
                raise ConfigurationError(f"{option}: it needs the data it is about. Give path or url, too.")
    _check_stores(stores)
    _check_retirement(params)
    if not 0 <= params["wait_timeout"] <= MAX_WAIT_SECONDS:
        raise ConfigurationError(f"wait_timeout: it is not a number of seconds from 0 to {MAX_WAIT_SECONDS}.")
    if params["on_content_change"] in ("prepare", "replace") and not params["wait"]:
        raise ConfigurationError(
            "wait: a replacement is verified before the old image is retired, and has to be waited for. Leave wait out."
        )


def _check_stores(stores: Stores) -> None:
    if stores.names and stores.every:
        raise ConfigurationError("all_stores: it means every store, and stores names some. Give one of the two.")
    if stores.must_succeed is not None and not stores.are_chosen:
        raise ConfigurationError("all_stores_must_succeed: it needs stores or all_stores.")
    if any(not name.strip() or "," in name for name in stores.names):
        raise ConfigurationError("stores: a store has a name without commas. Correct the list, or leave it out.")


def _check_retirement(params: Params) -> None:
    if params["retired_suffix"] is not None and params["retired"] != "rename":
        raise ConfigurationError("retired_suffix: it is used with retired: rename only.")
    if params["retired_suffix"] == "":
        raise ConfigurationError("retired_suffix: it is empty, so that the old image would keep its name.")
    if params["keep"] is not None:
        check_integer("keep", params["keep"])
        if params["name"] is None or params["id"] is not None:
            raise ConfigurationError(
                "keep: retired images are those of a name. Give name without id, or leave keep out."
            )


def _check_method(params: Params, stores: Stores, url: Address | None) -> None:
    if params["method"] is None:
        return
    method = METHODS[params["method"]]
    if not method.takes_data and (params["path"] is not None or url is not None or not stores.are_chosen):
        raise ConfigurationError(
            f"method: {method.name} brings an image that has its data into further stores. Give stores or all_stores, "
            "and neither path nor url. (If data is given, the stores that lack it get it by themselves.)"
        )
    if not method.several_stores and stores.are_several:
        raise ConfigurationError(
            f"method: {method.name} sends the data into one store. Use glance-direct for several, or leave method out."
        )
    if method.needs_url:
        if url is None:
            raise ConfigurationError(f"method: {method.name} needs url; a path is for upload or glance-direct.")
        if params["decompress"] or not url.is_public:
            raise ConfigurationError(
                f"method: with {method.name} the image service itself fetches the url. It unpacks nothing, and gets no "
                "user, password or headers. Use upload, which streams the data through, or leave method out."
            )


def _address(params: Params) -> Address | None:
    if params["url"] is None:
        return None
    from .address import Address

    return Address(
        params["url"],
        username=params["url_username"],
        password=params["url_password"],
        headers=params["url_headers"],
    )


def _checksum(params: Params, url: Address | None) -> Digest | ChecksumFile | None:
    if params["checksum"] is None:
        return None
    from .digest import digest_from, digest_of

    algorithm, rest = digest_from("checksum", params["checksum"])
    if "://" not in rest:
        return digest_of("checksum", algorithm, rest)
    from .address import Address

    place: Address | str
    if rest.startswith("file://"):
        place = _path_of(rest)
    else:
        place = Address(rest, "checksum") if url is None else url.beside(rest, "checksum")
    if url is not None and not url.filename:
        raise ConfigurationError(
            f"checksum: the url ends without the name of a file, so that no line of {redacted(rest)} is known to "
            f"be about it. State the checksum itself ({algorithm}:0123abcd...), or give the address of the file."
        )
    return ChecksumFile(algorithm, place, redacted(rest))


def _path_of(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if not parts.path or parts.netloc not in ("", "localhost"):
        raise ConfigurationError(
            f"checksum: {quoted(redacted(address))} is not a file on the host where the task runs. Write file:// and "
            "an absolute path, such as sha256:file:///srv/images/SHA256SUMS."
        )
    return unquote(parts.path)
