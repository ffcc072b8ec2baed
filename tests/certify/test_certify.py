# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Galaxy, its certification and the community's tools ask of the artefact and of the repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(os.environ["REPOSITORY"])
SOURCE = REPOSITORY / ".build" / "source"
TREE = REPOSITORY / ".build" / "tree" / "ansible_collections" / "platform9" / "pcd"
BIN = Path(sys.executable).parent

# What users get. Each file matches a pattern, and each pattern a file.
CONTENTS = (
    "CHANGELOG.rst",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "awx/*.yml",
    "benchmarks/results/*.svg",
    "changelogs/changelog.yaml",
    "changelogs/config.yaml",
    "docs/docsite/*.yml",
    "docs/docsite/rst/*.rst",
    "docs/docsite/rst/images/*.png",
    "docs/docsite/rst/images/*.svg",
    "docs/examples/catalog/*",
    "meta/*",
    "playbooks/*.yml",
    "playbooks/files/image_report.*",
    "playbooks/templates/*.j2",
    "plugins/action/*.py",
    "plugins/doc_fragments/*.py",
    "plugins/filter/*.py",
    "plugins/module_utils/*.py",
    "plugins/modules/*.py",
    "plugins/plugin_utils/*.py",
)
# The headings of Ansible's template for the README of a certified collection.
HEADINGS = (
    "Description",
    "Requirements",
    "Installation",
    "Use Cases",
    "Testing",
    "Contributing",
    "Support",
    "Release Notes and Roadmap",
    "Related Information",
    "License Information",
)


def run(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    own = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "NO_COLOR": "1",
    }
    return subprocess.run(
        words, cwd=folder, env={**own, **more}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def passed(folder: Path, *words: str, **more: str) -> str:
    """Everything that the command says, which has to end well."""
    done = run(folder, *words, **more)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def artefact() -> Path:
    (artefact,) = (REPOSITORY / ".build" / "dist").glob("*.tar.gz")
    return artefact


@pytest.fixture(scope="session")
def installed(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact installed into an empty path."""
    folder = tmp_path_factory.mktemp("installed")
    passed(folder, "ansible-galaxy", "collection", "install", str(artefact), "--offline", "-p", str(folder))
    return folder


@pytest.fixture(scope="session")
def galaxy() -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load((SOURCE / "galaxy.yml").read_text(encoding="utf-8"))
    return content


def contents(artefact: Path) -> list[str]:
    with tarfile.open(artefact) as archive:
        return sorted(member.name for member in archive.getmembers() if not member.isdir())


def test_the_artefact_holds_what_users_need_and_nothing_else(artefact: Path) -> None:
    names = contents(artefact)
    assert [name for name in names if not any(fnmatchcase(name, pattern) for pattern in CONTENTS)] == []
    assert [pattern for pattern in CONTENTS if not any(fnmatchcase(name, pattern) for name in names)] == []


def test_everything_of_these_folders_is_in_the_artefact(artefact: Path) -> None:
    wanted = [
        str(path.relative_to(SOURCE))
        for folder in ("awx", "meta", "playbooks", "plugins")
        for path in (SOURCE / folder).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    ]
    assert sorted(set(wanted) - set(contents(artefact))) == []


def test_the_importer_of_galaxy_has_nothing_to_say(artefact: Path, tmp_path: Path) -> None:
    said = passed(tmp_path, sys.executable, "-m", "galaxy_importer.main", str(artefact))
    assert "Importer processing completed successfully" in said
    assert "ansible-lint run complete" in said
    # Beside its steps it warns, and that is what certification looks at.
    assert [line for line in said.splitlines() if re.search(r"WARNING|ERROR|CRITICAL", line)] == []


def test_ansible_lint_passes_with_the_profile_for_production(tmp_path: Path) -> None:
    said = passed(
        TREE,
        "ansible-lint",
        *("--config-file", str(SOURCE / ".ansible-lint"), "--exclude", "tests/output", "changelogs/changelog.yaml"),
        HOME=str(tmp_path),
        ANSIBLE_HOME=str(tmp_path),
        ANSIBLE_COLLECTIONS_PATH=str(TREE.parents[2]),
    )
    assert "Passed: 0 failure(s), 0 warning(s)" in said, said
    assert "Profile 'production' was required, and it passed" in said, said


def test_each_file_says_its_licence_and_whose_it_is() -> None:
    passed(SOURCE, "reuse", "lint")


def test_the_fragments_of_the_changelog_are_well_formed() -> None:
    passed(SOURCE, "antsibull-changelog", "lint")


def test_the_changelog_describes_this_version(galaxy: Mapping[str, Any]) -> None:
    changelog = yaml.safe_load((SOURCE / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))
    assert galaxy["version"] in changelog["releases"]
    assert f"\nv{galaxy['version']}\n" in (SOURCE / "CHANGELOG.rst").read_text(encoding="utf-8")


def test_galaxy_yml_is_complete(galaxy: Mapping[str, Any]) -> None:
    for key in ("authors", "description", "documentation", "homepage", "issues", "license", "readme", "repository"):
        assert galaxy[key], key
    # One of the tags that Galaxy and its certification know for a kind of collection.
    assert {"cloud", "infrastructure"} <= set(galaxy["tags"])
    assert galaxy["dependencies"] == {}


def test_the_readme_has_the_headings_of_a_certified_collection() -> None:
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    assert [heading for heading in found if heading in HEADINGS] == list(HEADINGS)


def test_the_installed_copy_is_what_was_built(installed: Path) -> None:
    said = passed(
        installed, "ansible-galaxy", "collection", "verify", "platform9.pcd", "--offline", "-p", str(installed)
    )
    assert "Successfully verified" in said


def test_the_installed_copy_documents_every_module_and_runs(installed: Path, tmp_path: Path) -> None:
    folder = installed / "ansible_collections" / "platform9" / "pcd"
    modules = [f"platform9.pcd.{path.stem}" for path in sorted((folder / "plugins" / "modules").glob("*.py"))]
    assert modules
    told = run(tmp_path, "ansible-doc", "--json", *modules, ANSIBLE_COLLECTIONS_PATH=str(installed))
    documented = json.loads(told.stdout)
    assert [name for name in modules if not documented[name]["doc"]["options"]] == []
    for in_process in ("true", "false"):
        done = run(
            tmp_path,
            *("ansible", "localhost", "-m", "platform9.pcd.pcd_image_info"),
            *("-e", f"platform9_pcd_in_process={in_process}"),
            ANSIBLE_COLLECTIONS_PATH=str(installed),
        )
        # Nobody is logged in: the task itself says so, within the controller and as a module.
        assert done.returncode != 0
        assert "No credentials were given" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr


def targets() -> list[str]:
    """The targets of the Makefile."""
    text = (SOURCE / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    (checks,) = re.findall(r"^checks := (.+)$", text, re.MULTILINE)
    return str(phony).replace("$(checks)", checks).split()


def workflows() -> list[Mapping[str, Any]]:
    return [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in (SOURCE / ".github" / "workflows").glob("*.yml")
    ]


def test_the_workflows_run_targets_of_make_and_nothing_else() -> None:
    steps = [step for workflow in workflows() for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [step["run"].split() for step in steps if "run" in step]
    assert commands
    assert [words for words in commands if words[0] != "make" or words[1] not in targets()] == []


def test_the_workflows_know_every_line_of_ansible_core() -> None:
    text = (SOURCE / "tests" / "tools" / "test-core.sh").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^lines=\((.+)\)$", text, re.MULTILINE)
    (matrix,) = (
        job["strategy"]["matrix"]["include"]
        for workflow in workflows()
        for job in workflow["jobs"].values()
        if "strategy" in job
    )
    assert [f"{row['core']}:{row['python']}" for row in matrix] == lines.split()
