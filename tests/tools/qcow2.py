# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""qcow2.py FILE [TEXT]: make an empty disk of 1 MiB in the format qcow2 (QEMU, docs/interop/qcow2.txt).

TEXT distinguishes two disks: it is the content of the first sector.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
DISK = 1 << 20
# Which cluster of the file holds what.
REFERENCES, COUNTS, FIRST_LEVEL, SECOND_LEVEL, CONTENT, CLUSTERS = range(1, 7)
# The bit of an entry that says that nothing else refers to its cluster.
UNSHARED = 1 << 63


def qcow2(text: str = "") -> bytes:
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb",
        3,  # version
        0,  # no backing file
        0,
        CLUSTER_BITS,
        DISK,
        0,  # not encrypted
        1,  # entry of the first level
        FIRST_LEVEL * CLUSTER,
        REFERENCES * CLUSTER,
        1,  # cluster of references
        0,  # no snapshots
        0,
        0,  # no special features
        0,
        0,
        4,  # counts of 16 bits
        104,  # the length of this header
    )
    clusters = [
        header,
        struct.pack(">Q", COUNTS * CLUSTER),
        struct.pack(">H", 1) * CLUSTERS,
        struct.pack(">Q", SECOND_LEVEL * CLUSTER | UNSHARED),
        struct.pack(">Q", CONTENT * CLUSTER | UNSHARED),
        text.encode(),
    ]
    return b"".join(cluster.ljust(CLUSTER, b"\0") for cluster in clusters)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(qcow2(" ".join(sys.argv[2:])))
