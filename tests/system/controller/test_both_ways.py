# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every integration target gives the same results within the controller and as modules, ids and times apart."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.playbook_runner import HERE, Played, Player

TARGETS = HERE.parents[2] / "tests/integration/targets"
OURS = sorted(path.name for path in TARGETS.glob("pcd_*"))

UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
VARYING = [
    (re.compile(r"req-<id \d+>"), "req-<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\d{8}T\d{6}Z"), "<time>"),
    # What ansible.builtin.tempfile gives to a target.
    (re.compile(r"/pcd[a-z0-9_]{8}\b"), "/<temporary>"),
]

# What ansible-core itself says of a failed module in another way than of a failed action: in 2.19 and 2.20 a module's
# failure that failed_when has turned into a success leaves its summary behind.
OF_CORE = ("failed_when_suppressed_exception",)


def told_of(image: dict[str, Any]) -> str:
    """What of an image is the same in every run."""
    varying = ("id", "self", "file", "created_at", "updated_at")
    return json.dumps({key: value for key, value in image.items() if key not in varying}, sort_keys=True)


def comparable(played: Played, prefix: str) -> list[dict[str, Any]]:
    """The results of our own modules, without what differs from run to run."""
    ours = [line for line in played.results if line["action"].startswith("platform9.pcd.")]
    for line in ours:
        # Images that were created within one second come in the order of their random ids.
        if "summary" not in line["result"]:
            line["result"].get("images", []).sort(key=told_of)
    seen: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return seen.setdefault(found[0].replace("-", ""), f"<id {len(seen)}>")

    text = UUID.sub(numbered, "\n".join(json.dumps(line, sort_keys=True) for line in ours).replace(prefix, "<prefix>"))
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        for result in (line["result"], *line["result"].get("results", ())):
            for key in OF_CORE:
                result.pop(key, None)
    return lines


def differences(here: Any, there: Any, at: str = "") -> dict[str, Any]:
    """What each of two results has if they are not the same, by its place."""
    if isinstance(here, dict) and isinstance(there, dict):
        found: dict[str, Any] = {}
        for key in sorted({*here, *there}):
            found.update(differences(here.get(key, "<not there>"), there.get(key, "<not there>"), f"{at}.{key}"))
        return found
    return {} if here == there else {at: (here, there)}


def variables(sandbox: dict[str, Any]) -> dict[str, Any]:
    return {
        "pcd_sandbox": sandbox,
        "pcd_auth_url": sandbox["keystone_url"],
        "pcd_ca_cert": sandbox["ca_file"],
        "pcd_clouds_yaml": sandbox["clouds_file"],
        "pcd_request_log": sandbox["request_log"],
    }


@pytest.mark.parametrize("target", OURS)
def test_a_target_gives_the_same_both_ways(target: str, run: Player, sandbox: dict[str, Any], tmp_path: Path) -> None:
    playbook = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [{"name": "Play the target", "ansible.builtin.include_role": {"name": target}}],
            "pre_tasks": [{"name": "Prepare", "ansible.builtin.include_role": {"name": "setup_pcd"}}],
            "vars": {"output_dir": str(tmp_path / "output")},
        }
    ]
    compared, processes = {}, {}
    for in_process in (True, False):
        (tmp_path / "output").mkdir(exist_ok=True)
        played = run(
            playbook,
            "-vvv",
            "--diff",
            environ={"ANSIBLE_ROLES_PATH": str(TARGETS)},
            platform9_pcd_in_process=in_process,
            **variables(sandbox),
        )
        prefix = played.tasks[
            "setup_pcd : Choose a beginning of names that no other run uses, and begin to count requests"
        ]
        compared[in_process] = comparable(played, prefix["ansible_facts"]["pcd_prefix"])
        processes[in_process] = len(played.started)
        for path in (tmp_path / "output").iterdir():
            path.unlink()
    assert len(compared[True]) > 3
    # Some tasks of a target are modules either way: those with an environment, or with options that are wrong.
    assert processes[True] < processes[False]
    for here, there in zip(compared[True], compared[False], strict=True):
        results = here.pop("result"), there.pop("result")
        assert here == there
        assert differences(*results) == {}, here["task"]
