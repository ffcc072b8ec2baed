# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Makefile and the scripts behind it, in a folder of their own."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

COLLECTION = Path(__file__).absolute().parents[3]
TOOLS = COLLECTION / "tests" / "tools"
BASH = shutil.which("bash") or "bash"
MAKE_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "BUILD", "ARGS")
SCRIPTS = ("all-checks.sh", "build-folder.sh", "files.sh", "in-venv.sh", "integration.sh", "tree.sh", "units.sh")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository that has only the Makefile and some scripts."""
    tools = tmp_path / "tests" / "tools"
    tools.mkdir(parents=True)
    (tmp_path / ".build").mkdir()
    for script in SCRIPTS:
        shutil.copy(TOOLS / script, tools / script)
    shutil.copy(COLLECTION / "Makefile", tmp_path)
    return tmp_path


def run(
    root: Path, script: str, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BASH, str(root / "tests" / "tools" / script), *arguments],
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The make that runs these tests passes on its options and variables.
    environ = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    return subprocess.run(
        ["make", "-C", str(root), "--no-print-directory", *arguments],
        env={**environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, text: str) -> None:
    """A program of a few lines instead of a real one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{BASH}\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("printed", "status", "last"),
    [
        ("fine", 0, "== All checks passed"),
        ("make[1]: *** [Makefile:75: types] Error 1", 2, "== Failed: types, see .build/test.log"),
        (
            "make[1]: *** [Makefile:9: units] Error 1\\nmuch else\\nmake[1]: *** [Makefile:75: docs-lint] Error 2",
            2,
            "== Failed: docs-lint units, see .build/test.log",
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
    scripts = {"c d.sh", *(f"tests/tools/{script}" for script in SCRIPTS)}
    assert set(run(root, "files.sh").stdout.split("\0")) == {"", "Makefile", "README.md", "plugins/a.py", *scripts}
    assert set(run(root, "files.sh", "*.sh").stdout.split("\0")) == {"", *scripts}
    assert set(run(root, "files.sh", "plugins").stdout.split("\0")) == {"", "plugins/a.py"}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")
def test_a_link_that_build_has_made_is_ignored_as_the_folder_is(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shutil.copy(COLLECTION / ".gitignore", root)
    subprocess.run(["git", "-C", str(root), "init", "-q"], check=True)
    (root / ".build" / "log").touch()
    assert ".build/log" not in run(root, "files.sh").stdout.split("\0")
    shutil.rmtree(root / ".build")
    (root / ".build").symlink_to(tmp_path_factory.mktemp("other"))
    assert ".build" not in run(root, "files.sh").stdout.split("\0")


def test_make_speaks_the_language_that_the_last_line_is_read_from(root: Path) -> None:
    """A make of another language would say `Fehler 1`."""
    done = run(
        root,
        "all-checks.sh",
        BASH,
        "-c",
        'echo "$LC_ALL,$LANGUAGE"',
        environ={"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"},
    )
    assert done.stdout.splitlines()[0] == "C.UTF-8,"


def test_a_clone_in_a_path_with_a_blank_is_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("with a blank")
    shutil.copy(root / "Makefile", other)
    done = make(other, "help")
    assert done.returncode != 0
    assert "has a blank in its path" in done.stderr


def test_build_puts_everything_into_another_folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    done = make(root, "help", f"BUILD={other}")
    assert done.returncode != 0
    assert ".build is a folder. Run make clean first" in done.stderr
    (root / ".build").rmdir()
    for folder in (other, other / "new"):
        assert make(root, "help", f"BUILD={folder}").returncode == 0
        assert (root / ".build").readlink() == folder
    assert make(root, "clean", "PYTHON=true").returncode == 0
    assert not (root / ".build").is_symlink()
    assert list(other.iterdir()) == [other / ".pcd-build"]


def test_files_of_others_survive_build_and_clean(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "source").mkdir()
    (other / "source" / "novel.txt").touch()
    (root / ".build").rmdir()
    for command in ("build", "clean"):
        done = make(root, command, f"BUILD={other}", "PYTHON=true")
        assert done.returncode != 0
        assert f"BUILD={other} holds files that make has not written" in done.stderr
        assert not (root / ".build").is_symlink()
    (root / ".build").symlink_to(other)
    done = make(root, "clean", "PYTHON=true")
    assert done.returncode != 0
    assert f".build leads to {other}, which make has not made: nothing was removed." in done.stderr
    assert (other / "source" / "novel.txt").exists()


def test_clean_removes_the_default_folder_and_follows_no_link_in_it(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "ready").touch()
    (root / ".build" / "venv").symlink_to(other)
    assert make(root, "clean", "PYTHON=true").returncode == 0
    assert not (root / ".build").exists()
    assert (other / "ready").exists()


def test_a_folder_within_the_clone_is_refused_but_the_default(root: Path) -> None:
    for folder in ("build", ".build/other", ".", f"{root}/tests"):
        done = make(root, "help", f"BUILD={folder}")
        assert done.returncode != 0
        assert f"BUILD={folder} is within the clone" in done.stderr
    assert not (root / "build").exists()
    assert make(root, "help", "BUILD=.build").returncode == 0
    assert not (root / ".build").is_symlink()
    (root / ".build").rmdir()
    assert make(root, "help", "BUILD=.build").returncode == 0
    assert not (root / ".build").exists()


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not here")
def test_lint_skips_what_is_built_without_git_too(root: Path) -> None:
    shutil.copy(COLLECTION / "pyproject.toml", root)
    check = ["ruff", "check", "--no-cache", "."]
    for name, status in ((".build/a.py", 0), ("a.py", 1)):
        (root / name).write_text("import os\n")
        assert subprocess.run(check, cwd=root, capture_output=True, check=False).returncode == status


@pytest.mark.parametrize(
    ("arguments", "printed", "status", "said"),
    [
        (
            "",
            "ok: [a]\nskipping: [a]\nchanged: [a]\n",
            0,
            "2 tasks as expected; the output is in .build/integration.log\n",
        ),
        ("--list-targets", "image\nimages\n", 0, "image\nimages\n"),
        ("", "All targets skipped.\n", 1, "All targets skipped.\n"),
    ],
)
def test_integration_counts_tasks_or_prints_a_list(
    arguments: str, printed: str, status: int, said: str, root: Path
) -> None:
    (root / ".build" / "tree" / "ansible_collections" / "platform9" / "pcd" / "tests" / "integration").mkdir(
        parents=True
    )
    sandbox = root / "sandbox.json"
    sandbox.write_text('{"keystone_url": "", "ca_file": "", "clouds_file": "", "request_log": ""}')
    program(root / "bin" / "python", f'exec {sys.executable} "$@"')
    program(root / "tests" / "tools" / "ansible-test.sh", f"printf '%s' '{printed}'")
    environ = {"PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}", "PCD_SANDBOX_JSON": str(sandbox)}
    done = run(root, "integration.sh", *arguments.split(), environ=environ)
    assert (done.returncode, done.stdout) == (status, said)


def test_no_check_leaves_the_build_folder_upwards(root: Path) -> None:
    """It may be a link to another folder, from which `..` leads elsewhere."""
    recipe = make(root, "--dry-run", "types", "docs-lint").stdout
    assert f"cd .build/tree && {root}/tests/tools/in-venv.sh mypy " in recipe
    assert "../" not in recipe


def test_the_list_of_commands_says_how_long_each_check_takes(root: Path) -> None:
    groups = dict(re.findall(r"^(\w+)\n((?:  .*\n)+)", make(root, "help").stdout, re.MULTILINE))
    assert list(groups) == ["Use", "Check", "Slow", "Maintain"]
    checks = [line for group in ("Check", "Slow") for line in groups[group].splitlines() if "awx-live" not in line]
    others = [
        line
        for line in "".join(groups.values()).splitlines()
        if re.match(r"  (audit|build|demo|docs|sandbox|venv) ", line)
    ]
    assert len(others) == 6
    assert [line for line in checks + others if not re.search(r"\(.*(second|minute|hour)s?\b.*\)$", line)] == []


def test_without_home_there_is_one_in_the_build_folder(root: Path) -> None:
    (root / "tests" / "tools" / "requirements.txt").touch()
    program(root / "python", "echo here")
    program(root / ".build" / "venv" / "here" / "ready", "")
    environ = {"PYTHON": str(root / "python"), "PATH": os.environ["PATH"]}
    script = [BASH, str(root / "tests" / "tools" / "in-venv.sh"), "printenv", "HOME", "LC_ALL"]
    for home, expected in (({}, str(root / ".build" / "home")), ({"HOME": "/mine"}, "/mine")):
        done = subprocess.run(script, env={**environ, **home}, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [expected, "C.UTF-8"]


@pytest.mark.parametrize(
    ("arguments", "by"),
    [
        ("", "ansible-test units"),
        ("tests/unit/plugins/filter", "ansible-test units tests/unit/plugins/filter"),
        ("-v --num-workers 2", "ansible-test units -v --num-workers 2"),
        ("-k patch", "pytest tests/unit -k patch"),
        ("--lf", "pytest tests/unit --lf"),
        ("--maxfail=1 --tb=short", "pytest tests/unit --maxfail=1 --tb=short"),
        ("tests/unit/a.py -x", "pytest tests/unit/a.py -x"),
        ("-v tests/unit/a.py::test_b", "pytest -v tests/unit/a.py::test_b"),
    ],
)
def test_units_by_ansible_test_or_by_pytest(arguments: str, by: str, root: Path) -> None:
    (root / ".build" / "tree" / "ansible_collections" / "platform9" / "pcd").mkdir(parents=True)
    program(root / "tests" / "tools" / "ansible-test.sh", 'echo "ansible-test $*"')
    program(root / "bin" / "pytest", 'echo "pytest $*"')
    environ = {"PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    said = run(root, "units.sh", *arguments.split(), environ=environ).stdout.strip()
    cache = f"-o cache_dir={root}/.build/cache/pytest"
    assert said.replace(f"-q --import-mode=importlib {cache} ", "") == by
    assert (cache in said) == by.startswith("pytest")


def test_the_tree_is_made_without_git(root: Path) -> None:
    source = root / ".build" / "source"
    for folder in ("tests", "benchmarks", "changelogs"):
        (source / folder).mkdir(parents=True)
    for name in ("galaxy.yml", "pyproject.toml", ".gitignore", "Makefile"):
        (source / name).touch()
    program(root / "tests" / "tools" / "build.sh", "echo artefact")
    collection = Path("ansible_collections") / "platform9" / "pcd"
    program(root / "bin" / "ansible-galaxy", f'mkdir -p "$ANSIBLE_COLLECTIONS_PATH/{collection}"')
    for name in ("bash", "cp", "dirname", "mkdir", "mv", "rm"):
        (root / "bin" / name).symlink_to(shutil.which(name) or name)
    done = run(root, "tree.sh", environ={"PATH": str(root / "bin")})
    assert (done.returncode, done.stdout, done.stderr) == (0, "artefact\n", "")
    assert (root / ".build" / "tree" / collection / "Makefile").exists()


def test_every_list_of_packages_is_audited_and_nothing_else() -> None:
    spec = importlib.util.spec_from_file_location("audit", TOOLS / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    audit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(audit)
    pinned = {path.with_suffix(".txt").name for path in TOOLS.glob("*.in")} | {"awx-collection.txt"}
    assert {path.name for path in audit.LOCKS if path.suffix == ".txt"} == pinned
    assert "requirements.lock" in {path.name for path in audit.LOCKS}
