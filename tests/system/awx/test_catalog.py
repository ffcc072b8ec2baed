# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that declare a catalogue: that of awx/, and that of docs/examples/catalog with its schedule."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.platform9.pcd.tests.support.glance_client import BYTES, Server, unused
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor
from ansible_collections.platform9.pcd.tests.support.vendor_files import open_vendors, variables_of_example
from ansible_collections.platform9.pcd.tests.system.awx.controller import TOKEN, open_controller
from ansible_collections.platform9.pcd.tests.system.awx.files import attempt, load
from ansible_collections.platform9.pcd.tests.system.awx.jobs import CredentialType, Finished, Job, Mesh
from ansible_collections.platform9.pcd.tests.system.awx.rules import answer, check_schedule, check_survey
from ansible_collections.platform9.pcd.tests.system.awx.test_awx import assert_clean, assert_no_secret

SURVEY = load("surveys/declare_catalog.yml")


class Catalogue:
    """A user's copy of awx/, in which the catalogue is another one."""

    def __init__(self, project: Path, folder: Path, mesh: Mesh, credential: Mapping[str, Any]) -> None:
        self._file = project / "catalog" / "images.yml"
        self._mesh = mesh
        self._credential = credential
        self._name = unused("catalogue")

    def declare(self, *images: Mapping[str, Any]) -> None:
        defaults = {"disk_format": "raw", "container_format": "bare"}
        content = {"catalog_name": self._name, "catalog_defaults": defaults, "catalog_images": [*images]}
        self._file.write_text(yaml.safe_dump(content), encoding="utf-8")

    def launch(self, *options: str, **given: Any) -> Finished:
        answered = answer(SURVEY, given)
        assert not answered.errors + list(answered.ignored)
        return self._mesh.run_here(
            Job("declare_catalog.yml", answered.extra_vars, self._credential, options=tuple(options))
        )


@pytest.fixture
def catalogue(
    project: Path,
    collections: Path,
    credential_type: CredentialType,
    application_credential: dict[str, Any],
    tmp_path: Path,
) -> Catalogue:
    own = Path(shutil.copytree(project, tmp_path / "own"))
    mesh = Mesh(own, collections, credential_type, tmp_path)
    return Catalogue(own, tmp_path, mesh, application_credential)


def actions(job: Finished) -> list[str]:
    (result,) = job.results("pcd_image_catalog").values()
    return [image["action"] for image in result["images"]]


def test_a_job_previews_applies_and_retires(
    catalogue: Catalogue, server: Server, sandbox: dict[str, Any], vendor: Vendor
) -> None:
    names = [unused("catalogue"), unused("catalogue")]
    for name in names:
        server.remember_name(name)
    images = [{"name": name, "url": vendor.file(f"{name}.raw", BYTES)} for name in names]
    catalogue.declare(*images)

    for options, given in (((), {}), (("--check",), {"catalog_mode": "apply"})):
        preview = catalogue.launch(*options, **given)
        assert preview.rc == 0, preview.stdout
        assert actions(preview) == ["created", "created"]
        assert preview.stats == {}
        assert server.named(names[0]) == []

    one = catalogue.launch(catalog_mode="apply", catalog_only=f"{names[1]}\n")
    assert actions(one) == ["created"]
    done = catalogue.launch(catalog_mode="apply")
    assert actions(done) == ["created", "unchanged"]
    ids = {name: server.named(name)[0]["id"] for name in names}
    assert done.stats["pcd_catalog_ids"] == ids
    assert done.stats["pcd_catalog_summary"]["created"] == 1

    catalogue.declare(images[0])
    assert actions(catalogue.launch(catalog_mode="apply")) == ["unchanged"]
    pruned = catalogue.launch(catalog_mode="apply", catalog_prune="retire")
    assert actions(pruned) == ["unchanged", "pruned"]
    assert server.get(ids[names[1]])["os_hidden"]
    for job in (one, done, pruned):
        assert job.rc == 0, job.stdout
        assert_clean(job, sandbox)


def test_a_job_fails_if_an_image_does_and_shows_what_was_done(
    catalogue: Catalogue, server: Server, sandbox: dict[str, Any], vendor: Vendor
) -> None:
    good, bad = unused("catalogue"), unused("catalogue")
    server.remember_name(good)
    catalogue.declare(
        {"name": bad, "url": f"{vendor.url}/files/nowhere.raw"},
        {"name": good, "url": vendor.file(f"{good}.raw", BYTES)},
    )
    job = catalogue.launch(catalog_mode="apply")
    assert job.rc != 0
    assert any(f"1 of 2 images failed: {bad}" in message for message in job.messages)
    assert '"failed": 1' in job.stdout
    assert '"created": 1' in job.stdout
    assert server.named(good)[0]["status"] == "active"
    assert_no_secret(job, sandbox)


def test_the_example_becomes_a_nightly_job(
    collections: Path,
    credential_type: CredentialType,
    application_credential: dict[str, Any],
    server: Server,
    sandbox: dict[str, Any],
    tmp_path: Path,
) -> None:
    installed = collections / "ansible_collections" / "platform9" / "pcd" / "docs" / "examples" / "catalog"
    project = Path(shutil.copytree(installed, tmp_path / "catalog"))
    mesh = Mesh(project, collections, credential_type, tmp_path)
    with open_controller(project, mesh.run_here) as controller:
        organization = controller.make("organizations", name="Default")["id"]
        parts = {"inputs": credential_type.inputs, "injectors": credential_type.injectors}
        kind = controller.make("credential_types", name="PCD", kind="cloud", **parts)["id"]
        controller.make(
            "credentials",
            name="PCD",
            organization=organization,
            credential_type=kind,
            inputs=application_credential,
        )
        words = (
            "ansible-playbook",
            str(project / "awx" / "configure.yml"),
            "-e",
            "scm_url=https://git.example.com/c.git",
        )
        login = {"CONTROLLER_HOST": controller.url, "CONTROLLER_OAUTH_TOKEN": TOKEN}
        folders = f"{os.environ['AWX_COLLECTION']}{os.pathsep}{collections}"
        for changed in (4, 0):
            done = attempt(tmp_path, *words, ANSIBLE_COLLECTIONS_PATH=folders, **login)
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"changed={changed} " in done.stdout
        survey = controller.part("job_templates", "PCD: declare the catalogue", "survey_spec")
        schedule = controller.named("schedules", "PCD: nightly")
        template = controller.named("job_templates", "PCD: declare the catalogue")
    check_survey(survey)
    assert schedule["unified_job_template"] == template["id"]

    # What the schedule launches at night, and then what somebody launches who has not answered anything.
    images = [image for image in variables_of_example()["catalog_images"] if "url" in image]
    for image in images:
        server.remember_name(image["name"])
    with open_vendors() as vendors:
        own = {**vendors.addresses, "catalog_visibility": "private"}
        (project / "group_vars" / "all" / "own.yml").write_text(json.dumps(own), encoding="utf-8")
        (project / "group_vars" / "all" / "vendors.yml").unlink()
        path = project / "group_vars" / "all" / "catalog.yml"
        path.write_text(path.read_text(encoding="utf-8").replace("catalog_visibility: public\n", ""), encoding="utf-8")
        nightly = answer(survey, schedule["extra_data"]).extra_vars
        for given, action in ((answer(survey, {}).extra_vars, "created"), (nightly, "created"), (nightly, "unchanged")):
            job = mesh.run_here(Job("catalog.yml", given, application_credential))
            assert job.rc == 0, job.stdout
            assert actions(job) == [*[action] * len(images), "unchanged"]
            assert_clean(job, sandbox)
    assert all(server.named(image["name"])[0]["status"] == "active" for image in images)


@pytest.mark.parametrize(
    ("rrule", "extra_data"),
    [
        ("RRULE:FREQ=DAILY;INTERVAL=1", {}),
        ("DTSTART:20260101T020000 RRULE:FREQ=DAILY;INTERVAL=1", {}),
        ("DTSTART:20260101T020000Z", {}),
        ("DTSTART:20260101T020000Z RRULE:FREQ=DAILY", {}),
        ("DTSTART:20260101T020000Z RRULE:FREQ=SECONDLY;INTERVAL=1", {}),
        ("DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1", {"unknown": "a"}),
        ("DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1", {"catalog_mode": "other"}),
    ],
)
def test_schedules_that_awx_refuses(rrule: str, extra_data: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_schedule(rrule, extra_data, SURVEY)
