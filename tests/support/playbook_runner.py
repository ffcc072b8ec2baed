# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays of ansible-playbook against the sandbox, and all that can be seen of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.sandbox import RequestLog

# The plugins that tests on plays use.
HERE = Path(__file__).absolute().parents[1] / "system" / "controller"
TREE = HERE.parents[5]
# Bounds a play that hangs; no test waits for it otherwise.
MAX_SECONDS = 900

AS_MODULE = re.compile(r"platform9\.pcd\.(\w+): runs as a module \((.*)\)")
IN_PROCESS = re.compile(r"platform9\.pcd\.(\w+): runs in process (\d+)")
# Not the line before it, which makes the file executable.
STARTED = re.compile(r"EXEC /bin/sh -c '(?!chmod).*AnsiballZ_(\w+)\.py")


@dataclass(frozen=True)
class Played:
    """What a play has left: `results` has a line for each result, in the callback's words."""

    rc: int
    stdout: str
    stderr: str
    results: list[dict[str, Any]]
    requests: list[dict[str, Any]]
    left_over: list[Path]

    @property
    def tokens(self) -> int:
        return sum(request["service"] == "keystone" for request in self.requests)

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The last result of each task, by the task's name."""
        return {line["task"]: line["result"] for line in self.results}

    @property
    def started(self) -> list[str]:
        """The modules of this collection that really ran as processes; known at verbosity 3 and above."""
        return [name for name in STARTED.findall(self.stdout) if name.startswith("pcd_")]


class Player:
    """Runs playbooks as a user of the sandbox, with a home and temporary folders of their own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._log = RequestLog(Path(server.sandbox["request_log"]))
        kept = inherited_environ()
        self.environ = {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(TREE),
            "ANSIBLE_ACTION_PLUGINS": str(HERE / "action_plugins"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_ASYNC_DIR": str(folder / "async"),
            "ANSIBLE_BECOME_PLUGINS": str(HERE / "become_plugins"),
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "NO_PROXY": "127.0.0.1",
            "OS_CLIENT_CONFIG_FILE": server.sandbox["clouds_file"],
        }

    def __call__(
        self,
        playbook: Path | list[dict[str, Any]],
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        succeeds: bool = True,
        **variables: Any,
    ) -> Played:
        """What the playbook, a file or its content, leaves with these extra variables."""
        if isinstance(playbook, list):
            content, playbook = playbook, self.folder / "playbook.yml"
            playbook.write_text(json.dumps(content, indent=1), encoding="utf-8")  # JSON is YAML
        record = self.folder / "record.jsonl"
        record.write_text("", encoding="utf-8")
        command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook), *arguments]
        if variables:
            command += ["-e", json.dumps(variables)]
        before = self._log.position()
        done = subprocess.run(
            command,
            env={**self.environ, "PCD_RECORD": str(record), **(environ or {})},
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            timeout=MAX_SECONDS,
            check=False,
        )
        lines = record.read_text(encoding="utf-8").splitlines()
        left_over = [path for path in (self.folder / "local").rglob("*") if path.is_file()]
        played = Played(
            done.returncode,
            done.stdout,
            done.stderr,
            [json.loads(line) for line in lines],
            self._log.since(before),
            left_over,
        )
        assert (played.rc == 0) == succeeds, f"exit status {played.rc}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        return played


def play(*tasks: Mapping[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    """A playbook of one play on localhost, whose tasks log in as the member."""
    defaults = {"group/platform9.pcd.pcd": {"cloud": "member"}}
    return [
        {"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, **keywords, "tasks": list(tasks)}
    ]


def step(name: str, module: str, options: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    """A task with one of our modules."""
    return {"name": name, f"platform9.pcd.{module}": dict(options), **keywords}
