# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a file is still the one that was read before, so that what was made of it can be used again."""

from __future__ import annotations

import os
import time

Version = tuple[int, ...]

# The times of a file change in steps, of two seconds in some file systems: two changes within a step look the same.
MIN_AGE_SECONDS = 2.5


def version_of(file: str | int) -> Version | None:
    """Numbers that differ after each change of the file, which is a path or a descriptor.

    None if the last change was so recent that another one may not be visible: nothing of such a file is kept.
    """
    found = os.stat(file)
    if time.time() - max(found.st_mtime, found.st_ctime) < MIN_AGE_SECONDS:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
