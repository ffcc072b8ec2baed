# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them: by ansible-runner, in a folder with project, inventory, collections and environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import FOREIGN
from rules import inject, inventory_script

BIN = Path(sys.executable).parent
SECONDS = 600
IDENT = "1"


@dataclass(frozen=True)
class CredentialType:
    inputs: Mapping[str, Any]
    injectors: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    playbook: str
    extra_vars: Mapping[str, Any]
    credential: Mapping[str, Any]
    hosts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    slice_number: int = 1
    slice_count: int = 1
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finished:
    """What is left of a job: `folder` holds the artifacts, `safe` is what AWX keeps of the environment."""

    folder: Path
    safe: Mapping[str, str]
    environment: Mapping[str, str]

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts" / IDENT

    @property
    def rc(self) -> int:
        return int((self.artifacts / "rc").read_text(encoding="utf-8"))

    @property
    def events(self) -> list[dict[str, Any]]:
        files = (self.artifacts / "job_events").glob("*.json")
        return sorted((json.loads(path.read_text(encoding="utf-8")) for path in files), key=lambda e: int(e["counter"]))

    def results(self, module: str) -> dict[str, dict[str, Any]]:
        """The result of the module's task for each host."""
        ends = [event for event in self.events if event["event"] in ("runner_on_ok", "runner_on_failed")]
        return {
            event["event_data"]["host"]: event["event_data"]["res"]
            for event in ends
            if event["event_data"]["task_action"] == f"platform9.pcd.{module}"
        }

    @property
    def stats(self) -> dict[str, Any]:
        """What the playbook hands on to a workflow."""
        (stats,) = (event["event_data"] for event in self.events if event["event"] == "playbook_on_stats")
        return dict(stats.get("artifact_data", {}))

    @property
    def stdout(self) -> str:
        return (self.artifacts / "stdout").read_text(encoding="utf-8")

    def texts(self) -> dict[str, str]:
        """Everything that AWX gets to keep. It replaces the environment in `command` by its own, see `safe`."""
        texts = {
            str(path.relative_to(self.artifacts)): path.read_text(encoding="utf-8", errors="replace")
            for path in self.artifacts.rglob("*")
            if path.is_file() and path.name != "command"
        }
        command = json.loads((self.artifacts / "command").read_text(encoding="utf-8"))
        texts["command"] = json.dumps({**command, "env": {**command["env"], **self.safe}})
        return texts


class Mesh:
    """Runs jobs of a project, `collections` being what AWX has installed for it."""

    def __init__(self, project: Path, collections: Path, credential_type: CredentialType, folder: Path) -> None:
        self._project = project
        self._collections = collections
        self._type = credential_type
        self._folder = folder
        self._count = 0
        kept = {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
        self._environ = {**kept, "PATH": f"{BIN}{os.pathsep}{kept['PATH']}", "NO_PROXY": "127.0.0.1"}

    def run_here(self, job: Job) -> Finished:
        """As on a node that runs its own jobs."""
        home, inside = self._places("here")
        env, safe = self._lay_out(job, inside, inside)
        self._runner(home, "run", str(inside), "-p", job.playbook, *self._options(job))
        return Finished(inside, safe, env)

    def run_remotely(self, job: Job) -> Finished:
        """As over the mesh: only what `transmit` sends reaches the worker, and only what that sends comes back."""
        home, inside = self._places("worker")
        controller, back = home / "controller", home / "back"
        env, safe = self._lay_out(job, controller, inside)
        sent = self._runner(home, "transmit", str(controller), "-p", job.playbook, *self._options(job))
        assert sent.returncode == 0, sent.stderr
        controller.rename(home / "out-of-reach")
        inside.mkdir()
        worked = self._runner(home, "worker", "--private-data-dir", str(inside), given=sent.stdout)
        shutil.rmtree(inside)
        assert b'"eof": true' in worked.stdout, worked.stderr
        back.mkdir()
        processed = self._runner(home, "process", str(back), "--ident", IDENT, given=worked.stdout)
        assert processed.returncode == 0, processed.stderr
        return Finished(back, safe, env)

    def _places(self, name: str) -> tuple[Path, Path]:
        self._count += 1
        home = self._folder / f"job-{self._count}"
        home.mkdir(mode=0o700)
        return home, home / name

    def _options(self, job: Job) -> tuple[str, ...]:
        return ("--ident", IDENT, *(f"--cmdline={option}" for option in job.options))

    def _lay_out(self, job: Job, folder: Path, inside: Path) -> tuple[dict[str, str], dict[str, str]]:
        """Fill the job's folder, which the job sees as `inside`."""
        for name in ("env", "inventory"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(self._project, folder / "project")
        shutil.copytree(self._collections, folder / "requirements_collections")
        script = folder / "inventory" / "hosts"
        script.write_text(inventory_script(job.hosts, job.slice_number, job.slice_count), encoding="utf-8")
        script.chmod(0o700)
        env, safe = inject(self._type.inputs, self._type.injectors, job.credential, folder, inside)
        ours = {
            "ANSIBLE_COLLECTIONS_PATH": str(inside / "requirements_collections"),
            "ANSIBLE_HOME": str(inside / "home"),
            "JOB_ID": IDENT,
            "AWX_PRIVATE_DATA_DIR": str(inside),
        }
        (folder / "env" / "envvars").write_text(json.dumps({**ours, **env}), encoding="utf-8")
        # Answers are data: AWX lets Ansible template none of them.
        lines = [
            f"{name}: {'!unsafe ' if isinstance(value, str) else ''}{json.dumps(value)}\n"
            for name, value in job.extra_vars.items()
        ]
        (folder / "env" / "extravars").write_text("".join(lines) or "{}\n", encoding="utf-8")
        return env, safe

    def _runner(self, home: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(BIN / "ansible-runner"), *words],
            cwd=home,
            env={**self._environ, "HOME": str(home)},
            input=given,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
