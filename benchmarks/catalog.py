# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many images: one task with pcd_image_catalog beside loops, and uploads at the same time beside one after the other.

The whole command is measured, except for the uploads, which run in a process of their own so that their memory is seen.
A loop over openstack.cloud.image takes part with a tenth of the images; see `_scaled`.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.platform9.pcd.benchmarks.measured import Block, Row, Samples
from ansible_collections.platform9.pcd.benchmarks.tasks import OPENSTACK_CLOUD, RECAP, busy
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.sandbox import RequestLog

CATALOG = "pcd_image_catalog"
LOOP = "loop over pcd_image"
OPENSTACK_LOOP = f"loop over {OPENSTACK_CLOUD}"
AT_ONCE = f"{CATALOG}, 4 workers"
ONE_BY_ONE = f"{CATALOG}, 1 worker"

WORKERS_OF_CHANGES = 8
UPLOADS = 20
MIB_OF_AN_UPLOAD = 20
MIB_PER_SECOND = 20
# Of the images that a catalogue declares, a loop over openstack.cloud.image gets one of so many.
SHARE = 10

MEBIBYTE = 1 << 20
COMMON: dict[str, Any] = {"disk_format": "raw", "container_format": "bare", "visibility": "private"}
PROPERTIES = {"hw_firmware_type": "uefi", "hw_machine_type": "q35", "os_distro": "debian"}


def unchanged(count: int) -> str:
    return f"{count} declared images, unchanged"


def changes(count: int) -> str:
    return f"{count} declared images, each changed"


def uploads(count: int) -> str:
    return f"{count} uploads of {MIB_OF_AN_UPLOAD} MiB, {MIB_PER_SECOND} MiB/s each"


class Contest:
    """Plays on images that are written into Glance's database, because it takes minutes to create them."""

    def __init__(self, server: Server, folder: Path, environ: Mapping[str, str], with_openstack: bool) -> None:
        self._server = server
        self._log = RequestLog(Path(server.sandbox["request_log"]))
        self._folder = folder
        self._environ = environ
        self._with_openstack = with_openstack
        # Each change gives the images a minimum of disk that they have never had.
        self._values = itertools.count(1)

    def blocks(self, count: int, max_rounds: int) -> list[Block]:
        contestants = [CATALOG, LOOP, OPENSTACK_LOOP]
        return [
            Block(unchanged(count), contestants, partial(self._round, count, False), max_rounds),
            Block(changes(count), contestants[:2], partial(self._round, count, True), max_rounds),
        ]

    @contextmanager
    def _images(self, count: int) -> Iterator[list[str]]:
        names = [f"benchmark-{number:04}" for number in range(count)]
        owner = self._server.project_id()
        images = [
            {
                **COMMON,
                **PROPERTIES,
                "id": str(uuid.uuid4()),
                "name": name,
                "owner": owner,
                "status": "queued",
                "min_disk": 0,
            }
            for name in names
        ]
        ids = [str(image["id"]) for image in images]
        self._server.plant(images)
        try:
            yield names
        finally:
            self._server.uproot(ids)

    def _round(self, count: int, changing: bool, samples: Samples) -> dict[str, float]:
        seconds: dict[str, float] = {}
        with self._images(count) as names:
            for contestant in (CATALOG, LOOP, OPENSTACK_LOOP):
                if contestant == OPENSTACK_LOOP and (changing or not self._with_openstack):
                    continue
                value = next(self._values) if changing else 0
                if contestant == OPENSTACK_LOOP:
                    empty, dummy = self._played(contestant, [], value, changing)
                    took, seen = self._played(contestant, names[::SHARE], value, changing)
                    seconds[contestant] = _scaled(took, empty, len(names) / len(names[::SHARE]))
                else:
                    seconds[contestant], seen = self._played(contestant, names, value, changing)
                known = samples.seen.setdefault(contestant, seen)
                samples.seen[contestant] = {key: max(known[key], seen[key]) for key in seen}
        return seconds

    def _played(self, contestant: str, names: list[str], value: int, changing: bool) -> tuple[float, dict[str, Any]]:
        playbook = self._folder / "catalogue.yml"
        playbook.write_text(json.dumps(_playbook(contestant, names, value)), encoding="utf-8")
        position = self._log.position()
        command = ["ansible-playbook", "-i", "localhost,", str(playbook)]
        began, busy_before = time.monotonic(), busy()
        done = subprocess.run(
            command, cwd=self._folder, env=dict(self._environ), capture_output=True, text=True, check=False
        )
        seconds, used = time.monotonic() - began, busy() - busy_before
        requests = self._log.since(position)
        tokens = sum(line["method"] == "POST" and line["path"].endswith("/auth/tokens") for line in requests)
        patches = sum(line["method"] == "PATCH" for line in requests)
        recap = RECAP.search(done.stdout)
        counts = [int(number) for number in recap.groups()] if recap else []
        # A play without tasks has no recap.
        if done.returncode or counts != ([1, int(changing)] if names else []):
            raise SystemExit(f"{contestant}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        if patches != (len(names) if changing else 0):
            raise SystemExit(f"{contestant}: {patches} changes of {len(names)} images")
        return seconds, {"requests": len(requests), "logins": tokens, "cpu_seconds": round(used, 2)}


def _scaled(took: float, empty: float, factor: float) -> float:
    """What a loop of all items would take: the start of Ansible once, and each item as long as the others."""
    return empty + (took - empty) * factor


def _playbook(contestant: str, names: list[str], value: int) -> list[dict[str, Any]]:
    common = {**COMMON, "min_disk": value}
    tasks: list[dict[str, Any]]
    if contestant == CATALOG:
        options = {"defaults": common, "images": [{"name": name} for name in names], "workers": WORKERS_OF_CHANGES}
        tasks = [{f"platform9.pcd.{CATALOG}": options}]
    else:
        module = OPENSTACK_CLOUD if contestant == OPENSTACK_LOOP else "platform9.pcd.pcd_image"
        tasks = [{module: {"name": "{{ item }}", **common}, "loop": names}]
    variables = {"ansible_python_interpreter": sys.executable}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables}
    return [{**play, "tasks": tasks if names else []}]


# --- uploads


def block_of_uploads(server: Server, environ: Mapping[str, str], folder: Path, count: int, max_rounds: int) -> Block:
    paths = []
    for number in range(count):
        path = folder / f"upload-{number:02}.raw"
        with open(path, "wb") as stream:
            for dummy in range(MIB_OF_AN_UPLOAD):
                stream.write(os.urandom(MEBIBYTE))
        paths.append(str(path))
    return Block(uploads(count), [AT_ONCE, ONE_BY_ONE], partial(_upload_round, server, environ, paths), max_rounds)


def _upload_round(server: Server, environ: Mapping[str, str], paths: list[str], samples: Samples) -> dict[str, float]:
    seconds = {}
    for contestant, workers in ((ONE_BY_ONE, 1), (AT_ONCE, 4)):
        found = _uploaded(server, environ, paths, workers)
        seconds[contestant] = found["seconds"]
        known = samples.seen.setdefault(contestant, {"memory_mib": 0.0})
        memory = (found["peak"] - found["base"]) / 1024
        known["memory_mib"] = max(known["memory_mib"], round(memory, 1))
    return seconds


def _uploaded(server: Server, environ: Mapping[str, str], paths: list[str], workers: int) -> dict[str, float]:
    prefix = f"benchmark-{uuid.uuid4().hex[:8]}"
    names = [f"{prefix}-{number:02}" for number in range(len(paths))]
    for name in names:
        server.remember_name(name)
    with slow_proxy(server.sandbox["library_url"]) as url:
        secret = {"PCD_TOKEN": server.token(), "PCD_CA": str(server.sandbox["ca_file"])}
        order = {"url": url, "project": server.project_id(), "images": dict(zip(names, paths, strict=True))}
        done = subprocess.run(
            [sys.executable, __file__, str(workers)],
            input=json.dumps(order),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={**environ, **secret},
        )
    try:
        sizes = [(image["status"], image["size"]) for name in names for image in server.named(name)]
        if sizes != [("active", os.path.getsize(path)) for path in paths]:
            raise SystemExit(f"{workers} workers left {sizes}")
    finally:
        server.clean_up()
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def upload_all(workers: int) -> None:
    """The task, in this process."""
    from ansible_collections.platform9.pcd.plugins.module_utils._task import perform
    from ansible_collections.platform9.pcd.plugins.modules.pcd_image_catalog import TASK

    order = json.load(sys.stdin)
    options = {name: option.get("default") for name, option in TASK.argument_spec.items()}
    images = [{"name": name, "path": path, **COMMON} for name, path in order["images"].items()]
    options.update(token=os.environ["PCD_TOKEN"], image_endpoint_override=order["url"], ca_cert=os.environ["PCD_CA"])
    options.update(project_id=order["project"], images=images, workers=workers)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    perform(TASK, options, False, lambda text: print(text, file=sys.stderr), {})
    seconds = time.monotonic() - began
    print(json.dumps({"seconds": seconds, "base": base, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


@contextmanager
def slow_proxy(url: str) -> Iterator[str]:
    """The same address through a proxy that passes on so many MiB a second for each connection, in each direction."""
    parts = urlsplit(url)
    target = (str(parts.hostname), int(parts.port or 443))
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept() -> None:
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=_pass_on, args=(client, socket.create_connection(target)), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield urlunsplit(parts._replace(netloc=f"127.0.0.1:{listener.getsockname()[1]}"))
    finally:
        listener.close()


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    began, passed = time.monotonic(), 0
    other = {client: server, server: client}
    with client, server, selectors.DefaultSelector() as selector:
        for each in other:
            selector.register(each, selectors.EVENT_READ)
        while True:
            for key, dummy in selector.select():
                receiver = other[key.fileobj]  # type: ignore[index]
                content = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                if not content:
                    return
                receiver.sendall(content)
                passed += len(content)
                ahead = passed / (MIB_PER_SECOND * MEBIBYTE) - (time.monotonic() - began)
                if ahead > 0:
                    time.sleep(ahead)
                else:
                    # A pause in which nothing was sent is not made up for.
                    began -= ahead


# --- what was promised


def promises(rows: Mapping[str, Samples], count: int, sent: int) -> Iterator[Row]:
    """What, measured, and at most."""
    still, changed, data = rows.get(unchanged(count)), rows.get(changes(count)), rows.get(uploads(sent))
    if still is not None:
        yield _promise(
            f"{CATALOG} to {OPENSTACK_LOOP}, {unchanged(count)}", still.ratio(CATALOG, OPENSTACK_LOOP), 1 / 150
        )
        yield _promise(f"{CATALOG} to {LOOP}, {unchanged(count)}", still.ratio(CATALOG, LOOP), 1 / 4)
        yield _promise(f"requests of {CATALOG}, {unchanged(count)}", _seen(still, CATALOG, "requests"), 3)
    if changed is not None:
        yield _promise(f"{CATALOG} to {LOOP}, {changes(count)}", changed.ratio(CATALOG, LOOP), 1 / 4)
        yield _promise(f"requests of {CATALOG}, {changes(count)}", _seen(changed, CATALOG, "requests"), count + 10)
    if data is not None:
        yield _promise(f"{AT_ONCE} to {ONE_BY_ONE}, {uploads(sent)}", data.ratio(AT_ONCE, ONE_BY_ONE), 1 / 3)
        four, one = (_seen(data, name, "memory_mib") for name in (AT_ONCE, ONE_BY_ONE))
        more = None if four is None or one is None else (four - one) / 3
        yield _promise(f"MiB of each further worker, {uploads(sent)}", more, 16)


def _seen(samples: Samples, contestant: str, what: str) -> float | None:
    found: float | None = samples.seen.get(contestant, {}).get(what)
    return found


def _promise(what: str, value: float | None, most: float) -> Row:
    return {"what": what, "measured": value, "at_most": most}


if __name__ == "__main__":
    upload_all(int(sys.argv[1]))
