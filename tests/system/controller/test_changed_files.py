# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""clouds.yaml and trust stores are read once for a run; a change of them counts from the next task on."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.files import MIN_AGE_SECONDS
from ansible_collections.platform9.pcd.tests.support.certificates import make_certificates
from ansible_collections.platform9.pcd.tests.support.playbook_runner import Player, play, step

LIST: dict[str, Any] = {"limit": 1}
NOT_TRUSTED = "cannot be trusted"


@pytest.fixture
def other_authority(tmp_path: Path) -> str:
    """The file of an authority that has not signed the certificate of the sandbox."""
    folder = tmp_path / "other"
    folder.mkdir()
    return make_certificates(folder).authority


def copied(name: str, source: str | Path, target: Path) -> dict[str, Any]:
    return {"name": name, "ansible.builtin.copy": {"src": str(source), "dest": str(target), "mode": "0600"}}


def settled() -> None:
    """From now on, the files that are there are not read again."""
    time.sleep(MIN_AGE_SECONDS)


def messages(run: Player, *tasks: dict[str, Any], **environ: str) -> list[str]:
    """What each of the tasks that list images says if it fails; an empty text if it does not."""
    played = run(play(*tasks), environ=environ)
    return [line["result"].get("msg", "") for line in played.results if line["task"].startswith("List")]


def listed(number: int, **options: Any) -> dict[str, Any]:
    return step(f"List {number}", "pcd_image_info", {**LIST, **options}, ignore_errors=True)


def test_a_change_of_clouds_yaml_counts_from_the_next_task_on(run: Player, name: str, tmp_path: Path) -> None:
    clouds = {}
    for user in ("member", "other"):
        login = dict(run.server.login(user))
        ca_cert = login.pop("ca_cert")
        clouds[user] = tmp_path / f"{user}.yaml"
        clouds[user].write_text(json.dumps({"clouds": {"mine": {**login, "cacert": ca_cert}}}), encoding="utf-8")
    used = tmp_path / "used.yaml"
    shutil.copy(clouds["member"], used)
    settled()

    def declared(number: int) -> dict[str, Any]:
        return step(f"Declare {number}", "pcd_image", {"cloud": "mine", "name": name})

    tasks = [declared(1), declared(2), copied("Change the file", clouds["other"], used), declared(3)]
    played = run(play(*tasks), environ={"OS_CLIENT_CONFIG_FILE": str(used)})
    owners = [line["result"]["image"]["owner"] for line in played.results if line["task"].startswith("Declare")]
    assert owners == [run.server.project_id(user) for user in ("member", "member", "other")]


def test_a_change_of_a_trust_store_counts_from_the_next_task_on(
    run: Player, other_authority: str, tmp_path: Path
) -> None:
    used, trusted = tmp_path / "used.pem", run.server.sandbox["ca_file"]
    shutil.copy(trusted, used)
    settled()
    said = messages(
        run,
        listed(1, ca_cert=str(used)),
        listed(2, ca_cert=str(used)),
        copied("Trust another authority", other_authority, used),
        listed(3, ca_cert=str(used)),
        copied("Trust the first one again", trusted, used),
        listed(4, ca_cert=str(used)),
    )
    assert [NOT_TRUSTED in message for message in said] == [False, False, True, False]
    assert (said[0], said[1], said[3]) == ("", "", "")


def test_each_task_has_the_authorities_that_it_names(run: Player, other_authority: str) -> None:
    trusted = run.server.sandbox["ca_file"]
    settled()
    tasks = [
        listed(number, ca_cert=authority)
        for number, authority in enumerate([trusted, other_authority, trusted, other_authority])
    ]
    said = messages(run, *tasks)
    assert [NOT_TRUSTED in message for message in said] == [False, True, False, True]
    assert (said[0], said[2]) == ("", "")


def test_only_the_task_that_says_so_does_not_verify(run: Player, other_authority: str) -> None:
    settled()
    items = [True, False, True]
    looped = step(
        "List some",
        "pcd_image_info",
        {**LIST, "ca_cert": other_authority, "validate_certs": "{{ item }}"},
        loop=items,
        ignore_errors=True,
    )
    played = run(
        play(
            looped, *(listed(number, ca_cert=other_authority, validate_certs=item) for number, item in enumerate(items))
        )
    )
    results = [*played.tasks["List some"]["results"], *(played.tasks[f"List {number}"] for number in range(len(items)))]
    assert [NOT_TRUSTED in result.get("msg", "") for result in results] == items * 2
    assert ["images" in result for result in results] == [not item for item in items * 2]


def test_the_variable_of_requests_names_the_authorities_of_all_tasks(run: Player, other_authority: str) -> None:
    login = {**run.server.login("member"), "ca_cert": None}
    settled()
    for authority, is_trusted in ((run.server.sandbox["ca_file"], True), (other_authority, False)):
        tasks = [listed(number, **login) for number in range(2)]
        playbook = play(*tasks)
        del playbook[0]["module_defaults"]
        played = run(playbook, environ={"REQUESTS_CA_BUNDLE": authority})
        results = [line["result"] for line in played.results]
        assert [NOT_TRUSTED not in result.get("msg", "") for result in results] == [is_trusted] * 2
        assert ["images" in result for result in results] == [is_trusted] * 2
