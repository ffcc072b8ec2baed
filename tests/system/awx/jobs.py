# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them: by ansible-runner, in a folder with project, inventory, collections and environment."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.system.awx.rules import Inventory, extra_vars_file, inject

BIN = Path(sys.executable).parent
SECONDS = 600
IDENT = "1"


@dataclass(frozen=True)
class CredentialType:
    inputs: Mapping[str, Any]
    injectors: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """`credential_type` is that of the mesh if it is not given."""

    playbook: str
    extra_vars: Mapping[str, Any]
    credential: Mapping[str, Any]
    inventory: Inventory = field(default_factory=Inventory)
    slice_number: int = 1
    slice_count: int = 1
    options: tuple[str, ...] = ()
    credential_type: CredentialType | None = None


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
    def messages(self) -> list[str]:
        """What the failed tasks say."""
        failed = [event["event_data"]["res"] for event in self.events if event["event"] == "runner_on_failed"]
        return [str(result.get("msg", "")) for result in failed]

    @property
    def stats(self) -> dict[str, Any]:
        """What the playbook hands on to a workflow."""
        ends = [event["event_data"] for event in self.events if event["event"] == "playbook_on_stats"]
        return dict(ends[0].get("artifact_data", {})) if ends else {}

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
        self._numbers = itertools.count(1)
        kept = inherited_environ()
        kept.pop("PYTHONPATH", None)  # the tree, which a job does not have
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
        home = self._folder / f"job-{next(self._numbers)}"
        home.mkdir(mode=0o700)
        return home, home / name

    def _options(self, job: Job) -> tuple[str, ...]:
        return ("--ident", IDENT, *((f"--cmdline={shlex.join(job.options)}",) if job.options else ()))

    def _lay_out(self, job: Job, folder: Path, inside: Path) -> tuple[dict[str, str], dict[str, str]]:
        """Fill the job's folder, which the job sees as `inside`."""
        for name in ("env", "inventory"):
            (folder / name).mkdir(parents=True)
        shutil.copytree(self._project, folder / "project")
        shutil.copytree(self._collections, folder / "requirements_collections")
        script = folder / "inventory" / "hosts"
        script.write_text(job.inventory.script(job.slice_number, job.slice_count), encoding="utf-8")
        script.chmod(0o700)
        kind = job.credential_type or self._type
        injected = inject(kind.inputs, kind.injectors, job.credential, folder, inside)
        ours = {
            "ANSIBLE_COLLECTIONS_PATH": str(inside / "requirements_collections"),
            "ANSIBLE_HOME": str(inside / "home"),
            "JOB_ID": IDENT,
            "AWX_PRIVATE_DATA_DIR": str(inside),
        }
        (folder / "env" / "envvars").write_text(json.dumps({**ours, **injected.env}), encoding="utf-8")
        variables = {**job.extra_vars, **injected.extra_vars}
        (folder / "env" / "extravars").write_text(extra_vars_file(variables), encoding="utf-8")
        return injected.env, injected.safe

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
