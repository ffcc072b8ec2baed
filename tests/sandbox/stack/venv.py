# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual environment with Keystone and Glance, exactly as the lock file has it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from stack.folders import SOURCE, SandboxError, claim, empty, locked, say

LOCK_FILE = SOURCE / "requirements.lock"
OLDEST, NEWEST = (3, 11), (3, 13)
# They would put packages elsewhere than into the environment, or foreign ones into it.
DISTURBING = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_CONSTRAINT")


def lock_hash() -> str:
    return hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()


class Venv:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self._installed = folder / "sandbox-lock.sha256"

    def is_complete(self) -> bool:
        try:
            return self._installed.read_text(encoding="ascii") == lock_hash() and self.python.exists()
        except OSError:
            return False

    def install(self) -> None:
        """Make the environment hold what the lock says. Nothing happens when it already does."""
        if self.is_complete():
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.folder.with_name(self.folder.name + ".lock")):
            if self.is_complete():
                return
            started = time.monotonic()
            claim(self.folder, 0o755)
            empty(self.folder)
            say(f"installing Keystone and Glance into {self.folder} (once; a minute or two)")
            self._fill()
            self._installed.write_text(lock_hash(), encoding="ascii")
            say(f"installed in {time.monotonic() - started:.0f} s")

    def _fill(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in DISTURBING}
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        for argv in (
            [suitable_python(), "-m", "venv", str(self.folder)],
            # The lock is complete, so that there is nothing to resolve.
            [*pip, "--no-deps", "--requirement", str(LOCK_FILE)],
        ):
            if subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, check=False).returncode:
                raise SandboxError(f"this failed: {' '.join(argv)}")


def suitable_python() -> str:
    """This interpreter, or another one in PATH where the locked packages do not support this one."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # Version managers leave stubs in PATH that fail when they are run.
        if found and not subprocess.run([found, "-c", "import venv"], capture_output=True, check=False).returncode:
            return found
    versions = " to ".join(".".join(map(str, version)) for version in (OLDEST, NEWEST))
    raise SandboxError(f"the locked packages need Python {versions}, and there is none in PATH")
