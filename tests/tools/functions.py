# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""functions.py FOLDER: find functions of more than 40 lines. Exits with 1 if there is one."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

MAX_LINES = 40


def long_functions(text: str) -> list[tuple[str, int]]:
    """Name and number of lines, from `def` to the last line."""
    functions = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    lines = [(node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in functions]
    return [(name, count) for name, count in lines if count > MAX_LINES]


def main() -> int:
    found = [
        f"{path}: {name} has {count} lines, and may have {MAX_LINES}. Divide it."
        for path in sorted(Path(sys.argv[1]).rglob("*.py"))
        for name, count in long_functions(path.read_text(encoding="utf-8"))
    ]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
