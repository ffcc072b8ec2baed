# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-liners in a shell that has sourced the RC file, and nothing else."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

COLLECTION = Path(__file__).resolve().parents[3]

OneLiner = Callable[..., dict[str, Any]]


@pytest.fixture
def ad_hoc(sandbox: dict[str, Any], run: Runner, tmp_path: Path) -> OneLiner:
    """Runs a module by `ansible`, and gives the result that it prints."""
    kept = inherited_environ()
    environ = {
        **kept,
        "HOME": str(tmp_path),
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]),
        "ANSIBLE_HOME": str(tmp_path),
        "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote"),
        "NO_COLOR": "1",
    }
    rc_file = Path(sandbox["clouds_file"]).parent / "openrc-member.sh"

    def one_liner(module: str, arguments: str, *more: str) -> dict[str, Any]:
        words = shlex.join(["ansible", "localhost", "-m", f"platform9.pcd.{module}", "-a", arguments, *more])
        done = subprocess.run(
            ["bash", "-c", f". {shlex.quote(str(rc_file))} && {words}"],
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        assert not run.told(done.stdout + done.stderr), "a secret is in the output"
        status, arrow, printed = done.stdout.partition(" => ")
        assert arrow, done.stdout
        assert status.startswith("localhost | "), done.stdout
        result: dict[str, Any] = json.loads(printed)
        assert printed == json.dumps(result, indent=4, sort_keys=True, ensure_ascii=False) + "\n"
        return result

    return one_liner


def test_an_image_is_listed_one_value_in_each_line(ad_hoc: OneLiner, server: Server, name: str) -> None:
    image = server.create(name, active=True, tags=["lts"], os_distro="alpine")
    result = ad_hoc("pcd_image_info", f"name={name}")
    (found,) = result["images"]
    assert (found["id"], found["tags"], found["properties"]) == (image["id"], ["lts"], {"os_distro": "alpine"})


def test_an_image_is_taken_out_of_use_and_brought_back(ad_hoc: OneLiner, server: Server, name: str) -> None:
    image = server.create(name, active=True)
    for state in ("deactivated", "active"):
        assert ad_hoc("pcd_image_state", f"name={name} state={state}")["changed"]
        assert server.get(image["id"])["status"] == state


def test_lists_mappings_numbers_and_booleans_are_written_as_key_and_value(
    ad_hoc: OneLiner, server: Server, name: str
) -> None:
    image = server.create(name, tags=["old"], gone="1", kept="2")
    words = f"name={name} tags=lts,ubuntu min_disk=20 protected=yes properties='os_distro=ubuntu os_version=24.04'"
    result = ad_hoc("pcd_image", words)
    assert result["changed"]
    after = server.get(image["id"])
    assert (sorted(after["tags"]), after["min_disk"], after["protected"]) == (["lts", "ubuntu"], 20, True)
    assert (after["os_distro"], after["os_version"], after["kept"]) == ("ubuntu", "24.04", "2")
    assert not ad_hoc("pcd_image", words)["changed"]
    # JSON says what key and value cannot: null, and a list that is empty.
    assert ad_hoc("pcd_image", json.dumps({"name": name, "tags": [], "properties": {"gone": None}}))["changed"]
    after = server.get(image["id"])
    assert after["tags"] == []
    assert "gone" not in after


def test_check_mode_predicts_a_one_liner_and_writes_nothing(ad_hoc: OneLiner, server: Server, name: str) -> None:
    image = server.create(name, min_disk=1)
    result = ad_hoc("pcd_image", f"name={name} min_disk=2", "--check")
    assert result["changed"]
    assert result["patch"] == [{"op": "replace", "path": "/min_disk", "value": 2}]
    assert server.get(image["id"]) == image
