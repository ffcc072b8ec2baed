# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a list of images, the query that they make, and its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cmp_to_key
from heapq import merge
from itertools import islice
from typing import Any

from .._client.images import Image, Query, name_filter
from .._errors import ConfigurationError
from .._session import Params, Session
from .attributes import (
    STATUSES,
    VISIBILITIES,
    check_identity,
    check_uuid,
    image_shape,
    property_name,
    property_value,
    storable,
)
from .find import find_by_id

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
    "sort": {"type": "str"},
    "sort_key": {"type": "str", "no_log": False},
    "sort_dir": {"type": "str", "choices": ["asc", "desc"]},
    "limit": {"type": "int"},
    "marker": {"type": "str"},
    "most_recent": {"type": "bool", "default": False},
}

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

# Of a size, in bytes (BigInteger in glance/db/sqlalchemy/models.py).
MAX_SIZE_BYTES = 2**63 - 1

NEWEST_FIRST = (("sort_key", "created_at"), ("sort_dir", "desc"))


def check_listing(params: Params) -> None:
    """Raises where the options cannot make a query."""
    check_identity(params)
    for option, least in (("limit", 1), ("size_min", 0), ("size_max", 0)):
        if params[option] is not None and (
            isinstance(params[option], bool) or not least <= params[option] <= MAX_SIZE_BYTES
        ):
            raise ConfigurationError(
                f"{option}: {params[option]} is not a whole number from {least} to {MAX_SIZE_BYTES}."
            )
    for option in PASSED_ON:
        value = params[option]
        if isinstance(value, str):
            if not value.strip():
                raise ConfigurationError(f"{option}: it is empty or blank. Give a value, or leave the option out.")
            storable(option, value)
    check_uuid("marker", params["marker"])
    if params["most_recent"]:
        given = [option for option in ORDER_OPTIONS if option != "most_recent" and params[option] is not None]
        if given:
            raise ConfigurationError(f"most_recent: it asks for one image, the newest; leave out {', '.join(given)}.")
    _property_filters(params)


def read_listing(params: Params, session: Session) -> dict[str, Any]:
    """`images`: those that the options ask for, in the shape that users get."""
    if params["id"] is not None:
        image = find_by_id(session, params["id"])
        return {"images": [] if image is None else [image_shape(image)]}
    at_most = 1 if params["most_recent"] else params["limit"]
    query = query_from(params)
    found: Iterable[Image]
    if params["hidden"] == "any":
        # Glance lists hidden images or the others, never both (os_hidden in glance/db/sqlalchemy/api.py).
        both = [_listed(session, params, [*query, ("os_hidden", hidden)], at_most) for hidden in ("false", "true")]
        found = merge(*both, key=order_of(params))
    else:
        found = _listed(session, params, query, at_most)
    return {"images": [image_shape(image) for image in islice(found, at_most)]}


def _listed(session: Session, params: Params, query: Query, at_most: int | None) -> Iterator[Image]:
    name = params["name"]
    if name is None:
        return session.images.list(query, at_most)
    # Databases may ignore the case of a name, and blanks at its end, so that more may be needed than asked for.
    found = session.images.list(query, page_size=at_most)
    return islice((image for image in found if image.get("name") == name), at_most)


def query_from(params: Params) -> list[tuple[str, str]]:
    """The query parameters that the options ask for."""
    query = [(option, str(params[option])) for option in PASSED_ON if params[option] is not None]
    if params["name"] is not None:
        query.append(("name", name_filter(params["name"])))
    if params["protected"] is not None:
        query.append(("protected", str(params["protected"]).lower()))
    if params["hidden"] in ("true", "false"):
        query.append(("os_hidden", params["hidden"]))
    if params["most_recent"]:
        query += NEWEST_FIRST
    return query + _property_filters(params)


def order_of(params: Params) -> Callable[[Image], Any]:
    """The order in which the service lists, as a sort key; None goes before everything, as in Glance.

    It is good enough to merge two lists, not to sort one: the service knows microseconds that it does not show.
    """
    keys = [part.strip().partition(":")[::2] for part in (params["sort"] or "").split(",") if part.strip()]
    keys = keys or [(params["sort_key"] or "created_at", params["sort_dir"] or "desc")]
    # Glance appends these; only a single direction is theirs, too (_image_get_all in glance/db/sqlalchemy/api.py).
    last = keys[0][1] if len(keys) == 1 else "desc"
    keys += [("created_at", last), ("id", last)]

    def compare(one: Image, other: Image) -> int:
        for key, direction in keys:
            before, after = _sortable(one.get(key)), _sortable(other.get(key))
            if before != after:
                return -1 if (before < after) == (direction == "asc") else 1
        return 0

    return cmp_to_key(compare)


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, "" if value is None else value)


def _property_filters(params: Params) -> list[tuple[str, str]]:
    properties: Mapping[str, Any] = params["properties"] or {}
    filters = []
    for key, value in properties.items():
        key = property_name(str(key))
        if key in NOT_FILTERS:
            raise ConfigurationError(
                f"properties.{key}: this is no property to filter by. Where there is an option of that name, use it."
            )
        text = property_value(key, value)
        if text is None:
            raise ConfigurationError(f"properties.{key}: null is no value to filter by. Give the text to look for.")
        filters.append((key, text))
    return filters
