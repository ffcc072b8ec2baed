# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts behind the Makefile, in a folder of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).absolute().parents[2] / "tools"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository that has only the scripts."""
    tools = tmp_path / "tests" / "tools"
    tools.mkdir(parents=True)
    (tmp_path / ".build").mkdir()
    for script in ("all-checks.sh", "files.sh"):
        shutil.copy(TOOLS / script, tools / script)
    return tmp_path


def run(root: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(root / "tests" / "tools" / script), *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("printed", "status", "last"),
    [
        ("fine", 0, "== All checks passed"),
        ("make[1]: *** [Makefile:75: types] Error 1", 2, "== Failed: types see .build/test.log"),
        (
            "make[1]: *** [Makefile:9: units] Error 1\\nmuch else\\nmake[1]: *** [Makefile:75: docs-lint] Error 2",
            2,
            "== Failed: docs-lint units see .build/test.log",
        ),
        ("make: *** No rule to make target", 2, "== Failed: make itself, see .build/test.log"),
    ],
)
def test_the_last_line_names_the_checks_that_failed(printed: str, status: int, last: str, root: Path) -> None:
    done = run(root, "all-checks.sh", "bash", "-c", f"printf '%b\\n' '{printed}'; exit {status}")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (status, last)
    assert (root / ".build" / "test.log").read_text().startswith(printed.split("\\n", maxsplit=1)[0])


def test_the_files_of_a_tarball_are_all_but_what_the_checks_write(root: Path) -> None:
    for name in ("README.md", "plugins/a.py", "plugins/__pycache__/a.pyc", ".build/tree/b.sh", "c d.sh"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    scripts = {"c d.sh", "tests/tools/all-checks.sh", "tests/tools/files.sh"}
    assert set(run(root, "files.sh").stdout.split("\0")) == {"", "README.md", "plugins/a.py", *scripts}
    assert set(run(root, "files.sh", "*.sh").stdout.split("\0")) == {"", *scripts}
    assert set(run(root, "files.sh", "plugins").stdout.split("\0")) == {"", "plugins/a.py"}
