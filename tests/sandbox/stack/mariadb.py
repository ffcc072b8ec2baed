# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB as the database of both services, with its default collation: names are compared without case and accents."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stack.folders import SandboxError, write_private
from stack.golden import Golden, finish
from stack.ports import listen
from stack.processes import SERVER, program, spawn, tail
from stack.sql import execute
from stack.state import DATABASES, State
from stack.venv import Venv

NAME = "mariadb"
PASSWORD = "database-Passw0rd-70c1be"
# The tables of Glance say this character set themselves (glance/db/sqlalchemy/models.py, __table_args__).
CHARACTER_SET = "utf8mb3"
READY_WITHIN = 60.0  # seconds

CONFIGURATION = """[mysqld]
datadir = {folder}
# Within datadir: the path of a socket may have 107 characters only.
socket = mariadb.sock
pid-file = mariadb.pid
port = {port}
bind-address = 127.0.0.1
skip-name-resolve
character-set-server = {character_set}
innodb_buffer_pool_size = 128M
innodb_log_file_size = 32M
max_connections = 400
performance_schema = OFF
tmpdir = {root}/tmp
"""


def settings(port: int) -> dict[str, str]:
    """The databases in the configuration files of the services."""
    urls = {f"{name}_database": f"mysql+pymysql://{name}:{PASSWORD}@127.0.0.1:{port}/{name}" for name in DATABASES}
    options = "max_pool_size = 5\nmax_overflow = 20\nmax_retries = -1"
    return {**urls, "database_options": options, "keystone_cache": "dogpile.cache.null"}


def described(port: int) -> dict[str, Any]:
    """What sql.py needs to know of them."""
    common = {"host": "127.0.0.1", "port": port, "password": PASSWORD}
    return {name: {"kind": "mariadb", "connection": {**common, "user": name, "database": name}} for name in DATABASES}


def start(state: State, root: Path, port: int, *more: str) -> subprocess.Popen[bytes]:
    """The server whose data lies in `root`/db/mariadb."""
    text = CONFIGURATION.format(folder=root / "db" / NAME, root=root, port=port, character_set=CHARACTER_SET)
    configuration = root / "etc" / "mariadb.cnf"
    write_private(configuration, text)
    # It refuses to run as root unless that is said.
    user = ["--user=root"] if os.geteuid() == 0 else []
    argv = [program("mariadbd"), f"--defaults-file={configuration}", *user, *more]
    return spawn(state.root, f"{NAME}.log", argv, (), **{SERVER: NAME})


def wait_for(state: State, python: Path, port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        try:
            return execute(python, described(port)["keystone"], [])
        except RuntimeError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                log = state.log_folder / f"{NAME}.log"
                raise SandboxError(f"MariaDB does not answer ({error}), see {log}\n{tail(log)}") from None
            time.sleep(0.1)


class GoldenMariaDB(Golden):
    """The seeded databases as the files of a server that was shut down."""

    def __init__(self, keystone: Venv, glance: Venv) -> None:
        super().__init__(keystone, glance, NAME)

    def _restore_databases(self, golden: Path, new: Path) -> None:
        shutil.copytree(golden / NAME, new / NAME)
        for path in (new / NAME, *(new / NAME).rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)

    @contextlib.contextmanager
    def _empty_databases(self, state: State, making: Path) -> Iterator[Mapping[str, str] | None]:
        with contextlib.closing(listen(0)) as listener:
            port = listener.getsockname()[1]
        statements = []
        for name in DATABASES:
            statements += [
                f"CREATE DATABASE {name} CHARACTER SET {CHARACTER_SET};",
                f"CREATE USER {name}@127.0.0.1 IDENTIFIED BY '{PASSWORD}';",
                f"GRANT ALL ON {name}.* TO {name}@127.0.0.1;",
            ]
        write_private(making / "etc/databases.sql", "\n".join(statements) + "\n")
        folder = making / "db" / NAME
        user = ["--user=root"] if os.geteuid() == 0 else []
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}", "--skip-test-db", *user]
        finish(state, spawn(state.root, "setup.log", install).wait())
        process = start(state, making, port, f"--init-file={making / 'etc/databases.sql'}")
        try:
            wait_for(state, self._keystone.python, port, process)
            yield settings(port)
        finally:
            process.terminate()
            process.wait(READY_WITHIN)
