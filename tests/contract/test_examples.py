# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example that users read runs as it stands: EXAMPLES of the modules, YAML and commands of README and guides.

Only the places of files differ: the vendor is one on loopback, and the folder is the test's own.
"""

from __future__ import annotations

import hashlib
import importlib
import lzma
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
from vendor import PASSWORD, open_vendor

COLLECTION = Path(__file__).resolve().parents[2]
IMAGE = "ubuntu-24.04"
# What the names of the examples' images begin with.
IMAGES = (IMAGE, "debian-13", "appliance-7")
VENDORS = ("https://cloud.debian.org/images/cloud/trixie/latest", "https://mirror.example.com")
FOLDER = "/var/lib/images"
QCOW2_TOOL = COLLECTION / "tests" / "tools" / "qcow2.py"

Command = Callable[..., str]


@pytest.fixture
def command(sandbox: dict[str, Any], server: Server, tmp_path: Path) -> Iterator[Command]:
    """Runs a command as a member whose cloud is named pcd, as it is in the examples."""
    clouds = yaml.safe_load(Path(sandbox["clouds_file"]).read_text(encoding="utf-8"))["clouds"]
    named = {"pcd": clouds["member"], "pcd-admin": clouds["admin"]}
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": named}), encoding="utf-8")
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
        if (image["name"] or "").startswith(IMAGES):
            server.delete(image["id"])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Gives the files of the examples a place where they really are."""
    images = tmp_path / "images"
    images.mkdir()
    disks = {}
    for name in ("debian-13-genericcloud-amd64", "debian-13-genericcloud-amd64-latest"):
        subprocess.run([sys.executable, str(QCOW2_TOOL), str(images / f"{name}.qcow2"), name], check=True)
        disks[f"{name}.qcow2"] = (images / f"{name}.qcow2").read_bytes()
    packed = lzma.compress(b"an appliance")
    with open_vendor() as vendor:
        for name, content in {**disks, "appliance-7.raw.xz": packed}.items():
            vendor.file(name, content)
        for algorithm in ("sha256", "sha512"):
            lines = [
                f"{hashlib.new(algorithm, content).hexdigest()}  {name}\n" for name, content in vendor.files.items()
            ]
            vendor.file(f"{algorithm.upper()}SUMS", "".join(lines).encode())

        def place(text: str) -> str:
            for address in VENDORS:
                text = text.replace(address, f"{vendor.url}/files")
            known = hashlib.sha512(disks["debian-13-genericcloud-amd64.qcow2"]).hexdigest()
            return text.replace(FOLDER, str(images)).replace("{{ debian_sha512 }}", known)

        yield place


def blocks(path: str, language: str) -> list[str]:
    """The code blocks of a Markdown or reStructuredText file."""
    text = (COLLECTION / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [
        match[1] for match in re.finditer(rf"^\.\. code-block:: {language}\n((?:\n|    .*\n)+)", text, re.MULTILINE)
    ]


def lists(path: str, place: Callable[[str], str] = str) -> list[Any]:
    """The playbooks and lists of tasks of a Markdown file."""
    return [book for text in blocks(path, "yaml") if isinstance(book := yaml.safe_load(place(text)), list)]


def play(tasks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    defaults = {"group/platform9.pcd.pcd": {"cloud": "pcd"}}
    return [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": defaults,
            "vars": {"mirror_password": PASSWORD},
            "tasks": list(tasks),
        }
    ]


def play_book(command: Command, folder: Path, book: Any) -> str:
    (folder / "book.yml").write_text(yaml.safe_dump(book), encoding="utf-8")
    return command("ansible-playbook", "book.yml")


@pytest.mark.parametrize("module", sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py")))
def test_the_examples_of_a_module_run_one_after_the_other(
    module: str, command: Command, server: Server, tmp_path: Path, place: Callable[[str], str]
) -> None:
    if module != "pcd_image":  # whose examples begin by making the image
        server.create(IMAGE, active=True)
    tasks = yaml.safe_load(place(importlib.import_module(f"{MODULES}.{module}").EXAMPLES))
    recap = play_book(command, tmp_path, play(tasks))
    assert f"ok={len(tasks)} " in recap


def test_the_playbook_of_the_readme_runs_and_its_second_run_changes_nothing(
    command: Command, server: Server, tmp_path: Path
) -> None:
    retired = server.create(f"{IMAGE}-retired", active=True, tags=["retired"])
    books = [book for book in lists("README.md") if "hosts" in book[0]]
    assert len(books) == 1
    assert "changed=2 " in play_book(command, tmp_path, books[0])
    assert server.get(retired["id"])["status"] == "deactivated"
    assert len(server.named(IMAGE)) == 1
    assert "changed=0 " in play_book(command, tmp_path, books[0])


def test_the_tasks_of_the_readme_run(command: Command, tmp_path: Path, place: Callable[[str], str]) -> None:
    books = [book for book in lists("README.md", place) if "hosts" not in book[0]]
    assert len(books) == 1
    recap = play_book(command, tmp_path, play(books[0]))
    assert f"ok={len(books[0])} " in recap


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


def test_the_examples_of_the_guides_run(
    command: Command, server: Server, tmp_path: Path, place: Callable[[str], str]
) -> None:
    server.create(IMAGE)
    guides = sorted(path.name for path in (COLLECTION / "docs" / "docsite" / "rst").glob("*.rst"))
    texts = [text for guide in guides for text in blocks(f"docs/docsite/rst/{guide}", "yaml")]
    assert texts
    for text in texts:
        play_book(command, tmp_path, play(yaml.safe_load(place(text))))
