# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""words.py PATH...: find words that this project does not use, and say what to write instead.

PATH is a file or a folder: text files that git knows (files.sh) are read. words.txt has one rule for each line: a
regular expression, a tab, what to write instead, and optionally a tab and the words after which it is allowed.
Exits with 1 if a word was found.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

RULES = Path(__file__).with_name("words.txt")
FILES = Path(__file__).with_name("files.sh")
# It quotes such words.
LEFT_OUT = Path("tests/unit/tools/test_words.py")
SUFFIXES = (".py", ".md", ".rst", ".yml", ".yaml", ".sh", ".j2", ".toml", ".in")


class Rule(NamedTuple):
    pattern: re.Pattern[str]
    instead: str
    allowed_after: frozenset[str]


def read_rules() -> list[Rule]:
    lines = RULES.read_text(encoding="utf-8").splitlines()
    rows = [[*line.split("\t"), ""] for line in lines if line and not line.startswith("#")]
    return [Rule(re.compile(row[0], re.IGNORECASE), row[1], frozenset(row[2].split())) for row in rows]


def find_words(text: str, rules: Iterable[Rule]) -> Iterator[str]:
    # Names consist of words, too: TokenCache and token_cache.
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ")
    for rule in rules:
        for found in rule.pattern.finditer(spaced):
            before = re.findall(r"\w+", spaced[max(0, found.start() - 80) : found.start()])
            if not before or before[-1].lower() not in rule.allowed_after:
                number = spaced.count("\n", 0, found.start()) + 1
                yield f"{number}: {found.group()!r}: write {rule.instead}"


def text_files(names: Sequence[str]) -> list[Path]:
    """The text files of these paths."""
    listed = subprocess.run([FILES, *names], capture_output=True, text=True, check=True).stdout
    known = [name for name in listed.split("\0") if name]
    paths = [Path(name) for name in known if name.endswith(SUFFIXES) or Path(name).name == "Makefile"]
    return [path for path in paths if path.is_file() and path != LEFT_OUT]


def main() -> int:
    rules = read_rules()
    found = [
        f"{path}:{finding}"
        for path in text_files(sys.argv[1:])
        for finding in find_words(path.read_text(encoding="utf-8"), rules)
    ]
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
