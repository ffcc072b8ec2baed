# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays one case of the table: a run that meets a fault or is killed, what is left of it, and the runs after it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.support.fault_proxy import (
    MAX_SECONDS,
    WRITES,
    Fault,
    Hold,
    Proxy,
    Seen,
    open_proxy,
)
from ansible_collections.platform9.pcd.tests.support.forkserver import ForkServer
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import FERNET_TOKEN, INTERRUPTIBLE, MODULES
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor, open_vendor
from ansible_collections.platform9.pcd.tests.system.faults.operations import Operation, Subject

# Seconds without a byte that a run waits which meets a stall; the request that is stalled never comes to an answer.
STALL = {"timeout": 2, "wait_timeout": 3}
# What passes, so that a read is sent again, and a write after a look at what it has done.
TRANSIENT = ("close", "reset", "408", "429", "500", "502", "503", "504", "html 502")
MAX_MESSAGE_CHARACTERS = 3000


@dataclass(frozen=True)
class Run:
    """What one run of a module gave, and the requests of it that have reached the proxy."""

    result: Mapping[str, Any] | None
    rc: int
    stdout: str
    stderr: str
    seen: Sequence[Seen]

    @property
    def failed(self) -> bool:
        return self.result is None or bool(self.result.get("failed"))

    @property
    def writes(self) -> list[Seen]:
        """The writes that the service has got, whole or in part."""
        return [seen for seen in self.seen if seen.kind in WRITES and seen.passed]


@dataclass(frozen=True)
class Case:
    """An operation and what strikes it. `kill` is the signal that ends the process while its request is held."""

    operation: Operation
    strike: Fault
    retries: int = 0
    kill: int | None = None

    def __str__(self) -> str:
        strike = self.strike
        position = f"{strike.when} {strike.kind} {strike.nth}"
        if self.kill is not None:
            return f"{self.operation.name}: {signal.Signals(self.kill).name} {position}"
        repeated = f" x{strike.times}" if strike.times > 1 else ""
        return f"{self.operation.name}: {strike.what}{repeated} {position}, retries {self.retries}"


@dataclass
class Verdict:
    """What came of a case; all was as promised if `wrong` is empty."""

    case: Case
    reached: bool = False
    message: str = ""
    writes: int = 0
    seconds: float = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, when: str, complaints: Sequence[str]) -> None:
        self.wrong += [f"{when}: {complaint}" for complaint in complaints]


class Worker:
    """Runs modules in processes of their own, one after the other, through a proxy of its own."""

    def __init__(self, server: Server, proxy: Proxy, vendor: Vendor, folder: Path) -> None:
        self.server, self.proxy, self.vendor, self.folder = server, proxy, vendor, folder
        self._environ = {**inherited_environ(), "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
        self._secrets = [user["password"] for user in server.sandbox["users"].values()]
        self._forkserver = ForkServer(self._environ, folder)

    def close(self) -> None:
        self._forkserver.close()

    def subject(self) -> Subject:
        folder = self.folder / "files"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return Subject(self.server, self.vendor, folder)

    def run(self, module: str, options: Mapping[str, Any], strike: Fault | Hold | None = None) -> Run:
        """Run the module to its end, logged in through the proxy."""
        self.proxy.arm(*([] if strike is None else [strike]))
        self._write_order(options)
        rc, dummy = self._forkserver.run(f"{MODULES}.{module}", self._environ, {})
        return self._outcome(rc)

    def kill(self, module: str, options: Mapping[str, Any], hold: Hold, number: int) -> Run:
        """Run the module until the proxy holds its request, and then send the process this signal."""
        self.proxy.arm(hold)
        self._write_order(options)
        paths = {name: self.folder / name for name in ("stdin", "stdout", "stderr")}
        with open(paths["stdin"]) as stdin, open(paths["stdout"], "w") as out, open(paths["stderr"], "w") as err:
            process = subprocess.Popen(
                [sys.executable, "-c", INTERRUPTIBLE, f"{MODULES}.{module}"],
                stdin=stdin,
                stdout=out,
                stderr=err,
                env={**self._environ, "PYTHONPATH": os.environ["PYTHONPATH"]},
                cwd=self.folder,
            )
            try:
                met = _until(hold, process)
                process.send_signal(number)
                rc = process.wait(MAX_SECONDS)
            finally:
                process.kill()
                hold.go.set()
        assert met, f"the request was never made, exit status {rc}: {paths['stdout'].read_text()}"
        assert hold.over.wait(MAX_SECONDS), "the request that was held has not ended"
        return self._outcome(rc)

    def secrets_in(self, text: str) -> list[str]:
        return [secret for secret in self._secrets if secret in text] + FERNET_TOKEN.findall(text)

    def _write_order(self, options: Mapping[str, Any]) -> None:
        login = {**self.server.login("member"), "auth_url": self.proxy.auth_url}
        arguments = {**login, **options, "_ansible_check_mode": False, "_ansible_diff": True, "_ansible_verbosity": 4}
        (self.folder / "stdin").write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), encoding="utf-8")

    def _outcome(self, rc: int) -> Run:
        stdout, stderr = ((self.folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        try:
            result = json.loads(stdout)
        except ValueError:
            result = None
        return Run(result, rc, stdout, stderr, list(self.proxy.seen))


def _until(hold: Hold, process: subprocess.Popen[Any]) -> bool:
    """Whether the request is held; not if the process ends before."""
    while not hold.held.wait(0.02):
        if process.poll() is not None:
            return False
    return True


@contextmanager
def open_worker(sandbox: Mapping[str, Any], tls: bool = True) -> Iterator[Worker]:
    with (
        open_proxy(sandbox, tls) as proxy,
        open_vendor() as vendor,
        tempfile.TemporaryDirectory(prefix="pcd-faults-") as folder,
    ):
        worker = Worker(Server(sandbox), proxy, vendor, Path(folder))
        try:
            yield worker
        finally:
            worker.close()


def rehearse(worker: Worker, operation: Operation) -> Run:
    """The run of an operation that nothing strikes."""
    subject = worker.subject()
    try:
        operation.prepare(subject)
        run = worker.run(operation.module, operation.options(subject))
        complaints = [*unclear(worker, run), *([] if run.failed else operation.wrong(subject, run.result or {}))]
        assert not run.failed, f"{operation.name} fails though nothing strikes it: {run.stdout}"
        assert not complaints, f"{operation.name}: {complaints}"
        assert len(run.writes) == operation.writes, f"{operation.name} takes {len(run.writes)} writes"
        return run
    finally:
        subject.clean_up()


def play(worker: Worker, case: Case) -> Verdict:
    verdict, subject, began = Verdict(case), worker.subject(), time.monotonic()
    try:
        case.operation.prepare(subject)
        if case.kill is None:
            _meet(worker, case, subject, verdict)
        else:
            _be_killed(worker, case, subject, case.kill, verdict)
        verdict.add("left behind", case.operation.damage(subject))
        _converge(worker, case, subject, verdict)
    except Exception as error:
        verdict.wrong.append(f"could not be played: {error!r}")
    finally:
        try:
            subject.clean_up()
        except Exception as error:
            verdict.wrong.append(f"could not be cleaned up: {error!r}")
    if worker.proxy.other:
        verdict.wrong.append(f"followed a redirect: {worker.proxy.other}")
        worker.proxy.other.clear()
    if worker.proxy.errors:
        verdict.wrong.append(f"the proxy: {worker.proxy.errors}")
        worker.proxy.errors.clear()
    verdict.seconds = time.monotonic() - began
    return verdict


def _meet(worker: Worker, case: Case, subject: Subject, verdict: Verdict) -> None:
    operation, strike = case.operation, case.strike
    options = {**operation.options(subject), "retries": case.retries}
    if strike.what == "stall":
        options["timeout"] = STALL["timeout"]
        if operation.contents and operation.module == "pcd_image" and "state" not in options:
            options["wait_timeout"] = STALL["wait_timeout"]
        if operation.module == "pcd_image_catalog":
            options["defaults"] = {**options["defaults"], "wait_timeout": STALL["wait_timeout"]}
    run = worker.run(operation.module, options, strike)
    verdict.reached, verdict.writes = not run.failed, len(run.writes)
    verdict.add("run", [*unclear(worker, run), *operation.leftovers(subject)])
    # On a slow machine an earlier request may be what runs into the short timeout, which is the same failure.
    too_slow = strike.what == "stall" and run.failed
    if not too_slow and not any(seen.struck for seen in run.seen):
        verdict.wrong.append("the fault never struck")
    # Each attempt may be repeated, and what was made may have to be unprotected and removed.
    most = (operation.writes + 2) * (1 + case.retries)
    if len(run.writes) > most:
        verdict.wrong.append(f"{len(run.writes)} writes, at most {most} were expected")
    if run.failed:
        verdict.message = str((run.result or {}).get("msg", ""))
        if must_reach(case):
            verdict.wrong.append(f"should have reached the desired state: {verdict.message}")
        return
    verdict.add("reached", operation.wrong(subject, run.result or {}))
    if operation.changes and not (run.result or {}).get("changed"):
        verdict.wrong.append("reached the desired state, but says that nothing was changed")


def _be_killed(worker: Worker, case: Case, subject: Subject, number: int, verdict: Verdict) -> None:
    strike = case.strike
    hold = Hold(strike.when, strike.kind, strike.nth)
    run = worker.kill(case.operation.module, case.operation.options(subject), hold, number)
    verdict.writes = len(run.writes)
    told = run.stdout + run.stderr
    verdict.add("killed", [f"shows {secret}" for secret in worker.secrets_in(told)])
    if "Traceback" in told:
        verdict.wrong.append(f"killed: a traceback: {run.stderr[-300:]}")
    if run.rc == 0:
        verdict.wrong.append(f"killed, but exit status 0: {run.stdout}")
    verdict.message = str((run.result or {}).get("msg", ""))


def _converge(worker: Worker, case: Case, subject: Subject, verdict: Verdict) -> None:
    """The same task again, and once more: the desired state is reached, and then nothing is left to do."""
    operation = case.operation
    options = operation.options(subject)
    second = worker.run(operation.module, options)
    verdict.add("second run", unclear(worker, second))
    if second.failed:
        verdict.wrong.append(f"second run: failed: {(second.result or {}).get('msg', second.stdout)}")
        return
    verdict.add("second run", operation.wrong(subject, second.result or {}))
    if verdict.reached and (second.writes or (second.result or {}).get("changed")):
        verdict.wrong.append("second run: changed something, though the first had reached the desired state")
    # If the first has reached the desired state, the second has shown that nothing is left to do.
    if operation.changes and not verdict.reached:
        third = worker.run(operation.module, options)
        verdict.add("third run", unclear(worker, third))
        if third.failed or third.writes or (third.result or {}).get("changed"):
            verdict.wrong.append(f"third run: not without a change: {third.stdout[:500]}")


def unclear(worker: Worker, run: Run) -> list[str]:
    """What a user could not read, or should never see, in what a run has said."""
    if run.result is None:
        return [f"no result, exit status {run.rc}: {run.stdout[-500:]}{run.stderr[-1500:]}"]
    found = [f"shows {secret}" for secret in worker.secrets_in(run.stdout + run.stderr)]
    if run.stderr:
        found.append(f"on standard error: {run.stderr[-500:]}")
    if (run.rc != 0) != run.failed:
        found.append(f"exit status {run.rc}")
    message = str(run.result.get("msg", ""))
    if run.failed and not 20 < len(message) < MAX_MESSAGE_CHARACTERS:
        found.append(f"a message of {len(message)} characters")
    wrong_words = [word for word in ("\n", "Traceback", "</", "<html", "<pre", "object at 0x") if word in message]
    return [*found, *(f"the message has {word!r}: {message}" for word in wrong_words)]


def must_reach(case: Case) -> bool:
    """Whether the run has to reach the desired state, since the fault is transient and the request may be repeated."""
    strike = case.strike
    if strike.what == "401" and strike.times == 1 and strike.kind != "login":
        return strike.when == "before"
    if strike.what == "500" and strike.kind == "download":
        # Glance answers so if it does not know the store of the data, and will not know it in a moment either.
        return False
    return strike.what in TRANSIENT and strike.times <= case.retries
