# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code blocks of a document, README (Markdown) or guide (reStructuredText), in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

COLLECTION = Path(__file__).resolve().parents[3]
DOCUMENTS = [COLLECTION / "README.md", *sorted((COLLECTION / "docs" / "docsite" / "rst").glob("*.rst"))]

NOT_RUN = re.compile(r"^\s*(?:\.\. not run: (?P<rst>.+?)|<!-- not run: (?P<md>.+?) -->)\s*$")
DIRECTIVE = re.compile(
    r"^(?P<indent> *)\.\. (?P<kind>code-block|code|sourcecode|highlight|parsed-literal)::\s*(?P<language>\S*)\s*$"
)
OPTION = re.compile(r"^\s+:(?P<name>[a-z-]+):\s*(?P<value>.*?)\s*$")
FENCE = re.compile(r"^(?P<indent>\s*)(?P<marks>`{3,}|~{3,})\s*(?P<language>\S*)\s*$")
# A paragraph that ends so opens a literal block, which says nothing of its language.
LITERAL = re.compile(r"^(?!\s*\.\. ).*::\s*$")


@dataclass(frozen=True)
class Block:
    """`caption` is the name of the file that the block is; `name` is what it can be linked to by."""

    document: str
    line: int
    language: str
    text: str
    caption: str | None = None
    name: str | None = None
    not_run: str | None = None

    @property
    def is_of_the_repository(self) -> bool:
        """Whether it is played by CI, not by a reader: targets of the Makefile, and what `make ee` builds."""
        beginnings = ("make ", "ansible-builder build ")
        return self.language == "console" and all(line.startswith(beginnings) for line in self.text.splitlines())

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(_in_markdown(path.name, lines) if path.suffix == ".md" else _in_rst(path.name, lines))


def _in_markdown(document: str, lines: list[str]) -> Iterator[Block]:
    number, reason = 0, None
    while number < len(lines):
        line = lines[number]
        number += 1
        found = NOT_RUN.match(line)
        if found:
            reason = found["md"]
            continue
        opened = FENCE.match(line)
        if opened is None:
            reason = None if line.strip() else reason
            continue
        start, content = number, []
        while number < len(lines) and lines[number].strip() != opened["marks"]:
            content.append(lines[number])
            number += 1
        assert number < len(lines), f"{document}:{start}: the block does not end"
        number += 1
        yield Block(document, start, opened["language"], _text(content), not_run=reason)
        reason = None


def _in_rst(document: str, lines: list[str]) -> Iterator[Block]:
    number, reason = 0, None
    while number < len(lines):
        line = lines[number]
        number += 1
        found = NOT_RUN.match(line)
        if found:
            reason = found["rst"]
            continue
        assert not LITERAL.match(line), f"{document}:{number}: a literal block says not what it holds; use code-block"
        opened = DIRECTIVE.match(line)
        if opened is None:
            reason = None if line.strip() else reason
            continue
        start, options = number, {}
        while number < len(lines) and (option := OPTION.match(lines[number])):
            options[option["name"]] = option["value"]
            number += 1
        content = []
        while number < len(lines) and (not lines[number].strip() or _indent(lines[number]) > len(opened["indent"])):
            content.append(lines[number])
            number += 1
        language = opened["language"] if opened["kind"] == "code-block" else opened["kind"]
        yield Block(document, start, language, _text(content), options.get("caption"), options.get("name"), reason)
        reason = None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _text(lines: list[str]) -> str:
    return dedent("\n".join(lines)).strip("\n") + "\n"
