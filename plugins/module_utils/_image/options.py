# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options about images -> typed requests: which image is meant, its desired attributes, and what is listed.

Only a parser reads options. An error in one is a ConfigurationError that begins with the name of the option.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._client.images import name_filter
from .._errors import ConfigurationError, quoted
from .._redact import redacted
from .._session import Params
from .attributes import MAX_TEXT_LENGTH, OPTION_OF_ATTRIBUTE, OUR_PREFIX, SETTABLE, UUID, TagChange, folded, is_custom

CONTAINER_FORMATS = ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]
DISK_FORMATS = ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"]
VISIBILITIES = ["public", "private", "community", "shared"]
STATUSES = [
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "pending_delete",
    "deactivated",
    "uploading",
    "importing",
]

# Which image is meant.
IDENTITY_OPTIONS: dict[str, Any] = {"id": {"type": "str"}, "name": {"type": "str"}}
MATCH: dict[str, Any] = {"type": "str", "choices": ["own", "visible"], "default": "own"}
# For modules that work on one image that exists.
TARGET_OPTIONS: dict[str, Any] = {**IDENTITY_OPTIONS, "match": MATCH}
TARGET_CONSTRAINTS: dict[str, Any] = {"required_one_of": [("id", "name")], "mutually_exclusive": [("id", "name")]}

# Its attributes beside the name, one option for each of SETTABLE; and its custom properties.
ATTRIBUTE_OPTIONS: dict[str, Any] = {
    "container_format": {"type": "str", "choices": CONTAINER_FORMATS},
    "disk_format": {"type": "str", "choices": DISK_FORMATS},
    "min_disk": {"type": "int"},
    "min_ram": {"type": "int"},
    "protected": {"type": "bool"},
    "hidden": {"type": "bool"},
    "visibility": {"type": "str", "choices": VISIBILITIES},
    "owner": {"type": "str"},
    "tags": {"type": "list", "elements": "str"},
    "properties": {"type": "dict"},
}

# Tags to add to those that the image has, and to remove from them.
TAG_OPTIONS: dict[str, Any] = {
    "tags_present": {"type": "list", "elements": "str"},
    "tags_absent": {"type": "list", "elements": "str"},
}

FILTER_OPTIONS: dict[str, Any] = {
    "owner": {"type": "str"},
    "protected": {"type": "bool"},
    "status": {"type": "str", "choices": STATUSES},
    "tag": {"type": "str"},
    "visibility": {"type": "str", "choices": [*VISIBILITIES, "all"]},
    "hidden": {"type": "str", "choices": ["true", "false", "any"]},
    "member_status": {"type": "str", "choices": ["pending", "accepted", "rejected", "all"]},
    "size_min": {"type": "int"},
    "size_max": {"type": "int"},
    "created_at": {"type": "str"},
    "updated_at": {"type": "str"},
    "properties": {"type": "dict"},
    "checksum": {"type": "str"},
    "sort": {"type": "str"},
    "sort_key": {"type": "str", "no_log": False},
    "sort_dir": {"type": "str", "choices": ["asc", "desc"]},
    "limit": {"type": "int"},
    "marker": {"type": "str"},
    "most_recent": {"type": "bool", "default": False},
}

# What is returned of each image.
DETAIL_OPTIONS: dict[str, Any] = {"members": {"type": "bool", "default": False}}

# The attribute that Glance compares, and how many hexadecimal digits a checksum has.
CHECKSUMS = {"md5": ("checksum", 32), "sha512": ("os_hash_value", 128)}
HEX = re.compile(r"[0-9a-fA-F]+")

# Options that say in which order images come and how many, and not which ones.
ORDER_OPTIONS = ("sort", "sort_key", "sort_dir", "limit", "marker", "most_recent")

# Options that go into the query under their own name and as they are.
PASSED_ON = (
    "owner",
    "status",
    "tag",
    "visibility",
    "member_status",
    "size_min",
    "size_max",
    "created_at",
    "updated_at",
    "sort",
    "sort_key",
    "sort_dir",
    "marker",
)

# Query parameters with an option of their own; and those that Glance fails at (500), or ignores and lists everything.
HAVE_OPTIONS = {*PASSED_ON, "id", "name", "protected", "hidden", "os_hidden", "limit"}
NOT_FILTERS = {*HAVE_OPTIONS, "changes-since", "deleted", "locations", "members", "properties", "tags"}

# In bytes: a text column of MySQL (ImageProperty in glance/db/sqlalchemy/models.py).
MAX_PROPERTY_BYTES = 65535
MAX_INTEGER = 2**31 - 1
# Of a size, in bytes (BigInteger in glance/db/sqlalchemy/models.py).
MAX_SIZE_BYTES = 2**63 - 1

NEWEST_FIRST = (("sort_key", "created_at"), ("sort_dir", "desc"))


class Target(NamedTuple):
    """Which image is meant: the one of this id, or else the one of this name.

    A name means an image of the project `owner`; if that is None, `match` says whose: own or visible. `visibility` is
    the one that the task declares, None if it declares none.
    """

    id: str | None
    name: str | None
    match: str = "own"
    owner: str | None = None
    visibility: str | None = None

    @property
    def called(self) -> str:
        """Its id or name in quotes, as a message quotes it."""
        return quoted(str(self.id or self.name))


class StateRequest(NamedTuple):
    """The image that is to be active or deactivated."""

    target: Target
    state: str
    secrets: tuple[str, ...] = ()


class ListRequest(NamedTuple):
    """The image of this id, or all that the query finds and that have this name, tag and custom properties, if given.

    `query` are the parameters of the request, and `limit` is the number of images at most. Glance lists hidden images
    or the others; with `hidden_or_not`, both are asked for. `order` is how images are sorted: pairs of an attribute and
    asc or desc, the first pair first. `with_members` also asks for the members of shared images.
    """

    id: str | None
    name: str | None
    query: tuple[tuple[str, str], ...]
    limit: int | None
    hidden_or_not: bool
    order: tuple[tuple[str, str], ...]
    with_members: bool = False
    secrets: tuple[str, ...] = ()
    tag: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    marker: str | None = None


def parse_target(params: Params) -> Target:
    """The image that `id`, `name` and `match` mean."""
    image_id, name = params["id"], params["name"]
    _check_name_and_id(image_id, name)
    if image_id is None and name is None:
        raise ConfigurationError("name: neither id nor name says which image is meant. Give one of them.")
    return Target(image_id, name, params["match"])


def parse_state(params: Params) -> StateRequest:
    """The request of pcd_image_state."""
    return StateRequest(parse_target(params), params["state"])


def parse_attributes(params: Params) -> dict[str, Any]:
    """The attributes that the options ask for, flat as in an image document; what is not given is not in it.

    A custom property whose value is None is one that shall not be there.
    """
    desired = {}
    for attribute in SETTABLE:
        value = params[OPTION_OF_ATTRIBUTE.get(attribute, attribute)]
        if value is not None:
            desired[attribute] = CHECKS[attribute](attribute, value) if attribute in CHECKS else value
    for key, value in (params["properties"] or {}).items():
        desired[_declared_name(str(key))] = property_value(str(key), value)
    change = _tag_change(params)
    return desired if change is None else {**desired, "tags": change}


def _tag_change(params: Params) -> TagChange | None:
    given = {option: params[option] for option in TAG_OPTIONS if params.get(option) is not None}
    if not given:
        return None
    if params["tags"] is not None:
        raise ConfigurationError(
            f"{' and '.join(given)}: they cannot be combined with tags, which is the complete list of tags. Leave one "
            "of both out."
        )
    present, absent = (frozenset(_tags(option, given.get(option, ()))) for option in TAG_OPTIONS)
    if present & absent:
        raise ConfigurationError(
            f"tags_absent: {', '.join(map(quoted, sorted(present & absent)))} is also in tags_present. Decide for one "
            "of both."
        )
    return TagChange(present, absent)


def property_value(key: str, value: Any) -> str | None:
    """The text that the service stores for a custom property: `true` for a boolean, the digits for a number."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return None
    if isinstance(value, (str, int, float)):
        text = storable(f"properties.{key}", str(value))
        if len(text.encode()) > MAX_PROPERTY_BYTES:
            raise ConfigurationError(
                f"properties.{key}: {len(text.encode())} bytes are too many, the image service takes "
                f"{MAX_PROPERTY_BYTES} at the most."
            )
        return text
    raise ConfigurationError(
        f"properties.{key}: a {KINDS.get(type(value), 'value of this kind')} cannot be stored, the image service keeps "
        "text only. Write a string, a number or a boolean; for structured content, use the to_json filter."
    )


def parse_listing(params: Params) -> ListRequest:
    """The request of pcd_image_info."""
    image_id, name = params["id"], params["name"]
    _check_name_and_id(image_id, name)
    _check_filters(params)
    return ListRequest(
        image_id,
        name,
        tuple(_query_of(params)),
        1 if params["most_recent"] else params["limit"],
        params["hidden"] == "any",
        tuple(_order_of(params)),
        params["members"],
        tag=params["tag"],
        properties=tuple((key, value) for key, value in _property_filters(params) if is_custom(key)),
        marker=params["marker"],
    )


def _check_filters(params: Params) -> None:
    for option, least in (("limit", 1), ("size_min", 0), ("size_max", 0)):
        value = params[option]
        if value is not None and (isinstance(value, bool) or not least <= value <= MAX_SIZE_BYTES):
            raise ConfigurationError(f"{option}: {value} is not a whole number from {least} to {MAX_SIZE_BYTES}.")
    for option in PASSED_ON:
        value = params[option]
        if isinstance(value, str):
            if not value.strip():
                raise ConfigurationError(f"{option}: it is empty or blank. Give a value, or leave the option out.")
            storable(option, value)
    _check_uuid("marker", params["marker"])
    if params["most_recent"]:
        given = [option for option in ORDER_OPTIONS if option != "most_recent" and params[option] is not None]
        if given:
            raise ConfigurationError(f"most_recent: it asks for one image, the newest; leave out {', '.join(given)}.")


def _query_of(params: Params) -> list[tuple[str, str]]:
    query = [(option, str(params[option])) for option in PASSED_ON if params[option] is not None]
    if params["name"] is not None:
        query.append(("name", name_filter(params["name"])))
    if params["protected"] is not None:
        query.append(("protected", str(params["protected"]).lower()))
    if params["hidden"] in ("true", "false"):
        query.append(("os_hidden", params["hidden"]))
    if params["most_recent"]:
        query += NEWEST_FIRST
    return query + _property_filters(params) + _checksum_filter(params)


def _checksum_filter(params: Params) -> list[tuple[str, str]]:
    if params["checksum"] is None:
        return []
    algorithm, colon, value = (part.strip() for part in params["checksum"].partition(":"))
    algorithm = algorithm.lower()
    if not colon or algorithm not in CHECKSUMS:
        raise ConfigurationError(
            f"checksum: {quoted(redacted(params['checksum']))} does not begin with the name of an algorithm that the "
            "image service can filter by. Write sha512:<hex> or md5:<hex>."
        )
    attribute, digits = CHECKSUMS[algorithm]
    if len(value) != digits or not HEX.fullmatch(value):
        raise ConfigurationError(
            f"checksum: {quoted(redacted(value))} is not a value of {algorithm}, which has {digits} hexadecimal digits."
        )
    return [(attribute, value.lower()), *([("os_hash_algo", algorithm)] if algorithm == "sha512" else [])]


def _property_filters(params: Params) -> list[tuple[str, str]]:
    filters = []
    for key, value in (params["properties"] or {}).items():
        key = property_name(str(key))
        if key in NOT_FILTERS:
            raise ConfigurationError(
                f"properties.{key}: this is not a property to filter by. If there is an option of that name, use it."
            )
        text = property_value(key, value)
        if text is None:
            raise ConfigurationError(f"properties.{key}: null cannot be a filter. Give the text to look for.")
        filters.append((key, text))
    return filters


def _order_of(params: Params) -> list[tuple[str, str]]:
    """How the service sorts its list (_image_get_all in glance/db/sqlalchemy/api.py)."""
    parts = [part.strip().partition(":") for part in (params["sort"] or "").split(",") if part.strip()]
    keys = [(key, direction) for key, dummy, direction in parts]
    keys = keys or [(params["sort_key"] or "created_at", params["sort_dir"] or "desc")]
    # Glance appends these; only a single direction is theirs, too.
    last = keys[0][1] if len(keys) == 1 else "desc"
    return [*keys, ("created_at", last), ("id", last)]


def _check_name_and_id(image_id: str | None, name: str | None) -> None:
    """Raises unless the id is a UUID (the service takes no other) and the name one that an image can have."""
    _check_uuid("id", image_id)
    if name is not None:
        if not name.strip():
            raise ConfigurationError("name: it is empty or blank. Give a name, or leave the option out.")
        _text("name", name)


def _check_uuid(option: str, value: str | None) -> None:
    if value is not None and not UUID.fullmatch(value):
        raise ConfigurationError(
            f"{option}: {quoted(value)} is not a UUID such as 1714676b-e56d-4171-a072-f919121a9797. "
            "To find an image by its name, use the option name."
        )


def _declared_name(key: str) -> str:
    if key in SETTABLE:
        option = OPTION_OF_ATTRIBUTE.get(key, key)
        raise ConfigurationError(f"properties.{key}: this is not a custom property. Use the option {option} instead.")
    if not is_custom(key):
        raise ConfigurationError(
            f"properties.{key}: this name belongs to the image service or to this collection ({OUR_PREFIX}*). "
            "Leave it out."
        )
    return property_name(key)


def property_name(key: str) -> str:
    """The name, once it is one that a custom property can have."""
    # With blanks at its ends Glance stores another name on an update than on a create.
    return _trimmed(f"properties.{key}", key)


def _owner(option: str, value: str) -> str:
    if len(value.split()) > 1:
        raise ConfigurationError(f"{option}: {quoted(value)} is not the id of a project, which has no blanks.")
    return _trimmed(option, value)


def check_text(option: str, value: str) -> None:
    """Raises unless this is a text that the service could store as a name or an id."""
    _trimmed(option, value)


def _trimmed(option: str, value: str) -> str:
    if not value or value != value.strip():
        raise ConfigurationError(
            f"{option}: {quoted(value)} is empty, or begins or ends with a blank. Write it without, or leave it out."
        )
    return _text(option, value)


def _text(option: str, value: str) -> str:
    if len(value) > MAX_TEXT_LENGTH:
        raise ConfigurationError(
            f"{option}: {len(value)} characters are too many, the image service takes {MAX_TEXT_LENGTH} at the most."
        )
    return storable(option, value)


def storable(option: str, value: str) -> str:
    """The text, once each of its characters is one that the service can keep."""
    for character in value:
        code = ord(character)
        if code > 0xFFFF:
            raise ConfigurationError(
                f"{option}: the character {character!r} (U+{code:X}) cannot be stored, "
                "the image service takes none that needs four bytes (emoji and the like). Leave it out."
            )
        if 0xD800 <= code <= 0xDFFF:
            raise ConfigurationError(
                f"{option}: it holds a byte that is not valid UTF-8 (U+{code:X}). Write it in UTF-8."
            )
    return value


def check_integer(option: str, value: int) -> int:
    """The value, if it is a whole number that the service can store; otherwise a ConfigurationError."""
    if isinstance(value, bool) or not 0 <= value <= MAX_INTEGER:
        raise ConfigurationError(f"{option}: {str(value).lower()} is not a whole number from 0 to {MAX_INTEGER}.")
    return value


def _tags(option: str, value: Iterable[str]) -> list[str]:
    tags = sorted({_trimmed(option, tag) for tag in value})
    first: dict[str, str] = {}
    for tag in tags:
        other = first.setdefault(folded(tag), tag)
        if other != tag:
            raise ConfigurationError(
                f"{option}: {quoted(other)} and {quoted(tag)} differ in case or accents only. The database of the "
                "image service takes them for one. Give one of them."
            )
    return tags


KINDS: dict[type, str] = {list: "list", tuple: "list", dict: "dictionary"}
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "min_disk": check_integer,
    "min_ram": check_integer,
    "tags": _tags,
    "name": _text,
    "owner": _owner,
}
