# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements for a database of the sandbox, SQLite or MariaDB, for tests that prepare what no request can.

    PYTHON sql.py < '{"database": ..., "statements": [["UPDATE images SET name = ? WHERE id = ?", [["a", "..."]]]]}'

PYTHON and the database are those of sandbox.json (`python`, `databases`). All statements are one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Statements = Sequence[tuple[str, Sequence[Sequence[Any]]]]


def execute(python: Path | str, database: Mapping[str, Any], statements: Statements) -> None:
    """Run them with the Python that has the driver."""
    order = json.dumps({"database": database, "statements": statements})
    done = subprocess.run([str(python), __file__], input=order, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"the database refused: {done.stderr}")


def in_sqlite(database: Mapping[str, Any], statements: Statements) -> None:
    connection = sqlite3.connect(database["path"], timeout=60)
    with connection:
        for sql, rows in statements:
            connection.executemany(sql, rows)
    connection.close()


def in_mariadb(database: Mapping[str, Any], statements: Statements) -> None:
    import pymysql

    connection = pymysql.connect(**database["connection"])
    try:
        with connection.cursor() as cursor:
            for sql, rows in statements:
                cursor.executemany(sql.replace("?", "%s"), rows)
        connection.commit()
    finally:
        connection.close()


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    {"sqlite": in_sqlite, "mariadb": in_mariadb}[asked["database"]["kind"]](asked["database"], asked["statements"])
