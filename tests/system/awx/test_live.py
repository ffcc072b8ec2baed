# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make awx-live` does on the stand-in what it does on an AWX that somebody names. A real AWX was not tried here."""

from __future__ import annotations

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.system.awx.controller import TOKEN, Controller
from ansible_collections.platform9.pcd.tests.system.awx.live import main

SCM_URL = "https://git.example.com/images.git"


def environment(controller: Controller, rc_file: dict[str, str]) -> dict[str, str]:
    login = {"CONTROLLER_HOST": controller.url, "CONTROLLER_OAUTH_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
    return {**login, **rc_file, "PCD_PROJECT_SCM_URL": SCM_URL}


def left(controller: Controller, server: Server) -> list[str]:
    items = [item for endpoint in controller.items.values() for item in endpoint.values()]
    names = [str(item.get("name")) for item in items if item.get("name") not in ("Default", "PCD images")]
    images = [str(image["name"]) for image in server.everything().values()]
    return names + [name for name in images if name.startswith("pcd-live-")]


def test_it_configures_launches_and_removes(
    controller: Controller, server: Server, rc_file: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(environment(controller, rc_file)) == 0, capsys.readouterr().out
    output = capsys.readouterr().out
    assert output.count("again, nothing changed") == 2
    assert output.count(": successful") == 7
    assert rc_file["OS_PASSWORD"] not in output
    assert left(controller, server) == []


def test_it_removes_what_it_has_made_when_it_fails(
    controller: Controller, server: Server, rc_file: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    controller.unreachable.add(SCM_URL)
    assert main(environment(controller, rc_file)) == 1
    assert "FAILED: configure.yml failed" in capsys.readouterr().out
    assert left(controller, server) == []


def test_it_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"CONTROLLER_HOST": "https://awx.example.com"}) == 2
    assert "awx-live needs CONTROLLER_OAUTH_TOKEN, PCD_PROJECT_SCM_URL, OS_AUTH_URL." in capsys.readouterr().out
