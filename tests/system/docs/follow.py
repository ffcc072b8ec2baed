# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reader who follows a document from top to bottom, and does what its blocks say.

yaml     with a caption: a file of that name. Otherwise plays or tasks, which ansible-playbook runs; tasks that follow
         each other are one playbook, so that what one registers is known to the next. {"clouds": ...}: more of
         clouds.yaml.
console  commands of one shell: variables and the folder last until the end of the document. `make ...` is for a clone.
text     what the block before it prints: each line must be in its output, in this order. `...` stands for anything,
         and an id for any id.
others   with a caption: a file of that name.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.system.docs.documents import COLLECTION, Block

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
FILES = ("bash", "ini", "json", "jinja", "yaml", "YAML+Jinja")

# What a reader's shell has, apart from the cloud.
ENVIRONMENT = {
    # Both would be said at each command, since there is no inventory.
    "ANSIBLE_LOCALHOST_WARNING": "false",
    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    "ANSIBLE_NOCOLOR": "true",
    "COLUMNS": "400",  # so that no message is broken into lines
}


class Reader:
    """`place` maps the names of a document to real paths; `variables` are those of the plays."""

    def __init__(self, folder: Path, place: Callable[[str], str], variables: Mapping[str, Any]) -> None:
        self._folder = folder
        self._place = place
        self._variables = variables
        self._tasks: list[Any] = []
        self._first: Block | None = None
        self._printed: str | None = None
        self._books = 0
        kept = inherited_environ()
        environ = {
            **kept,
            **ENVIRONMENT,
            "HOME": str(folder),
            "NO_PROXY": "127.0.0.1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]),
            # Not in HOME, because Ansible looks for the jobs in the home that the system knows.
            "ANSIBLE_ASYNC_DIR": str(folder / ".ansible_async"),
            "ANSIBLE_HOME": str(folder / ".ansible"),
            "ANSIBLE_REMOTE_TMP": str(folder / ".ansible" / "tmp"),
        }
        self._shell = folder / ".shell"
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environ.items())
        self._shell.write_text(f"{exports}cd {shlex.quote(str(folder))}\n", encoding="utf-8")

    def follow(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            if block.not_run is None and not block.is_of_the_repository:
                self._do(block)
        self._play_tasks()

    def _do(self, block: Block) -> None:
        text = self._place(block.text)
        if block.language == "text":
            self._play_tasks()
            self._compare(block, text)
        elif block.caption is not None and block.language in FILES:
            self._play_tasks()
            path = self._folder / self._place(block.caption)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif block.language in ("yaml", "YAML+Jinja"):
            self._read_yaml(block, text)
        elif block.language == "console":
            self._play_tasks()
            self._printed = self._run(block, text)
        else:
            raise AssertionError(
                f"{block.place}: nobody knows what to do with a block of {block.language or 'nothing'}"
            )

    def _read_yaml(self, block: Block, text: str) -> None:
        content = yaml.safe_load(text)
        if isinstance(content, dict) and set(content) == {"clouds"}:
            self._play_tasks()
            self._add_clouds(content["clouds"])
            return
        assert isinstance(content, list), f"{block.place}: neither plays nor tasks; a file has a caption"
        if "hosts" in content[0]:
            self._play_tasks()
            self._play(block, content)
            return
        self._first = self._first or block
        self._tasks += content

    def _add_clouds(self, clouds: Mapping[str, Any]) -> None:
        path = self._folder / "clouds.yaml"
        known = yaml.safe_load(path.read_text(encoding="utf-8"))["clouds"]
        path.write_text(yaml.safe_dump({"clouds": {**known, **clouds}}), encoding="utf-8")

    def _play_tasks(self) -> None:
        if self._first is None:
            return
        block, tasks = self._first, self._tasks
        self._first, self._tasks = None, []
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/platform9.pcd.pcd": {"cloud": "pcd"}},
            "vars": dict(self._variables),
            "tasks": tasks,
        }
        self._play(block, [play])

    def _play(self, block: Block, plays: list[Any]) -> None:
        self._books += 1
        name = f"book-{self._books}.yml"
        (self._folder / name).write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
        self._printed = self._run(block, f"ansible-playbook --diff {name}")
        assert "[WARNING]" not in self._printed, f"{block.place}\n{self._printed}"

    def _run(self, block: Block, commands: str) -> str:
        """What the commands print; an error if one of them fails."""
        shell = shlex.quote(str(self._shell))
        script = f'source {shell}\nset -e\n{commands}\n{{ export -p; echo cd $(printf %q "$PWD"); }} > {shell}\n'
        done = subprocess.run(
            ["bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, env={}, check=False
        )
        said = f"{block.place}\n{commands}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, said
        return done.stdout + done.stderr

    def _compare(self, block: Block, text: str) -> None:
        assert self._printed is not None, f"{block.place}: nothing has been run that could print this"
        printed = " ".join(self._printed.split())
        at = 0
        for line in text.splitlines():
            words = " ".join(line.split())
            if words in ("", "..."):
                continue
            found = pattern_of(words).search(printed, at)
            assert found, f"{block.place}: not printed: {words}\n{self._printed}"
            at = found.end()


def pattern_of(text: str) -> re.Pattern[str]:
    """What a line, or a message, of a document stands for."""
    pieces = []
    for piece in re.split(r"(\.\.\.)", text):
        if piece == "...":
            pieces.append(".*?")
        else:
            pieces.append(ID.pattern.join(re.escape(part) for part in ID.split(piece)))
    return re.compile("".join(pieces), re.DOTALL)
