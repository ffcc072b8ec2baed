# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One login for a run, and nothing of it afterwards."""

from __future__ import annotations

import signal
from typing import Any

from ansible_collections.platform9.pcd.tests.support.module_runner import FERNET_TOKEN
from ansible_collections.platform9.pcd.tests.support.playbook_runner import Player, play, step

LIST: dict[str, Any] = {"limit": 1}
# A token and the address of the image service are longer.
MIN_LOGIN_BYTES = 100


def hosts(count: int) -> dict[str, Any]:
    return {
        "name": "Know more hosts",
        "ansible.builtin.add_host": {
            "name": "host{{ item }}",
            "groups": "many",
            "ansible_connection": "ansible.builtin.local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        },
        "loop": list(range(count)),
    }


def test_many_hosts_that_begin_together_log_in_once(run: Player) -> None:
    tasks = [step(f"List {number}", "pcd_image_info", LIST) for number in range(10)]
    playbook = [*play(hosts(10)), *play(*tasks, hosts="many")]
    playbook[1]["hosts"] = "many"
    played = run(playbook, "--forks", "10")
    listed = [line for line in played.results if line["task"].startswith("List")]
    assert len(listed) == 100
    assert played.tokens == 1


def test_every_task_logs_in_if_nothing_shall_be_kept(run: Player) -> None:
    tasks = [step(f"List {number}", "pcd_image_info", LIST) for number in range(3)]
    assert run(play(*tasks), platform9_pcd_keep_login=False).tokens == 3
    looped = step("List", "pcd_image_info", LIST, loop=[1, 2])
    assert run(play(looped), platform9_pcd_keep_login=False).tokens == 2


def test_users_do_not_share_a_login(run: Player, name: str) -> None:
    tasks = [
        step(f"Declare as {user}", "pcd_image", {"cloud": user, "name": name})
        for user in ("member", "other", "member", "other")
    ]
    played = run(play(*tasks))
    owners = [line["result"]["image"]["owner"] for line in played.results]
    assert owners == [run.server.project_id(user) for user in ("member", "other", "member", "other")]
    assert [line["result"]["changed"] for line in played.results] == [True, True, False, False]
    assert played.tokens == 2


def test_the_token_cache_can_be_read_only_by_its_user_and_is_gone_with_the_run(run: Player) -> None:
    look = {
        "name": "Look",
        "ansible.builtin.find": {
            "paths": str(run.folder / "local"),
            "patterns": "pcd-login-*",
            "recurse": True,
            "file_type": "any",
        },
    }
    played = run(play(step("List", "pcd_image_info", LIST), look))
    kept = played.tasks["Look"]["files"]
    assert kept
    assert {file["mode"] for file in kept} == {"0600"}
    assert played.left_over == []


def test_a_run_that_is_killed_leaves_nothing_that_anybody_can_read(run: Player) -> None:
    kill = {
        "name": "Kill the run",
        "ansible.builtin.command": {"argv": ["kill", "-KILL", "{{ run_id }}", "{{ worker_id }}"]},
        "vars": {
            "worker_id": "{{ lookup('ansible.builtin.pipe', 'echo $PPID') }}",
            "run_id": "{{ lookup('ansible.builtin.pipe', 'grep PPid /proc/$PPID/status').split() | last }}",
        },
    }
    played = run(play(step("List", "pcd_image_info", LIST), kill), succeeds=False)
    assert played.rc == -signal.SIGKILL
    kept = [path for path in played.left_over if path.name.startswith("pcd-login-")]
    told = b"".join(path.read_bytes() for path in kept)
    assert len(told) > MIN_LOGIN_BYTES
    assert not FERNET_TOKEN.search(told.decode("latin-1"))
    assert not any(word in told for word in (b"token", b"://", run.server.project_id().encode()))


def test_a_token_that_is_not_good_any_more_costs_one_login_and_no_failure(run: Player) -> None:
    tasks = [step(f"List {number}", "pcd_image_info", LIST) for number in range(4)]
    played = run(play(tasks[0], {"name": "Refuse what is kept", "refuse_logins": {}}, *tasks[1:]))
    assert played.tasks["Refuse what is kept"]["changed"]
    assert played.tokens == 2
    assert len([request for request in played.requests if request["status"] == 401]) == 1


def test_a_passcode_serves_a_whole_play(run: Player) -> None:
    mfa = run.server.login("mfa")
    login = {**mfa, "passcode": run.server.passcode()}
    tasks = [step(f"List {number}", "pcd_image_info", {**login, **LIST}) for number in range(3)]
    playbook = play(*tasks)
    del playbook[0]["module_defaults"]
    assert run(playbook).tokens == 1
