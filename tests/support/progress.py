# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A progress whose lines and clock a test has in its hands."""

from __future__ import annotations

from ansible_collections.platform9.pcd.plugins.module_utils._client.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Told:
    """A progress whose lines and clock the test has in its hands."""

    def __init__(self, interval: float = 5.0) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.progress = Progress(self.lines.append, interval, self.clock)
