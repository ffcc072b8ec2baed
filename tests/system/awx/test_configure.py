# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""awx.awx configures AWX with the files of awx/, again and again, and what it has made can be launched."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.system.awx.controller import TOKEN, Controller, open_controller
from ansible_collections.platform9.pcd.tests.system.awx.files import (
    COLLECTION,
    CREDENTIAL_TYPE,
    TEMPLATES,
    configure,
    load,
)
from ansible_collections.platform9.pcd.tests.system.awx.jobs import CredentialType, Mesh

SCM_URL = "https://git.example.com/images.git"
ASK = ("-e", '{"pcd_ask_credential_on_launch": true}')
DECLARE, ROTATE, CATALOG, STATE, LIST, INVENTORY = TEMPLATES


def type_fields() -> dict[str, Any]:
    parts = {part: load(f"credential_type/{part}.yml") for part in ("inputs", "injectors")}
    return {"name": CREDENTIAL_TYPE, "kind": "cloud", **parts}


class Shell:
    """Somebody who configures AWX from a shell with an RC file."""

    def __init__(self, controller: Controller, project: Path, folder: Path, rc_file: Mapping[str, str]) -> None:
        self.controller = controller
        self.rc_file = rc_file
        self._project = project
        self._folder = folder

    def attempt(self, *more: str, rc_file: Mapping[str, str] | None = None) -> tuple[int, str]:
        login = {"CONTROLLER_HOST": self.controller.url, "CONTROLLER_OAUTH_TOKEN": TOKEN}
        rc_file = self.rc_file if rc_file is None else rc_file
        words = ("-e", f"pcd_project_scm_url={SCM_URL}", *more)
        done = configure(self._folder, self._project, login, rc_file, *words)
        return done.returncode, done.stdout + done.stderr

    def configure(self, *more: str, rc_file: Mapping[str, str] | None = None) -> str:
        rc, output = self.attempt(*more, rc_file=rc_file)
        assert rc == 0, output
        return output

    def launch(self, template: str, organization: str = "Default", **said: Any) -> dict[str, Any]:
        """The job when it has ended."""
        item = self.controller.named("job_templates", template, organization)
        answer = requests.post(
            f"{self.controller.url}{item['url']}launch/",
            json=said,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        self.controller.threads[-1].join()
        kind = "workflow_job" if "workflow_job" in answer.json() else "job"
        return {**self.controller.items[f"{kind}s"][answer.json()[kind]], "ignored": answer.json()["ignored_fields"]}

    def output(self, job: Mapping[str, Any]) -> str:
        return self.controller.finished[job["id"]].stdout


@pytest.fixture
def shell(controller: Controller, project: Path, rc_file: dict[str, str], tmp_path: Path) -> Shell:
    return Shell(controller, project, tmp_path, rc_file)


@pytest.fixture(scope="module")
def configured(
    project: Path,
    collections: Path,
    credential_type: CredentialType,
    rc_file: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shell]:
    """An AWX that is configured, for tests that only launch jobs."""
    folder = tmp_path_factory.mktemp("configured")
    with open_controller(project, Mesh(project, collections, credential_type, folder).run_here) as controller:
        controller.make("organizations", name="Default")
        shell = Shell(controller, project, folder, rc_file)
        shell.configure(*ASK)
        yield shell


def test_the_modules_of_awx_awx_configure_it_once(
    shell: Shell, sandbox: dict[str, Any], certificates: str, rc_file: dict[str, str]
) -> None:
    controller = shell.controller
    image = ("-e", "pcd_execution_environment_image=localhost/pcd-ee:latest")
    output = shell.configure(*image)
    assert "changed=8 " in output
    assert rc_file["OS_PASSWORD"] not in output
    made = controller.named("credential_types", CREDENTIAL_TYPE)
    assert made["inputs"] == load("credential_type/inputs.yml")
    assert made["injectors"] == load("credential_type/injectors.yml")
    assert controller.named("credentials", "PCD")["inputs"] == {
        "auth_url": sandbox["keystone_url"],
        "username": "member",
        "password": rc_file["OS_PASSWORD"],
        "project_name": rc_file["OS_PROJECT_NAME"],
        "region_name": sandbox["region"],
        "ca_certificate": certificates.rstrip("\n"),
    }
    environment = controller.named("execution_environments", "PCD")
    assert (environment["image"], environment["pull"]) == ("localhost/pcd-ee:latest", "missing")
    for name, playbook in TEMPLATES.items():
        template = controller.named("job_templates", name)
        assert template["playbook"] == playbook
        assert template["execution_environment"] == environment["id"]
        assert controller.part("job_templates", name, "credentials") == [controller.named("credentials", "PCD")["id"]]
        if playbook != "declare_images.yml":
            assert template["survey_enabled"]
            assert template["inventory"] == controller.named("inventories", "PCD surveys")["id"]
            assert controller.part("job_templates", name, "survey_spec") == load(f"surveys/{playbook}")
    controller.writes.clear()
    assert "changed=0 " in shell.configure(*image)
    # The project is updated each time; nothing else is sent.
    assert controller.writes == [f"POST {controller.named('projects', 'PCD images')['url']}update/"]


@pytest.mark.parametrize(
    ("missing", "added"),
    [
        ("OS_PASSWORD", {}),
        ("OS_AUTH_URL", {}),
        ("OS_PROJECT_NAME", {}),
        ("", {"OS_APPLICATION_CREDENTIAL_ID": "id"}),
        ("", {"OS_APPLICATION_CREDENTIAL_SECRET": "AppS3cret-77d0"}),
        ("OS_PASSWORD", {"OS_APPLICATION_CREDENTIAL_ID": "id", "OS_APPLICATION_CREDENTIAL_SECRET": "AppS3cret-77d0"}),
        ("OS_USERNAME", {"OS_APPLICATION_CREDENTIAL_ID": "id", "OS_APPLICATION_CREDENTIAL_SECRET": "AppS3cret-77d0"}),
    ],
)
def test_incomplete_credentials_are_refused_and_delete_no_password(
    shell: Shell, rc_file: dict[str, str], missing: str, added: dict[str, str]
) -> None:
    kind = shell.controller.make("credential_types", **type_fields())
    organization = shell.controller.named("organizations", "Default")["id"]
    stored = {"auth_url": rc_file["OS_AUTH_URL"], "username": "member", "password": rc_file["OS_PASSWORD"]}
    credential = {"name": "PCD", "organization": organization, "credential_type": kind["id"], "inputs": stored}
    shell.controller.make("credentials", **credential)
    part = {name: value for name, value in rc_file.items() if name != missing}
    rc, output = shell.attempt(rc_file={**part, **added})
    assert rc != 0
    assert "pcd_credential is incomplete" in output
    assert rc_file["OS_PASSWORD"] not in output
    assert "AppS3cret-77d0" not in output
    assert shell.controller.named("credentials", "PCD")["inputs"] == stored
    assert shell.controller.writes == []


def test_without_a_login_the_credential_stays_as_it_is(configured: Shell) -> None:
    stored = dict(configured.controller.named("credentials", "PCD", "Default")["inputs"])
    assert "changed=0 " in configured.configure(*ASK, rc_file={})
    assert configured.controller.named("credentials", "PCD", "Default")["inputs"] == stored


def test_a_second_organization_gets_things_of_its_own(configured: Shell) -> None:
    controller = configured.controller
    controller.make("organizations", name="Second")
    configured.configure("-e", "pcd_organization=Second")
    second = controller.named("organizations", "Second")["id"]
    for name in TEMPLATES:
        template = controller.named("job_templates", name, "Second")
        assert controller.items["projects"][template["project"]]["organization"] == second
        assert controller.items["inventories"][template["inventory"]]["organization"] == second
        (credential,) = controller.part("job_templates", name, "credentials", "Second")
        assert controller.items["credentials"][credential]["organization"] == second
    assert "changed=0 " in configured.configure(*ASK)


def test_a_project_that_could_not_be_read_at_first_is_read_by_the_next_run(shell: Shell) -> None:
    shell.controller.unreachable.add(SCM_URL)
    rc, output = shell.attempt()
    assert rc != 0
    assert "Project update failed" in output
    shell.controller.unreachable.clear()
    shell.configure()
    assert shell.controller.named("job_templates", LIST)["playbook"] == "list_images.yml"


def test_a_project_that_cannot_be_read_any_more_fails_the_run(configured: Shell) -> None:
    configured.controller.unreachable.add(SCM_URL)
    rc, output = configured.attempt(*ASK)
    configured.controller.unreachable.clear()
    configured.controller.update(configured.controller.named("projects", "PCD images", "Default"))
    assert rc != 0
    assert "The Project Update - PCD images, failed" in output


def test_the_environment_keeps_its_pull_and_the_login_of_its_registry(shell: Shell) -> None:
    organization = shell.controller.named("organizations", "Default")["id"]
    kind = shell.controller.make("credential_types", name="Container Registry", kind="cloud")
    kind["kind"] = "registry"  # AWX brings it along
    login = {"name": "Registry", "organization": organization, "credential_type": kind["id"]}
    registry = shell.controller.make("credentials", **login)
    said = {
        "pcd_execution_environment_image": "registry.example.com/pcd-ee:1",
        "pcd_execution_environment_pull": "always",
        "pcd_execution_environment_credential": "Registry",
    }
    shell.configure("-e", json.dumps(said))
    environment = shell.controller.named("execution_environments", "PCD")
    assert (environment["pull"], environment["credential"]) == ("always", registry["id"])
    assert "changed=0 " in shell.configure("-e", json.dumps(said))
    assert environment["pull"] == "always"


def test_a_credential_type_in_use_cannot_change_and_a_new_one_takes_its_place(shell: Shell) -> None:
    controller = shell.controller
    inputs = {**load("credential_type/inputs.yml"), "required": []}
    old = controller.make("credential_types", **{**type_fields(), "inputs": inputs})
    organization = controller.named("organizations", "Default")["id"]
    controller.make("credentials", name="PCD", organization=organization, credential_type=old["id"])
    rc, output = shell.attempt()
    assert rc != 0
    assert "(HTTP 403)" in output
    assert "name a new type, such as -e '{\\\"pcd_credential_type" in output
    shell.configure("-e", "{pcd_credential_type: 'PCD, second edition'}")
    kind = controller.named("credential_types", "PCD, second edition")
    assert kind["inputs"] == load("credential_type/inputs.yml")
    for name in TEMPLATES:
        (credential,) = controller.part("job_templates", name, "credentials")
        assert controller.items["credentials"][credential]["credential_type"] == kind["id"]


def released_type(repository: Path) -> dict[str, Any] | None:
    """Name and inputs of the credential type in the last release that git knows of; None without git or release."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=repository, capture_output=True, text=True, check=True).stdout

    try:
        tag = git("describe", "--tags", "--abbrev=0", "--match=v*").strip()
        (play,) = yaml.safe_load(git("show", f"{tag}:./awx/configure.yml"))
        inputs = yaml.safe_load(git("show", f"{tag}:./awx/credential_type/inputs.yml"))
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return {"name": play["vars"]["pcd_credential_type"], "inputs": inputs}


def test_a_credential_type_with_other_fields_than_in_the_last_release_has_another_name() -> None:
    """AWX changes no type in use. Whoever changes the fields gives the type another name, and renews the file."""
    (play,) = load("configure.yml")
    now = {"name": play["vars"]["pcd_credential_type"], "inputs": load("credential_type/inputs.yml")}
    assert yaml.safe_load(Path(__file__).with_name("released_type.yml").read_text(encoding="utf-8")) == now
    released = released_type(Path(os.environ["REPOSITORY"])) or now
    assert released["inputs"] == now["inputs"] or released["name"] != now["name"]


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_the_last_release_is_that_of_the_last_tag(tmp_path: Path) -> None:
    assert released_type(tmp_path) is None
    (tmp_path / "awx" / "credential_type").mkdir(parents=True)
    git = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false")

    def commit(name: str, *fields: str) -> None:
        (tmp_path / "awx" / "configure.yml").write_text(f"- vars: {{pcd_credential_type: {name}}}", encoding="utf-8")
        inputs = json.dumps({"fields": fields})
        (tmp_path / "awx" / "credential_type" / "inputs.yml").write_text(inputs, encoding="utf-8")
        for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", name)):
            subprocess.run([*git, *words], cwd=tmp_path, check=True)

    commit("Old", "a")
    assert released_type(tmp_path) is None
    subprocess.run([*git, "tag", "v1.0.0"], cwd=tmp_path, check=True)
    commit("New", "a", "b")
    assert released_type(tmp_path) == {"name": "Old", "inputs": {"fields": ["a"]}}


@pytest.mark.parametrize(
    "name",
    [
        "collections/requirements.yml",
        "execution-environment.yml",
        "../docs/examples/catalog/collections/requirements.yml",
    ],
)
def test_the_version_that_is_asked_for_is_this_one_and_no_later_major_one(name: str) -> None:
    content = load(name)
    (wanted,) = content["collections"] if "collections" in content else content["dependencies"]["galaxy"]["collections"]
    version = yaml.safe_load((COLLECTION / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    low, high = re.fullmatch(r">=([\d.]+),<([\d.]+)", wanted["version"]).groups()  # type: ignore[union-attr]
    numbers = [[int(part) for part in text.split("-")[0].split(".")] for text in (low, version, high)]
    assert numbers[0] <= numbers[1] < numbers[2]
    assert numbers[2] == [numbers[1][0] + 1, 0, 0]


def test_variables_of_the_images_answer_no_survey(configured: Shell, server: Server) -> None:
    name = unused("awx")
    server.remember_name(name)
    images = configured.controller.named("inventories", "PCD images", "Default")
    unwanted = {"image_tags": ["unwanted"], "image_min_ram": 4096, "image_protected": True}
    images["variables"] = json.dumps(unwanted)
    try:
        job = configured.launch(DECLARE, extra_vars={"image_name": name, "image_min_disk": 0})
    finally:
        images["variables"] = ""
    assert job["status"] == "successful", configured.output(job)
    (image,) = server.named(name)
    assert (image["tags"], image["min_ram"], image["protected"]) == ([], 0, False)
    assert job["artifacts"] == {"pcd_image_id": image["id"]}


def test_a_limit_to_one_image_declares_that_one_and_slices_declare_all(configured: Shell, server: Server) -> None:
    names = [unused("awx") for dummy in range(3)]
    images = configured.controller.named("inventories", "PCD images", "Default")
    for name in names:
        server.remember_name(name)
        configured.controller.make("hosts", name=name, inventory=images["id"], variables='{"image_tags": ["awx"]}')
    old = configured.controller.make("groups", name="old", inventory=images["id"], variables='{"image_min_ram": 64}')
    (first,) = (host for host in configured.controller.items["hosts"].values() if host["name"] == names[0])
    configured.controller.parts[f"{old['url']}hosts/"] = [first["id"]]
    limited = configured.launch(INVENTORY, limit=names[0])
    assert limited["status"] == "successful", configured.output(limited)
    (image,) = server.named(names[0])
    assert (image["tags"], image["min_ram"]) == (["awx"], 64)
    assert limited["artifacts"] == {"pcd_image_ids": {names[0]: image["id"]}}
    assert [server.named(name) for name in names[1:]] == [[], []]
    sliced = configured.launch(INVENTORY, job_slice_count=2)
    assert sliced["status"] == "successful"
    assert [len(server.named(name)) for name in names] == [1, 1, 1]


def test_a_program_launches_without_the_answers_that_have_a_default(configured: Shell, server: Server) -> None:
    image = server.create(unused("awx"), active=True)
    answers = {"image_names": image["name"], "not_asked_for": "x"}
    job = configured.launch(STATE, extra_vars=answers, limit="nobody")
    assert job["status"] == "successful", configured.output(job)
    assert job["ignored"] == {"limit": "nobody", "extra_vars": {"not_asked_for": "x"}}
    assert server.get(image["id"])["status"] == "deactivated"


def test_a_credential_without_a_needed_field_keeps_the_job_from_being_started(configured: Shell) -> None:
    controller = configured.controller
    used = controller.named("credentials", "PCD", "Default")
    empty = {"name": "Empty", "organization": used["organization"], "credential_type": used["credential_type"]}
    job = configured.launch(LIST, credentials=[controller.make("credentials", **empty)["id"]])
    assert job["status"] == "failed"
    assert job["job_explanation"] == "Job cannot start because Credential Empty does not provide ['auth_url']"


def test_a_launch_chooses_another_cloud(configured: Shell, application_credential: dict[str, Any]) -> None:
    controller = configured.controller
    used = controller.named("credentials", "PCD", "Default")
    other = {"name": "Other", "organization": used["organization"], "credential_type": used["credential_type"]}
    chosen = controller.make("credentials", **other, inputs=application_credential)
    job = configured.launch(LIST, credentials=[chosen["id"]], extra_vars={"image_limit": 1})
    assert job["status"] == "successful", configured.output(job)
    identity = application_credential["application_credential_id"]
    assert job["job_env"]["OS_APPLICATION_CREDENTIAL_ID"] == identity
    assert job["job_env"]["OS_APPLICATION_CREDENTIAL_SECRET"] == "**********"
