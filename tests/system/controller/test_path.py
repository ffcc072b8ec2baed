# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relative path is found in the folders of ansible.builtin.copy, whichever way the task runs on this host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.playbook_runner import Player, play, step

BOTH_WAYS = pytest.mark.parametrize("in_process", [True, False], ids=["in process", "as a module"])


def fill(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x5a" * size)


def upload(name: str, path: str, **keywords: Any) -> dict[str, Any]:
    options = {"name": name, "disk_format": "raw", "container_format": "bare", "path": path}
    return step("Upload", "pcd_image", options, **keywords)


def copied(path: str, folder: Path) -> dict[str, Any]:
    return {"name": "Copy", "ansible.builtin.copy": {"src": path, "dest": str(folder / "copied"), "mode": "0600"}}


# The files that are there, and the one that is found for image.raw; the playbook lies in the folder itself.
PLACES: dict[str, list[str]] = {
    "beside the playbook": ["image.raw"],
    "in files of the play, before the one beside it": ["files/image.raw", "image.raw"],
}


@BOTH_WAYS
@pytest.mark.parametrize("case", PLACES)
def test_a_play_finds_its_file(case: str, in_process: bool, run: Player, name: str) -> None:
    for number, place in enumerate(PLACES[case], start=1):
        fill(run.folder / place, number * 100)
    run(play(copied("image.raw", run.folder), upload(name, "image.raw")), platform9_pcd_in_process=in_process)
    size = run.server.named(name)[0]["size"]
    assert size == (run.folder / "copied").stat().st_size == 100


@BOTH_WAYS
@pytest.mark.parametrize("path", ["image.raw", "deeper/image.raw"])
def test_a_role_finds_its_file_before_that_of_the_play(path: str, in_process: bool, run: Player, name: str) -> None:
    role = run.folder / "roles" / "images"
    fill(role / "files" / path, 111)
    fill(run.folder / "files" / path, 222)
    (role / "tasks").mkdir()
    tasks = [copied(path, run.folder), upload(name, path)]
    (role / "tasks" / "main.yml").write_text(json.dumps(tasks), encoding="utf-8")
    run(
        play({"name": "The role", "ansible.builtin.include_role": {"name": "images"}}),
        platform9_pcd_in_process=in_process,
    )
    size = run.server.named(name)[0]["size"]
    assert size == (run.folder / "copied").stat().st_size == 111


@BOTH_WAYS
def test_a_missing_file_is_reported_with_the_places_that_were_searched(
    in_process: bool, run: Player, name: str
) -> None:
    played = run(play(upload(name, "image.raw")), succeeds=False, platform9_pcd_in_process=in_process)
    said = played.tasks["Upload"]["msg"]
    assert said.startswith("path: Could not find or access 'image.raw'")
    assert str(run.folder / "files" / "image.raw") in said
    assert said.endswith("Put the file into one of these places, or give its absolute path.")
    # An option of Ansible's own modules, and none of these.
    assert "remote_src" not in said
    assert "\n" not in said
    assert played.requests == []


@BOTH_WAYS
def test_a_deletion_needs_no_file(in_process: bool, run: Player, name: str) -> None:
    run.server.create(name)
    deletion = step("Delete", "pcd_image", {"name": name, "path": "nowhere/image.raw", "state": "absent"})
    played = run(play(deletion), platform9_pcd_in_process=in_process)
    assert played.tasks["Delete"]["changed"] is True
    assert run.server.named(name) == []


def test_on_another_host_a_relative_path_is_left_to_that_host(run: Player, name: str) -> None:
    fill(run.folder / "files" / "image.raw", 100)
    elsewhere = upload(name, "image.raw", vars={"ansible_connection": "elsewhere"})
    said = run(play(elsewhere), succeeds=False).tasks["Upload"]["msg"]
    assert said.startswith("path: image.raw cannot be read: No such file or directory")


@BOTH_WAYS
def test_other_relative_paths_begin_at_the_playbook(in_process: bool, run: Player, name: str) -> None:
    (run.folder / "elsewhere").mkdir()
    fill(run.folder / "image.raw", 100)
    download = step("Download", "pcd_image_download", {"name": name, "dest": "copy.raw"})
    playbook = run.folder / "playbook.yml"
    playbook.write_text(json.dumps(play(upload(name, "image.raw"), download)), encoding="utf-8")
    run(playbook, platform9_pcd_in_process=in_process)
    assert (run.folder / "copy.raw").stat().st_size == 100
