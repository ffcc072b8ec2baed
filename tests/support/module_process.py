# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module as a process of its own, as Ansible starts it, with or without some libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COLLECTION = Path(__file__).absolute().parents[2]
MODULES = "ansible_collections.platform9.pcd.plugins.modules"

# Runs a module as ansible does, without the libraries of argv[1].
RUN = """
import runpy, sys
from importlib.machinery import PathFinder

hidden = sys.argv[1].split(",")

class Without(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        return None if fullname.partition(".")[0] in hidden else super().find_spec(fullname, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
module = sys.argv[2]
del sys.argv[1:]
runpy.run_module(module, run_name="__main__")
"""


def run(module: str, tmp_path: Path, *without: str, **args: Any) -> tuple[int, dict[str, Any]]:
    """The exit status and the result of a module that runs as a process of its own."""
    of_ansible = {
        "_ansible_check_mode": False,
        "_ansible_diff": False,
        "_ansible_remote_tmp": str(tmp_path),
        "_ansible_keep_remote_files": False,
    }
    (tmp_path / "collections").mkdir()
    namespace = tmp_path / "collections/ansible_collections/platform9"
    namespace.mkdir(parents=True)
    (namespace / "pcd").symlink_to(COLLECTION)
    paths = [str(tmp_path / "collections"), *(path for path in sys.path if path)]
    finished = subprocess.run(
        [sys.executable, "-c", RUN, ",".join(without), f"{MODULES}.{module}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {**of_ansible, **args}}).encode(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert finished.stdout, finished.stderr.decode()
    result: dict[str, Any] = json.loads(finished.stdout)
    # Since 2.22, ansible-core's own list of what the controller has to hide; users do not see it.
    result.pop("_ansible_new_secrets", None)
    return finished.returncode, result
