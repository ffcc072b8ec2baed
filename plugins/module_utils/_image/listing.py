# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of images that a request asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from functools import cmp_to_key
from heapq import merge
from itertools import chain, islice
from typing import Any

from .._client.images import NO_SUCH_PAGE, Image, Query
from .._errors import ApiError, Forbidden, NotFound, quoted
from .._session import Result, Session
from .attributes import folded, image_shape
from .filters import ListRequest, is_to_come
from .find import ID_AS_NAME, find_by_id, is_id
from .marks import is_unfinished, replaced_id, retired_name

# Keys that an image may have no value of. Behind such an image, Glance's pages leave out others, or come again and
# again, because the database compares others with null (glance/db/sqlalchemy/api.py, _paginate_query).
MAY_LACK = ("name", "container_format", "disk_format", "size")

# What makes a text a shell pattern.
WILDCARDS = frozenset("*?[")

# Signs of a regular expression and of what a shell expands, and the operators of the service.
REGULAR = re.compile(r"^\^|^\.\*|\$$|\.\+|[\])]\+|\\|\|")
BRACES = re.compile(r"\{.*,.*\}")
OPERATOR = re.compile(r"(in|eq|neq|gte?|lte?):")

# Texts of the users, which each database sorts in its own way.
ORDERED_BY_DATABASE = ("name",)


def read_listing(request: ListRequest, session: Session) -> Result:
    """`images`: those that the request asks for, in the shape of a result."""
    if request.id is not None:
        image = find_by_id(session, request.id)
        return {"images": [] if image is None else _shown([image], request, session)}
    request = _with_owner(request, session)
    try:
        images = _shown(islice(_found(request, session), request.limit), request, session)
    except ApiError as error:
        if request.marker is None or error.status not in NO_SUCH_PAGE or find_by_id(session, request.marker):
            raise
        raise error.with_message(
            f"marker: no image has the id {request.marker}, or these credentials do not show it. Give the id of an "
            "image of the list, usually the last one that was listed before."
        ) from None
    if not images:
        _warn_of_mistakes(request, session)
    return {"images": images}


def _warn_of_mistakes(request: ListRequest, session: Session) -> None:
    """Warns of options that may be the reason why no image was found."""
    if request.name is not None and WILDCARDS.intersection(request.name):
        session.warn(
            f"name: no image was found. {quoted(request.name)} is compared as it is; write name_pattern instead of "
            "name if it is a shell pattern."
        )
    if is_id(session, request.name):
        session.warn(ID_AS_NAME.format(quoted(str(request.name))))
    advice = None if request.name_pattern is None else _advice_on_pattern(request.name_pattern)
    if advice is not None:
        session.warn(
            f"name_pattern: no image was found. {quoted(str(request.name_pattern))} is compared with the whole name, "
            f"as a shell pattern; {advice}."
        )
    for key, value in request.properties:
        if OPERATOR.match(value) or "*" in value:
            session.warn(
                f"properties.{key}: no image was found. {quoted(value)} is compared as it is. If it is an operator or "
                "a pattern, write one value instead, and run the task once for each value."
            )
    today = datetime.now(timezone.utc).date()
    for option, value in request.query:
        if option in ("created_at", "updated_at") and is_to_come(value, today):
            session.warn(
                f"{option}: no image was found, because {quoted(value)} is in the future, if the clock of this host is "
                "right. Check the date."
            )


def _advice_on_pattern(pattern: str) -> str | None:
    """What to write instead of a shell pattern that is likely meant in another way; None if it looks right."""
    if REGULAR.search(pattern):
        return "if it is a regular expression, write * for any text, ? for one character and [...] for one of several"
    if BRACES.search(pattern):
        return "braces mean themselves, so run the task once for each text in them"
    return None if WILDCARDS.intersection(pattern) else f"write *{pattern}* if it is a part of the name"


def _found(request: ListRequest, session: Session) -> Iterable[Image]:
    if request.hidden_or_not:
        # Glance lists hidden images or the others, never both (os_hidden in glance/db/sqlalchemy/api.py).
        both = [_listed(session, request, [*request.query, ("os_hidden", hidden)]) for hidden in ("false", "true")]
        key = sort_key_of(request.order)
        # No two databases sort texts alike, so that lists in an order by name cannot be merged.
        by_name = _sorts_by(request, ORDERED_BY_DATABASE)
        return _once(sorted(chain(*both), key=key) if by_name else merge(*both, key=key))
    return _listed(session, request, request.query)


def _once(images: Iterable[Image]) -> Iterator[Image]:
    """Each image once: one that is hidden between the two lists is in both."""
    seen = set()
    for image in images:
        if image["id"] not in seen:
            seen.add(image["id"])
            yield image


def _with_owner(request: ListRequest, session: Session) -> ListRequest:
    """The same request, with the id of the owner in its query."""
    if request.owner is None:
        return request
    from .projects import ProjectIds  # few tasks ask for the images of one project

    (owner,) = ProjectIds(session, request.domain, "owner").resolved([request.owner])
    return request._replace(query=(("owner", owner), *request.query))


def _shown(images: Iterable[Mapping[str, Any]], request: ListRequest, session: Session) -> list[dict[str, Any]]:
    """The images in the shape of a result."""
    shown = []
    for image in images:
        shape = listed_shape(image)
        if request.with_members:
            shape["members"] = _members_of(session, image)
        shown.append(shape if request.fields is None else {field: shape[field] for field in request.fields})
    return shown


def listed_shape(image: Mapping[str, Any]) -> dict[str, Any]:
    """An image as pcd_image has it, and what its marks come to; they themselves are not returned, because anybody can
    write them."""
    return {
        **image_shape(image),
        "retired": retired_name(image),
        "replaces": replaced_id(image) if is_unfinished(image) else None,
    }


def _members_of(session: Session, image: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The members of a shared image; None for another one, which has none, and for one that is gone by now."""
    if image.get("visibility") != "shared":
        return None
    from .members import shape_of  # most tasks do not ask for it

    try:
        return shape_of(session.images.members(image["id"]))
    except NotFound:
        return None
    except Forbidden:
        seen = find_by_id(session, image["id"])
        if seen is None or seen.get("visibility") != "shared":
            return None
        raise


def _listed(session: Session, request: ListRequest, query: Query) -> Iterator[Image]:
    # Of two lists that have to be sorted together, all is needed.
    limit = None if request.hidden_or_not and _sorts_by(request, ORDERED_BY_DATABASE) else request.limit
    if _sorts_by(request, MAY_LACK):
        return islice(_sorted(session, request, query, limit), limit)
    if request.name_pattern is not None:
        # Nobody knows how many pages hold as many images of such names.
        found = session.images.list(query)
    elif request.name is None and request.tag is None and not request.properties:
        return session.images.list(query, limit)
    else:
        found = session.images.list(query, page_size=limit)
    return islice((image for image in found if _matches(request, image)), limit)


def _sorted(session: Session, request: ListRequest, query: Query, limit: int | None) -> Iterable[Image]:
    """The images in an order whose pages Glance cannot follow each other with; one page is right."""
    if request.marker is None:
        page, is_all = session.images.first_page(query, limit)
        found = [image for image in page if _matches(request, image)]
        if is_all or (limit is not None and len(found) >= limit):
            return found
    plain = [(key, value) for key, value in query if key not in ("sort", "sort_key", "sort_dir", "marker")]
    order = sort_key_of(request.order)
    found = sorted((image for image in session.images.list(plain) if _matches(request, image)), key=order)
    if request.marker is None:
        return found
    marker = order(session.images.get(request.marker))
    return [image for image in found if order(image) > marker]


def _sorts_by(request: ListRequest, attributes: Container[str]) -> bool:
    return any(key in attributes for key, dummy in request.order)


def _matches(request: ListRequest, image: Image) -> bool:
    """Whether name, tag and properties are the very ones: databases may ignore case, accents, and blanks at the end."""
    return (
        request.name in (None, image.get("name"))
        and (request.name_pattern is None or fnmatchcase(image.get("name") or "", request.name_pattern))
        and (request.tag is None or request.tag in (image.get("tags") or ()))
        and all(image.get(key) == value for key, value in request.properties)
    )


def sort_key_of(order: Iterable[tuple[str, str]]) -> Callable[[Image], Any]:
    """A sort key for the order in which the service lists; None goes before everything, as in Glance.

    It is good enough to merge two lists, not to sort one: the service knows microseconds that it does not show.
    """

    def compare(one: Image, other: Image) -> int:
        for key, direction in order:
            before, after = _sortable(one.get(key)), _sortable(other.get(key))
            if before != after:
                return -1 if (before < after) == (direction == "asc") else 1
        return 0

    return cmp_to_key(compare)


def _sortable(value: Any) -> tuple[bool, Any]:
    """Texts are without case and accents, as MySQL and MariaDB compare them: otherwise a page of theirs, and one that
    is sorted here, would not follow each other."""
    return (value is not None, folded(value) if isinstance(value, str) else value or 0)
