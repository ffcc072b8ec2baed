# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules as processes of their own, and what each run gives."""

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
from ansible_collections.platform9.pcd.tests.support.forkserver import ForkServer
from ansible_collections.platform9.pcd.tests.support.glance_client import Image, Server
from ansible_collections.platform9.pcd.tests.support.sandbox import RequestLog

MODULES = "ansible_collections.platform9.pcd.plugins.modules"
FERNET_TOKEN = re.compile(r"gAAAAA[\w-]{20,}")

# What `python -c` gets to run the module that is its first argument. A process that a shell has started in the
# background ignores SIGINT, and so do those that it starts.
INTERRUPTIBLE = (
    "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv.pop(0); "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


def started(module: str, options: Mapping[str, Any]) -> subprocess.Popen[str]:
    """A process that runs the module, which a signal may end; `communicate` gives what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, f"{MODULES}.{module}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    process.stdin.close()
    process.stdin = None
    return process


@dataclass(frozen=True)
class Outcome:
    """What one run of a module gave, and the requests that reached the service meanwhile."""

    result: dict[str, Any]
    rc: int
    stdout: str
    stderr: str
    requests: list[dict[str, Any]]
    peak_memory: int  # in KiB

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def msg(self) -> str:
        assert self.failed, f"it did not fail: {self.result}"
        return str(self.result["msg"])

    @property
    def changed(self) -> bool:
        return bool(self._good["changed"])

    @property
    def image(self) -> Image:
        image = self._good["image"]
        assert image is not None, "there is no image in the result"
        return dict(image)

    @property
    def images(self) -> list[Image]:
        return list(self._good["images"])

    @property
    def ids(self) -> list[str]:
        return [image["id"] for image in self.images]

    @property
    def patch(self) -> list[dict[str, Any]]:
        return list(self._good["patch"])

    @property
    def _good(self) -> dict[str, Any]:
        assert not self.failed, f"it failed: {self.result.get('msg')}"
        return self.result

    @property
    def tokens(self) -> int:
        return sum(request["service"] == "keystone" for request in self.requests)

    @property
    def lookups(self) -> int:
        return sum(request["method"] == "GET" for request in self.glance)

    @property
    def writes(self) -> list[str]:
        return [request["method"] for request in self.glance if request["method"] != "GET"]

    @property
    def glance(self) -> list[dict[str, Any]]:
        return [request for request in self.requests if request["service"] == "glance"]


class Runner:
    """Runs a module in a process of its own, as a user of the sandbox.

    `by_token`: the user comes with a token instead of logging in by password, which takes more than half of the time of
    a run. It is for tests that are about images only.
    """

    by_token = False

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self.log = RequestLog(Path(server.sandbox["request_log"]))
        self.folder = folder
        self._secrets = [
            *(user["password"] for user in server.sandbox["users"].values()),
            server.sandbox["application_credential"]["secret"],
            server.sandbox["totp_secret"],
        ]
        self._environ = {**inherited_environ(), "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
        self._forkserver = ForkServer(self._environ, folder)

    def close(self) -> None:
        self._forkserver.close()

    def __call__(
        self,
        module: str,
        user: str | None = "member",
        /,
        *,
        check: bool = False,
        diff: bool = True,
        verbosity: int = 0,
        env: Mapping[str, str] | None = None,
        constants: Mapping[str, float] | None = None,
        **options: Any,
    ) -> Outcome:
        """The outcome for these options; with a user, logged in as far as the options do not say it.

        `constants` are times to wait that are shorter in this run: seconds by module and name.

        Wherever a module ends in a traceback, writes to standard error or shows a secret, the test fails.
        """
        login = self._server.access if self.by_token else self._server.login
        arguments = {
            **(login(user) if user else {}),
            **options,
            "_ansible_check_mode": check,
            "_ansible_diff": diff,
            "_ansible_verbosity": verbosity,
        }
        before = self.log.position()
        (self.folder / "stdin").write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), encoding="utf-8")
        rc, peak = self._forkserver.run(f"{MODULES}.{module}", {**self._environ, **(env or {})}, constants or {})
        stdout, stderr = ((self.folder / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        outcome = Outcome(self._decoded(stdout, stderr), rc, stdout, stderr, self.log.since(before), peak)
        self._remember(outcome, options)
        assert (outcome.rc != 0) == outcome.failed, f"exit status {outcome.rc}: {stdout}"
        assert not stderr, f"on standard error: {stderr}"
        assert not self.told(stdout), "a secret stands on standard output"
        return outcome

    def told(self, text: str, *more: str) -> list[str]:
        """The secrets that stand in a text."""
        return [secret for secret in (*self._secrets, *more) if secret in text] + FERNET_TOKEN.findall(text)

    def _decoded(self, stdout: str, stderr: str) -> dict[str, Any]:
        try:
            result: dict[str, Any] = json.loads(stdout)
        except ValueError:
            raise AssertionError(f"the module gave no result:\n{stdout}\n{stderr}") from None
        return result

    def _remember(self, outcome: Outcome, options: Mapping[str, Any]) -> None:
        if "POST" not in outcome.writes:
            return
        image = outcome.result.get("image")
        if image:
            self._server.remember(image["id"])
        elif options.get("name"):
            self._server.remember_name(options["name"])
