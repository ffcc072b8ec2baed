# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of the options before Ansible sees them. The contract tries every option of every module."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._arguments import (
    MAX_CHARACTERS,
    OMITTED,
    check_arguments,
    without_nulls,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.plugins.module_utils._redact import PLACEHOLDER

SPEC: dict[str, Any] = {
    "id": {},
    "name": {},
    "count": {"type": "int"},
    "tags": {"type": "list"},
    "force": {"type": "bool"},
    "kind": {"choices": ["a"]},
    "hidden": {"choices": ["true", "false", "any"]},
    "properties": {"type": "dict"},
    **{option: {} for option in ("sort", "sort_key", "created_at", "updated_at", "tag")},
    "headers": {"type": "dict", "no_log": True},
    "password": {"no_log": True},
}


def test_null_means_not_given_for_the_options_of_the_spec_only() -> None:
    given: dict[str, Any] = {"name": None, "count": 0, "tags": [], "_ansible_tmpdir": None}
    assert without_nulls(given, SPEC) == {"count": 0, "tags": [], "_ansible_tmpdir": None}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": None},
        {"id": None, "name": "a"},
        {"name": "ä ö", "count": "7", "tags": ["a", 1], "force": True, "kind": "a"},
        {"count": "many"},  # Ansible says what is wrong with it
        {"tags": "one"},
        {"name": "two\nlines\tand a tab"},
        {"properties": {"a": {"b": [1, 2.5, None]}}},
        {"hidden": "any"},
        {"hidden": True},
        {"hidden": "True"},  # Ansible makes true of it, of a boolean as well
        {"hidden": "nonsense"},  # Ansible names the choices
        {"kind": "yes"},
        {"headers": {"X-Key": "any\x01thing"}, "password": "x" * (MAX_CHARACTERS + 1)},
    ],
)
def test_what_can_be_used_passes(given: dict[str, Any]) -> None:
    check_arguments(given, SPEC, ("name",))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"id": ""}, "^id: it is empty"),
        ({"id": None}, "^id: it is null, and no other option says which image is meant"),
        ({"name": ["a"]}, "^name: a list was given"),
        ({"name": {"a": 1}}, "^name: a dictionary was given"),
        ({"sort": ["name", "size"]}, "^sort: a list was given .* Write one text, such as sort=name:asc,size:desc"),
        ({"sort_key": ["name", "size"]}, "^sort_key: a list was given .* Write sort, .* sort=name,size"),
        ({"created_at": {"gte": "2026-01-01"}}, "^created_at: a dictionary .* such as created_at=gte:2026-01-31"),
        ({"updated_at": ["gte:x", "lt:y"]}, r"^updated_at: a list .* one limit; .*selectattr\('updated_at', 'lt'"),
        ({"tag": ["a", "b"]}, "^tag: a list .* takes one tag; .*selectattr"),
        ({"tags": ["a", ["b"]]}, "^tags: a list was given"),
        ({"force": ["yes"]}, "^force: a list was given"),
        ({"count": True}, "^count: a boolean was given"),
        ({"count": float("inf")}, "^count: "),
        ({"count": 10**400}, "^count: "),
        ({"properties": {"a": float("nan")}}, "^properties.a: .*finite number, and not nan"),
        ({"properties": {"a": {"b": "\x07"}}}, r"^properties.a.b: it holds a control character \(U\+0007\)"),
        ({"properties": {"\ud800": "a"}}, r"^properties: it holds a byte that is not valid UTF-8 \(U\+D800\)"),
        ({"password": "a\0b"}, r"^password: it holds a control character \(U\+0000\)"),
        ({"headers": {"X Key": "a"}}, "^headers: one of its names"),
        ({"tags": [f"{OMITTED}abc"]}, "^tags: it holds __omit_place_holder__"),
        ({"name": f"a {PLACEHOLDER}"}, "^name: it holds VALUE_SPECIFIED"),
        ({"name": "x" * (MAX_CHARACTERS + 1)}, f"^name: {MAX_CHARACTERS + 1} characters"),
        ({"kind": "a\nb"}, "^kind: it holds a line break"),
        ({"hidden": "yes"}, "^hidden: it must be one of true, false, any. Write hidden=true"),
        ({"hidden": "Off"}, "^hidden: it must be one of .* Write hidden=false"),
        ({"properties": ["a=b"]}, "^properties: a list was given instead of a dictionary. Write properties={NAME: VAL"),
        ({"count": "1\n2"}, "^count: it holds a line break"),
    ],
)
def test_what_would_be_misread_is_refused_by_the_name_of_the_option(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_arguments(given, SPEC, ("name",))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"filters": {"a": 1}, "size_min": 1}, "^filters: this module has no option of this name. Write each filter"),
        ({"nmae": "a"}, "^nmae: this module has no option of this name. Did you mean name?"),
        ({"cloud": {"auth": {}}}, "^cloud: a dictionary was given instead of the name of an entry. Write its entries"),
        ({"state": "inactive"}, "^state: it must be one of active, deactivated. Write state: deactivated."),
    ],
)
def test_what_another_tool_takes_is_answered_with_what_to_write(given: dict[str, Any], message: str) -> None:
    spec = {**SPEC, "size_min": {}, "cloud": {}, "state": {"choices": ["active", "deactivated"]}}
    with pytest.raises(ConfigurationError, match=message):
        check_arguments(given, spec)


def test_an_option_that_nobody_knows_is_left_to_ansible() -> None:
    given = {"whatever": 1, "_ansible_nmae": 1, "state": "latest", "label": "a"}
    check_arguments(given, {**SPEC, "state": {"choices": ["active"]}, "name": {"aliases": ["label"]}})


@pytest.mark.parametrize("option", ["password", "headers"])
def test_no_message_quotes_what_may_be_a_secret(option: str) -> None:
    secret = "S3cret-in-the-wr0ng-place\0"
    with pytest.raises(ConfigurationError, match=f"^{option}") as caught:
        check_arguments({option: {"X": secret} if option == "headers" else secret}, SPEC)
    assert "S3cret" not in str(caught.value)
