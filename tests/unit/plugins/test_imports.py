# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports point down only, those inside functions and for types too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PLUGINS = Path(__file__).absolute().parents[3] / "plugins"

# From the lowest layer to the highest. A package or module may import its own layer and those before it.
LAYERS = (
    "module_utils._redact",
    "module_utils._errors",
    "module_utils._elsewhere",
    "module_utils._arguments",
    "module_utils._client",
    "module_utils._session",
    "module_utils._replan",
    "module_utils._image",
    "module_utils._data",
    "module_utils._sharing",
    "module_utils._apply",
    "module_utils._change",
    "module_utils._catalog",
    "module_utils._service",
    "module_utils._task",
    "module_utils._module",
    "plugin_utils",
    "modules",
    "action",
    "filter",
)


# For the types of what a step sends, and nothing at run time.
FOR_TYPES = {
    ("module_utils._client.images", "module_utils._data.stream"),
    ("module_utils._image.plan", "module_utils._data.digest"),
    ("module_utils._image.plan", "module_utils._data.stream"),
}


class Import(NamedTuple):
    importer: str
    imported: str
    line: int


def modules() -> Iterator[Path]:
    return (path for path in sorted(PLUGINS.rglob("*.py")) if path.parent.name != "doc_fragments")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PLUGINS).with_suffix("").parts)


def imports() -> Iterator[Import]:
    """Every import of a module of this collection by another one."""
    known = {name_of(path) for path in modules()}
    for path in modules():
        name = name_of(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = name.split(".")[: -node.level]
                target = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
                names = [f"{target}.{alias.name}" for alias in node.names]
                for imported in {found if found in known else target for found in names}:
                    yield Import(name, imported, node.lineno)


def layer_of(name: str) -> int:
    (found,) = [number for number, layer in enumerate(LAYERS) if f"{name}.".startswith(f"{layer}.")]
    return found


def test_imports_point_down_only() -> None:
    found = list(imports())
    assert len(found) > 100
    up = {each[:2] for each in found if layer_of(each.imported) > layer_of(each.importer)}
    assert up == FOR_TYPES


def test_no_module_imports_itself_by_way_of_others() -> None:
    below: dict[str, set[str]] = {}
    for each in imports():
        if each[:2] not in FOR_TYPES:
            below.setdefault(each.importer, set()).add(each.imported)

    def reached(name: str) -> set[str]:
        seen: set[str] = set()
        todo = [*below.get(name, ())]
        while todo:
            current = todo.pop()
            if current not in seen:
                seen.add(current)
                todo += below.get(current, ())
        return seen

    assert [name for name in sorted(below) if name in reached(name)] == []
