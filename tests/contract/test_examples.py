# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example that users read runs as it stands: EXAMPLES of the modules, YAML and commands of README and guides."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import FOREIGN, MODULES, Server

COLLECTION = Path(__file__).resolve().parents[2]
IMAGE = "ubuntu-24.04"

Command = Callable[..., str]


@pytest.fixture
def command(sandbox: dict[str, Any], server: Server, tmp_path: Path) -> Iterator[Command]:
    """Runs a command as a member whose cloud is named pcd, as it is in the examples."""
    clouds = yaml.safe_load(Path(sandbox["clouds_file"]).read_text(encoding="utf-8"))["clouds"]
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"pcd": clouds["member"]}}), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
    environ = {
        **kept,
        "HOME": str(tmp_path),
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]),
        "ANSIBLE_HOME": str(tmp_path),
        "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }

    def run(*words: str, **more: str) -> str:
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env={**environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"
        assert "WARNING" not in done.stderr, done.stderr
        return done.stdout

    yield run
    for image in server.everything().values():
        if (image["name"] or "").startswith(IMAGE):
            server.delete(image["id"])


def blocks(path: str, language: str) -> list[str]:
    """The code blocks of a Markdown or reStructuredText file."""
    text = (COLLECTION / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [
        match[1] for match in re.finditer(rf"^\.\. code-block:: {language}\n((?:\n|    .*\n)+)", text, re.MULTILINE)
    ]


def play(tasks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    defaults = {"group/platform9.pcd.pcd": {"cloud": "pcd"}}
    return [{"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": list(tasks)}]


def play_book(command: Command, folder: Path, book: Any) -> str:
    (folder / "book.yml").write_text(yaml.safe_dump(book), encoding="utf-8")
    return command("ansible-playbook", "book.yml")


@pytest.mark.parametrize("module", sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py")))
def test_the_examples_of_a_module_run_one_after_the_other(
    module: str, command: Command, server: Server, tmp_path: Path
) -> None:
    if module != "pcd_image":  # whose examples begin by making the image
        server.create(IMAGE, active=True)
    tasks = yaml.safe_load(importlib.import_module(f"{MODULES}.{module}").EXAMPLES)
    recap = play_book(command, tmp_path, play(tasks))
    assert f"ok={len(tasks)} " in recap


def test_the_playbook_of_the_readme_runs_and_its_second_run_changes_nothing(
    command: Command, server: Server, tmp_path: Path
) -> None:
    retired = server.create(f"{IMAGE}-retired", active=True, tags=["retired"])
    books = [book for text in blocks("README.md", "yaml") if isinstance(book := yaml.safe_load(text), list)]
    assert len(books) == 1
    assert "changed=2 " in play_book(command, tmp_path, books[0])
    assert server.get(retired["id"])["status"] == "deactivated"
    assert len(server.named(IMAGE)) == 1
    assert "changed=0 " in play_book(command, tmp_path, books[0])


def test_the_clouds_yaml_of_the_readme_has_the_keys_that_are_read() -> None:
    (clouds,) = (book for text in blocks("README.md", "yaml") if isinstance(book := yaml.safe_load(text), dict))
    assert set(clouds["clouds"]["pcd"]) == {"auth", "region_name"}


def test_the_ad_hoc_commands_of_the_readme_run_in_their_order(command: Command, server: Server) -> None:
    server.create(IMAGE, active=True)
    lines = [line for text in blocks("README.md", "console") for line in text.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("ansible localhost")]
    assert len(commands) > 5
    for words in commands:
        command(*words, OS_CLOUD="pcd")
    assert server.named(IMAGE) == []


def test_the_examples_of_the_guides_run(command: Command, server: Server, tmp_path: Path) -> None:
    server.create(IMAGE)
    guides = sorted(path.name for path in (COLLECTION / "docs" / "docsite" / "rst").glob("*.rst"))
    texts = [text for guide in guides for text in blocks(f"docs/docsite/rst/{guide}", "yaml")]
    assert texts
    for text in texts:
        play_book(command, tmp_path, play(yaml.safe_load(text)))
