# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/examples/catalog does what its README says, with local copies of what the vendors publish."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.playbook_runner import Played, Player
from ansible_collections.platform9.pcd.tests.support.vendor_files import (
    EXAMPLE,
    Vendors,
    open_vendors,
    variables_of_example,
)

IMAGES = variables_of_example()["catalog_images"]
PRESENT = [image["name"] for image in IMAGES if image.get("state") != "absent"]
UEFI = {"hw_firmware_type": "uefi", "hw_machine_type": "q35", "os_secure_boot": "optional", "os_type": "linux"}
DECLARE = "Declare the images"

Run = Callable[..., Played]


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    with open_vendors() as vendors:
        yield vendors


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's copy."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "catalog"))


@pytest.fixture
def play(server: Server, vendors: Vendors, repository: Path, tmp_path: Path) -> Run:
    """Runs the playbook as an administrator, who may make images public."""
    player = Player(server, tmp_path)

    def run(*arguments: str, **keywords: Any) -> Played:
        return player(
            repository / "catalog.yml",
            *arguments,
            environ={"OS_CLOUD": "admin"},
            **{**vendors.addresses, **keywords},
        )

    return run


def summary(played: Played, **counts: int) -> bool:
    """Whether the task reports exactly these counts, and none of anything else."""
    declared = dict(played.tasks[DECLARE]["summary"])
    total = declared.pop("total")
    return {action: count for action, count in declared.items() if count} == counts and total == sum(counts.values())


def test_all_images_are_created_once_with_what_pcd_needs_for_uefi(play: Run, server: Server, vendors: Vendors) -> None:
    preview = play("--check")
    assert summary(preview, created=len(PRESENT), unchanged=1)
    assert server.everything() == {}

    done = play()
    assert summary(done, created=len(PRESENT), unchanged=1)
    assert done.tokens == 1
    images = {image["name"]: image for image in server.everything().values()}
    assert sorted(images) == sorted(PRESENT)
    for declared in IMAGES[:-1]:
        image = images[declared["name"]]
        expected = {**UEFI, **declared["properties"], "pcd_catalog": "vendors"}
        assert {key: image.get(key) for key in expected} == expected
        assert (image["status"], image["visibility"], image["min_disk"]) == ("active", "public", declared["min_disk"])
    assert done.tasks[DECLARE]["ids"] == {name: image["id"] for name, image in images.items()}

    asked = len(vendors.asked)
    again = play()
    assert summary(again, unchanged=len(IMAGES))
    assert vendors.downloads(asked) == []
    assert [request["method"] for request in again.requests] == ["POST", "GET", "GET"]
    assert "changed=0" in again.stdout


def test_a_new_build_replaces_the_old_one_and_what_is_no_longer_declared_is_hidden(
    play: Run, server: Server, vendors: Vendors, repository: Path
) -> None:
    ids = play().tasks[DECLARE]["ids"]
    debian = next(image for image in IMAGES if image["name"] == "debian-13")
    vendors.publish(debian, "the second build")

    asked = len(vendors.asked)
    preview = play("--check")
    assert summary(preview, replaced=1, unchanged=len(IMAGES) - 1)
    done = play(catalog_only="debian-13\n")
    assert summary(done, replaced=1)
    assert len(vendors.downloads(asked)) == 1
    old = server.get(ids["debian-13"])
    assert old["os_hidden"]
    (new,) = (image for image in server.named("debian-13") if not image["os_hidden"])
    assert done.tasks[DECLARE]["ids"] == {"debian-13": new["id"]}

    path = repository / "group_vars/all/images.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["catalog_images"] = [image for image in content["catalog_images"] if image["name"] != "rocky-9"]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert summary(play(), unchanged=len(IMAGES) - 1)
    pruned = play(catalog_prune="retire")
    assert summary(pruned, pruned=1, unchanged=len(IMAGES) - 1)
    assert server.get(ids["rocky-9"])["os_hidden"]
    assert sum(not image["os_hidden"] for image in server.everything().values()) == len(PRESENT) - 1


def test_preview_by_the_survey_changes_nothing(play: Run, server: Server) -> None:
    preview = play(catalog_mode="preview")
    assert summary(preview, created=len(PRESENT), unchanged=1)
    assert server.everything() == {}
