# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make awx-live` does on the stand-in what it does on an AWX that somebody names. A real AWX was not tried here."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
import yaml

from ansible_collections.platform9.pcd.tests.support.glance_client import BYTES, Server
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor
from ansible_collections.platform9.pcd.tests.system.awx.controller import TOKEN, Controller
from ansible_collections.platform9.pcd.tests.system.awx.files import TEMPLATES
from ansible_collections.platform9.pcd.tests.system.awx.live import Api, Live, main
from ansible_collections.platform9.pcd.tests.tools.qcow2 import qcow2

SCM_URL = "https://git.example.com/images.git"


@pytest.fixture
def project(project: Path, tmp_path: Path, vendor: Vendor) -> Path:
    """A user's copy of awx/, in which the catalogue is that of a vendor on this machine."""
    own = Path(shutil.copytree(project, tmp_path / "own"))
    image = {"name": "pcd-live-catalogue", "url": vendor.file("catalogue.raw", BYTES)}
    defaults = {"disk_format": "raw", "container_format": "bare"}
    content = {"catalog_name": "pcd-live", "catalog_defaults": defaults, "catalog_images": [image]}
    (own / "catalog" / "images.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return own


@pytest.fixture
def environment(controller: Controller, rc_file: dict[str, str], vendor: Vendor) -> dict[str, str]:
    login = {"CONTROLLER_HOST": controller.url, "CONTROLLER_OAUTH_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
    image_url = vendor.file("version.qcow2", qcow2("version"))
    return {**login, **rc_file, "PCD_PROJECT_SCM_URL": SCM_URL, "PCD_IMAGE_URL": image_url}


def left(controller: Controller, server: Server) -> list[str]:
    items = [item for endpoint in controller.items.values() for item in endpoint.values()]
    names = [str(item.get("name")) for item in items if item.get("name") not in ("Default", "PCD images")]
    images = [str(image["name"]) for image in server.everything().values()]
    return names + [name for name in images if name.startswith("pcd-live-")]


def test_it_configures_launches_and_removes(
    controller: Controller, server: Server, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(environment) == 0, capsys.readouterr().out
    output = capsys.readouterr().out
    assert output.count("again, nothing changed") == 2
    launched = [line.removesuffix(": successful") for line in output.splitlines() if line.endswith(": successful")]
    assert set(launched) == set(TEMPLATES)
    assert environment["OS_PASSWORD"] not in output
    assert left(controller, server) == []


def test_it_removes_what_it_has_made_when_it_fails(
    controller: Controller, server: Server, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    controller.unreachable.add(SCM_URL)
    assert main(environment) == 1
    assert "FAILED: configure.yml failed" in capsys.readouterr().out
    assert left(controller, server) == []


def test_it_waits_for_events_and_deletes_again_what_awx_does_not_delete_yet(
    controller: Controller, environment: dict[str, str], tmp_path: Path
) -> None:
    live = Live(Api(environment), environment, {}, SCM_URL, "", "", tmp_path)
    ended = {"status": "successful", "origins": {}, "event_processing_finished": False}
    waited, other = (controller.make("jobs", **ended) for dummy in range(2))
    assert live.wait(waited["url"], "waited")["event_processing_finished"]
    assert live.delete([waited, other], time.monotonic() + 60) == []
    assert controller.items["jobs"] == {}
    assert controller.writes == [f"DELETE {job['url']}" for job in (waited, other, other)]
    late = controller.make("jobs", **{**ended, "status": "running"})
    (left,) = live.delete([late], time.monotonic())
    assert "Job has not finished processing events." in left


def test_it_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"CONTROLLER_HOST": "https://awx.example.com"}) == 2
    assert (
        "awx-live needs CONTROLLER_OAUTH_TOKEN, PCD_PROJECT_SCM_URL, PCD_IMAGE_URL, OS_AUTH_URL."
        in capsys.readouterr().out
    )
