# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and stop of one sandbox."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from stack import layout, processes
from stack.client_files import write_client_files
from stack.folders import SOURCE, SandboxError, say
from stack.golden import Golden, point_catalogue
from stack.ports import reserve
from stack.state import DATABASES, SECOND_DATABASE, State, own_names, render_configuration, sqlite_url
from stack.venv import Venv
from stack.web import Web, warm_up

# What Glance's conversion runs (glance/async_/flows/plugins/image_conversion.py).
CONVERTER = "qemu-img"
READY_WITHIN = 300.0  # seconds; a few on a machine that is not busy


class Sandbox:
    """One process for each server, on SQLite."""

    # What it was asked for beside that; see production.py.
    features: Mapping[str, Any] | None = None
    # Whether region2 has a Glance of its own, from the next start on.
    second_region = False

    def __init__(self, state: State, keystone: Venv, glance: Venv) -> None:
        self.state = state
        self.keystone = keystone
        self.glance = glance

    def install(self) -> None:
        for venv in dict.fromkeys((self.keystone, self.glance)):
            venv.install()

    def up(self, port: int | None, fresh: bool, convert: str | None = None, second_region: bool = False) -> bool:
        """Make it run; False when it already did. With `convert`, it makes that disk format of every import."""
        if convert is not None and not shutil.which(CONVERTER):
            raise SandboxError(f"--convert needs {CONVERTER}, which is not in PATH: apt-get install qemu-utils")
        self.second_region = second_region
        self.install()
        self.state.claim()
        with self.state.lock():
            remembered = self.state.remembered()
            is_as_asked = port in (None, self.port(layout.GATEWAY)) and convert == remembered["convert"]
            is_as_asked = is_as_asked and self.features == remembered["features"]
            is_as_asked = is_as_asked and second_region == remembered["second_region"]
            if not fresh and is_as_asked and self.is_whole() and self.is_current():
                return False
            if processes.stop(self.state.root):
                say("stopped what was left of an earlier start")
            if fresh:
                self.state.renew()
            try:
                self._start(port, convert)
            except BaseException:
                processes.stop(self.state.root)
                raise
        return True

    def down(self) -> int:
        """End every process and return how many there were."""
        if not self.state.exists():
            # Its processes may still be there when somebody has deleted the folder.
            return processes.stop(self.state.root)
        with self.state.lock():
            return processes.stop(self.state.root)

    def port(self, server: layout.Server) -> int:
        """Its port of the last start; 0 if there was none."""
        return self.state.remembered()["ports"].get(server.name, 0)

    def is_whole(self) -> bool:
        """Whether exactly the processes of the last completed start are there, and answer.

        A worker that gunicorn has replaced counts as broken: it has missed the warm-up.
        """
        completed = self.state.completed_processes()
        return bool(
            completed
            and completed == processes.find(self.state.root)
            and all(Web(self.state.ca_file).answers_tls(self.port(server)) for server in self._glances())
        )

    def _glances(self) -> tuple[layout.Server, ...]:
        return layout.glances(self.state.remembered()["second_region"])

    def golden(self) -> Golden:
        return Golden(self.keystone, self.glance)

    def databases(self) -> dict[str, Any]:
        """What sql.py needs to know of each."""
        names = (*DATABASES, SECOND_DATABASE) if self.second_region else DATABASES
        return {name: {"kind": "sqlite", "path": str(self.state.root / f"db/{name}.db")} for name in names}

    def is_current(self) -> bool:
        """Whether its databases come from the present release, lock and layout."""
        return self.state.remembered()["seed"] == self.golden().key

    def _start(self, port: int | None, convert: str | None) -> None:
        self._fill()
        asked = layout.servers(self.second_region)
        sockets = reserve([server.name for server in asked], self.state.remembered()["ports"], port)
        try:
            ports = {name: listener.getsockname()[1] for name, listener in sockets.items()}
            origins = layout.origins(ports)
            self.state.remember(ports=ports, processes=[], convert=convert, features=None)
            self.state.remember(second_region=self.second_region)
            render_configuration(self.state.root, self.glance, origins, convert, glances=self._own_names(origins))
            point_catalogue(self.keystone, self.databases()["keystone"], origins, self.second_region)
            servers = {server.name: self._spawn(server, sockets[server.name], origins) for server in asked}
        finally:
            for listener in sockets.values():
                listener.close()
        web = Web(self.state.ca_file)
        deadline = time.monotonic() + READY_WITHIN
        glances = [f"{origins[server.name]}/glance" for server in self._glances()]
        for probe in (f"{origins['keystone']}/keystone/v3", *(f"{glance}/versions" for glance in glances)):
            self._wait_for(web, probe, servers, deadline)
        warm_up(web, f"{origins['gateway']}/keystone/v3", glances)
        # The warm-up's lines are all there once it has its answers, and the start is not announced yet.
        os.truncate(self.state.request_log, 0)
        ids = self.state.remembered()["ids"]
        python, databases = self.keystone.python, self.databases()
        write_client_files(self.state, self.glance.release, origins, ids, convert, python, databases)
        self.state.remember(processes=[astuple(process) for process in processes.find(self.state.root)])

    def _own_names(self, origins: Mapping[str, str]) -> dict[str, dict[str, str]]:
        glances = {server.name: own_names(server, origins) for server in self._glances()}
        if self.second_region:
            glances[layout.SECOND.name]["glance_database"] = sqlite_url(self.state.root, SECOND_DATABASE)
        return glances

    def _fill(self) -> None:
        """Databases, keys and certificate, if they are missing or made from another release, lock or layout."""
        if not self.is_current():
            if self.state.remembered()["seed"]:
                say("another release, lock or layout than last time: starting with new databases")
            self.state.renew()
            golden = self.golden()
            golden.restore(self.state)
            self.state.remember(seed=golden.key, ids=golden.ids())
        if not self.state.ca_file.exists():
            files = (self.state.ca_file, self.state.certificate, self.state.private_key)
            argv = [self.keystone.python, SOURCE.parent / "support" / "certificates.py", *files]
            if processes.spawn(self.state.root, "setup.log", argv).wait():
                raise SandboxError(f"no certificate\n{processes.tail(self.state.log_folder / 'setup.log')}")

    def _spawn(
        self, server: layout.Server, listener: socket.socket, origins: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        venv = self.keystone if server is layout.KEYSTONE else self.glance
        argv: list[object] = [venv.python, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}"]
        argv += ["--worker-class", "gthread", "--workers", "1", "--threads", str(server.threads), "--timeout", "0"]
        argv += ["--keep-alive", "60", "--graceful-timeout", "3", "--log-level", "warning", "--no-control-socket"]
        argv += ["--limit-request-line", "0", "--limit-request-field_size", "0"]
        argv += ["--worker-tmp-dir", self.state.root / "tmp"]
        if server.tls:
            argv += ["--certfile", self.state.certificate, "--keyfile", self.state.private_key]
        return processes.spawn(
            self.state.root,
            f"{server.name}.log",
            [*argv, server.application],
            descriptors=[listener.fileno()],
            # A Glance passes some requests on to the one that has the staged data.
            REQUESTS_CA_BUNDLE=str(self.state.ca_file),
            PCD_SANDBOX_SERVER=server.name,
            PCD_SANDBOX_KEYSTONE=origins[layout.KEYSTONE.name],
        )

    def _wait_for(self, web: Web, url: str, servers: Mapping[str, subprocess.Popen[bytes]], deadline: float) -> None:
        error: Exception | None = None
        while time.monotonic() < deadline:
            for name, process in servers.items():
                if process.poll() is not None:
                    log = self.state.log_folder / f"{name}.log"
                    raise SandboxError(f"{name} ended with {process.returncode}, see {log}\n{processes.tail(log)}")
            try:
                # The sockets already listen, so that this waits in the queue until the server takes it.
                web.call("GET", url, timeout=2)
                return
            except (OSError, SandboxError) as caught:
                error = caught
                time.sleep(0.05)
        raise SandboxError(f"no answer from {url} ({error}), see {self.state.log_folder}")
