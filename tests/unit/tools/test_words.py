# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of words: an old word is found, with its line and the word to write; plain English passes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "tools" / "words.py"
SPEC = importlib.util.spec_from_file_location("words", PATH)
assert SPEC is not None
assert SPEC.loader is not None
words = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(words)


def findings(text: str) -> list[str]:
    return list(words.find_words(text, words.read_rules()))


@pytest.mark.parametrize(
    "text",
    [
        "the state that the task wishes",
        "def foretold(plan):",
        "class Overtaken(Exception):",
        "MAX_PATIENCE = 5",
        "The task fails where the name is ambiguous.",
        "Where nothing is given, the default applies.",
        "for administrators alone",
        "the answer is no document",
        "a proxy answers in the place of the service",
    ],
)
def test_an_old_word_is_found(text: str) -> None:
    assert len(findings(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "the host where the modules run",
        "The message says where\nthe file was looked for.",
        "the folder\n# where the task runs",
        "What is not given is left alone.",
        "The token is no longer valid.",
        "LostRace: the desired attributes were changed by another run.",
    ],
)
def test_plain_english_passes(text: str) -> None:
    assert findings(text) == []


def test_a_finding_has_the_line_and_the_word_to_write() -> None:
    assert findings("one\ntwo anew") == ['2: \'anew\': write "again" or "renew"']
