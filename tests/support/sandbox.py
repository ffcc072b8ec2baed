# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox that tests run beside, its list of requests, and a second one that converts images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = os.environ.get("PCD_SANDBOX_PROGRAM")


@contextmanager
def converting_sandbox(state: Path, release: str, to: str = "raw") -> Iterator[Mapping[str, Any]]:
    """What sandbox.json of a new sandbox says that converts to this format; a skip if none can be started."""
    import pytest  # The benchmarks, which use the rest of this file, have none.

    if PROGRAM is None:
        pytest.skip("PCD_SANDBOX_PROGRAM does not name sandbox.py, which with-sandbox.sh does")
    if not shutil.which("qemu-img"):
        pytest.skip("a converting image service needs qemu-img (Debian: qemu-utils), which is not here")
    yield from _started(state, "--release", release, "--convert", to)


def _started(state: Path, *options: str) -> Iterator[Mapping[str, Any]]:
    """Starts a sandbox, and stops it in every case."""
    sandbox = [sys.executable, str(PROGRAM)]
    try:
        subprocess.run([*sandbox, "up", "--state", str(state), *options], check=True, capture_output=True)
        yield json.loads((state / "sandbox.json").read_text(encoding="utf-8"))
    finally:
        subprocess.run([*sandbox, "down", "--state", str(state)], check=True, capture_output=True)


@contextmanager
def sandbox_of_two_regions(state: Path) -> Iterator[Mapping[str, Any]]:
    """What sandbox.json of a new sandbox says that has an image service of its own in the second region."""
    import pytest

    if PROGRAM is None:
        pytest.skip("PCD_SANDBOX_PROGRAM does not name sandbox.py, which with-sandbox.sh does")
    yield from _started(state, "--second-region")


class RequestLog:
    """The sandbox's list of the requests that it has received."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def position(self) -> int:
        return self._path.stat().st_size

    def since(self, position: int) -> list[dict[str, Any]]:
        with open(self._path, "rb") as stream:
            stream.seek(position)
            return [json.loads(line) for line in stream]


class NoSandbox(Exception):
    """Nothing names the description of a running sandbox."""


def running_sandbox() -> dict[str, Any]:
    """What sandbox.json of the sandbox says that PCD_SANDBOX_JSON names."""
    described = os.environ.get("PCD_SANDBOX_JSON")
    if not described:
        raise NoSandbox("PCD_SANDBOX_JSON is not set. Use make, or name the sandbox.json of a running sandbox.")
    content: dict[str, Any] = json.loads(Path(described).read_text(encoding="utf-8"))
    return content
