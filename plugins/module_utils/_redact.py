# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a message, a warning, a progress line or `invocation` may show.

Addresses are shown without user, password, query and fragment, secrets not at all, and control characters as escapes.
No address is parsed here: an address that a parser reads in another way than its author meant it is the one that would
give its password away.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus, unquote

# Instead of a part of an address.
HIDDEN = "..."
# Instead of the value of an option, as Ansible itself writes it.
PLACEHOLDER = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

# What may stand before "://", after the algorithm of a checksum if any. Anything else may be a secret.
PREFIX = re.compile(r"\s*((md5|sha[0-9_]{1,7}|blake2[bs]):\s*)?(https?|file|ftps?|socks[45][ah]?)", re.IGNORECASE)
# A host and a port. A password without its "@" does not match, because there is not a number after its colon.
AUTHORITY = re.compile(r"(\[[0-9A-Za-z:.%_-]*\]|[\w.~-]*)(:[0-9]*)?")
ADDRESS_IN_TEXT = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(\S*)")
# At the end of an address in a sentence, it belongs to the sentence.
PUNCTUATION = ".,:;!?)}'\""

# The options that hold an address, whether or not it has its "://".
ADDRESS_OPTIONS = ("auth_url", "checksum", "image_endpoint_override", "url")

# Shorter ones, such as the value of `Accept: raw`, would be found in every text.
MIN_PASSWORD_CHARACTERS = 4
MIN_VALUE_CHARACTERS = 8
# A user who has a password and a name of this length may be a token.
MIN_TOKEN_CHARACTERS = 16
# The parameters of a query whose values are looked for; the value of another one may be the name of the image.
NAME_OF_SECRET = re.compile("auth|cred|key|pass|policy|pwd|secret|sig|token", re.IGNORECASE)


def redacted(address: str) -> str:
    """The address without what stands between `://` and the last `@`, and without all after `?` or `#`.

    If an `@` comes after one of those two, it is unknown whether it ends a password or is part of a query, so only the
    beginning is shown.
    """
    prefix, separator, rest = address.partition("://")
    if not separator and address.startswith("//"):
        prefix, separator, rest = "", "//", address[2:]
    if not separator:
        return _before_query(address)
    shown = _before_query(rest)
    if not AUTHORITY.fullmatch(shown.partition("/")[0].strip()):
        shown = HIDDEN
    return f"{prefix if PREFIX.fullmatch(prefix) or not prefix else HIDDEN}{separator}{shown}"


def host_in(address: str) -> str:
    """Host and port of an address."""
    return redacted(address).partition("//")[2].partition("/")[0]


def redacted_text(text: str) -> str:
    """The text with each address in it redacted; an address ends at a blank."""

    def shown(found: re.Match[str]) -> str:
        address = found[2].rstrip(PUNCTUATION)
        return f"{found[1]}{redacted(f'https://{address}')[len('https') :]}{found[2][len(address) :]}"

    return ADDRESS_IN_TEXT.sub(shown, text) if "://" in text else text


def _before_query(text: str) -> str:
    head, *tail = re.split(r"[?#]", text, maxsplit=1)
    return HIDDEN if tail and "@" in tail[0] else head.rpartition("@")[2]


def printable(text: str) -> str:
    """The text on one line, with escapes for what would control a terminal, or turn the direction of writing."""
    line = " ".join(text.splitlines())
    if line.isprintable():
        return line
    return "".join(
        letter
        if letter.isprintable() or unicodedata.category(letter) == "Zs"
        else letter.encode("unicode_escape").decode()
        for letter in line
    )


def secrets_in(address: str) -> set[str]:
    """The parts of an address that may be secret, if they are long enough to be searched for in other texts."""
    rest = address.partition("://")[2] or address
    user, dummy, password = rest.rpartition("@")[0].partition(":")
    found = {password} if len(password) >= MIN_PASSWORD_CHARACTERS else set()
    if len(user) >= (MIN_TOKEN_CHARACTERS if password else MIN_VALUE_CHARACTERS):
        found.add(user)
    for tail in re.split(r"[?#]", rest, maxsplit=1)[1:]:
        query = tail.partition("#")[0]
        found |= {text for text in (tail, query) if len(text) >= MIN_VALUE_CHARACTERS}
        for name, value in (part.partition("=")[::2] for part in re.split("[#&;?]", tail)):
            if len(value) >= MIN_VALUE_CHARACTERS and NAME_OF_SECRET.search(name):
                found.add(value)
    return found | {unquote(text) for text in found}


def encodings(secrets: Iterable[str]) -> set[str]:
    """The secrets in every form in which an answer may repeat them."""
    forms = set()
    for secret in secrets:
        json_forms = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
        html_forms = (escape(secret), escape(secret, quote=False))
        forms |= {secret, " ".join(secret.split()), quote(secret), quote(secret, safe=""), quote_plus(secret)}
        forms |= {*json_forms, *html_forms, *(json.dumps(form)[1:-1] for form in html_forms)}
        forms.add(printable(secret))
    return forms - {""}


def redact_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, which are given in all their encodings. One may be a part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "********")
    return text


def hide_in(error: BaseException, secrets: Collection[str]) -> None:
    """Remove secrets from the texts of an exception, and of all exceptions that its traceback shows with it."""
    found: list[BaseException] = [error]
    for each in found:
        each.args = tuple(redact_secrets(part, secrets) if isinstance(part, str) else part for part in each.args)
        beside = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        found += [other for other in beside if isinstance(other, BaseException) and other not in found]


def leaves(value: Any) -> Iterator[str]:
    """Every text and number in lists and dictionaries; a value without a meaning of its own is none."""
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif value is not None and not isinstance(value, bool) and value != "":
        yield str(value)


Spec = Mapping[str, Mapping[str, Any]]


def shown_options(
    params: Mapping[str, Any], given: Mapping[str, Any], spec: Spec, entries: Mapping[str, Spec] | None = None
) -> dict[str, Any]:
    """The options as `invocation` may show them: secrets are hidden by their place, whatever they hold.

    `given` are the options before they were brought into their types. What was given as a dictionary keeps its keys;
    those that were made of a text may be a part of its secret. An option that is not in the spec may be a misspelt one.
    `entries` are options that hold dictionaries of options, each with their spec.
    """
    known = {*spec, *(alias for rules in spec.values() for alias in rules.get("aliases") or ())}
    shown = {}
    for name, value in params.items():
        if name in (entries or {}):
            value = _shown_entries(value, (entries or {})[name])
        elif value is not None and (name not in known or spec.get(name, {}).get("no_log")):
            raw = given.get(name)
            value = dict.fromkeys(raw, PLACEHOLDER) if name in known and isinstance(raw, Mapping) else PLACEHOLDER
        elif isinstance(value, str) and ("://" in value or (name in ADDRESS_OPTIONS and "@" in value)):
            value = redacted(value)
        shown[name] = value
    return shown


def _shown_entries(value: Any, spec: Spec) -> Any:
    """The options of images in an option as they may be shown. What is not a dictionary may be a secret as a whole."""
    if isinstance(value, (list, tuple)):
        return [_shown_entries(item, spec) for item in value]
    if isinstance(value, Mapping):
        named = {str(key): item for key, item in value.items()}
        return {key: _encodable(item) for key, item in shown_options(named, named, spec).items()}
    return None if value is None else PLACEHOLDER


def _encodable(value: Any) -> Any:
    """The value without texts that are not valid UTF-8, which ends AnsibleModule in a traceback."""
    if isinstance(value, str):
        return value if value.isprintable() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, (list, tuple)) else value


def entries_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """The dictionaries of options in an option that holds one, or a list of them."""
    for entry in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(entry, Mapping):
            yield entry


def hidden_texts(
    spec: Spec, params: Mapping[str, Any], no_log_values: Iterable[Any], entries: Mapping[str, Spec] | None = None
) -> set[str]:
    """The texts that a result is searched for, beside what `shown_options` hides by its place.

    `spec` are the options and their rules. `no_log_values` is what Ansible has found in the options as they were given,
    before a text became a dictionary. `entries` are those of `shown_options`.
    """
    secrets, headers = set(_misplaced(params)), {str(value) for value in no_log_values}
    held = [(rules, entry) for option, rules in (entries or {}).items() for entry in entries_in(params.get(option))]
    for options, given in ((spec, params), *held):
        secrets.update(_misplaced(given))
        for option, rules in options.items():
            if rules.get("no_log"):
                (headers if rules.get("type") == "dict" else secrets).update(leaves(given.get(option)))
    # A short word, such as the value of `Accept: raw`, would be found everywhere.
    return encodings(secrets | {text for text in headers if len(text) >= MIN_VALUE_CHARACTERS})


def _misplaced(params: Mapping[str, Any]) -> Iterator[str]:
    """What may be secret in addresses, whichever option they are in."""
    for option, value in params.items():
        if isinstance(value, str) and ("://" in value or (option in ADDRESS_OPTIONS and "@" in value)):
            yield from secrets_in(value)
