# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that are added and removed, while others stay, those too that somebody else adds at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Proxy, Seen
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

BY_TOKEN = True
CHANGE: dict[str, Any] = {"tags_present": ["new"], "tags_absent": ["old"]}


def test_one_operation_is_sent_that_has_every_tag(run: Runner, server: Server, name: str) -> None:
    server.create(name, tags=["old", "kept"])
    done = run("pcd_image", name=name, **CHANGE, min_disk=2)
    assert [operation["path"] for operation in done.patch] == ["/min_disk", "/tags"]
    assert sorted(done.patch[1]["value"]) == ["kept", "new"]


@pytest.mark.parametrize("others", [["old", "kept", "theirs"], ["theirs"], []], ids=str)
def test_what_somebody_else_writes_at_the_same_moment_stays(
    others: list[str], run: Runner, server: Server, proxy: Proxy, name: str
) -> None:
    """The other one has read the image before, and writes all tags just after this task has written them."""
    image = server.create(name, tags=["old", "kept"])

    def write(seen: Seen, answered: bool) -> None:
        if (seen.kind, seen.nth) == ("update", 1) and answered:
            server.change(image["id"], tags=others)

    proxy.watch = write
    done = run("pcd_image", None, **proxy.through(server.login("member")), name=name, **CHANGE)
    expected = sorted({*others, "new"} - {"old"})
    assert done.changed
    assert done.image["tags"] == sorted(server.get(image["id"])["tags"]) == expected


def test_the_tags_of_the_old_image_are_changed_on_its_replacement(
    run: Runner, server: Server, name: str, tmp_path: Path
) -> None:
    server.create(name, active=True, tags=["old", "kept"])
    path = tmp_path / "image.raw"
    path.write_bytes(b"other data")
    options = {"name": name, "path": str(path), "on_content_change": "replace", **CHANGE}
    preview = run("pcd_image", check=True, **options)
    done = run("pcd_image", **options)
    assert preview.image["tags"] == done.image["tags"] == ["kept", "new"]
    assert not run("pcd_image", **options).changed
    for image in server.named(name):
        server.remember(image["id"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tags_present": ["a", "b"], "tags_absent": ["b"]}, "'b' is also in tags_present"),
        ({"tags": ["a"], "tags_present": ["b"]}, "tags_present: they cannot be combined with tags"),
        ({"tags": [], "tags_absent": ["b"]}, "tags_absent: they cannot be combined with tags"),
        ({"tags_present": [" a"]}, "tags_present"),
        ({"tags_absent": ["x" * 256]}, "tags_absent"),
    ],
)
def test_a_contradiction_is_refused_before_anything_is_sent(
    options: dict[str, Any], words: str, run: Runner, server: Server, name: str
) -> None:
    server.create(name, tags=["a"])
    for check in (True, False):
        refused = run("pcd_image", name=name, **options, check=check)
        assert words in refused.msg
        assert len(refused.msg.splitlines()) == 1
        assert refused.requests == []
