# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that is imported from an archive, as Ansible sends it: each file is compiled once."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils import _archive

PLUGINS = Path(_archive.__file__).absolute().parents[1]
PACKAGE = "ansible_collections/platform9/pcd/plugins"

# Prints the file of each compilation, and of each module of the collection in the end.
IMPORT = f"""
import sys
sys.addaudithook(lambda event, args: event == "compile" and print("compiled", args[1]))
sys.path.insert(0, sys.argv[1])
__import__(sys.argv[2])
for name, module in sorted(sys.modules.items()):
    if name.startswith({PACKAGE.replace("/", ".")!r} + ".") and not hasattr(module, "__path__"):
        print("imported", module.__file__)
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugins as Ansible packs them: with a file for each package."""
    path = tmp_path_factory.mktemp("archive") / "payload.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        files = [f"{PACKAGE}/{file.relative_to(PLUGINS)}" for file in sorted(PLUGINS.rglob("*.py"))]
        for file in files:
            packed.write(PLUGINS / Path(file).relative_to(PACKAGE), file)
        folders = {str(folder) for file in files for folder in Path(file).parents} - {"."}
        for folder in sorted(folders):
            if f"{folder}/__init__.py" not in files:
                packed.writestr(f"{folder}/__init__.py", "")
    return path


def imported(archive: Path, name: str) -> tuple[Counter[str], set[str]]:
    """How often each file was compiled, and the files of the modules of the collection in the end."""
    command = [sys.executable, "-c", IMPORT, str(archive), f"{PACKAGE.replace('/', '.')}.{name}"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    compiled = Counter(file for word, file in lines if word == "compiled" and file.startswith(str(archive)))
    return compiled, {file for word, file in lines if word == "imported"}


@pytest.mark.parametrize("module", sorted(path.stem for path in PLUGINS.glob("modules/*.py")))
def test_each_file_that_a_module_imports_is_compiled_once(archive: Path, module: str) -> None:
    compiled, files = imported(archive, f"modules.{module}")
    # Python itself imports the module, and what it begins with.
    begin = {f"{archive}/{PACKAGE}/modules/{module}.py", f"{archive}/{PACKAGE}/module_utils/_archive.py"}
    assert len(files) > 20
    assert begin < files
    assert all(file.startswith(f"{archive}/") for file in files)
    assert {file: compiled[file] for file in files - begin} == dict.fromkeys(files - begin, 1)


def test_an_error_names_the_file_and_the_line(archive: Path, tmp_path: Path) -> None:
    broken = tmp_path / "payload.zip"
    broken.write_bytes(archive.read_bytes())
    with zipfile.ZipFile(broken, "a") as packed:
        packed.writestr(f"{PACKAGE}/module_utils/_broken.py", "\n1 / 0\n")
        code = "from ..module_utils._archive import compile_once\ncompile_once()\nfrom ..module_utils import _broken\n"
        packed.writestr(f"{PACKAGE}/modules/pcd_broken.py", code)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        imported(broken, "modules.pcd_broken")
    assert f'File "{broken}/{PACKAGE}/module_utils/_broken.py", line 2' in caught.value.stderr
    assert "ZeroDivisionError" in caught.value.stderr


def test_without_an_archive_nothing_changes() -> None:
    before = list(sys.meta_path)
    _archive.compile_once()
    assert sys.meta_path == before
