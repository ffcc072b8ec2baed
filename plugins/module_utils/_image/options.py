# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options about images -> typed requests: which image is meant, and its desired attributes.

Only a parser reads options. An error in one is a ConfigurationError that begins with the name of the option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._client.credentials import plain_project_id
from .._errors import ConfigurationError, quoted
from .._session import Params
from .attributes import (
    MAX_TEXT_LENGTH,
    OPTION_OF_ATTRIBUTE,
    OUR_PREFIX,
    SETTABLE,
    UUID,
    TagChange,
    folded,
    is_custom,
)

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

# In bytes: a text column of MySQL (ImageProperty in glance/db/sqlalchemy/models.py).
MAX_PROPERTY_BYTES = 65535
MAX_INTEGER = 2**31 - 1


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


def parse_target(params: Params) -> Target:
    """The image that `id`, `name` and `match` mean."""
    image_id, name = params["id"], params["name"]
    check_name_and_id(image_id, name)
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
    kind = NAMES_OF_TYPES.get(type(value), "value of this kind")
    raise ConfigurationError(
        f"properties.{key}: a {kind} cannot be stored, the image service keeps text only. Write a string, a number or "
        "a boolean; for structured content, use the to_json filter."
    )


def check_name_and_id(image_id: str | None, name: str | None) -> None:
    """Raises ConfigurationError unless the id is a UUID, as the service demands, and an image can have the name."""
    check_uuid("id", image_id, "To find an image by its name, use the option name.")
    if name is not None:
        if not name.strip():
            raise ConfigurationError("name: it is empty or blank. Give a name, or leave the option out.")
        _text("name", name)


def check_uuid(option: str, value: str | None, advice: str) -> None:
    """Raises ConfigurationError, with the advice, if there is a value that is not a UUID."""
    if value is not None and not UUID.fullmatch(value):
        raise ConfigurationError(
            f"{option}: {quoted(value)} is not a UUID such as 1714676b-e56d-4171-a072-f919121a9797. {advice}"
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
    return plain_project_id(_trimmed(option, value))


def check_text(option: str, value: str) -> None:
    """Raises ConfigurationError unless this is a text that the service could store as a name or an id."""
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


NAMES_OF_TYPES: dict[type, str] = {list: "list", tuple: "list", dict: "dictionary"}
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "min_disk": check_integer,
    "min_ram": check_integer,
    "tags": _tags,
    "name": _text,
    "owner": _owner,
}
