# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The golden copy: seeded databases, made once for each release, lock and layout, copied into every new sandbox."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stack import layout
from stack.folders import SOURCE, SandboxError, locked, say, write_private
from stack.processes import spawn, tail
from stack.sql import execute
from stack.state import DATABASES, SECOND_DATABASE, State, make_subfolders, render_configuration
from stack.venv import Venv

# Whatever takes part in making the databases. A change in any of them makes a new golden copy.
INGREDIENTS = ("stack/layout.py", "stack/golden.py", "stack/setup/seed.py", "stack/templates/keystone.conf")
MORE_INGREDIENTS = {"mariadb": "stack/mariadb.py"}
KEYSTONE_MANAGE = ("-c", "import sys; from keystone.cmd.manage import main; sys.exit(main())")


FERNET_KEYS = ("0", "1")  # staged and primary


def seed_key(keystone: Venv, glance: Venv, database: str = "sqlite") -> str:
    digest = hashlib.sha256((keystone.lock_hash() + glance.lock_hash()).encode())
    for name in (*INGREDIENTS, *([MORE_INGREDIENTS[database]] if database in MORE_INGREDIENTS else [])):
        digest.update((SOURCE / name).read_bytes())
    return digest.hexdigest()[:20]


class Golden:
    def __init__(self, keystone: Venv, glance: Venv, database: str = "sqlite") -> None:
        self._keystone = keystone
        self._glance = glance
        self._shelf = glance.folder / "golden"
        self.key = seed_key(keystone, glance, database)
        self._folder = self._shelf / self.key

    def restore(self, state: State) -> None:
        """Fill the databases and keys of a new state folder."""
        if not self._folder.exists():
            self._shelf.mkdir(exist_ok=True)
            with locked(self._shelf / ".lock"):
                if not self._folder.exists():
                    self._make(state)
        self._restore_databases(self._folder / "db", state.root / "db")
        # Credential keys decrypt what lies in the database. Token keys are each sandbox's own.
        for number in FERNET_KEYS:
            name = f"keys/credential/{number}"
            write_private(state.root / name, (self._folder / name).read_text(encoding="ascii"))
        write_fernet_keys(state.root / "keys/fernet")

    def _restore_databases(self, golden: Path, new: Path) -> None:
        for name, source in {**{name: name for name in DATABASES}, SECOND_DATABASE: "glance"}.items():
            database = new / f"{name}.db"
            shutil.copyfile(golden / f"{source}.db", database)
            database.chmod(0o600)
            with contextlib.closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")

    @contextlib.contextmanager
    def _empty_databases(self, state: State, making: Path) -> Iterator[Mapping[str, str] | None]:
        """What the configuration files say of databases that are about to be filled; SQLite's make themselves."""
        yield None

    def ids(self) -> dict[str, Any]:
        """What seed.py found out: ids of users and projects by name, and of the application credential."""
        return json.loads((self._folder / "ids.json").read_text(encoding="utf-8"))

    def _make(self, state: State) -> None:
        say("making the databases (once)")
        for leftover in self._shelf.glob(".making-*"):
            shutil.rmtree(leftover)
        making = self._shelf / f".making-{os.getpid()}"
        make_subfolders(making)
        for name in ("credential", "fernet"):
            write_fernet_keys(making / "keys" / name)
        with self._empty_databases(state, making) as databases:
            self._fill(state, making, databases)
        # Readable for every user of the environment: it holds nothing but what the layout has in the clear.
        for path in (making, *making.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        # By rename: a golden copy is whole or not there.
        os.rename(making, self._folder)

    def _fill(self, state: State, making: Path, databases: Mapping[str, str] | None) -> None:
        origins = layout.origins(dict.fromkeys(layout.server_names(), 1))
        render_configuration(making, self._glance, origins, databases=databases)
        glance_configuration = ("--config-file", making / "etc" / layout.LIBRARY.name / "glance-api.conf")
        keystone_configuration = ("--config-file", making / "etc/keystone.conf")
        bootstrap = ("--bootstrap-password", layout.ADMIN.password, "--bootstrap-project-name", layout.ADMIN.project)
        python = self._keystone.python
        manage_glance = [self._glance.python, "-m", "glance.cmd.manage", *glance_configuration]
        glance = spawn(state.root, "setup.log", [*manage_glance, "db_sync"])
        for argv in (
            [python, *KEYSTONE_MANAGE, *keystone_configuration, "db_sync"],
            [python, *KEYSTONE_MANAGE, *keystone_configuration, "bootstrap", *bootstrap],
            [python, "-m", "stack.setup.seed", making / "ids.json"],
        ):
            finish(state, spawn(state.root, "setup.log", argv, PCD_SANDBOX_ROOT=str(making)).wait())
        finish(state, glance.wait())


def finish(state: State, status: int) -> None:
    if status:
        log = state.log_folder / "setup.log"
        raise SandboxError(f"making the databases failed, see {log}\n{tail(log)}")


def write_fernet_keys(folder: Path) -> None:
    """What `keystone-manage fernet_setup` does, without starting Python and Keystone for it."""
    for number in FERNET_KEYS:
        write_private(folder / number, base64.urlsafe_b64encode(os.urandom(32)).decode())


def point_catalogue(
    keystone: Venv, database: Mapping[str, Any], origins: Mapping[str, str], second_region: bool = False
) -> None:
    """Give the catalogue the ports of this start."""
    statement = (
        "UPDATE endpoint SET url = ? WHERE region_id = ? AND interface = ?"
        " AND service_id = (SELECT id FROM service WHERE type = ?)"
    )
    endpoints = layout.endpoints(second_region)
    rows = [(row.url.format_map(origins), row.region, row.interface, row.service_type) for row in endpoints]
    execute(keystone.python, database, [(statement, rows)])
