# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins that wait or that cannot be, within the controller and as modules: one line for each."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.playbook_runner import Player, play, step
from ansible_collections.platform9.pcd.tests.support.scripted_server import BREAK_OFF, Service

WAYS = {"within the controller": True, "as a module": False}


def test_a_wait_is_reported_within_seconds(run: Player) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        direct = {"token": "a-T0ken-of-nobody", "image_endpoint_override": f"http://{host}/v2"}
        waiting = {"timeout": 2.5, "retries": 0, "limit": 1}
        login = {**run.server.login("member"), "auth_url": f"http://{host}/v3"}
        tasks = [
            step("Log in", "pcd_image_info", {**login, **waiting}, ignore_errors=True),
            step("List", "pcd_image_info", {**direct, **waiting}, ignore_errors=True),
        ]
        playbook = play(*tasks)
        del playbook[0]["module_defaults"]
        played = run(playbook, platform9_pcd_progress_interval=1, platform9_pcd_progress=True)
        quiet = run(playbook, platform9_pcd_progress_interval=1, platform9_pcd_progress=False)
    for wanted in ("log in at Keystone", "list the images"):
        assert f"[localhost] {wanted}: no answer from {host} for 1 s" in played.stderr
        assert f"{wanted}: no answer" not in quiet.stderr + played.stdout
    assert "did not answer within 2.5 seconds" in played.tasks["List"]["msg"]


def test_only_the_first_item_of_a_loop_pays_for_the_retries_of_a_service_that_is_gone(run: Player) -> None:
    with Service(BREAK_OFF) as gone:
        login = {"token": "a-T0ken-of-nobody", "image_endpoint_override": f"{gone.url}/v2", "retries": 2}
        looped = step("List", "pcd_image_info", login, loop=[1, 2, 3], ignore_errors=True)
        playbook = play(looped, {**looped, "name": "List as modules", "vars": {"platform9_pcd_in_process": False}})
        del playbook[0]["module_defaults"]
        played = run(playbook)
        assert len(gone.requests) == (3 + 1 + 1) + 3 * 3
    messages = [each["msg"] for each in played.tasks["List"]["results"]]
    assert ["It was tried only once" in message for message in messages] == [False, True, True]
    assert "It was tried 3 times" in messages[0]


@pytest.mark.parametrize("interval", ["soon", -1, "nan", [1]])
def test_an_interval_that_is_not_a_number_is_an_error_in_one_line(interval: Any, run: Player) -> None:
    played = run(
        play(step("List", "pcd_image_info", {"limit": 1})),
        succeeds=False,
        platform9_pcd_progress=True,
        platform9_pcd_progress_interval=interval,
    )
    result = played.tasks["List"]
    assert result["msg"].startswith("platform9_pcd_progress_interval: ")
    assert "number of seconds from 0 to 86400" in result["msg"]
    assert "Traceback" not in played.stdout + played.stderr + str(result.get("exception") or "")


@pytest.mark.parametrize("variable", ["platform9_pcd_progress", "platform9_pcd_in_process", "platform9_pcd_keep_login"])
@pytest.mark.parametrize("value", [[1], {"a": 1}, "perhaps"])
def test_a_switch_that_is_not_a_boolean_is_off(variable: str, value: Any, run: Player) -> None:
    played = run(play(step("List", "pcd_image_info", {"limit": 1})), **{variable: value})
    assert "Traceback" not in played.stdout + played.stderr


@pytest.mark.parametrize("in_process", WAYS.values(), ids=WAYS)
def test_a_date_as_the_key_of_a_property_is_an_error_in_one_line(in_process: bool, run: Player, name: str) -> None:
    playbook = run.folder / "date.yml"
    playbook.write_text(
        "- hosts: localhost\n"
        "  gather_facts: false\n"
        "  tasks:\n"
        "    - name: Declare\n"
        "      platform9.pcd.pcd_image:\n"
        "        cloud: member\n"
        f"        name: {name}\n"
        "        properties: {2024-01-31: a build}\n",
        encoding="utf-8",
    )
    played = run(playbook, succeeds=False, platform9_pcd_in_process=in_process)
    result = played.tasks["Declare"]
    assert "properties: the key '2024-01-31' is read by YAML as a date. Only text can be a key" in result["msg"]
    assert "Traceback" not in played.stdout + played.stderr + str(result.get("exception") or "")
    assert played.requests == []


UNUSABLE: dict[str, tuple[dict[str, str], str]] = {
    "a SOCKS proxy without PySocks": ({"HTTPS_PROXY": "socks5h://127.0.0.1:1", "NO_PROXY": ""}, "PySocks"),
    "a bundle that is not there": (
        {"REQUESTS_CA_BUNDLE": "/no/bundle"},
        "REQUESTS_CA_BUNDLE: /no/bundle cannot be read",
    ),
    "a relative path": ({"OS_CACERT": "no/ca.crt"}, "ca_cert: no/ca.crt cannot be read: No such file or directory in "),
}


@pytest.mark.parametrize("in_process", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_connection_is_reported_in_one_line(case: str, in_process: bool, run: Player) -> None:
    environ, said = UNUSABLE[case]
    login = {key: value for key, value in run.server.login("member").items() if key != "ca_cert"}
    playbook = play(step("List", "pcd_image_info", login))
    del playbook[0]["module_defaults"]
    played = run(playbook, environ=environ, succeeds=False, platform9_pcd_in_process=in_process)
    assert said in played.tasks["List"]["msg"]
    assert "Traceback" not in played.stdout + played.stderr
    assert played.requests == []


def test_the_cloud_of_awxs_own_credential_type_need_not_be_named(run: Player, name: str) -> None:
    server = run.server
    account = server.sandbox["users"]["other"]
    auth = {
        "auth_url": server.sandbox["keystone_url"],
        "username": "other",
        "password": account["password"],
        "project_name": "other",
        "domain_name": "Default",
    }
    path = run.folder / "awx.yaml"
    path.write_text(f"clouds: {{devstack: {{auth: {auth}, verify: true, region_name: regionone}}}}", encoding="utf-8")
    playbook = play(step("Declare", "pcd_image", {"name": name}))
    del playbook[0]["module_defaults"]
    environ = {"OS_CLIENT_CONFIG_FILE": str(path), "REQUESTS_CA_BUNDLE": server.sandbox["ca_file"]}
    played = run(playbook, environ=environ)
    assert played.tasks["Declare"]["image"]["owner"] == server.project_id("other")
