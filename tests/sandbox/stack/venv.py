# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual environments with what the services need, each exactly as the lock file of its release has it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from stack.folders import SandboxError, claim, empty, locked, say
from stack.releases import NEWEST, Release

# They would put packages elsewhere than into the environment, or foreign ones into it.
DISTURBING = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_CONSTRAINT")


class Venv:
    """Those of the newest release have Keystone, too."""

    def __init__(self, folder: Path, release: Release = NEWEST) -> None:
        self.folder = folder
        self.release = release
        self.python = folder / "bin" / "python"
        self._installed = folder / "sandbox-lock.sha256"

    def lock_hash(self) -> str:
        return hashlib.sha256(b"".join(each.read_bytes() for each in self.release.lock_files)).hexdigest()

    def is_complete(self) -> bool:
        try:
            return self._installed.read_text(encoding="ascii") == self.lock_hash() and self.python.exists()
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
            packages = (
                "Keystone and Glance" if self.release.lock_file == NEWEST.lock_file else f"Glance {self.release.glance}"
            )
            say(f"installing {packages} into {self.folder} (once; a minute or two)")
            self._fill()
            self._installed.write_text(self.lock_hash(), encoding="ascii")
            say(f"installed in {time.monotonic() - started:.0f} s")

    def _fill(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in DISTURBING}
        # A lock is complete, so that there is nothing to resolve.
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        pip.append("--no-deps")

        def fails(argv: list[str]) -> bool:
            return bool(subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, check=False).returncode)

        def check(argv: list[str]) -> None:
            if fails(argv):
                raise SandboxError(f"this failed: {' '.join(argv)}")

        check([suitable_python(self.release), "-m", "venv", str(self.folder)])
        check([*pip, "--requirement", str(self.release.lock_file)])
        if self.release.more is not None and fails([*pip, "--requirement", str(self.release.more)]):
            say(f"not all of {self.release.more.name} can be installed: only {', '.join(self.release.needed)}")
            check([*pip, "--constraint", str(self.release.more), *self.release.needed])


def suitable_python(release: Release) -> str:
    """This interpreter, or another one in PATH if the locked packages do not support this one."""
    if release.oldest <= sys.version_info[:2] <= release.newest:
        return sys.executable
    for minor in range(release.newest[1], release.oldest[1] - 1, -1):
        for found in pythons(minor):
            # Version managers leave stubs in PATH that fail when they are run.
            if not subprocess.run([found, "-c", "import venv"], capture_output=True, check=False).returncode:
                return found
    versions = " to ".join(dict.fromkeys(".".join(map(str, version)) for version in (release.oldest, release.newest)))
    raise SandboxError(f"the packages of {release.lock_file.name} need Python {versions}, and there is none in PATH")


def pythons(minor: int) -> Iterator[str]:
    """The places of a Python 3.``minor``: in PATH, and among those of pyenv, which need not be switched on."""
    found = shutil.which(f"python3.{minor}")
    if found:
        yield found
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from map(str, sorted(versions.glob(f"3.{minor}.*/bin/python3.{minor}")))
