# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All images of the own project, listed twice (Glance lists hidden images or the others), and what plans ask of them.

A plan asks for one image after the other, by its name or by a mark. Here these questions are answered from the two
lists. So 500 images are planned with as many requests as one bare list takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain, islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from .._client.images import Image, Images, Items, Names, Query
from .._image.attributes import REPLACES, RETIRED
from .._session import Once, Session

if TYPE_CHECKING:
    import requests

NAME = "eq:"
# The parameters of a query that can be answered from the lists, beside owner, os_hidden and sort.
FILTERS = ("name", REPLACES, RETIRED)
# The order of the service if none is asked for is the opposite of this one.
OLDEST_FIRST = "created_at:asc,id:asc"


class Listings:
    """The images of the project of the credentials, as two lists show them. Several threads may ask for them.

    A question is answered once only: whoever asks the same again wants to know what has changed since.
    """

    def __init__(self, images: Images, project_id: str | None) -> None:
        self._images = images
        self._project_id = project_id
        self._once = Once()
        self._lock = Lock()
        self._asked: set[Any] = set()

    def of(self, session: Session) -> Session:
        """The session for planning: its client looks into the lists first."""
        return replace(session, images=Listed(self, session.images, self._once), once=self._once)

    def listed(self, hidden: bool) -> list[Image]:
        """The hidden images of the project, or the others; the newest first."""
        return self._once.answer(("list", hidden), lambda: own_images(self._images, str(self._project_id), hidden))

    def all(self) -> Iterator[Image]:
        for hidden in (False, True):
            yield from self.listed(hidden)

    def found(self, query: Query) -> Iterable[Image] | None:
        """The images that the service would list; None if only the service can tell."""
        asked = dict(query)
        owner, hidden, order = asked.pop("owner", None), asked.pop("os_hidden", "false"), asked.pop("sort", None)
        if owner is None or owner != self._project_id or hidden not in ("true", "false"):
            return None
        if order not in (None, OLDEST_FIRST) or any(key not in FILTERS for key in asked):
            return None
        if not asked.get("name", NAME).startswith(NAME) or not self._is_first(tuple(query)):
            return None
        named = {key: value.removeprefix(NAME) if key == "name" else value for key, value in asked.items()}
        key, value = next(iter(named.items()), (None, None))
        images = self.listed(hidden == "true") if key is None else self._by(key, hidden == "true").get(value, [])
        found = [image for image in images if all(image.get(key) == value for key, value in named.items())]
        return found if order is None else reversed(found)

    def image(self, image_id: str) -> Image | None:
        """The image of this id if it is in the lists, and was not asked for before."""
        if self._project_id is None or not self._is_first(image_id):
            return None
        found = (self._by("id", hidden).get(image_id, []) for hidden in (False, True))
        return next(chain.from_iterable(found), None)

    def _by(self, key: str, hidden: bool) -> dict[Any, list[Image]]:
        """The images of a list by the value that they have of an attribute."""

        def sorted_in() -> dict[Any, list[Image]]:
            found: dict[Any, list[Image]] = {}
            for image in self.listed(hidden):
                found.setdefault(image.get(key), []).append(image)
            return found

        return self._once.answer(("by", key, hidden), sorted_in)

    def _is_first(self, question: Any) -> bool:
        with self._lock:
            is_first = question not in self._asked
            self._asked.add(question)
        return is_first


class Listed(Images):
    """The client of a planning session: what the lists tell is answered from them, all else by the service."""

    def __init__(self, listings: Listings, images: Images, once: Once) -> None:
        self._listings = listings
        self._real = images
        self._once = once
        self.base_url = images.base_url

    def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
        found = self._listings.found(query)
        if found is None:
            return self._real.list(query, at_most, page_size)
        return islice((dict(image) for image in found), at_most)

    def get(self, image_id: str) -> Image:
        found = self._listings.image(image_id)
        return self._real.get(image_id) if found is None else dict(found)

    def import_methods(self) -> Names:
        return self._once.answer("import_methods", self._real.import_methods)

    def stores(self, detail: bool = False) -> Items:
        return self._once.answer(("stores", detail), lambda: self._real.stores(detail))

    # A plan writes nothing. What else it may look at, only the service knows.

    def tasks(self, image_id: str) -> Items:
        return self._real.tasks(image_id)

    def members(self, image_id: str) -> Items:
        return self._real.members(image_id)

    def download(self, image_id: str, start: int = 0) -> AbstractContextManager[requests.Response]:  # type: ignore[override]
        return self._real.download(image_id, start)


def own_images(images: Images, project_id: str, hidden: bool) -> list[Image]:
    """The images of the project that are hidden, or those that are not: one request for each thousand of them."""
    query = [("owner", project_id), *([("os_hidden", "true")] if hidden else [])]
    return [image for image in images.list(query) if image.get("owner") == project_id]
