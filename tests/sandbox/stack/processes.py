# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, finding and stopping the processes of one sandbox.

Every process is started with the state folder in its environment, and what belongs to a sandbox
is found only by that mark. So `down` also finds what a killed `up` left behind before it could
write anything down, and never a stranger who got the number of a process that is gone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.folders import SOURCE, SandboxError

MARK = "PCD_SANDBOX_STATE"
SERVER = "PCD_SANDBOX_SERVER"  # the name of the one that a process belongs to
STOP_TIMEOUT_SECONDS = 6.0  # gunicorn gives its worker three
# All that the servers get to see of the caller's environment: no proxies, no OS_*, no PYTHON*, no CA bundles.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "LOGNAME", "TZ", "USER")


@dataclass(frozen=True, order=True)
class Process:
    """``started`` (clock ticks since boot) distinguishes two processes of one number."""

    pid: int
    group: int
    started: int


def program(name: str) -> str | None:
    """The path of a program; it may be in a folder that only an administrator has in PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


def environment(state: Path, **extra: str) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **passed_on,
        "HOME": str(state),  # no ~/.netrc, ~/.glance or ~/.keystone of whoever runs it
        "TMPDIR": str(state / "tmp"),
        "PYTHONPATH": str(SOURCE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONWARNINGS": "ignore",
        # gunicorn changes its title; without this the title would overwrite the mark.
        "SPT_NOENV": "1",
        MARK: str(state),
        **extra,
    }


def spawn(
    state: Path, log: str, argv: Sequence[object], descriptors: Iterable[int] = (), **extra: str
) -> subprocess.Popen[bytes]:
    """Start a program as the leader of its own process group, apart from the terminal."""
    with open(state / "log" / log, "ab", opener=private) as output:
        return subprocess.Popen(
            [str(argument) for argument in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=state,
            env=environment(state, **extra),
            pass_fds=tuple(descriptors),
            start_new_session=True,
            umask=0o077,
        )


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def find(state: Path, server: str | None = None) -> list[Process]:
    """Every live process of this sandbox, or those of one server in it."""
    marks = {f"{MARK}={state}".encode(), *([] if server is None else [f"{SERVER}={server}".encode()])}
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            if marks.issubset(Path("/proc", entry, "environ").read_bytes().split(b"\0")):
                # The second field, the program's name in brackets, may contain anything.
                fields = Path("/proc", entry, "stat").read_bytes().rpartition(b") ")[2].split()
                found.append(Process(int(entry), group=int(fields[2]), started=int(fields[19])))
        except OSError:  # ended meanwhile, or another user's
            continue
    return sorted(found)


def stop(state: Path, server: str | None = None) -> int:
    """End every process of this sandbox, or of one server in it, and return how many there were."""
    first = left = find(state, server)
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        asked: set[Process] = set()
        while left and time.monotonic() < deadline:
            for process in set(left) - asked:  # new ones may appear while gunicorn replaces a worker
                send(process, number)
                asked.add(process)
            time.sleep(0.02)
            left = find(state, server)
    if not left:
        return len(first)
    raise SandboxError(f"these processes would not end: {' '.join(str(process.pid) for process in left)}")


def send(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


def tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
