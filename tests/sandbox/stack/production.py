# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox as clouds have it: MariaDB, HAProxy with TLS, and two workers in each server.

The library is two Glances behind one address, each with a staging folder of its own unless they share one. They lie on
one machine here, so that their stores of files are the same folders, as on a shared file system.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from stack import layout, mariadb, processes
from stack.client_files import write_client_files
from stack.folders import SandboxError, write_private
from stack.golden import Golden, point_catalogue
from stack.lifecycle import READY_WITHIN, Sandbox
from stack.ports import reserve
from stack.state import State, own_names, render, render_configuration
from stack.venv import Venv
from stack.web import Web, warm_up

# Program and the package of Debian that has it.
NEEDED = {"mariadbd": "mariadb-server-core", "mariadb-install-db": "mariadb-server-core", "haproxy": "haproxy"}
# mariadb-install-db calls it.
NEEDED["my_print_defaults"] = "mariadb-client-core"

GLANCES = {"gateway1": layout.GATEWAY, "library1": layout.LIBRARY, "library2": layout.LIBRARY}
KEYSTONE = layout.KEYSTONE.name
HAPROXY = "haproxy"
MOTO = "moto"
MOTO_PROGRAM = "moto_server"
WORKERS = 2
# For the images of one project, if data comes through the gateway.
QUOTA = "150MB"
# So many quiet passes through each server, so that each worker has very probably had one.
WARM_UPS = 4

OBJECTS = """
[objects]
s3_store_host = http://127.0.0.1:{moto}
s3_store_access_key = sandbox
s3_store_secret_key = sandbox-Secret-48ab2f
s3_store_region_name = eu-west-1
s3_store_bucket = glance
s3_store_create_bucket_on_put = true
s3_store_bucket_url_format = path
s3_store_large_object_size = 8
s3_store_large_object_chunk_size = 8
store_description = objects in S3
"""


class Production(Sandbox):
    def __init__(self, state: State, venv: Venv, shared_staging: bool, object_store: bool) -> None:
        super().__init__(state, venv, venv)
        self.features = {"shared_staging": shared_staging, "object_store": object_store}

    @classmethod
    def remembered(cls, state: State, venv: Venv) -> Production | None:
        """The one that was started in this state folder last, if it was of this kind."""
        features = state.remembered()["features"]
        return None if features is None else cls(state, venv, **features)

    def install(self) -> None:
        missing = {package for program, package in NEEDED.items() if not processes.program(program)}
        if missing:
            raise SandboxError(
                f"--production needs packages that are missing here: apt-get install --no-install-recommends "
                f"{' '.join(sorted(missing))} (without root's rights: have them installed, or leave --production out)"
            )
        super().install()
        assert self.features is not None
        if self.features["object_store"] and not (self.keystone.folder / "bin" / MOTO_PROGRAM).exists():
            raise SandboxError(
                f"--object-store needs moto, which could not be installed into {self.keystone.folder}: remove that "
                "folder to try it again, or leave --object-store out"
            )

    def names(self) -> list[str]:
        """The servers in the order in which they start."""
        assert self.features is not None
        objects = [MOTO] if self.features["object_store"] else []
        return [mariadb.NAME, *objects, KEYSTONE, *GLANCES, HAPROXY]

    def golden(self) -> Golden:
        return mariadb.GoldenMariaDB(self.keystone, self.glance)

    def databases(self) -> dict[str, Any]:
        return mariadb.described(self._ports()[mariadb.NAME])

    def is_whole(self) -> bool:
        """Whether every server is there and the ports answer; a worker may have been replaced by another."""
        return all(processes.find(self.state.root, name) for name in self.names()) and all(
            Web(self.state.ca_file).answers_tls(self.port(server)) for server in layout.GLANCES
        )

    def restart(self, name: str) -> None:
        """End a server as its administrator does, and start it again."""
        with self.state.lock():
            self._check(name)
            processes.stop(self.state.root, name)
            self._run(name)

    def kill(self, name: str) -> None:
        """End a worker without warning, which its master replaces; or else the whole server, and start it again."""
        with self.state.lock():
            self._check(name)
            found = processes.find(self.state.root, name)
            workers = [process for process in found if process.pid != process.group]
            if name in (KEYSTONE, *GLANCES):
                return processes.send(workers[0], signal.SIGKILL)
            for process in found:
                processes.send(process, signal.SIGKILL)
            processes.stop(self.state.root, name)
            return self._run(name)

    def reload(self) -> None:
        """Let HAProxy read its configuration again, as an administrator does after each change."""
        leader = min(processes.find(self.state.root, HAPROXY), key=lambda process: process.pid != process.group)
        processes.send(leader, signal.SIGUSR2)

    def freeze(self, name: str, seconds: float) -> None:
        """Let a server do nothing for a while, as one does whose storage does not answer."""
        self._check(name)
        found = processes.find(self.state.root, name)
        try:
            for process in found:
                processes.send(process, signal.SIGSTOP)
            time.sleep(seconds)
        finally:
            for process in found:
                processes.send(process, signal.SIGCONT)

    def _check(self, name: str) -> None:
        if name not in self.names():
            raise SandboxError(f"there is no server {name}; there are {', '.join(self.names())}")

    def _ports(self) -> dict[str, int]:
        return self.state.remembered()["ports"]

    def _origins(self) -> dict[str, str]:
        return layout.origins(self._ports())

    def _start(self, port: int | None, convert: str | None) -> None:
        self._fill()
        names = [*layout.server_names(), mariadb.NAME, MOTO, *GLANCES]
        sockets = reserve(names, self._ports(), port)
        self.state.remember(ports={name: listener.getsockname()[1] for name, listener in sockets.items()})
        for listener in sockets.values():
            listener.close()
        self.state.remember(processes=[], convert=convert, features=self.features)
        self._configure(convert)
        for name in self.names():
            self._run(name)
        self._warm_up()
        os.truncate(self.state.request_log, 0)
        ids, origins = self.state.remembered()["ids"], self._origins()
        python = self.keystone.python
        libraries = [name for name, server in GLANCES.items() if server is layout.LIBRARY]
        features = {**(self.features or {}), "servers": self.names(), "libraries": libraries}
        release, databases = self.glance.release, self.databases()
        write_client_files(self.state, release, origins, ids, convert, python, databases, features)
        self.state.remember(processes=[astuple(process) for process in processes.find(self.state.root)])

    def _configure(self, convert: str | None) -> None:
        assert self.features is not None
        root, ports, origins = self.state.root, self._ports(), self._origins()
        glances = {}
        for name, server in GLANCES.items():
            own = {
                **own_names(server, origins),
                "name": name,
                # The others ask this very one for what it has staged, not any of them.
                "own_url": f"http://127.0.0.1:{ports[name]}",
                "staging": name,
                "quota": QUOTA if server is layout.GATEWAY else "0",
            }
            if self.features["shared_staging"]:
                # One that has the same address as the one that has staged the data asks no other.
                own.update(own_url=origins[server.name], staging="shared")
            if self.features["object_store"] and server is layout.LIBRARY:
                own["backends"] += ", objects:s3"
                own["objects"] = OBJECTS.format(moto=ports[MOTO])
            glances[name] = own
        for folder in ("cache", "staging", "tasks"):
            for name in (*GLANCES, "shared"):
                (root / folder / name).mkdir(mode=0o700, exist_ok=True)
        databases = mariadb.settings(ports[mariadb.NAME])
        render_configuration(root, self.glance, origins, convert, databases, glances)
        render("haproxy.cfg", root / "etc", {"root": root, **ports})
        both = self.state.certificate.read_text(encoding="ascii") + self.state.private_key.read_text(encoding="ascii")
        write_private(root / "etc/server.pem", both)

    def _run(self, name: str) -> None:
        """Start one server and wait until it answers."""
        root, port = self.state.root, self._ports()
        if name == mariadb.NAME:
            process = mariadb.start(self.state, root, port[name])
            mariadb.wait_for(self.state, self.keystone.python, port[name], process)
            if not processes.find(root, KEYSTONE):
                point_catalogue(self.keystone, self.databases()["keystone"], self._origins())
            return
        deadline = time.monotonic() + READY_WITHIN
        if name == MOTO:
            argv = [self.keystone.folder / "bin" / MOTO_PROGRAM, "-H", "127.0.0.1", "-p", port[name]]
            process, probes = self._spawned(name, argv), [f"http://127.0.0.1:{port[name]}/moto-api/"]
        elif name == HAPROXY:
            process = self._spawned(name, [processes.program("haproxy"), "-W", "-f", root / "etc/haproxy.cfg"])
            origins = self._origins()
            probes = [f"{origins['gateway']}/keystone/v3"]
            probes += [f"{origins[server.name]}/glance/versions" for server in layout.GLANCES]
        else:
            process = self._spawned_gunicorn(name, port[name])
            path = "keystone/v3" if name == KEYSTONE else "glance/healthcheck"
            probes = [f"http://127.0.0.1:{port[name]}/{path}"]
        for probe in probes:
            self._wait_for(Web(self.state.ca_file), probe, {name: process}, deadline)

    def _spawned(self, name: str, argv: list[object], **more: str) -> subprocess.Popen[bytes]:
        return processes.spawn(self.state.root, f"{name}.log", argv, (), **{processes.SERVER: name, **more})

    def _spawned_gunicorn(self, name: str, port: int) -> subprocess.Popen[bytes]:
        application = "stack.servers.keystone_behind" if name == KEYSTONE else "stack.servers.library"
        argv: list[object] = [self.glance.python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
        argv += ["--worker-class", "gthread", "--workers", str(WORKERS), "--threads", "16", "--timeout", "0"]
        argv += ["--keep-alive", "75", "--graceful-timeout", "3", "--log-level", "warning", "--no-control-socket"]
        argv += ["--limit-request-line", "0", "--limit-request-field_size", "0"]
        argv += ["--worker-tmp-dir", self.state.root / "tmp", f"{application}:application"]
        more: Mapping[str, str] = {
            # The header by which HAProxy says which of its ports was asked.
            "PCD_SANDBOX_BEHIND": "HTTP_X_SANDBOX_PORT",
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox-Secret-48ab2f",
            # A Glance passes some requests on to the one that has the staged data.
            "REQUESTS_CA_BUNDLE": str(self.state.ca_file),
        }
        return self._spawned(name, argv, **more)

    def _warm_up(self) -> None:
        ports, web = self._ports(), Web(self.state.ca_file)
        for dummy in range(WARM_UPS):
            for name in GLANCES:
                keystone = f"http://127.0.0.1:{ports[KEYSTONE]}/keystone/v3"
                warm_up(web, keystone, [f"http://127.0.0.1:{ports[name]}/glance"])
