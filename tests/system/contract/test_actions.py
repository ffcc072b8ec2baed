# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result says has happened, in one life of an image: the same in check mode and in the real run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner

BY_TOKEN = True
FORMATS: dict[str, Any] = {"disk_format": "raw", "container_format": "bare"}


def test_each_step_in_the_life_of_an_image_has_its_word(run: Runner, server: Server, name: str, tmp_path: Path) -> None:
    path = tmp_path / "image.raw"

    def done(module: str = "pcd_image", content: bytes | None = None, **options: Any) -> Outcome:
        if content is not None:
            path.write_bytes(content)
            options["path"] = str(path)
        preview = run(module, name=name, check=True, **options)
        real = run(module, name=name, **options)
        assert preview.result["action"] == real.result["action"]
        assert preview.result.get("replaced_id") == real.result.get("replaced_id")
        assert (real.result["action"] != "unchanged") is real.changed
        return real

    first = done(**FORMATS)
    assert first.result["action"] == "created"
    one = first.image["id"]
    assert done(content=b"one").result["action"] == "uploaded"
    assert done(content=b"one").result["action"] == "unchanged"
    assert done(min_ram=3).result["action"] == "updated"
    assert done("pcd_image_state", state="deactivated").result["action"] == "deactivated"
    assert done("pcd_image_state", state="deactivated").result["action"] == "unchanged"
    assert done("pcd_image_state", state="active").result["action"] == "reactivated"

    prepared = done(content=b"two", on_content_change="prepare").result
    server.remember(prepared["prepared"]["id"])
    assert (prepared["action"], prepared["replaced_id"]) == ("prepared", None)
    replaced = done(content=b"two", on_content_change="replace").result
    assert (replaced["action"], replaced["replaced_id"]) == ("replaced", one)
    assert [entry["id"] for entry in replaced["retired"]] == [one]
    restored = done(content=b"one", on_content_change="replace").result
    assert (restored["action"], restored["image"]["id"]) == ("restored", one)
    assert restored["replaced_id"] == prepared["prepared"]["id"]
    assert done(state="absent").result["action"] == "deleted"
    assert done(state="absent").result["action"] == "unchanged"


def test_letters_beyond_ascii_are_shown_as_they_are(run: Runner, name: str) -> None:
    made = run("pcd_image", name=f"{name} \u2014 \u00fc", properties={"note": "Gr\u00fc\u00dfe \u4e2d"})
    after = made.result["diff"]["after"]
    assert "\u2014 \u00fc" in after
    assert "Gr\u00fc\u00dfe \u4e2d" in after
    assert "\\u" not in after
    assert made.result["diff"]["after_header"] == f"{name} \u2014 \u00fc (new image)"
