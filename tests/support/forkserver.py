# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts modules as processes of their own, forked from one that has done the imports.

An import costs three quarters of what a module takes, and the tests start hundreds of them. The process that forks is
this file as a program. Each line of its standard input is an order: module, environ, folder (where the files stdin,
stdout and stderr lie), constants (seconds to wait, by module and name). Each is answered by one line: exit status and
peak memory in KiB.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MODULE_UTILS = "ansible_collections.platform9.pcd.plugins.module_utils"
MAX_SECONDS = 300


class ForkServer:
    """The process that forks; the modules read `stdin` in the folder, and leave `stdout` and `stderr` there."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environ
        )

    def run(self, module: str, environ: Mapping[str, str], constants: Mapping[str, float]) -> tuple[int, int]:
        """Exit status and peak memory in KiB of the module's process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"module": module, "environ": {**environ}, "folder": str(self._folder), "constants": {**constants}}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        rc, peak = json.loads(self._process.stdout.readline())
        return rc, peak

    def close(self) -> None:
        self._process.communicate()


def main() -> None:
    for imported in ("jsonpatch", "requests", "yaml", f"{MODULE_UTILS}._image.listing", f"{MODULE_UTILS}._module"):
        importlib.import_module(imported)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            os._exit(be(order))
        dummy, status, used = os.wait4(child, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_maxrss]), flush=True)


def be(order: dict[str, Any]) -> int:
    """The exit status of the module that this process becomes."""
    signal.alarm(MAX_SECONDS)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["folder"])
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC if descriptor else os.O_RDONLY)
        os.dup2(file, descriptor)
        os.close(file)
        setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r", encoding="utf-8", closefd=False))
    sys.argv = [order["module"]]
    try:
        for name, seconds in order["constants"].items():
            place, dummy, constant = name.rpartition(".")
            assert hasattr(importlib.import_module(f"{MODULE_UTILS}.{place}"), constant), name
            setattr(sys.modules[f"{MODULE_UTILS}.{place}"], constant, seconds)
        runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    main()
