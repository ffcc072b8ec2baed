# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option of every module with values that it cannot have: one line that names the option, and nothing written."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import groupby
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.platform9.pcd.plugins.module_utils._arguments import check_arguments, without_nulls
from ansible_collections.platform9.pcd.plugins.module_utils._client.options import CONNECTION_OPTIONS
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PcdError
from ansible_collections.platform9.pcd.plugins.module_utils._task import Task, perform
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import MODULES, Runner
from ansible_collections.platform9.pcd.tests.system.contract.bad_values import (
    LEGAL,
    NOT_GIVEN,
    NULL,
    SERVICE,
    Case,
    cases,
    spec_of,
)

TABLE = {
    f"{module}.{option}": list(group) for (module, option), group in groupby(cases(), lambda c: (c.module, c.option))
}


# AnsibleModule itself fails on this value if nothing checks it before; it is tried with whole processes.
OF_A_PROCESS = "a byte that is not UTF-8"


# Instead of a value: the option is left out.
LEFT_OUT = "left out"


@dataclass(frozen=True)
class Answer:
    """What came of a value: `msg` is None if it was taken."""

    msg: str | None
    facts: dict[str, Any]
    writes: list[str]


def in_this_process(module: str, options: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The error that the task ends in, if any, and its facts. No traceback is caught."""
    task: Task = import_module(f"{MODULES}.{module}").TASK
    spec = spec_of(module)
    try:
        check_arguments(options, spec, task.meant_by)
        checked = ArgumentSpecValidator(spec, **task.constraints).validate(without_nulls(options, spec))
        if checked.error_messages:
            return checked.errors.msg, {}
        perform(task, checked.validated_parameters, False, lambda dummy_warning: None, {})
    except PcdError as error:
        return str(error), error.facts
    return None, {}


def answer_to(case: Case, run: Runner, server: Server, name: str) -> Answer:
    meant = {"NAME": name, "DEST": str(run.folder / "bad-value.img")}
    # An option that does not belong to the connection needs no login of its own.
    connection = server.login("member") if case.option in CONNECTION_OPTIONS else server.access("member")
    options: dict[str, Any] = {**connection, **case.options}
    options = {
        key: meant.get(value, value) if isinstance(value, str) else value
        for key, value in options.items()
        if value is not None
    }
    options[case.option] = case.value
    if case.what == LEFT_OUT:
        del options[case.option]
    if case.what == OF_A_PROCESS:
        outcome = run(case.module, None, **options)
        return Answer(outcome.msg if outcome.failed else None, outcome.result, outcome.writes)
    before = run.log.position()
    msg, facts = in_this_process(case.module, options)
    asked = [request for request in run.log.since(before) if request["service"] == "glance"]
    return Answer(msg, facts, [request["method"] for request in asked if request["method"] != "GET"])


def comparable(answer: Answer) -> tuple[str, list[str]]:
    """What is the same each time: every request has an id of its own."""
    return re.sub(r"req-[0-9a-f-]+", "req-ID", str(answer.msg)), answer.writes


def wrong_with(case: Case, answer: Answer) -> str | None:
    """What is not as the table says."""
    msg = answer.msg
    if case.outcome in (LEGAL, NOT_GIVEN):
        # That there is no such image, or no vendor, is all that may be wrong.
        return msg if msg and not any(words in msg for words in ("No image", "could not fetch", "auth_url")) else None
    if msg is None:
        return "not refused"
    if len(msg.splitlines()) != 1:
        return f"not one line: {msg}"
    if case.outcome == SERVICE:
        # Keystone gives no id to a request that it ends with a 500.
        request_id = answer.facts["request_id"] or ""
        return None if answer.facts.get("status") in (400, 403, 500) and request_id in msg else msg
    return f"sent {answer.writes}" if answer.writes else None if case.option in msg else f"not named: {msg}"


def test_the_table_is_large_and_covers_every_module() -> None:
    everything = [case for group in TABLE.values() for case in group]
    assert sum(case.outcome is None for case in everything) >= 200
    assert {case.module for case in everything} == {
        path.removesuffix(".py") for path in os.listdir(modules_folder()) if path.startswith("pcd_")
    }


def modules_folder() -> str:
    from ansible_collections.platform9.pcd.plugins import modules

    return next(iter(modules.__path__))


@pytest.mark.parametrize("group", TABLE.values(), ids=TABLE.keys())
def test_an_option_is_refused_if_its_value_is_impossible(
    group: list[Case], run: Runner, server: Server, name: str
) -> None:
    wrong, legal = {}, False
    for case in group:
        answer = answer_to(case, run, server, name)
        if case.what == NULL and case.outcome == NOT_GIVEN:
            left_out = answer_to(replace(case, what=LEFT_OUT), run, server, name)
            found = None if comparable(answer) == comparable(left_out) else f"{answer} and not {left_out}"
        else:
            found = wrong_with(case, answer)
        legal = legal or case.outcome == LEGAL
        if found:
            wrong[case.what] = found[:300]
    server.remember_name(name)
    if legal and group[0].option == "name":
        for case in group:
            server.remember_name(str(case.value))
    assert wrong == {}
    assert legal or server.named(name) == []
