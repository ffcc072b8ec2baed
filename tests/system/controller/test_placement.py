# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place in which tasks run, counted by the processes that were really started."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.playbook_runner import (
    AS_MODULE,
    IN_PROCESS,
    Played,
    Player,
    play,
    step,
)

LIST: dict[str, Any] = {"limit": 1}

# A host of the inventory whose connection is local, and the Python of this run.
BASTION: dict[str, Any] = {
    "name": "Know another host",
    "ansible.builtin.add_host": {
        "name": "bastion",
        "ansible_connection": "ansible.builtin.local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    },
}


def listing(run: Player, **keywords: Any) -> Played:
    return run(play(BASTION, step("List", "pcd_image_info", LIST, **keywords)), "-vvv")


HERE: dict[str, dict[str, Any]] = {
    "nothing special": {},
    "check mode": {"check_mode": True},
    "diff": {"diff": True},
    "secret results": {"no_log": True},
    "delegated to this host": {"delegate_to": "localhost"},
    "a user of the connection": {"remote_user": "somebody"},
    "empty environment": {"environment": {}},
    "the interpreter of this run": {"vars": {"ansible_python_interpreter": sys.executable}},
    "with a time limit": {"timeout": 300},
}


@pytest.mark.parametrize("case", HERE)
def test_no_process_is_started_if_none_is_needed(case: str, run: Player) -> None:
    played = listing(run, **HERE[case])
    assert played.started == []
    assert len(IN_PROCESS.findall(played.stdout)) == 1


ELSEWHERE: dict[str, dict[str, Any]] = {
    "connection elsewhere": {"vars": {"ansible_connection": "elsewhere"}},
    "delegate_to bastion": {"delegate_to": "bastion"},
    "become": {"become": True, "become_method": "itself"},
    "async": {"async": 300, "poll": 1},
    "environment": {"environment": {"OS_CLOUD": "member"}},
    "platform9_pcd_in_process is false": {"vars": {"platform9_pcd_in_process": False}},
}


@pytest.mark.parametrize("reason", ELSEWHERE)
def test_a_process_is_started_if_it_is_needed_and_gives_the_same(reason: str, run: Player) -> None:
    played = listing(run, **ELSEWHERE[reason])
    assert played.started == ["pcd_image_info"]
    assert AS_MODULE.findall(played.stdout) == [("pcd_image_info", reason)]
    assert played.tasks["List"]["images"] == listing(run).tasks["List"]["images"]


def test_the_environment_of_a_play_is_that_of_its_tasks(run: Player) -> None:
    played = run(play(step("List", "pcd_image_info", LIST), environment={"OS_REGION_NAME": "regionone"}), "-vvv")
    assert played.started == ["pcd_image_info"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": "many"}, "limit"),
        ({"limit": 1, "beauty": 1}, "Unsupported parameters for (platform9.pcd.pcd_image_info) module: beauty"),
        ({"limit": 1, "lmit": 1}, "lmit: this module has no option of this name. Did you mean limit?"),
        ({"id": "x", "name": "y"}, "mutually exclusive"),
        ({"visibility": "secret"}, "value of visibility must be one of"),
    ],
)
def test_wrong_options_are_refused_in_the_words_of_the_module(options: dict[str, Any], said: str, run: Player) -> None:
    wanted = step("List", "pcd_image_info", options)
    here = run(play(wanted), "-vvv", succeeds=False)
    there = run(play({**wanted, "vars": {"platform9_pcd_in_process": False}}), "-vvv", succeeds=False)
    assert said in here.tasks["List"]["msg"]
    assert here.tasks["List"] == there.tasks["List"]
    assert here.requests == there.requests == []


def test_all_items_of_a_loop_run_in_one_process(run: Player) -> None:
    played = run(play(step("List", "pcd_image_info", LIST, loop=[1, 2, 3])), "-vvv")
    assert played.started == []
    processes = [process for dummy, process in IN_PROCESS.findall(played.stdout)]
    assert len(processes) == 3
    assert len(set(processes)) == 1
