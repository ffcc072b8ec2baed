# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of 1, 20 and 100 tasks or loop items, each played by every contestant."""

from __future__ import annotations

import itertools
import json
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.benchmarks.measured import Block, Samples, Time
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.sandbox import RequestLog

SIZES = (1, 20, 100)
KINDS = {"no-op": "unchanged task", "loop": "unchanged item of a loop", "update": "updating task"}

IN_PROCESS = "pcd_image in process"
# The same with what a user may have: as many certificates as are trusted in public, and as many clouds.
STORE = "pcd_image in process, public trust store"
CLOUDS = "pcd_image in process, clouds.yaml of 30 entries"
MODULE = "pcd_image as a module"
OPENSTACK_CLOUD = "openstack.cloud.image"
CLIENT = "openstackclient"
PING = "ansible.builtin.ping"
DEBUG = "ansible.builtin.debug"
EMPTY = "empty action plugin"
NOTHING = "playbook without tasks"

# Of many tasks, a quick one is played after each slow one, and its median counts in the round: so noise that comes and
# goes within a round of minutes meets all of them. The client comes last because it says the least.
SLOW = (PING, MODULE, OPENSTACK_CLOUD, CLIENT)
QUICK = (IN_PROCESS, STORE, CLOUDS, DEBUG, EMPTY, NOTHING)

# Of the time that is left, the client gets so much for one case.
CLIENTS_SHARE = 0.2

RECAP = re.compile(r"ok=(\d+)\s+changed=(\d+)\s+unreachable=0\s+failed=0")
IMAGE: dict[str, Any] = {
    "disk_format": "raw",
    "container_format": "bare",
    "visibility": "private",
    "tags": ["benchmark"],
}


class Contest:
    """Runs them on the sandbox. All tasks are about one active image."""

    def __init__(
        self,
        server: Server,
        folder: Path,
        environ: Mapping[str, str],
        contestants: set[str],
        left: Time,
        environs: Mapping[str, Mapping[str, str]],
    ) -> None:
        """`environs` are the environments of contestants that have another one than the rest."""
        self._server = server
        self._log = RequestLog(Path(server.sandbox["request_log"]))
        self._folder = folder
        self._environ = environ
        self._environs = environs
        self._contestants = contestants
        self._left = left
        self._name = "benchmark-of-tasks"
        self._id: str = server.create(self._name, active=True, **IMAGE)["id"]
        # Each change gives the image a minimum of disk that it has never had.
        self._values = itertools.count(1)
        # From the last runs that there were: seconds that Ansible itself takes, and each task or item beyond them.
        self._start = 0.0
        self._pace: dict[str, float] = {}

    def blocks(self, sizes: Sequence[int], max_rounds: int) -> list[Block]:
        return [
            Block(
                named(kind, size),
                [name for name in (*SLOW, *QUICK) if takes_part(name, kind)],
                partial(self._round, kind, size),
                max_rounds,
            )
            for size in sizes
            for kind in KINDS
        ]

    def warm_up(self) -> None:
        """Let every contestant write its bytecode and fill its caches; what does not work is found here, too."""
        for contestant in (NOTHING, *sorted(self._contestants - {NOTHING})):
            self._run(contestant, "no-op", 1)

    def _round(self, kind: str, size: int, samples: Samples) -> dict[str, float]:
        several: dict[str, list[float]] = {}
        taking_part = [name for name in (*SLOW, *QUICK) if name in self._contestants and takes_part(name, kind)]
        for slow in SLOW:
            if slow not in taking_part:
                continue
            share = CLIENTS_SHARE if slow == CLIENT else 1.0
            if self._start + self._pace.get(slow, 0) * size > self._left.left() * share:
                continue
            quick = [name for name in QUICK if name in taking_part and (size > 1 or name not in several)]
            for contestant in (slow, *quick):
                seconds, seen = self._run(contestant, kind, size)
                several.setdefault(contestant, []).append(seconds)
                known = samples.seen.setdefault(contestant, seen)
                samples.seen[contestant] = {key: max(known[key], seen[key]) for key in seen}
                samples.seen[contestant]["cpu_seconds"] = min(known["cpu_seconds"], seen["cpu_seconds"])
        return {contestant: statistics.median(seconds) for contestant, seconds in several.items()}

    def _run(self, contestant: str, kind: str, size: int) -> tuple[float, dict[str, Any]]:
        """The seconds of one run, and the requests and logins that the service has seen meanwhile."""
        values = [next(self._values) for dummy in range(size)] if kind == "update" else []
        if contestant == CLIENT:
            commands = self._commands(values, size)
        else:
            count = 0 if contestant == NOTHING else size
            playbook = self._folder / f"{contestant.replace(' ', '-')}-{kind}-{size}.yml"
            playbook.write_text(json.dumps(self._playbook(contestant, kind, count, values)), encoding="utf-8")
            commands = [["ansible-playbook", "-i", "localhost,", str(playbook)]]
        environ = dict(self._environs.get(contestant, self._environ))
        position = self._log.position()
        began, busy_before = time.monotonic(), busy()
        for command in commands:
            done = subprocess.run(command, cwd=self._folder, env=environ, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{contestant}: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        seconds, used = time.monotonic() - began, busy() - busy_before
        if contestant == NOTHING:
            self._start = seconds
        # Each command of the client is a new process.
        self._pace[contestant] = max(0.0, seconds - (0 if contestant == CLIENT else self._start)) / size
        requests = self._log.since(position)
        self._check(contestant, kind, size, values, done.stdout, [request["method"] for request in requests])
        tokens = [
            request for request in requests if request["method"] == "POST" and request["path"].endswith("/auth/tokens")
        ]
        return seconds, {"requests": len(requests), "logins": len(tokens), "cpu_seconds": round(used, 2)}

    def _check(self, contestant: str, kind: str, size: int, values: list[int], output: str, methods: list[str]) -> None:
        """It did what it was measured for, neither more nor less."""
        patches = methods.count("PATCH")
        if patches != len(values):
            raise SystemExit(f"{contestant}: {patches} changes for {kind} of {size}")
        if values and self._server.get(self._id)["min_disk"] != values[-1]:
            raise SystemExit(f"{contestant}: the image was not changed")
        if contestant in (CLIENT, NOTHING):
            return
        tasks = 1 if kind == "loop" else size
        recap = RECAP.search(output)
        if recap is None or [int(count) for count in recap.groups()] != [tasks, len(values)]:
            raise SystemExit(f"{contestant}: {output[-2000:]}")

    def _commands(self, values: list[int], size: int) -> list[list[str]]:
        if values:
            return [["openstack", "image", "set", "--min-disk", str(value), self._name] for value in values]
        return [["openstack", "image", "show", "-f", "json", self._name]] * size

    def _playbook(self, contestant: str, kind: str, size: int, values: list[int]) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]]
        if values:
            tasks = [self._task(contestant, {"min_disk": value}) for value in values]
        elif kind == "loop" and size:
            tasks = [{**self._task(contestant, {}), "loop": list(range(size))}]
        else:
            tasks = [self._task(contestant, {}) for dummy in range(size)]
        variables = {"platform9_pcd_in_process": contestant != MODULE, "ansible_python_interpreter": sys.executable}
        return [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}]

    def _task(self, contestant: str, desired: dict[str, Any]) -> dict[str, Any]:
        image = {"name": self._name, **IMAGE, **desired}
        tasks: dict[str, dict[str, Any]] = {
            **{name: {"platform9.pcd.pcd_image": image} for name in (IN_PROCESS, STORE, CLOUDS, MODULE)},
            OPENSTACK_CLOUD: {"openstack.cloud.image": image},
            PING: {"ansible.builtin.ping": {}},
            DEBUG: {"ansible.builtin.debug": {"msg": "unchanged"}},
            EMPTY: {"bench_empty": {}},
        }
        return tasks[contestant]


def named(kind: str, size: int) -> str:
    return f"{size} x {KINDS[kind]}"


def takes_part(contestant: str, kind: str) -> bool:
    if kind == "update":
        return contestant not in (PING, STORE, CLOUDS, DEBUG, EMPTY, NOTHING)
    # The client knows no loops.
    return not (contestant == CLIENT and kind == "loop")


def busy() -> float:
    """The seconds for which processors were at work for the commands so far: noise of others is hardly in it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
