# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A catalogue of a test: its names begin alike, and everything that begins so goes at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Image, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner


class Catalog:
    """Runs pcd_image_catalog with names that begin with `prefix`, and files in `folder`."""

    def __init__(self, run: Runner, server: Server, prefix: str, folder: Path) -> None:
        self.run, self.server, self.prefix, self.folder = run, server, prefix, folder

    def named(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def file(self, number: int) -> str:
        path = self.folder / f"data-{number}.raw"
        path.write_bytes(b"data %d " % number * 1000)
        return str(path)

    def entry(self, name: str, data: int | None = None, **options: Any) -> dict[str, Any]:
        """An entry; with `data`, it has the file of that number."""
        source = {} if data is None else {"path": self.file(data), **RAW}
        return {"name": self.named(name), **source, **options}

    def __call__(self, images: Sequence[Any], user: str = "member", **options: Any) -> Outcome:
        return self.run("pcd_image_catalog", user, images=list(images), **options)

    def everything(self) -> dict[str, Image]:
        """The images whose names begin with the prefix, by their ids."""
        found = self.server.everything().items()
        return {key: image for key, image in found if str(image["name"]).startswith(self.prefix)}

    def clean_up(self) -> None:
        for image_id in self.everything():
            self.server.remember(image_id)
        self.server.clean_up()
