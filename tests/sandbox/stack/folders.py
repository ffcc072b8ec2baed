# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that are ours, locks, and files written in one piece."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# The folder of sandbox.py; nothing is ever written into it.
SOURCE = Path(__file__).resolve().parent.parent
MARKER = ".pcd-sandbox"


class SandboxError(Exception):
    """Something the user can put right; its text is all they get to see."""


def claim(folder: Path, mode: int) -> None:
    """Make ``folder`` ours, unless it already holds what somebody else put there.

    Folders that carry the marker are emptied without asking, so that the marker must never get
    into a home directory or into somebody's own virtual environment.
    """
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        if not (folder / MARKER).exists():
            if any(folder.iterdir()):
                raise SandboxError(f"{folder} is not empty and was not made by the sandbox: choose another folder")
            (folder / MARKER).touch(mode=0o600)
        folder.chmod(mode)
    except OSError as error:
        raise SandboxError(f"cannot use {folder}: {error.strerror}") from error


def is_ours(folder: Path) -> bool:
    return (folder / MARKER).exists()


def empty(folder: Path) -> None:
    """Remove everything but the marker, which may be somebody's lock at this moment."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARKER:
            entry.unlink()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file lock at ``path``. The kernel frees it when the process ends, however it ends."""
    with open(path, "a", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another sandbox.py ({path})")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and that nobody ever sees half-written."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(new, path)


def say(text: str) -> None:
    """Tell what takes a while; standard output is for results."""
    print(text, file=sys.stderr, flush=True)
