# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of functions: 40 lines are allowed, from `def` to the last line, and one more is too many."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "tools" / "functions.py"
SPEC = importlib.util.spec_from_file_location("functions", PATH)
assert SPEC is not None
assert SPEC.loader is not None
functions = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(functions)


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("lines", "found"), [(40, []), (41, [("long", 41)])])
def test_a_function_of_more_than_40_lines_is_found(kind: str, lines: int, found: list[tuple[str, int]]) -> None:
    body = "        value = 1\n" * (lines - 1)
    assert functions.long_functions(f"class A:\n    @property\n    {kind} long(self):\n{body}") == found
