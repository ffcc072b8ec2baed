# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of an image: what can be wished, what the service alone sets, and the shape that users get."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .._errors import ConfigurationError, quoted

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

# What it shall be like, beside its name.
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

# What Glance computes of every image: `checksum`, and by default `os_hash_value` (its option hashing_algorithm).
SERVICE_HASH = "sha512"
SERVICE_ALGORITHMS = ("md5", SERVICE_HASH)

# Glance allows a change of these on a queued image alone (glance/api/v2/images.py, _do_replace).
FIXED_BY_DATA = ("container_format", "disk_format")

# All attributes of the specification's Image; anything else in an answer is a custom property.
ATTRIBUTES = (
    "id",
    "name",
    "status",
    "visibility",
    "protected",
    "tags",
    "container_format",
    "disk_format",
    "min_disk",
    "min_ram",
    "size",
    "virtual_size",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "os_hidden",
    "owner",
    "created_at",
    "updated_at",
    "self",
    "file",
    "schema",
    "direct_url",
    "locations",
)

# What an image has after a create that does not say otherwise (Image API v2, "Create image").
CREATED = {
    "status": "queued",
    "visibility": "shared",
    "protected": False,
    "tags": [],
    "min_disk": 0,
    "min_ram": 0,
    "os_hidden": False,
}

# Properties whose names begin so belong to this collection, those of later releases too (`pcd_catalog`);
# _marks says what they are worth.
OUR_PREFIX = "pcd_"
# The id of the image that an unfinished replacement stands in for; it goes once that one is retired.
REPLACES = "pcd_replaces"
# A replacement has been shown: from then on somebody may have made an instance from it.
SHOWN = "pcd_shown"
# An image has been replaced and hidden, and its name means it no more.
RETIRED = "pcd_retired"
# What the data was made from; see `origin_of`.
SOURCE = "pcd_source"
SOURCE_VALUE = re.compile(
    r"(?P<algorithm>[a-z0-9_]+):(?P<value>[0-9a-f]+)=(?P<data>[a-z0-9_]+:[0-9a-f]+)( from (?P<disk_format>[a-z0-9]+))?"
)
# The statuses of an image that has its data.
FULL_STATUSES = ("active", "deactivated")
# The id of the image that REPLACES and RETIRED are written onto, so that a copy on another image is void.
BOUND_TO = "pcd_bound_to"
# glance/api/v2/images.py: RequestDeserializer._reserved_properties and _reserved_namespaces; `stores` is computed.
RESERVED = ("location", "deleted", "deleted_at", "stores")
RESERVED_PREFIXES = ("os_glance", OUR_PREFIX)
# Glance holds this lock from the request for an import until its end, whichever way it ends
# (glance/async_/flows/api_image_import.py, _CompleteTask and _ImageLock).
IMPORT_LOCK = "os_glance_import_task"

OPTION_OF_ATTRIBUTE = {"os_hidden": "hidden"}
ATTRIBUTE_OF_OPTION = {option: attribute for attribute, option in OPTION_OF_ATTRIBUTE.items()}

# The wishes that the service stores as an attribute of its own, by the attribute's name.
SETTABLE = tuple(
    ATTRIBUTE_OF_OPTION.get(option, option) for option in ("name", *ATTRIBUTE_OPTIONS) if option != "properties"
)

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MAX_TEXT_LENGTH = 255
# In bytes: a text column of MySQL (ImageProperty in glance/db/sqlalchemy/models.py).
MAX_PROPERTY_BYTES = 65535
MAX_INTEGER = 2**31 - 1


def check_identity(params: Mapping[str, Any]) -> None:
    """Raises unless the id is a UUID (the service takes no other) and the name one that an image can have."""
    name = params["name"]
    check_uuid("id", params["id"])
    if name is not None:
        if not name.strip():
            raise ConfigurationError("name: it is empty or blank. Give a name, or leave the option out.")
        _text("name", name)


def check_uuid(option: str, value: str | None) -> None:
    if value is not None and not UUID.fullmatch(value):
        raise ConfigurationError(
            f"{option}: {quoted(value)} is not a UUID such as 1714676b-e56d-4171-a072-f919121a9797. "
            "To find an image by its name, use the option name."
        )


def is_custom(attribute: str) -> bool:
    """Whether a key of an image document is a custom property that users may set."""
    return attribute not in ATTRIBUTES and attribute not in RESERVED and not attribute.startswith(RESERVED_PREFIXES)


def desired_attributes(params: Mapping[str, Any]) -> dict[str, Any]:
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
    return desired


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
        "text alone. Write a string, a number or a boolean; for structured content, use the to_json filter."
    )


def image_shape(document: Mapping[str, Any]) -> dict[str, Any]:
    """What users get for an image: each attribute of the specification, None where absent, and `properties`.

    Tags are sorted, because the service gives them in no order.
    """
    shape = {attribute: document.get(attribute) for attribute in ATTRIBUTES}
    shape["tags"] = sorted(shape["tags"] or [])
    # Beyond the specification: Glance names the stores where it has several (glance/api/v2/images.py, _format_image).
    shape["stores"] = stores_of(document) or None
    shape["properties"] = {key: document[key] for key in sorted(document) if is_custom(key)}
    return shape


def stores_of(document: Mapping[str, Any]) -> list[str]:
    """The stores that hold the data of an image; empty where the service names none.

    Of a deactivated image it tells them to administrators alone, so that nobody is told of them here.
    """
    if document.get("status") == "deactivated":
        return []
    return sorted(store for store in str(document.get("stores") or "").split(",") if store)


class Origin(NamedTuple):
    """The bytes that the data of an image was made from: a digest of them.

    `disk_format` is the format that they were declared to have, if the service has converted them.
    """

    algorithm: str
    value: str
    disk_format: str | None


def origin_of(image: Mapping[str, Any], project_id: str | None) -> Origin | None:
    """What an earlier run has remembered of the source of an image's data; None if there is nothing to be believed.

    A property is a claim: every project can write it on its own images, and Nova and Cinder copy it to other images. So
    it counts only on an image of the project `project_id`, and only with the data that it names by the service's hash.
    """
    found = SOURCE_VALUE.fullmatch(str(image.get(SOURCE)))
    if found is None or project_id is None or image.get("owner") != project_id or found["data"] != _hash_of(image):
        return None
    return Origin(found["algorithm"], found["value"], found["disk_format"])


def origin_property(origin: Origin, image: Mapping[str, Any]) -> str | None:
    """The value of the property that remembers this origin; None if the service tells no hash to bind it to."""
    data = _hash_of(image)
    converted = "" if origin.disk_format is None else f" from {origin.disk_format}"
    return None if data is None else f"{origin.algorithm}:{origin.value}={data}{converted}"


def _hash_of(image: Mapping[str, Any]) -> str | None:
    algorithm, value = image.get("os_hash_algo"), image.get("os_hash_value")
    return f"{algorithm}:{value}" if algorithm and value else None


def without_converted(
    desired: Mapping[str, Any], image: Mapping[str, Any] | None, project_id: str | None
) -> Mapping[str, Any]:
    """The desired attributes without the formats that an image no longer has because the service has converted it.

    The conversion also sets the container format to bare (glance/async_/flows/plugins/image_conversion.py).
    """
    origin = None if image is None else origin_of(image, project_id)
    if image is None or origin is None or origin.disk_format is None:
        return desired
    changed = {"disk_format"} if desired.get("disk_format") == origin.disk_format else set()
    if image.get("container_format") == "bare":
        changed.add("container_format")
    return {key: value for key, value in desired.items() if key not in changed}


def new_id() -> str:
    """The id of a new image, chosen here so that `is_ours` knows it again; otherwise a random UUID."""
    import uuid  # where nothing is created, it is not needed

    fields = uuid.uuid4().hex[8:]
    return str(uuid.UUID(_mark(fields) + fields))


def is_ours(image_id: str) -> bool:
    """Whether `new_id` made this id; of 4 billion others, one looks so, too."""
    fields = image_id.replace("-", "").lower()
    return fields[:8] == _mark(fields[8:])


def _mark(fields: str) -> str:
    return hashlib.sha256(f"platform9.pcd {fields}".encode()).hexdigest()[:8]


def _declared_name(key: str) -> str:
    if key in SETTABLE:
        option = OPTION_OF_ATTRIBUTE.get(key, key)
        raise ConfigurationError(f"properties.{key}: this is no custom property. Use the option {option} instead.")
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
            raise ConfigurationError(f"{option}: it holds a byte that is no text (U+{code:X}). Write it in UTF-8.")
    return value


def _integer(option: str, value: int) -> int:
    if isinstance(value, bool) or not 0 <= value <= MAX_INTEGER:
        raise ConfigurationError(f"{option}: {str(value).lower()} is not a whole number from 0 to {MAX_INTEGER}.")
    return value


def _tags(option: str, value: Iterable[str]) -> list[str]:
    return sorted({_trimmed(option, tag) for tag in value})


KINDS: dict[type, str] = {list: "list", tuple: "list", dict: "dictionary"}
CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "min_disk": _integer,
    "min_ram": _integer,
    "tags": _tags,
    "name": _text,
    "owner": _owner,
}
