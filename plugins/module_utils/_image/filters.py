# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a list -> a typed request: which images are listed, in which order, and what is returned of each.

The service ignores some filters that it cannot use, and answers others with an empty list. So what can match no image
is an error here, which says what to write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from difflib import get_close_matches
from typing import Any, NamedTuple

from .._client.images import name_filter
from .._errors import ConfigurationError, quoted
from .._redact import redacted
from .._session import Params
from .attributes import ATTRIBUTES, OPTION_OF_ATTRIBUTE, is_custom
from .options import (
    CONTAINER_FORMATS,
    DISK_FORMATS,
    STATUSES,
    VISIBILITIES,
    check_name_and_id,
    check_text,
    check_uuid,
    property_name,
    property_value,
    storable,
)

FILTER_OPTIONS: dict[str, Any] = {
    "name_pattern": {"type": "str"},
    "owner": {"type": "str"},
    "project_domain": {"type": "str"},
    "protected": {"type": "bool"},
    "status": {"type": "list", "elements": "str", "choices": STATUSES},
    "disk_format": {"type": "list", "elements": "str", "choices": DISK_FORMATS},
    "container_format": {"type": "list", "elements": "str", "choices": CONTAINER_FORMATS},
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
DETAIL_OPTIONS: dict[str, Any] = {
    "members": {"type": "bool", "default": False},
    "fields": {"type": "list", "elements": "str"},
}
# What a returned image has beside its attributes; see listing.
BESIDE_ATTRIBUTES = ("stores", "properties", "retired", "replaces")

# The attribute that Glance compares, and how many hexadecimal digits a checksum has.
CHECKSUMS = {"md5": ("checksum", 32), "sha512": ("os_hash_value", 128)}
HEX = re.compile(r"[0-9a-fA-F]+")

# Options that say in which order images come and how many, and not which ones.
ORDER_OPTIONS = ("sort", "sort_key", "sort_dir", "limit", "marker", "most_recent")

# Options that go into the query under their own name and as they are.
PASSED_ON = (
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
# Options whose values the service compares one by one (`in:` in glance/db/sqlalchemy/api.py).
ONE_OF = ("status", "disk_format", "container_format")
# Options of text in no form of their own.
TEXTS = ("owner", "tag", "visibility", "member_status", "name_pattern")

# Query parameters with an option of their own; and those that Glance fails at (500), or ignores and lists everything.
HAVE_OPTIONS = {*PASSED_ON, "id", "name", "owner", "status", "protected", "hidden", "os_hidden", "limit"}
NOT_FILTERS = {*HAVE_OPTIONS, "changes-since", "deleted", "locations", "members", "properties", "tags"}

# Of a size, in bytes (BigInteger in glance/db/sqlalchemy/models.py).
MAX_SIZE_BYTES = 2**63 - 1

# What Glance sorts by (glance/api/v2/images.py, _available_sort_keys).
SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
# How other tools write a direction, as a word after the key or a sign before it.
DIRECTIONS = {"asc": "asc", "ascending": "asc", "desc": "desc", "descending": "desc"}
SIGNS = {"-": ["desc"], "+": ["asc"]}
NEWEST_FIRST = (("sort_key", "created_at"), ("sort_dir", "desc"))

# How a time is compared. Without an operator, it means this very second.
OPERATORS = ("gt", "gte", "eq", "neq", "lt", "lte")
# With these, no image matches a moment that has not come yet.
LATER = ("gt", "gte", "eq")
MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})([T ](\d{2}:\d{2}(:\d{2})?)([.,]\d+)?(Z|[+-]\d{2}(:?\d{2})?)?)?", re.ASCII)


class ListRequest(NamedTuple):
    """The image of this id, or all that the query finds and that have this name, tag and custom properties, if given.

    `query` are the parameters of the request, and `limit` is the number of images at most. Glance lists hidden images
    or the others; with `hidden_or_not`, both are asked for. `order` is how images are sorted: pairs of an attribute and
    asc or desc, the first pair first. `with_members` also asks for the members of shared images. `owner` is a project
    by its id or its name, a name in the `domain`. Of each image, `fields` are returned; None means all.
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
    name_pattern: str | None = None
    owner: str | None = None
    domain: str | None = None
    fields: tuple[str, ...] | None = None


def parse_listing(params: Params) -> ListRequest:
    """The request of pcd_image_info."""
    image_id, name = params["id"], params["name"]
    check_name_and_id(image_id, name)
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
        name_pattern=params["name_pattern"],
        owner=params["owner"],
        domain=params["project_domain"],
        fields=_fields_of(params),
    )


def _check_filters(params: Params) -> None:
    _check_numbers(params)
    for option in TEXTS:
        value = params[option]
        if isinstance(value, str):
            if not value.strip():
                raise ConfigurationError(f"{option}: it is empty or blank. Give a value, or leave the option out.")
            storable(option, value)
    for option in ONE_OF:
        if params[option] == []:
            raise ConfigurationError(
                f"{option}: the list is empty, so that no image can match. Name a value, or leave the option out."
            )
    for option in ("created_at", "updated_at"):
        if params[option] is not None:
            _check_moment(option, params[option])
    _check_order(params)
    check_uuid("marker", params["marker"], "Give the id of the image that the list is to begin after.")
    _check_domain(params)


def _check_numbers(params: Params) -> None:
    for option, least in (("limit", 1), ("size_min", 0), ("size_max", 0)):
        value = params[option]
        if value is not None and (isinstance(value, bool) or not least <= value <= MAX_SIZE_BYTES):
            raise ConfigurationError(f"{option}: {value} is not a whole number from {least} to {MAX_SIZE_BYTES}.")
    smallest, largest = params["size_min"], params["size_max"]
    if smallest is not None and largest is not None and smallest > largest:
        raise ConfigurationError(
            f"size_min: {smallest} is more than size_max, {largest}, so that no image can match. Correct one of them."
        )


def _check_moment(option: str, value: str) -> None:
    operator, colon, moment = value.partition(":")
    found = MOMENT.fullmatch(moment if operator in OPERATORS else value)
    if found and not (colon and operator in OPERATORS):
        raise ConfigurationError(
            f"{option}: {quoted(value)} has no operator, and would mean this very second. Write {option}=gte:{value} "
            f"for images from then on, or {option}=lt:{value} for those before it."
        )
    if found:
        try:
            date.fromisoformat(found[1])
            time.fromisoformat(found[3] or "00:00")
        except ValueError:
            found = None
    if not found:
        raise ConfigurationError(
            f"{option}: {quoted(value)} is not an operator ({', '.join(OPERATORS)}), a colon and a time. "
            f"Write for example {option}=gte:2026-01-31 or {option}=lt:2026-01-31T12:00:00Z."
        )
    if operator in ("eq", "neq") and found[2] is None:
        what = "no image matches" if operator == "eq" else "every image matches"
        raise ConfigurationError(
            f"{option}: {quoted(value)} means midnight exactly and not the whole day, so that {what}. Write "
            f"{option}=gte:{moment} for images from that day on, or {option}=lt:{moment} for those before it."
        )


def is_to_come(value: str, today: date) -> bool:
    """Whether a checked filter asks for a time that is in the future, even if the clock of this host is a day late."""
    operator, dummy, moment = value.partition(":")
    # Two days, because the days of time zones differ.
    return operator in LATER and date.fromisoformat(moment[:10]) - today > timedelta(days=2)


def _check_order(params: Params) -> None:
    if params["most_recent"]:
        given = [option for option in ORDER_OPTIONS if option != "most_recent" and params[option] is not None]
        if given:
            raise ConfigurationError(f"most_recent: it asks for one image, the newest; leave out {', '.join(given)}.")
    if params["sort_key"] is not None:
        _check_sort_key("sort_key", params["sort_key"].strip(), params["sort_key"], params["sort_dir"])
    if params["sort"] is None:
        return
    for part in params["sort"].split(","):
        key, colon, direction = (piece.strip() for piece in part.partition(":"))
        _check_sort_key("sort", key, params["sort"])
        if colon and direction not in ("asc", "desc"):
            meant = _sort_meant(params["sort"], None) if direction else None
            advice = f"sort={meant}" if meant else f"{key}:asc for the smallest or oldest first, or {key}:desc"
            raise ConfigurationError(f"sort: {quoted(direction)} is not a direction. Write {advice}.")


def _check_sort_key(option: str, key: str, value: str, direction: str | None = None) -> None:
    if key in SORT_KEYS:
        return
    meant = _sort_meant(value, direction)
    if meant is None:
        advice = f"The keys are {', '.join(SORT_KEYS)}."
    else:
        # A mistyped key may be all that is wrong.
        (bare, *dummy) = meant.split(":")
        is_key = meant in SORT_KEYS or (option == "sort_key" and re.fullmatch(r"\s*\w+\s*", value))
        advice = f"Write {bare}." if is_key else f"Write sort={meant}."
    raise ConfigurationError(
        f"{option}: {quoted(key)} is not a key that images can be sorted by. {advice}"
        if key
        else f"{option}: a key is missing in {quoted(value)}. The keys are {', '.join(SORT_KEYS)}."
    )


def _sort_meant(value: str, direction: str | None) -> str | None:
    """The value of `sort` that is likely meant: other tools separate by blanks, or write -name for name:desc.

    `direction` is for keys that have none of their own.
    """
    meant: list[list[str]] = []
    for word in re.split(r"[\s,:]+", value.strip(" ,:").lower()):
        near = get_close_matches(word.lstrip("-+"), SORT_KEYS, 1)
        if near:
            meant.append([near[0], *SIGNS.get(word[0], [])])
        elif word in DIRECTIONS and meant and len(meant[-1]) == 1:
            meant[-1].append(DIRECTIONS[word])
        else:
            return None
    return ",".join(":".join(pair if len(pair) == 2 or direction is None else [*pair, direction]) for pair in meant)


def _check_domain(params: Params) -> None:
    if params["project_domain"] is None:
        return
    check_text("project_domain", params["project_domain"])
    if params["owner"] is None:
        raise ConfigurationError("project_domain: it says which domain the name in owner belongs to. Give owner.")


def _fields_of(params: Params) -> tuple[str, ...] | None:
    """What is returned of each image, each once; members are always returned if they are asked for."""
    wanted = params["fields"]
    if wanted is None:
        return None
    known = (*ATTRIBUTES, *BESIDE_ATTRIBUTES, "members")
    if not wanted:
        raise ConfigurationError("fields: the list is empty. Name what is to be returned, such as id and name.")
    for field in wanted:
        if field in known:
            continue
        attribute = next((key for key, option in OPTION_OF_ATTRIBUTE.items() if option == field), None)
        near = [attribute] if attribute else get_close_matches(field, known, 1)
        advice = f"Write {near[0]}." if near else f"These are: {', '.join(known)}."
        raise ConfigurationError(
            f"fields: a returned image has no field {quoted(field)}. {advice} Custom properties are in properties."
        )
    if "members" in wanted and not params["members"]:
        raise ConfigurationError("fields: members are returned only with members: true. Add that, or leave them out.")
    return tuple(dict.fromkeys([*wanted, *(["members"] if params["members"] else [])]))


def _query_of(params: Params) -> list[tuple[str, str]]:
    query = [(option, _one_of(params[option])) for option in ONE_OF if params[option] is not None]
    query += [(option, str(params[option])) for option in PASSED_ON if params[option] is not None]
    if params["name"] is not None:
        query.append(("name", name_filter(params["name"])))
    if params["protected"] is not None:
        query.append(("protected", str(params["protected"]).lower()))
    if params["hidden"] in ("true", "false"):
        query.append(("os_hidden", params["hidden"]))
    if params["most_recent"]:
        query += NEWEST_FIRST
    return query + _property_filters(params) + _checksum_filter(params)


def _one_of(values: list[str]) -> str:
    different = list(dict.fromkeys(values))
    return different[0] if len(different) == 1 else f"in:{','.join(different)}"


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
        if key in ONE_OF and params[key] is not None:
            raise ConfigurationError(f"properties.{key}: the option {key} asks for it as well. Leave one of them out.")
        filters.append((key, _filter_value(key, value)))
    return filters


def _filter_value(key: str, value: Any) -> str:
    if isinstance(value, (list, tuple, Mapping)):
        kind = "dictionary" if isinstance(value, Mapping) else "list"
        advice = (
            f"Use the option {key}, which takes several values."
            if key in ONE_OF
            else f"Write one value, such as properties={{{key}: VALUE}}, and run the task once for each value."
        )
        raise ConfigurationError(f"properties.{key}: a {kind} cannot be a filter. {advice}")
    text = property_value(key, value)
    if text is None:
        raise ConfigurationError(f"properties.{key}: null cannot be a filter. Give the text to look for.")
    return text


def _order_of(params: Params) -> list[tuple[str, str]]:
    """How the service sorts its list (_image_get_all in glance/db/sqlalchemy/api.py)."""
    parts = [part.strip().partition(":") for part in (params["sort"] or "").split(",") if part.strip()]
    keys = [(key.strip(), direction.strip()) for key, dummy, direction in parts]
    keys = keys or [(params["sort_key"] or "created_at", params["sort_dir"] or "desc")]
    # Glance appends these; only a single direction is theirs, too.
    last = keys[0][1] if len(keys) == 1 else "desc"
    return [*keys, ("created_at", last), ("id", last)]
