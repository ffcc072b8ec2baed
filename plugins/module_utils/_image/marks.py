# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the marks on an image are worth: custom properties with which this collection remembers a replacement. Pure.

Every project can set any custom property on its own images, choose their ids, and Nova copies all properties of an
image onto the snapshots of its instances (nova/compute/utils.py, initialize_instance_snapshot_metadata). So a mark is a
claim. `mark_of` decides whether it counts, and nobody else reads a mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .attributes import (
    BOUND_TO,
    CATALOG,
    OUR_PREFIX,
    REPLACES,
    RETIRED,
    RETIRED_AS,
    SHOWN,
    UUID,
    is_ours,
)

Image = Mapping[str, Any]

# RETIRED holds the name that the image was retired from, CATALOG that of the catalogue.
NAME = re.compile(r"(?s:.){1,255}")
FORMS = {REPLACES: UUID, RETIRED: NAME, CATALOG: NAME}


def mark_of(image: Image, mark: str, owner: str | None) -> str | None:
    """The value of a mark on the image, if it counts for images of this owner; None otherwise.

    It counts if the image belongs to the owner, because members of one project can change each other's images anyway;
    if it is bound to this very image, because a copy on another image says nothing about that one; and if this
    collection has made the id.

    RETIRED counts on an image with another id as well. It is written onto an image that another tool has made, once
    that one is replaced, and only makes a name mean the image less: whoever can write it onto an image can rename this
    image, with the same effect.
    """
    value = image.get(mark)
    if not isinstance(value, str) or not FORMS[mark].fullmatch(value) or value == image["id"]:
        return None
    if image.get("owner") != owner or image.get(BOUND_TO) != image["id"]:
        return None
    return value if mark == RETIRED or is_ours(image["id"]) else None


def bound(attributes: Image) -> dict[str, Any]:
    """The attributes of a new image, whose marks are bound to its id."""
    is_marked = any(key in FORMS for key in attributes)
    return {**attributes, **({BOUND_TO: attributes["id"]} if is_marked else {})}


def is_retired(image: Image) -> bool:
    """Whether the image was replaced and hidden, so that its name means it no more."""
    name = image.get("name")
    return bool(image.get("os_hidden") and name) and mark_of(image, RETIRED, image.get("owner")) == name


def retired_name(image: Image) -> str | None:
    """The name that the image was retired from; None if it is in use, or in use again.

    A hidden one still has that name, and a renamed one has the name that it was given then.
    """
    name = image.get("name")
    mark = mark_of(image, RETIRED, image.get("owner")) if name else None
    if mark is None:
        return None
    is_as_it_was = name == mark if image.get("os_hidden") else name != mark and name == image.get(RETIRED_AS)
    return mark if is_as_it_was else None


def replaced_id(image: Image) -> str | None:
    """The id of the image that this one says to replace; `replaces` decides whether it does."""
    return mark_of(image, REPLACES, image.get("owner"))


def replaces(new: Image, old: Image, declared: str | None = None) -> bool:
    """Whether an earlier run has made the new image to take the place of the old one.

    Beside the mark, both have one owner and one name. And only an administrator can make an image public, so that one
    that is not public says nothing about a public one, unless the task itself declares a visibility that is not public:
    then the replacement of a public image is not public, either.
    """
    return (
        mark_of(new, REPLACES, old.get("owner")) == old["id"]
        and new.get("name") == old.get("name")
        and (_is_as_public(new, old) or declared not in (None, "public"))
    )


def is_unfinished(new: Image) -> bool:
    """Whether a replacement has never been shown: nobody has found it in a list."""
    # Whatever its value: the worst that a wrong one can do is that the image stays.
    return bool(new.get("os_hidden")) and SHOWN not in new


def is_rival(image: Image, made: Image) -> bool:
    """Whether the image is to replace the same one as `made`, of which this is known to be so."""
    return (
        is_unfinished(image)
        and mark_of(image, REPLACES, made.get("owner")) == made.get(REPLACES)
        and _is_as_public(image, made)
    )


def _is_as_public(image: Image, other: Image) -> bool:
    return image.get("visibility") == "public" or other.get("visibility") != "public"


def standing(images: Sequence[Image], declared: str | None = None) -> list[Image]:
    """Of images that could be meant by one name, those that are; `declared` is the visibility that the task declares.

    Left out is an image whose place another one of them has taken, and a hidden replacement that is not finished, if
    what it replaces is there. Marks that go in a circle leave nothing out.
    """
    by_id = {image["id"]: image for image in images}
    successors: dict[str, str] = {}
    for new in images:
        old = by_id.get(replaced_id(new) or "")
        if old is None or not replaces(new, old, declared):
            continue
        if is_unfinished(new):
            successors[new["id"]] = old["id"]
        else:
            successors[old["id"]] = new["id"]
    return [image for image in images if image["id"] not in successors or _is_in_circle(image["id"], successors)]


def _is_in_circle(image_id: str, successors: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    while image_id in successors and image_id not in seen:
        seen.add(image_id)
        image_id = successors[image_id]
    return image_id in successors


def unmarking(image: Image, *marks: str) -> list[str]:
    """The properties that go with these marks: they, and what binds them if no other mark is bound by it."""
    gone = [mark for mark in marks if mark in image]
    gone += [RETIRED_AS] if RETIRED in marks and RETIRED_AS in image else []
    left = [mark for mark in FORMS if mark in image and mark not in gone]
    return [*gone, *([BOUND_TO] if gone and not left and BOUND_TO in image else [])]


def with_needed_binding(desired: Image, image: Image) -> Image:
    """The desired attributes, without the removal of what binds a mark that the image has got meanwhile."""
    is_unbound = BOUND_TO in desired and desired[BOUND_TO] is None
    if is_unbound and any(mark in image and mark not in desired for mark in FORMS):
        return {key: value for key, value in desired.items() if key != BOUND_TO}
    return desired


def foreign_marks(image: Image, own: Iterable[str]) -> list[str]:
    """The reserved properties on the image that are not among these."""
    return [key for key in image if key.startswith(OUR_PREFIX) and key not in own]
