# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of images that a request asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cmp_to_key
from heapq import merge
from itertools import islice
from typing import Any

from .._client.images import Image, Query
from .._session import Result, Session
from .attributes import image_shape
from .find import find_by_id
from .options import ListRequest


def read_listing(request: ListRequest, session: Session) -> Result:
    """`images`: those that the request asks for, in the shape of a result."""
    if request.id is not None:
        image = find_by_id(session, request.id)
        return {"images": [] if image is None else [image_shape(image)]}
    found: Iterable[Image]
    if request.hidden_or_not:
        # Glance lists hidden images or the others, never both (os_hidden in glance/db/sqlalchemy/api.py).
        both = [_listed(session, request, [*request.query, ("os_hidden", hidden)]) for hidden in ("false", "true")]
        found = merge(*both, key=sort_key_of(request.order))
    else:
        found = _listed(session, request, request.query)
    return {"images": [image_shape(image) for image in islice(found, request.limit)]}


def _listed(session: Session, request: ListRequest, query: Query) -> Iterator[Image]:
    if request.name is None:
        return session.images.list(query, request.limit)
    # Databases may ignore the case of a name, and blanks at its end, so that more may be needed than asked for.
    found = session.images.list(query, page_size=request.limit)
    return islice((image for image in found if image.get("name") == request.name), request.limit)


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
    return (value is not None, "" if value is None else value)
