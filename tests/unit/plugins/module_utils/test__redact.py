# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be shown of addresses, of options and of names, with tables of hostile ones."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._client.progress import Progress
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PcdError, quoted
from ansible_collections.platform9.pcd.plugins.module_utils._redact import (
    PLACEHOLDER,
    hidden_texts,
    leaves,
    printable,
    redacted,
    redacted_text,
    secrets_in,
    shown_options,
)

USER = "b0b"
PASSWORD = "Tr0ub4dor-S3cret"
SIGNATURE = "5ignature-7f3a9c2e"

ADDRESSES = {
    "a plain one": ("https://h/x", "https://h/x"),
    "a port": ("https://h:8443/x.img", "https://h:8443/x.img"),
    "IPv6": ("http://[::1]:80/x", "http://[::1]:80/x"),
    "IPv6 with a password": (f"http://{USER}:{PASSWORD}@[fe80::1%25eth0]/x", "http://[fe80::1%25eth0]/x"),
    "letters of other scripts": ("https://пример.рф/образ", "https://пример.рф/образ"),
    "a blank in the path": ("https://h/my image.img", "https://h/my image.img"),
    "a password": (f"https://{USER}:{PASSWORD}@h/x", "https://h/x"),
    "a token as user": (f"https://{PASSWORD}@h/x", "https://h/x"),
    "a token as user with an empty password": (f"https://{PASSWORD}:@h/x", "https://h/x"),
    "a password with a slash": (f"https://{USER}:{PASSWORD}/{SIGNATURE}@h/x", "https://h/x"),
    "a password with @": (f"https://{USER}:{PASSWORD}@{SIGNATURE}@h/x", "https://h/x"),
    "a password with @ and a slash": (f"https://{USER}:{PASSWORD}@{SIGNATURE}/@h/x", "https://h/x"),
    "a password with a colon": (f"https://{USER}:{PASSWORD}:{SIGNATURE}@h/x", "https://h/x"),
    "a password with ://": (f"https://{USER}:{PASSWORD}://{SIGNATURE}@h/x", "https://h/x"),
    "a password with a blank": (f"https://{USER}:{PASSWORD} {SIGNATURE}@h/x", "https://h/x"),
    "a password with a line break": (f"https://{USER}:{PASSWORD}\n{SIGNATURE}@h/x", "https://h/x"),
    "a password with a bracket": (f"https://{USER}:{PASSWORD}[{SIGNATURE}@h/x", "https://h/x"),
    "a password with a per cent sign": (f"https://{USER}:{PASSWORD}%{SIGNATURE}@h/x", "https://h/x"),
    "a password with a backslash": (f"https://{USER}:{PASSWORD}\\{SIGNATURE}@h/x", "https://h/x"),
    # Nobody can say where these end.
    "a password with #": (f"https://{USER}:{PASSWORD}#{SIGNATURE}@h/x", "https://..."),
    "a password with ?": (f"https://{USER}:{PASSWORD}?{SIGNATURE}@h/x", "https://..."),
    "a token with # as user": (f"https://{PASSWORD}#{SIGNATURE}@h/x", "https://..."),
    "a password with slash and #": (f"https://{USER}:{PASSWORD}/1#{SIGNATURE}@h/x", "https://..."),
    "a signature with @": (f"https://h/x?sig={PASSWORD}@{SIGNATURE}", "https://..."),
    "no port but a password": (f"https://{USER}:{PASSWORD}", "https://..."),
    "an encoded @": (f"https://{USER}:{PASSWORD}%40h/x", "https://..."),
    "a wide @": (f"https://{USER}:{PASSWORD}\uff20h/x", "https://..."),
    "a wide @ after a token": (f"https://{PASSWORD}\uff20h/x", "https://..."),
    "a query": (f"https://h/x?sig={SIGNATURE}", "https://h/x"),
    "a query without a path": (f"https://h?sig={SIGNATURE}", "https://h"),
    "a query after a blank": (f"https://h/x ?sig={SIGNATURE}", "https://h/x "),
    "a query with a blank": (f"https://h/x?sig={PASSWORD} {SIGNATURE}", "https://h/x"),
    "a fragment": (f"https://h/x#{SIGNATURE}", "https://h/x"),
    "a fragment with ?": (f"https://h/x#{PASSWORD}?{SIGNATURE}", "https://h/x"),
    "everything": (f"https://{USER}:{PASSWORD}@h/x?sig={SIGNATURE}#{SIGNATURE}", "https://h/x"),
    "capitals": (f"HTTPS://{USER}:{PASSWORD}@H/x", "HTTPS://H/x"),
    "a checksum": (f"sha256:https://{USER}:{PASSWORD}@h/SUMS?{SIGNATURE}", "sha256:https://h/SUMS"),
    "a file": ("file:///srv/SUMS", "file:///srv/SUMS"),
    "a login before the scheme": (f"{USER}:{PASSWORD}://h/x", "...://h/x"),
    "no scheme": (f"{USER}:{PASSWORD}@h/x", "h/x"),
    "one slash": (f"https:/{USER}:{PASSWORD}@h/x?{SIGNATURE}", "h/x"),
    "no scheme and #": (f"{USER}:{PASSWORD}#{SIGNATURE}@h/x", "..."),
    "a relative address": (f"/x?sig={SIGNATURE}", "/x"),
    "only a checksum": ("sha256:0123abcd", "sha256:0123abcd"),
    "no scheme but slashes": (f"//{USER}:{PASSWORD}@h/x?{SIGNATURE}", "//h/x"),
    "slashes and no host": (f"//[{SIGNATURE}", "//..."),
    "nothing": ("", ""),
    "no host": ("https://", "https://"),
}

# The same ones within a sentence, except those with blanks and colons that no address has.
IN_TEXT = {
    what: case for what, case in ADDRESSES.items() if "://" in case[0] and " " not in case[0] and "\n" not in case[0]
}


@pytest.mark.parametrize(("address", "shown"), ADDRESSES.values(), ids=ADDRESSES.keys())
def test_an_address_is_shown_without_anything_secret(address: str, shown: str) -> None:
    assert redacted(address) == shown
    assert redacted(shown) == shown
    for secret in (PASSWORD, SIGNATURE):
        assert secret not in shown


@pytest.mark.parametrize("address", [case[0] for case in IN_TEXT.values()], ids=IN_TEXT.keys())
@pytest.mark.parametrize("sentence", ["Could not fetch {}, which is odd.", "'{}'", "({}): refused", "{} and {}", "{}"])
def test_an_address_in_a_sentence_is_shown_without_anything_secret(sentence: str, address: str) -> None:
    told = redacted_text(sentence.replace("{}", address))
    for secret in (PASSWORD, SIGNATURE):
        assert secret not in told.replace(f"{USER}:{PASSWORD}://", "")
    assert redacted_text(told) == told


@pytest.mark.parametrize(
    "sentence",
    [
        "Write http://host/path or https://host/path; a file is given with path.",
        "Check whether its address must begin with https://.",
        "GET https://h:1/v2/images refused (403 Forbidden): no. Ask https://h!",
        "no address at all? # @",
    ],
)
def test_a_sentence_without_secrets_stays_as_it_is(sentence: str) -> None:
    assert redacted_text(sentence) == sentence
    assert str(PcdError(sentence)) == sentence


# Marked, so that a part of it is found wherever it comes out.
MARKED = st.text(max_size=12).map(lambda text: f"\u2042{text}\u2042")


@given(MARKED, MARKED)
def test_no_part_of_any_user_or_password_is_shown(user: str, password: str) -> None:
    for login in (f"{user}:{password}", user, f"{user}:", f":{password}"):
        for address in (f"https://{login}@h/x", f"sha256:https://{login}@h/x?sig=1", f"https:/{login}@h/x"):
            assert (
                redacted(address) in ("https://h/x", "sha256:https://h/x", "h/x", "https://...", "...")
                or (
                    # The password itself has a "://", and what comes before it is not a scheme.
                    "://" in login and redacted(address) in ("...://h/x", "...://...")
                )
                or redacted(address) == "sha256:https://..."
            )


@given(MARKED)
def test_no_part_of_any_query_or_fragment_is_shown(text: str) -> None:
    for mark in "?#":
        assert redacted(f"https://h/x{mark}{text}") in ("https://h/x", "https://...")


@given(st.text(min_size=8, max_size=20).filter(lambda text: "@" not in text and "/" not in text))
def test_a_password_is_looked_for_as_it_stands_and_decoded(password: str) -> None:
    assert password in secrets_in(f"https://{USER}:{quote(password, safe='')}@h/x")


def test_what_is_looked_for_of_an_address() -> None:
    assert secrets_in("https://h/x") == set()
    assert secrets_in(f"https://me:{PASSWORD}@h/x") == {PASSWORD}
    assert secrets_in(f"https://{PASSWORD}@h/x") == {PASSWORD}
    assert secrets_in("https://me:abc@h/x?v=1#top") == set()
    query = f"file=debian-12.qcow2&X-Amz-Signature={SIGNATURE}"
    assert secrets_in(f"https://h/x?{query}") == {query, SIGNATURE}
    assert secrets_in(f"https://h/x#access_token={SIGNATURE}") == {f"access_token={SIGNATURE}", SIGNATURE}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("debian 12", "debian 12"),
        ("Ключ \u00a0 ü 画", "Ключ \u00a0 ü 画"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("a\rb\nc", "a b c"),
        ("a\tb\x00\x7f\x9b2J", "a\\tb\\x00\\x7f\\x9b2J"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_become_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert quoted(text) == f"'{shown}'"
    assert str(PcdError(f"a {text}").with_note(text)) == f"a {shown}. {shown}"


def test_a_line_of_progress_has_no_control_characters() -> None:
    lines: list[str] = []
    Progress(lines.append, interval=0).meter("\x1b]0;owned\x07: uploading", 2).moved(1)
    assert len(lines) == 1
    assert lines[0].startswith("\\x1b]0;owned\\x07: uploading: ")
    assert lines[0].isprintable()


def test_leaves_are_what_could_be_a_secret() -> None:
    assert [*leaves({"a": ["b", {"c": 1}], "d": None, "e": True, "f": "", "g": 1.5})] == ["b", "1", "1.5"]
    assert [*leaves("text")] == ["text"]


SPEC: dict[str, Any] = {
    "token": {"type": "str", "no_log": True},
    "url_headers": {"type": "dict", "no_log": True},
    "url": {"type": "str"},
    "name": {"type": "str", "aliases": ["called"]},
}


@pytest.mark.parametrize(
    ("given_value", "value", "shown"),
    [
        ({"Accept": "raw"}, {"Accept": "raw"}, {"Accept": PLACEHOLDER}),
        ({"X": {"deep": ["er"]}}, {"X": {"deep": ["er"]}}, {"X": PLACEHOLDER}),
        ({"X": 1, "Y": None}, {"X": 1, "Y": None}, {"X": PLACEHOLDER, "Y": PLACEHOLDER}),
        ("X=raw", {"X": "raw"}, PLACEHOLDER),
        ('{"X": "raw"}', {"X": "raw"}, PLACEHOLDER),
        ("Authorization=Basic bWU6c2VjcmV0=", {"Authorization": "Basic", "bWU6c2VjcmV0": ""}, PLACEHOLDER),
        ("no dictionary", "no dictionary", PLACEHOLDER),
        ([{"X": "raw"}], [{"X": "raw"}], PLACEHOLDER),
        (None, None, None),
    ],
)
def test_a_secret_option_is_hidden_by_its_place(given_value: Any, value: Any, shown: Any) -> None:
    assert shown_options({"url_headers": value}, {"url_headers": given_value}, SPEC) == {"url_headers": shown}


def test_options_are_shown_without_secrets() -> None:
    params = {
        "token": "a",
        "url": f"{USER}:{PASSWORD}@h/x",
        "name": f"https://{USER}:{PASSWORD}@h",
        "called": "b@c",
        "tokn": 1,
        "limit": None,
    }
    assert shown_options(params, params, SPEC) == {
        "token": PLACEHOLDER,
        "url": "h/x",
        "name": "https://h",
        "called": "b@c",
        "tokn": PLACEHOLDER,
        "limit": None,
    }


ENTRY: dict[str, Any] = {"name": {"type": "str"}, "url": {"type": "str"}, "key": {"type": "str", "no_log": True}}


@pytest.mark.parametrize(
    ("entries", "shown"),
    [
        (None, None),
        ([], []),
        ({"name": "a", "key": "q7Z"}, {"name": "a", "key": PLACEHOLDER}),
        ([{"name": "a", "key": "q7Z"}, {"name": "b"}], [{"name": "a", "key": PLACEHOLDER}, {"name": "b"}]),
        ([{"mistyped": "q7Z"}], [{"mistyped": PLACEHOLDER}]),
        ([{"url": "https://me:q7Z@h/x?q7Z"}], [{"url": "https://h/x"}]),
        ("name=a key=q7Z", PLACEHOLDER),
        (["name=a key=q7Z"], [PLACEHOLDER]),
        ([{"name": "a\ud800"}], [{"name": "a\\ud800"}]),
    ],
)
def test_secrets_in_entries_are_hidden_by_their_place(entries: Any, shown: Any) -> None:
    params = {"images": entries}
    assert shown_options(params, params, {"images": {"type": "list"}}, {"images": ENTRY}) == {"images": shown}


def test_the_secrets_of_entries_are_looked_for_in_results() -> None:
    params = {"images": [{"key": "secret-one"}, {"url": "https://me:secret-two@h/x"}], "defaults": {"key": "secret-3"}}
    spec = {"images": {"type": "list"}, "defaults": {"type": "dict"}}
    found = hidden_texts(spec, params, (), {"images": ENTRY, "defaults": ENTRY})
    assert {"secret-one", "secret-two", "secret-3"} <= found
