# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A catalogue within the controller and as a module: the same results, one login, progress, and no secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server
from ansible_collections.platform9.pcd.tests.support.playbook_runner import Player, play, step
from ansible_collections.platform9.pcd.tests.support.vendor import PASSWORD, USER, Vendor

KEY = "Se-cret-Header-4711"
MIB = 1 << 20


@pytest.fixture
def gone(server: Server, name: str) -> Iterator[None]:
    """Afterwards, nothing is left whose name begins with that of the test."""
    yield
    for image in server.everything().values():
        if str(image["name"]).startswith(name):
            server.delete(image["id"])


@pytest.mark.usefixtures("gone")
def test_secrets_of_entries_are_in_no_output_of_a_play(run: Player, name: str, vendor: Vendor) -> None:
    url = vendor.file("image.raw", b"guarded " * 1000, "guarded")
    good: list[dict[str, Any]] = [
        {"name": f"{name}-a", "url": url, "url_username": USER, "url_password": PASSWORD, **RAW},
        {"name": f"{name}-b", "url": f"{url}x", "url_headers": {"X-Key": KEY}, **RAW},
        {"name": f"{name}-c", "url": url.replace("//", f"//{USER}:{PASSWORD}@"), **RAW},
    ]
    wrong = [{"name": f"{name}-d", "url": url, "url_password": PASSWORD, "nonsense": KEY}]
    text = f"name={name}-e url_password={PASSWORD}"
    tasks = [
        step("Good", "pcd_image_catalog", {"images": good, "defaults": {"url_headers": {"X-Other": KEY}}}),
        step("Wrong", "pcd_image_catalog", {"images": wrong}),
        step("Text", "pcd_image_catalog", {"images": text}),
        step("Texts", "pcd_image_catalog", {"images": [text]}),
        step("Defaults", "pcd_image_catalog", {"images": [{"name": name}], "defaults": [KEY, PASSWORD]}),
    ]
    for each in tasks:
        each["ignore_errors"] = True
    log = run.folder / "ansible.log"
    for in_process in (True, False):
        played = run(
            play(*tasks, vars={"ansible_connection": "local"}),
            "-vvvv",
            "--diff",
            environ={"ANSIBLE_LOG_PATH": str(log)},
            platform9_pcd_in_process=in_process,
        )
        actions = [each["action"] for each in played.tasks["Good"]["images"]]
        assert actions == (["created", "failed", "created"] if in_process else ["unchanged", "failed", "unchanged"])
        # The tasks themselves have them; what Ansible shows of the play is not ours.
        said = "\n".join([played.stdout, played.stderr, log.read_text(encoding="utf-8"), str(played.results)])
        for secret in (PASSWORD, KEY):
            found = [line for line in said.splitlines() if secret in line]
            assert found == []


@pytest.mark.usefixtures("gone")
def test_each_transfer_has_its_lines_and_all_have_a_total(run: Player, name: str, tmp_path: Path) -> None:
    images = []
    for number in range(4):
        path = tmp_path / f"{number}.raw"
        path.write_bytes(bytes([65 + number]) * 3 * MIB)
        images.append({"name": f"{name}-{number}", "path": str(path), **RAW})
    played = run(
        play(step("All", "pcd_image_catalog", {"images": images})),
        platform9_pcd_progress_interval=0,
        platform9_pcd_progress=True,
    )
    for image in images:
        assert f"[localhost] {image['name']}: uploading: 3.0 MiB of 3.0 MiB (100 %)" in played.stderr
    assert re.search(r"\[localhost\] all images: [0-3] of 4 done, \d+\.\d MiB, .*/s", played.stderr)
    assert "[localhost] all images: 4 of 4 done, 12.0 MiB" in played.stderr
    assert played.tokens == 1


@pytest.mark.usefixtures("gone")
def test_relative_paths_are_found_beside_the_playbook(run: Player, name: str) -> None:
    (run.folder / "files").mkdir()
    (run.folder / "files" / "small.raw").write_bytes(b"small " * 500)
    images = [{"name": f"{name}-a", "path": "small.raw", **RAW}]
    shared = {"defaults": {"path": "small.raw", **RAW}, "images": [{"name": f"{name}-b"}]}
    played = run(
        play(step("All", "pcd_image_catalog", {"images": images}), step("Shared", "pcd_image_catalog", shared)),
        platform9_pcd_in_process=True,
    )
    for task in ("All", "Shared"):
        assert played.tasks[task]["images"][0]["image"]["size"] == 3000
