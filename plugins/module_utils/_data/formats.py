# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of a record that is to get data: declared, or found in the first bytes of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._errors import PlanError
from .delivery import Delivery
from .format import check_format, fits, format_of, virtual_size_of

GIB = 1 << 30


def with_formats(
    attributes: Mapping[str, Any], desired: Mapping[str, Any], delivery: Delivery, warn: Callable[[str], object]
) -> dict[str, Any]:
    """The attributes of a record for this data, with the formats that its first bytes show if none is desired.

    A format that is not desired may be inherited: it stays unless the bytes contradict it. DataError if they
    contradict one that is desired. What is in a container is not looked at, as Glance does (glance/location.py,
    set_data).
    """
    is_declared = desired.get("disk_format") is not None
    container, disk_format = attributes.get("container_format"), attributes.get("disk_format")
    if container not in (None, "bare") or (container is None and disk_format is not None):
        return dict(attributes)
    bare = {**attributes, "container_format": "bare"}
    source = delivery.stream or delivery.fetched
    if source is None or not source.is_there:
        return bare
    if is_declared:
        source.disk_format = disk_format
    start, size = delivery.start, None if delivery.known is None else delivery.known.size
    if delivery.stream is not None:
        size = source.begin()
        start = source.start
    if start is None:
        if disk_format is None:
            raise PlanError(
                f"disk_format: it was not given, and cannot be found, because this host could not read the first "
                f"bytes of {source.source}. Give disk_format and container_format; or use method: upload, which "
                "streams the data through this host."
            )
        return dict(attributes)
    found = format_of(start)
    if disk_format is None or not (is_declared or fits(found, disk_format)):
        disk_format = found or "raw"
    check_format(start, disk_format, str(source.source))
    source.disk_format = disk_format
    _warn_of_small_disk(desired.get("min_disk"), virtual_size_of(start) or size, str(source.source), warn)
    return {**bare, "disk_format": disk_format}


def _warn_of_small_disk(declared: int | None, size: int | None, source: str, warn: Callable[[str], object]) -> None:
    if declared is None or size is None or size <= declared * GIB:
        return
    needed = -(-size // GIB)
    warn(
        f"min_disk: {source} is a disk of {size} bytes, more than the {declared} GB that min_disk declares. An "
        f"instance with a disk of that size cannot boot from it. Set min_disk: {needed}."
    )
