# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of an image: what users set, what only the service sets, and the shape of a result."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from unicodedata import combining, normalize

# What Glance computes of every image: `checksum`, and by default `os_hash_value` (its option hashing_algorithm).
SERVICE_HASH = "sha512"
SERVICE_ALGORITHMS = ("md5", SERVICE_HASH)

# Glance allows a change of these on a queued image only (glance/api/v2/images.py, _do_replace).
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

# Properties whose names begin so belong to this collection, those of later releases too;
# _marks says what they are worth.
OUR_PREFIX = "pcd_"
# The id of the image that an unfinished replacement stands in for; it goes once that one is retired.
REPLACES = "pcd_replaces"
# A replacement has been shown: from then on somebody may have made an instance from it.
SHOWN = "pcd_shown"
# An image has been replaced; the value is the name that it had. If it was hidden, its name does not mean it any more.
RETIRED = "pcd_retired"
# Beside RETIRED: the name that the image was given. It is not retired any more once somebody gives it another one.
RETIRED_AS = "pcd_retired_as"
# What the data was made from; see `origin_of`.
SOURCE = "pcd_source"
# Beside SOURCE: the file was packed, and the data is what was in it.
UNPACKED = "pcd_source_unpacked"
SOURCE_VALUE = re.compile(
    r"(?P<algorithm>[a-z0-9_]+):(?P<value>[0-9a-f]+)=(?P<data>[a-z0-9_]+:[0-9a-f]+)( from (?P<disk_format>[a-z0-9]+))?"
)
# The name of the catalogue that declares the image.
CATALOG = "pcd_catalog"
# The statuses of an image that has its data.
FULL_STATUSES = ("active", "deactivated")
# Those of the moment in which an image is deleted (glance/domain/__init__.py, Image).
GOING = ("deleted", "pending_delete")
# The id of the image that REPLACES, RETIRED and CATALOG are written onto, so that a copy on another image is void.
BOUND_TO = "pcd_bound_to"
# glance/api/v2/images.py: RequestDeserializer._reserved_properties and _reserved_namespaces; `stores` is computed.
RESERVED = ("location", "deleted", "deleted_at", "stores")
RESERVED_PREFIXES = ("os_glance", OUR_PREFIX)
# Glance holds this lock from the request for an import until its end, whichever way it ends
# (glance/async_/flows/api_image_import.py, _CompleteTask and _ImageLock).
IMPORT_LOCK = "os_glance_import_task"

# The attributes that users set by an option of their own.
SETTABLE = (
    "name",
    "container_format",
    "disk_format",
    "min_disk",
    "min_ram",
    "protected",
    "os_hidden",
    "visibility",
    "owner",
    "tags",
)
# The options whose attribute has another name.
OPTION_OF_ATTRIBUTE = {"os_hidden": "hidden"}

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MAX_TEXT_LENGTH = 255


def is_custom(attribute: str) -> bool:
    """Whether a key of an image document is a custom property that users may set."""
    return attribute not in ATTRIBUTES and attribute not in RESERVED and not attribute.startswith(RESERVED_PREFIXES)


class TagChange(NamedTuple):
    """Tags as they are to be, relative to those that an image has when it is written."""

    present: frozenset[str]
    absent: frozenset[str]


def with_tags_of(desired: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """The desired attributes for this image: a change of its tags becomes the tags that it then has."""
    change = desired.get("tags")
    if not isinstance(change, TagChange):
        return {**desired}
    return {**desired, "tags": sorted({*(image.get("tags") or ()), *change.present} - change.absent)}


def folded(text: str) -> str:
    """The text as MySQL and MariaDB compare it by default: without case, accents, and blanks at its end.

    The collation of Glance's tables (utf8mb3_general_ci) weighs letters as capitals, so that `_` follows all of a to z.
    It weighs each character on its own, so that an accent counts that is a character itself, and a ligature is another
    letter than its parts.
    """
    return "".join(map(_capital, text)).rstrip(" ")


def _capital(character: str) -> str:
    """The capital without its accent. That collation takes the German sharp s for one s."""
    parts = normalize("NFD", "s" if character == "\u00df" else character)
    letter = parts[0] if parts[0].isalpha() and all(map(combining, parts[1:])) else character
    capital = letter.upper()
    return capital if len(capital) == 1 else letter


def image_shape(document: Mapping[str, Any]) -> dict[str, Any]:
    """What users get for an image: each attribute of the specification, None if absent, and `properties`.

    Tags are sorted, because the service gives them in no order.
    """
    shape = {attribute: document.get(attribute) for attribute in ATTRIBUTES}
    shape["tags"] = sorted(shape["tags"] or [])
    # Beyond the specification: Glance names the stores if it has several (glance/api/v2/images.py, _format_image).
    shape["stores"] = stores_of(document) or None
    shape["properties"] = {key: document[key] for key in sorted(document) if is_custom(key)}
    return shape


def stores_of(document: Mapping[str, Any]) -> list[str]:
    """The stores that hold the data of an image; empty if the service names none.

    It names those of a deactivated image to administrators only, so that they are left out here.
    """
    if document.get("status") == "deactivated":
        return []
    return sorted(store for store in str(document.get("stores") or "").split(",") if store)


class Origin(NamedTuple):
    """The bytes that the data of an image was made from: a digest of them.

    `disk_format` is the format that they were declared to have, if the service has converted them. `is_unpacked` says
    whether the digest is that of a packed file, and the data is what was in it.
    """

    algorithm: str
    value: str
    disk_format: str | None
    is_unpacked: bool = False


def origin_of(image: Mapping[str, Any], project_id: str | None) -> Origin | None:
    """What an earlier run has remembered of the source of an image's data; None if there is nothing to be believed.

    A property is a claim: every project can write it on its own images, and Nova and Cinder copy it to other images. So
    it counts only on an image of the project `project_id`, and only with the data that it names by the service's hash.
    """
    found = SOURCE_VALUE.fullmatch(str(image.get(SOURCE)))
    if found is None or project_id is None or image.get("owner") != project_id or found["data"] != _hash_of(image):
        return None
    return Origin(found["algorithm"], found["value"], found["disk_format"], image.get(UNPACKED) == "true")


def origin_property(origin: Origin, image: Mapping[str, Any]) -> str | None:
    """The value of the property that remembers this origin; None if the service reports no hash to bind it to."""
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
    """The id of a new image, chosen here so that `is_ours` knows it again.

    It is a UUID that begins with the time in milliseconds (RFC 9562, version 7). Databases of clouds keep whole seconds
    of `created_at`, so that the id decides which image of a second is the first.
    """
    # Only needed if something is created.
    import uuid

    time_field, random_fields = f"{time.time_ns() // 1_000_000:012x}"[-12:], uuid.uuid4().hex[13:24]
    fields = f"{time_field}7{random_fields}"
    return str(uuid.UUID(fields + _mark(fields)))


def is_ours(image_id: str) -> bool:
    """Whether `new_id` made this id; of 2 billion others, one looks so, too.

    Ids of earlier release candidates begin with what ends the ids of today.
    """
    fields = image_id.replace("-", "").lower()
    return fields[24:] == _mark(fields[:24]) or fields[:8] == _mark(fields[8:])


def _mark(fields: str) -> str:
    return hashlib.sha256(f"platform9.pcd {fields}".encode()).hexdigest()[:8]
