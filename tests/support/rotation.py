# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name whose images are rotated: builds of its data, the runs that bring them, and what the service has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Image, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner


class Rotation:
    """One name, builds of its data, and what the service has."""

    def __init__(self, run: Runner, server: Server, name: str, folder: Path) -> None:
        self.run, self.server, self.name, self.folder = run, server, name, folder

    def build(self, number: int) -> str:
        path = self.folder / f"build-{number}.raw"
        path.write_bytes(b"build %d " % number * 1000)
        return str(path)

    def __call__(self, number: int | None = None, user: str = "member", check: bool = False, **options: Any) -> Outcome:
        source: dict[str, Any] = (
            {} if number is None else {"path": self.build(number), "on_content_change": "replace", **RAW}
        )
        return self.run("pcd_image", user, name=self.name, **{**source, **options}, check=check)

    def builds(self, *numbers: int, **options: Any) -> list[str]:
        """The ids of the images of these builds, one after the other."""
        ids = [self(number, **options).image["id"] for number in numbers]
        # The service gives whole seconds only, and the older one of two goes first.
        self.server.space_out(ids)
        return ids

    def everything(self) -> dict[str, Image]:
        return {key: image for key, image in self.server.everything().items() if self.name in str(image.get("name"))}

    def current(self) -> list[str]:
        found = self.everything().items()
        return [key for key, image in found if not image["os_hidden"] and image["name"] == self.name]


def entries(outcome: Outcome) -> list[tuple[str, str]]:
    return [(entry["id"], entry["action"]) for entry in outcome.result["retired"]]
