# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an image has the data of a source, by what is known of both. Pure."""

from __future__ import annotations

from typing import Any

from .._errors import PlanError
from .._image.attributes import (
    FIXED_BY_DATA,
    origin_of,
)
from .._image.plan import (
    Image,
    describe,
)
from .digest import Content


def is_same(image: Image, content: Content) -> bool | None:
    """Whether the image has this content; None if what is known of both cannot be compared.

    A digest decides if the service has one of the same algorithm; if not, different sizes do.
    """
    compared = [actual == expected for dummy, expected, actual in _comparable(image, content)]
    if compared:
        return all(compared)
    if content.size is not None and image.get("size") is not None and content.size != image["size"]:
        return False
    return None


def as_sent(image: Image, project_id: str | None) -> Image:
    """The image as if it still had the bytes that were sent, if it remembers that the service has converted them."""
    origin = origin_of(image, project_id)
    if origin is None or origin.disk_format is None:
        return image
    is_md5 = origin.algorithm == "md5"
    hashes = {"os_hash_algo": origin.algorithm, "os_hash_value": None if is_md5 else origin.value}
    return {**image, **hashes, "checksum": origin.value if is_md5 else None, "size": None}


def is_converted(before: Image, after: Image) -> bool:
    """Whether the service has converted the data: it then changes a format, which nobody else can."""
    return any(before.get(key) != after.get(key) for key in FIXED_BY_DATA)


def difference(image: Image, content: Content) -> tuple[str, Any, Any] | None:
    """The first difference in what is known of both: algorithm or "size", the expected value, the actual value."""
    pairs = _comparable(image, content)
    if content.size is not None and image.get("size") is not None:
        pairs.append(("size", content.size, image["size"]))
    return next((pair for pair in pairs if pair[1] != pair[2]), None)


def _comparable(image: Image, content: Content) -> list[tuple[str, Any, Any]]:
    there = {str(image.get("os_hash_algo")): image.get("os_hash_value"), "md5": image.get("checksum")}
    return [
        (algorithm, content.digests[algorithm], value)
        for algorithm, value in there.items()
        if value and algorithm in content.digests
    ]


def refuse_change(image: Image, content: Content, declared: str | None = None) -> PlanError:
    """The error for an image whose data differs from the source.

    `declared` is the disk format of the source.
    """
    found = difference(image, content)
    algorithm, expected, actual = found or ("size", content.size, image.get("size"))
    hint = ""
    if declared not in (None, image.get("disk_format")):
        hint = (
            f" Its disk_format is {image.get('disk_format')}, and {declared} is declared: if the image service "
            "converts what it imports, the two cannot be compared, because the image does not remember its source. An "
            "image does whose import a task has waited for (on_content_change: replace makes one)."
        )
    return PlanError(
        f"{describe(image)} has other data than the source: its {algorithm} is {actual} (size "
        f"{_or_unknown(image.get('size'))}), that of the source is {expected} (size {_or_unknown(content.size)}). "
        "The data of an image cannot be changed. Set on_content_change: replace to put a new image in its place, or "
        f"on_content_change: keep to leave it as it is; or correct the source or the checksum.{hint}",
        expected=expected,
        actual=actual,
        algorithm=algorithm,
    )


def _or_unknown(size: int | None) -> int | str:
    return "unknown" if size is None else size
