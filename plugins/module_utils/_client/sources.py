# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options, the OS_* variables and an entry of clouds.yaml say, by the names of the options.

A list of sources begins with the one that takes precedence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible.module_utils.parsing.convert_bool import boolean

Source = Mapping[str, str]


def first(sources: Sequence[Source], key: str) -> str | None:
    """The value of the first source that has one."""
    return next((source[key] for source in sources if key in source), None)


def group(sources: Sequence[Source], *keys: str) -> dict[str, str]:
    """The values of keys that say the same thing in several ways, all from the first source that has any."""
    for source in sources:
        found = {key: source[key] for key in keys if key in source}
        if found:
            return found
    return {}


def place(sources: Sequence[Source], keys: Sequence[str]) -> int:
    """The number of the first source that has one of the keys; 0 if none has."""
    return next((number for number, source in enumerate(sources) if any(key in source for key in keys)), 0)


def is_true(text: str) -> bool:
    """Whether Ansible takes the text for true, such as yes, on and 1."""
    found: bool = boolean(text, strict=False)
    return found
