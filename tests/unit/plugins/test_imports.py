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
    "module_utils._archive",
    "module_utils._redact",
    "module_utils._errors",
    "module_utils._client",
    "module_utils._elsewhere",
    "module_utils._arguments",
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

# What is imported inside a function, and why not at the top. A module's process compiles each of our files again, so
# that a file that few tasks need costs the others nothing; some libraries are not there at all.
LATE = {
    ("_apply", "_data.memory"): "only data has a source to remember",
    ("_apply", "_data.stores"): "only a deletion that has failed with status 500 asks for the stores",
    ("_apply", "_data.transfer"): "most changes are about attributes only",
    ("_apply", "_sharing"): "only a replacement takes over members",
    ("_arguments", "_elsewhere"): "only a task that fails needs the names that other tools have",
    ("_catalog.options", "_elsewhere"): "only a task that fails needs the names that other tools have",
    ("_change", "_apply"): "a task that changes nothing does not need what writes",
    ("_client.clouds", "yaml"): "only clouds.yaml needs PyYAML, which need not be installed",
    ("_client.http", "_client.failures"): "only an error needs the words for it",
    ("_client.options", "_client.clouds"): "options and OS_* variables need no clouds.yaml",
    ("_client.progress", "_client.meter"): "most tasks are about attributes only",
    ("_client.progress", "_client.waiting"): "a module's process shows no progress",
    ("_data.decompress", "zstandard"): "only zst data needs it, and it need not be installed",
    ("_data.image", "_data.plan"): "most tasks are about attributes only",
    ("_data.options", "_data.address"): "only a task with a url, or a checksum file, needs it",
    ("_data.options", "_data.digest"): "only a task with a checksum needs it",
    ("_data.options", "_data.file_attributes"): "only a download writes a file",
    ("_data.options", "_data.stream"): "only a task with a path needs it",
    ("_data.stream", "_data.decompress"): "most files are not packed",
    ("_image.attributes", "uuid"): "only a new image needs an id",
    ("_image.listing", "_image.members"): "only a list of members needs it",
    ("_image.listing", "_image.projects"): "few tasks ask for the images of one project",
    ("_image.plan", "jsonpatch"): "only a change needs it, and it need not be installed",
    ("_session", "_client.projects"): "few tasks ask Keystone for more than a token",
    ("plugin_utils._in_process", "ansible.module_utils.common.parameters"): "newer releases mask secrets themselves",
}


class Import(NamedTuple):
    importer: str
    imported: str
    line: int


def modules() -> Iterator[Path]:
    return (path for path in sorted(PLUGINS.rglob("*.py")) if path.parent.name != "doc_fragments")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PLUGINS).with_suffix("").parts)


def imports(late_only: bool = False) -> Iterator[Import]:
    """Every import by a module of this collection, of another one or of something else."""
    known = {name_of(path) for path in modules()}
    for path in modules():
        name = name_of(path)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in {node for top in (functions(tree) if late_only else [tree]) for node in ast.walk(top)}:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for imported in imported_by(node, name, known):
                    yield Import(name, imported, node.lineno)


def functions(tree: ast.Module) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def imported_by(node: ast.Import | ast.ImportFrom, importer: str, known: set[str]) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    base = importer.split(".")[: -node.level] if node.level else []
    target = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
    names = [f"{target}.{alias.name}" for alias in node.names]
    return {found if found in known else target for found in names}


def own_imports() -> list[Import]:
    """Those of a module of this collection by another one."""
    known = {name_of(path) for path in modules()}
    return [each for each in imports() if each.imported in known]


def layer_of(name: str) -> int:
    (found,) = [number for number, layer in enumerate(LAYERS) if f"{name}.".startswith(f"{layer}.")]
    return found


def test_imports_point_down_only() -> None:
    found = own_imports()
    assert len(found) > 100
    up = {each[:2] for each in found if layer_of(each.imported) > layer_of(each.importer)}
    assert up == FOR_TYPES


def test_imports_inside_functions_have_a_reason() -> None:
    found = {
        (each.importer.removeprefix("module_utils."), each.imported.removeprefix("module_utils."))
        for each in imports(late_only=True)
    }
    assert found == LATE.keys()


def test_no_module_imports_itself_by_way_of_others() -> None:
    below: dict[str, set[str]] = {}
    for each in own_imports():
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
