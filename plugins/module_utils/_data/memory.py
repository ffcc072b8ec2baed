# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image remembers of the file that its data was made from: a checksum that the service does not compute.

Vendors publish SHA-256, and the service computes MD5 and SHA-512 of the bytes that it stores. Without the memory, each
run would have to read the whole file to compare both. What it is worth, `origin_of` says. Pure.
"""

from __future__ import annotations

from .._image.attributes import SOURCE, UNPACKED, Origin, origin_of, origin_property
from .._image.plan import Image, Patch, make_patch
from .stream import Stream


def memory_patch(stream: Stream, image: Image) -> Patch:
    """The patch after which the image, whose data is that of the stream, remembers the stated checksum.

    Empty if the service's own hashes can be compared with it, or if the image remembers it already.
    """
    stated = stream.stated
    hashes = {"md5": image.get("checksum"), image.get("os_hash_algo"): image.get("os_hash_value")}
    if stated is None or (hashes.get(stated.algorithm) and not stream.decompress):
        return []
    value = origin_property(Origin(stated.algorithm, stated.value, None), image)
    if value is None:
        return []
    return make_patch({SOURCE: value, UNPACKED: "true" if stream.decompress else None}, image)


def remembers_another(image: Image, stream: Stream, project_id: str | None) -> bool:
    """Whether the image has other data than the stream because it remembers another checksum of the same algorithm.

    A packed file that differs may hold the same data.
    """
    origin = origin_of(image, project_id)
    if origin is None or stream.stated is None or origin.disk_format is not None:
        return False
    is_packed = origin.is_unpacked or stream.decompress
    return not is_packed and origin.algorithm == stream.stated.algorithm and origin.value != stream.stated.value


def remembers(image: Image, stream: Stream, project_id: str | None) -> bool:
    """Whether the image has the data of the stream because it remembers the stated checksum.

    The same file is other data if it was unpacked before, and shall not be now.
    """
    origin = origin_of(image, project_id)
    if origin is None or stream.stated is None or origin.disk_format is not None:
        return False
    return (origin.algorithm, origin.value, origin.is_unpacked) == (*stream.stated, stream.decompress)
