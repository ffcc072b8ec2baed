# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options as a task got them, before Ansible brings them into their types.

Null means that an option is not given. Ansible turns a list into text, and fails without naming the option if a number
or the encoding of a text (UTF-8) is invalid. Each of these is an error here that names the option. No value is quoted,
because it may be a secret in the wrong place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._errors import ConfigurationError
from ._redact import PLACEHOLDER

# A password may hold anything else; the rest is text that people and services read.
NO_TEXT = re.compile("[\x00\ud800-\udfff]")
UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# What ansible-core before 2.19 leaves of `omit` within a list or a longer text.
OMITTED = "__omit_place_holder__"
# The name of a header (RFC 9110, section 5.1).
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What Ansible itself passes to a module.
INTERNAL = "_ansible_"
# What YAML 1.1 and Ansible also read as a boolean.
BOOLEAN_WORDS = {"true": ("true", "yes", "y", "on", "1", "t"), "false": ("false", "no", "n", "off", "0", "f")}
# Above every path, address and token in use.
MAX_CHARACTERS = 8192
# What Ansible sets by the path of a file, because the system has no other way or Ansible knows none.
BY_PATH = ("attributes", "seuser", "serole", "setype", "selevel", "unsafe_writes")


class FuturePath(str):
    """A path that leads to nothing in check mode; a task before this one may make it in a real run."""


def without_nulls(arguments: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The arguments without the options that are null.

    For Ansible such an option is given: it gets no default, and counts for required_one_of and mutually_exclusive
    (ansible.module_utils.common.validation, count_terms).
    """
    return {option: value for option, value in arguments.items() if value is not None or option not in spec}


def check_arguments(
    arguments: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]], meant_by: Sequence[str] = ()
) -> None:
    """Raises ConfigurationError if an option of the spec holds a value that its type cannot be made of.

    `meant_by` are the options that say which images are meant if `id` does not.
    """
    _advise_on_names(arguments, spec)
    _advise_on_values(arguments, spec)
    if "id" in spec and "id" in arguments:
        _check_id(arguments["id"], any(arguments.get(option) is not None for option in meant_by))
    for option, rules in spec.items():
        value = arguments.get(option)
        if value is None:
            continue
        kind = rules.get("type", "str")
        _check_word(option, value, rules.get("choices") or ())
        if kind in ("int", "float"):
            _check_number(option, value)
        elif kind == "dict" and isinstance(value, (list, tuple)) and not rules.get("no_log"):
            raise ConfigurationError(
                f"{option}: a list was given instead of a dictionary. Write {option}={{NAME: VALUE}}, or "
                "each name, a colon and its value in a line of YAML."
            )
        elif kind == "list" and rules.get("elements") == "dict":
            _check_dictionaries(option, value)
            continue
        elif kind == "list":
            for item in value if isinstance(value, (list, tuple)) else [value]:
                _check_single(option, item)
        elif kind != "dict" and not (kind == "bool" and isinstance(value, bool)):
            _check_single(option, value)
        if rules.get("no_log") and isinstance(value, Mapping):
            _check_hidden_names(option, value)
        for name, leaf in _leaves(option, value):
            _check_leaf(name, leaf, rules)


def _advise_on_names(arguments: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises for an option that is not there, if what to write instead is known; else Ansible names all options."""
    aliases = {alias for rules in spec.values() for alias in rules.get("aliases") or ()}
    for option in arguments:
        if option in spec or option in aliases or option.startswith(INTERNAL):
            continue
        from ._elsewhere import advice_on_name  # only a task that fails needs it

        advice = advice_on_name(option, spec)
        if advice is not None:
            raise ConfigurationError(f"{option}: this module has no option of this name. {advice}")


def _advise_on_values(arguments: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises for what other tools take as `state` and `cloud`, and this module does not."""
    state, choices = arguments.get("state"), spec.get("state", {}).get("choices") or ()
    if isinstance(state, str) and choices and state not in choices:
        from ._elsewhere import advice_on_state

        advice = advice_on_state(state, choices, spec)
        if advice is not None:
            raise ConfigurationError(f"state: it must be one of {', '.join(choices)}. {advice}")
    if isinstance(arguments.get("cloud"), Mapping) and "cloud" in spec:
        from ._elsewhere import ENTRIES

        raise ConfigurationError(f"cloud: a dictionary was given instead of the name of an entry. {ENTRIES}")


def _check_id(value: Any, is_meant_otherwise: bool) -> None:
    """Raises if the id is asked for and there is none: no image may be created, or all be listed, instead."""
    if value == "" or (value is None and not is_meant_otherwise):
        # ansible-core before 2.19 makes an empty text of a template that gives null.
        what = "null, and no other option says which image is meant" if value is None else "empty"
        raise ConfigurationError(
            f"id: it is {what}. Give a UUID, or leave id out and give the name. In check mode, the id of an image that "
            "would be created is not known yet."
        )


def _check_number(option: str, value: Any) -> None:
    _check_single(option, value)
    if isinstance(value, bool):
        raise ConfigurationError(f"{option}: a boolean was given instead of a number. Write a number.")
    try:
        is_finite = math.isfinite(float(value))
    except OverflowError:
        is_finite = False
    except ValueError:
        return  # Ansible says what it cannot be made of
    if not is_finite:
        raise ConfigurationError(f"{option}: it must be a finite number. Write a smaller one.")


def _check_word(option: str, value: Any, choices: Sequence[str]) -> None:
    """Raises for yes and the like, if true and false are words among others; YAML makes booleans of them, a command
    line does not."""
    if not isinstance(value, str) or "true" not in choices or value in (*choices, "True", "False"):
        return
    meant = next((word for word, forms in BOOLEAN_WORDS.items() if value.strip().lower() in forms), None)
    if meant:
        raise ConfigurationError(f"{option}: it must be one of {', '.join(choices)}. Write {option}={meant}.")


def _check_single(option: str, value: Any) -> None:
    if isinstance(value, (list, tuple, Mapping)):
        kind = "dictionary" if isinstance(value, Mapping) else "list"
        from ._elsewhere import SINGLES

        advice = SINGLES.get(option, "Write the value itself.")
        raise ConfigurationError(f"{option}: a {kind} was given instead of a single value. {advice}")


def _check_hidden_names(option: str, value: Mapping[str, Any]) -> None:
    """Raises if a name of a dictionary of secrets may be a secret: Ansible hides its values, and shows its keys."""
    if not all(FIELD_NAME.fullmatch(str(key)) for key in value):
        raise ConfigurationError(f"{option}: one of its names holds a character that no name can have. Correct it.")


def _check_dictionaries(option: str, value: Any) -> None:
    """Raises unless it is a list of dictionaries; what is in them is checked by whoever knows their options."""
    if not isinstance(value, (list, tuple)):
        raise ConfigurationError(f"{option}: it must be a list of dictionaries, such as - name: ubuntu-24.04.")
    for number, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise ConfigurationError(f"{option}[{number}]: it must be a dictionary, such as - name: ubuntu-24.04.")


def _check_leaf(name: str, leaf: Any, rules: Mapping[str, Any]) -> None:
    if isinstance(leaf, float) and not math.isfinite(leaf):
        raise ConfigurationError(f"{name}: it must be a finite number, and not {leaf}.")
    if not isinstance(leaf, str):
        return
    found = (NO_TEXT if rules.get("no_log") else UNREADABLE).search(leaf)
    if OMITTED in leaf:
        raise ConfigurationError(
            f"{name}: it holds {OMITTED}..., which ansible-core before 2.19 makes of omit within a list or a longer "
            "text. Leave the item out of the list in another way, or give a default that is not omit."
        )
    if PLACEHOLDER in leaf:
        raise ConfigurationError(
            f"{name}: it holds {PLACEHOLDER}, which Ansible shows instead of a secret. Give the value itself, not what "
            "the result of a task shows."
        )
    if found:
        code = ord(found[0])
        what = "a byte that is not valid UTF-8" if code >= 0xD800 else "a control character"
        raise ConfigurationError(f"{name}: it holds {what} (U+{code:04X}). Leave it out, and write text in UTF-8.")
    if rules.get("no_log") or rules.get("type") == "dict":
        return
    if len(leaf) > MAX_CHARACTERS:
        raise ConfigurationError(f"{name}: {len(leaf)} characters are too many, {MAX_CHARACTERS} are allowed.")
    if (rules.get("choices") or rules.get("type", "str") in ("int", "float", "bool")) and len(leaf.splitlines()) > 1:
        raise ConfigurationError(f"{name}: it holds a line break. Write one word or number.")


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values in lists and dictionaries, and the keys of dictionaries, each with its name for messages."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield name, key
            yield from _leaves(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(name, item)
    else:
        yield name, value
