# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state folder of one sandbox: its files, and what it remembers between two starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from stack import layout
from stack.folders import MARKER, SOURCE, claim, empty, is_ours, locked, write_private
from stack.processes import Process
from stack.venv import Venv

SUBFOLDERS = (
    "db",
    "etc",
    "keys/credential",
    "keys/fernet",
    "lock",
    "log",
    "tmp",
    *(f"images/{store}" for server in layout.glances(True) for store in server.stores),
    *(f"{folder}/{server.name}" for server in layout.glances(True) for folder in ("cache", "etc", "staging", "tasks")),
)
DATABASES = ("keystone", "glance")
# Of the second region's Glance; a copy of an empty "glance".
SECOND_DATABASE = "glance_second"
# The second file that Glance reads, if it is there.
IMPORT_PLUGINS = "glance-image-import.conf"


class State:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.ca_file = root / "ca.crt"
        self.certificate = root / "etc" / "server.crt"
        self.private_key = root / "etc" / "server.key"
        self.clouds_file = root / "clouds.yaml"
        self.secure_file = root / "secure.yaml"
        self.description = root / "sandbox.json"
        self.log_folder = root / "log"
        self.request_log = root / "log" / "requests.jsonl"
        self._memory = root / "memory.json"

    def exists(self) -> bool:
        return is_ours(self.root)

    def claim(self) -> None:
        claim(self.root, 0o700)

    def lock(self) -> AbstractContextManager[None]:
        return locked(self.root / MARKER)

    def renew(self) -> None:
        """Throw everything away but the ports."""
        ports = self.remembered()["ports"]
        empty(self.root)
        make_subfolders(self.root)
        self.remember(ports=ports)

    def remembered(self) -> dict[str, Any]:
        """Seed key, ports by server name, the processes of the last completed start, and how it was asked for."""
        try:
            memory = json.loads(self._memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            memory = {}
        nothing: dict[str, Any] = {
            "seed": None,
            "ports": {},
            "processes": [],
            "ids": {},
            "convert": None,
            "features": None,
        }
        return {**nothing, "second_region": False, **memory}

    def remember(self, **facts: Any) -> None:
        write_private(self._memory, json.dumps({**self.remembered(), **facts}))

    def completed_processes(self) -> list[Process]:
        return [Process(*numbers) for numbers in self.remembered()["processes"]]


def make_subfolders(root: Path) -> None:
    for name in SUBFOLDERS:
        (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)


def render(template: str, folder: Path, names: Mapping[str, object]) -> None:
    text = (SOURCE / "stack" / "templates" / template).read_text(encoding="utf-8")
    write_private(folder / template, text.format_map(names))


def sqlite_settings(root: Path) -> dict[str, str]:
    """The databases in the configuration files, if they are files."""
    urls = {f"{name}_database": sqlite_url(root, name) for name in DATABASES}
    return {**urls, "database_options": "sqlite_synchronous = false", "keystone_cache": "oslo_cache.dict"}


def sqlite_url(root: Path, name: str) -> str:
    # Seconds that a writer waits for another one; a busy machine may need many.
    return f"sqlite:///{root}/db/{name}.db?timeout=60"


def render_configuration(
    root: Path,
    glance: Venv,
    origins: Mapping[str, str],
    convert: str | None = None,
    databases: Mapping[str, str] | None = None,
    glances: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """All configuration files; with `convert`, Glance's plugin makes that disk format of every import.

    `databases` are names for the templates, SQLite's if they are not given; `glances` are those that a Glance has of
    its own, by its name, if they are other ones than the two of the layout.
    """
    names = {
        "root": root,
        "glance_user": layout.GLANCE.name,
        "glance_password": layout.GLANCE.password,
        "glance_project": layout.GLANCE.project,
        **origins,
        **(databases or sqlite_settings(root)),
    }
    render("keystone.conf", root / "etc", names)
    # Each release has its own pipelines: the file that the package installed.
    pipelines = (glance.folder / "etc/glance/glance-api-paste.ini").read_text(encoding="utf-8")
    for name, own in (glances or {server.name: own_names(server, origins) for server in layout.GLANCES}).items():
        folder = root / "etc" / name
        folder.mkdir(mode=0o700, exist_ok=True)
        render("glance-api.conf", folder, {**names, **own})
        # Here, because a Glance before 2025.1 also reads it as a part of its configuration.
        write_private(folder / "glance-api-paste.ini", pipelines)
        if convert is None:
            (folder / IMPORT_PLUGINS).unlink(missing_ok=True)
        else:
            render(IMPORT_PLUGINS, folder, {"output_format": convert})


def own_names(server: layout.Server, origins: Mapping[str, str]) -> dict[str, str]:
    """The names in glance-api.conf that differ between the Glances."""
    return {
        "name": server.name,
        "origin": origins[server.name],
        "own_url": origins[server.name],
        "staging": server.name,
        "backends": ", ".join(f"{store}:file" for store in server.stores),
        "default_backend": server.stores[0],
        "objects": "",
        "quota": "0",
    }
