# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines on standard error while bytes move; with an interval of zero each block has one, however fast it goes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.playbook_runner import Played, Player, play, step

MIB = 1 << 20
SIZE = 3 * MIB
LINE = re.compile(r"^\[localhost\] (?P<name>\S+): (?P<what>.*)$", re.MULTILINE)


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "source.raw"
    path.write_bytes(b"\x5a" * SIZE)
    return str(path)


def declared(name: str, source: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "disk_format": "raw", "container_format": "bare", "path": source, **more}


def lines(played: Played, name: str) -> list[str]:
    return [found["what"] for found in LINE.finditer(played.stderr) if found["name"] == name]


def test_uploads_downloads_and_imports_tell_how_far_they_are(run: Player, name: str, source: str) -> None:
    staged = f"{name}-staged"
    run.server.remember_name(staged)
    played = run(
        play(
            step("Upload", "pcd_image", declared(name, source)),
            step("Download", "pcd_image_download", {"name": name, "dest": str(run.folder / "copy.raw")}),
            step("Import", "pcd_image", declared(staged, source, method="glance-direct")),
        ),
        platform9_pcd_progress_interval=0,
        platform9_pcd_progress=True,
    )
    told = lines(played, name)
    assert [line for line in told if re.match(r"uploading: 1\.0 MiB of 3\.0 MiB \(33 %\), .*/s, .* left$", line)]
    assert [line for line in told if re.match(r"uploading: 3\.0 MiB of 3\.0 MiB \(100 %\)", line)]
    assert [line for line in told if re.match(r"downloading: 3\.0 MiB of 3\.0 MiB \(100 %\)", line)]
    assert [line for line in lines(played, staged) if re.match(r"staging: 3\.0 MiB of 3\.0 MiB \(100 %\)", line)]
    assert [line for line in lines(played, staged) if re.match(r"importing by glance-direct: 3\.0 MiB, status ", line)]
    assert "uploading" not in played.stdout


QUIET: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, Any]]] = {
    "turned off": ({"platform9_pcd_progress": False}, {}, {}),
    "a task that shall not be logged": ({"platform9_pcd_progress": True}, {}, {"no_log": True}),
    "a job of AWX": ({"awx_job_id": 7}, {}, {}),
    "ansible-runner": ({}, {"RUNNER_OMIT_EVENTS": "False"}, {}),
}


@pytest.mark.parametrize("case", QUIET)
def test_no_progress_is_shown_if_nobody_wants_it(case: str, run: Player, name: str, source: str) -> None:
    variables, environ, keywords = QUIET[case]
    playbook = play(step("Upload", "pcd_image", declared(name, source), **keywords))
    played = run(playbook, environ=environ, platform9_pcd_progress_interval=0, **variables)
    assert lines(played, name) == []
    assert run.server.named(name)[0]["size"] == SIZE


def test_standard_output_stays_that_of_the_callback(run: Player, name: str, source: str) -> None:
    played = run(
        play(step("Upload", "pcd_image", declared(name, source))),
        environ={"ANSIBLE_STDOUT_CALLBACK": "json_lines"},
        platform9_pcd_progress_interval=0,
        platform9_pcd_progress=True,
    )
    events = [json.loads(line) for line in played.stdout.splitlines()]
    assert events[-1]["name"] == name
    assert lines(played, name)
