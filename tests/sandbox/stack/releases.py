# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of Glance that a sandbox can run, each with a lock of its own.

Keystone is the newest in all of them: Glance asks it about tokens by HTTP, and for that the releases need not match.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from stack.folders import SOURCE


@dataclass(frozen=True)
class Release:
    """An OpenStack release; ``oldest`` and ``newest`` are the Pythons that its lock is for.

    ``more`` is a lock that is installed beside it; if that fails, only those of its packages that are ``needed``.
    """

    name: str
    glance: int
    lock_file: Path
    oldest: tuple[int, int]
    newest: tuple[int, int]
    more: Path | None = None
    needed: tuple[str, ...] = ()

    @property
    def lock_files(self) -> list[Path]:
        return [self.lock_file, *([] if self.more is None else [self.more])]


NEWEST = Release("2026.2", 33, SOURCE / "requirements.lock", (3, 11), (3, 13))
RELEASES = (
    Release("zed", 25, SOURCE / "locks/zed.lock", (3, 10), (3, 10)),
    Release("2024.1", 28, SOURCE / "locks/2024.1.lock", (3, 11), (3, 11)),
    Release("2025.1", 30, SOURCE / "locks/2025.1.lock", (3, 11), (3, 12)),
    NEWEST,
)
# The newest one on MariaDB and S3; see production.py.
PRODUCTION = replace(NEWEST, more=SOURCE / "locks/production.lock", needed=("PyMySQL",))
BY_NAME = {release.name: release for release in RELEASES}
