# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of awx/ do what they promise: awx.awx configures AWX with them, and ansible-runner runs their jobs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import jsonschema
import pytest
import yaml
from controller import TOKEN, Controller, open_controller
from harness import BYTES, FERNET_TOKEN, FOREIGN, Server, unused
from jobs import BIN, CredentialType, Finished, Job, Mesh
from rules import answers, check_credential_type
from vendor import open_vendor

pytest_plugins = ["running"]

COLLECTION = Path(__file__).resolve().parents[2]
AWX = COLLECTION / "awx"
TEMPLATES = {
    "PCD: declare an image": "declare_image.yml",
    "PCD: set the state of images": "set_image_state.yml",
    "PCD: list images": "list_images.yml",
    "PCD: declare the images of the inventory": "declare_images.yml",
}


def load(name: str) -> Any:
    return yaml.safe_load((AWX / name).read_text(encoding="utf-8"))


def command(folder: Path, *words: str, **more: str) -> str:
    """What the command prints, in a shell that knows of no cloud but by `more`."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
    own = {
        "HOME": str(folder),
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{BIN}{os.pathsep}{kept['PATH']}",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=folder,
        env={**kept, **own, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(autouse=True)
def _nothing_is_left(server: Server) -> Iterator[None]:
    yield
    server.clean_up()


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact, installed as AWX installs it for a project."""
    (artefact,) = (COLLECTION.parents[3] / "dist").glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("installed")
    command(folder, "ansible-galaxy", "collection", "install", str(artefact), "--offline", "-p", str(folder))
    return folder


@pytest.fixture(scope="session")
def project(collections: Path) -> Path:
    """The files of awx/ as a user has them."""
    return collections / "ansible_collections" / "platform9" / "pcd" / "awx"


@pytest.fixture(scope="session")
def credential_type() -> CredentialType:
    return CredentialType(load("credential_type/inputs.yml"), load("credential_type/injectors.yml"))


@pytest.fixture
def mesh(project: Path, collections: Path, credential_type: CredentialType, tmp_path: Path) -> Mesh:
    return Mesh(project, collections, credential_type, tmp_path)


@pytest.fixture(scope="session")
def certificates(sandbox: dict[str, Any]) -> str:
    return Path(sandbox["ca_file"]).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def application_credential(sandbox: dict[str, Any], certificates: str) -> dict[str, Any]:
    """What a user fills in, recommended way."""
    return {
        "auth_url": sandbox["keystone_url"],
        "application_credential_id": sandbox["application_credential"]["id"],
        "application_credential_secret": sandbox["application_credential"]["secret"],
        "region_name": sandbox["region"],
        "ca_certificate": certificates,
    }


@pytest.fixture(scope="session")
def password(sandbox: dict[str, Any], certificates: str) -> dict[str, Any]:
    return {
        "auth_url": sandbox["keystone_url"],
        "username": "member",
        "password": sandbox["users"]["member"]["password"],
        "user_domain_name": sandbox["domain_name"],
        "project_name": sandbox["users"]["member"]["project"],
        "project_domain_name": sandbox["domain_name"],
        "region_name": sandbox["region"],
        "ca_certificate": certificates,
    }


def survey(playbook: str, **given: Any) -> dict[str, Any]:
    return answers(load(f"surveys/{playbook}"), given)


def assert_clean(job: Finished, sandbox: Mapping[str, Any]) -> None:
    """No secret in anything that AWX keeps, and no line that is not Ansible's own."""
    assert_no_secret(job, sandbox)
    # What a plugin writes past Ansible's display becomes an event of this kind.
    told = [event["stdout"].strip() for event in job.events if event["event"] == "verbose"]
    assert not [text for text in told if text and "[WARNING]: provided hosts list is empty" not in text]


def assert_no_secret(job: Finished, sandbox: Mapping[str, Any]) -> None:
    secrets = [*(user["password"] for user in sandbox["users"].values()), sandbox["application_credential"]["secret"]]
    assert any(secret in value for secret in secrets for value in job.environment.values())
    for name, text in job.texts().items():
        assert not [secret for secret in secrets if secret in text], f"a secret stands in {name}"
        assert not FERNET_TOKEN.search(text), f"a token stands in {name}"
    assert "Traceback" not in job.stdout


def test_awx_takes_the_credential_type(credential_type: CredentialType) -> None:
    check_credential_type(credential_type.inputs, credential_type.injectors)


def test_awx_would_refuse_a_variable_that_no_field_gives(credential_type: CredentialType) -> None:
    env = {**credential_type.injectors["env"], "OS_USER_ID": "{{ user_id }}"}
    with pytest.raises(jinja2.UndefinedError, match="user_id"):
        check_credential_type(credential_type.inputs, {**credential_type.injectors, "env": env})
    with pytest.raises(jsonschema.ValidationError):
        check_credential_type(credential_type.inputs, {**credential_type.injectors, "files": {}})


def test_every_field_of_the_credential_type_is_injected(credential_type: CredentialType) -> None:
    templates = " ".join([*credential_type.injectors["env"].values(), *credential_type.injectors["file"].values()])
    assert [field["id"] for field in credential_type.inputs["fields"] if field["id"] not in templates] == []


def test_what_is_secret_is_marked(credential_type: CredentialType) -> None:
    secret = {field["id"] for field in credential_type.inputs["fields"] if field.get("secret")}
    assert secret == {"password", "application_credential_secret", "token"}


@pytest.fixture
def controller(project: Path, tmp_path: Path) -> Iterator[Controller]:
    with open_controller(project) as controller:
        controller.make("organizations", name="Default")
        yield controller


def configure(controller: Controller, project: Path, folder: Path, rc_file: Mapping[str, str], *more: str) -> str:
    folders = f"{os.environ['AWX_COLLECTION']}{os.pathsep}{project.parents[3]}"
    login = {"CONTROLLER_HOST": controller.url, "CONTROLLER_OAUTH_TOKEN": TOKEN}
    words = ["-e", "pcd_project_scm_url=https://git.example.com/images.git", *more, str(project / "configure.yml")]
    return command(folder, "ansible-playbook", *words, ANSIBLE_COLLECTIONS_PATH=folders, **login, **rc_file)


def test_the_modules_of_awx_awx_configure_it_once(
    controller: Controller, project: Path, sandbox: dict[str, Any], certificates: str, tmp_path: Path
) -> None:
    account = sandbox["users"]["member"]
    rc_file = {
        "OS_AUTH_URL": sandbox["keystone_url"],
        "OS_USERNAME": "member",
        "OS_PASSWORD": account["password"],
        "OS_PROJECT_NAME": account["project"],
        "OS_CACERT": sandbox["ca_file"],
    }
    image = ("-e", "pcd_execution_environment_image=localhost/pcd-ee:latest")
    output = configure(controller, project, tmp_path, rc_file, *image)
    assert "changed=7 " in output
    assert account["password"] not in output
    made = controller.named("credential_types", "Platform9 Private Cloud Director")
    assert made["inputs"] == load("credential_type/inputs.yml")
    assert made["injectors"] == load("credential_type/injectors.yml")
    assert controller.named("credentials", "PCD")["inputs"] == {
        "auth_url": sandbox["keystone_url"],
        "username": "member",
        "password": account["password"],
        "project_name": account["project"],
        "ca_certificate": certificates.rstrip("\n"),
    }
    assert controller.named("execution_environments", "PCD")["image"] == "localhost/pcd-ee:latest"
    for name, playbook in TEMPLATES.items():
        template = controller.named("job_templates", name)
        assert template["playbook"] == playbook
        assert controller.part("job_templates", name, "credentials") == [controller.named("credentials", "PCD")["id"]]
        if playbook != "declare_images.yml":
            assert template["survey_enabled"]
            assert controller.part("job_templates", name, "survey_spec") == load(f"surveys/{playbook}")
    controller.writes.clear()
    assert "changed=0 " in configure(controller, project, tmp_path, rc_file, *image)
    assert controller.writes == []


def test_every_variable_of_a_survey_is_one_of_its_playbook() -> None:
    for playbook in ("declare_image", "set_image_state", "list_images"):
        text = (AWX / f"{playbook}.yml").read_text(encoding="utf-8")
        if playbook == "declare_image":
            text += (AWX / "tasks" / "declare_image.yml").read_text(encoding="utf-8")
        for question in load(f"surveys/{playbook}.yml")["spec"]:
            assert question["variable"] in text, f"{playbook}: {question['variable']}"


def test_a_job_declares_an_image_with_its_data(
    mesh: Mesh, server: Server, sandbox: dict[str, Any], application_credential: dict[str, Any]
) -> None:
    name = unused("awx")
    server.remember_name(name)
    with open_vendor() as vendor:
        given = survey(
            "declare_image.yml",
            image_name=name,
            image_disk_format="raw",
            image_container_format="bare",
            image_url=vendor.file("disk.raw", BYTES),
            image_min_disk=3,
            image_visibility="private",
            image_protected="no",
            image_tags="lts, awx",
            image_properties="os_distro=alpine\nos_version=3.20\n\nhw_note=a=b",
        )
        first = mesh.run_here(Job("declare_image.yml", given, application_credential))
        second = mesh.run_remotely(Job("declare_image.yml", given, application_credential))
    assert first.rc == 0, first.stdout
    assert second.rc == 0, second.stdout
    (result,) = first.results("pcd_image").values()
    (again,) = second.results("pcd_image").values()
    (image,) = server.named(name)
    assert result["changed"]
    assert not again["changed"]
    assert first.stats == second.stats == {"pcd_image_id": image["id"]}
    assert (image["status"], image["min_disk"], image["visibility"]) == ("active", 3, "private")
    assert image["tags"] == ["awx", "lts"]
    assert (image["os_distro"], image["os_version"], image["hw_note"]) == ("alpine", "3.20", "a=b")
    assert_clean(first, sandbox)
    assert_clean(second, sandbox)


def test_answers_left_empty_leave_alone(
    mesh: Mesh, server: Server, sandbox: dict[str, Any], password: dict[str, Any]
) -> None:
    name = unused("awx")
    before = server.create(name, min_disk=4, protected=True, visibility="private", tags=["kept"], os_distro="alpine")
    nothing = {
        "image_url": "",
        "image_checksum": "",
        "image_visibility": "leave as it is",
        "image_protected": "leave as it is",
        "image_tags": "",
        "image_properties": "",
    }
    job = mesh.run_remotely(Job("declare_image.yml", survey("declare_image.yml", image_name=name, **nothing), password))
    assert job.rc == 0, job.stdout
    (result,) = job.results("pcd_image").values()
    assert not result["changed"]
    assert server.get(before["id"]) == before
    assert_clean(job, sandbox)


def test_a_remote_job_sets_the_state_of_images_and_another_lists_them(
    mesh: Mesh,
    server: Server,
    sandbox: dict[str, Any],
    password: dict[str, Any],
    application_credential: dict[str, Any],
) -> None:
    tag = unused("tag")
    images = [server.create(unused("awx"), active=True, tags=[tag]) for dummy in range(2)]
    names = "\n".join(image["name"] for image in images)
    switched = mesh.run_remotely(
        Job("set_image_state.yml", survey("set_image_state.yml", image_names=f"{names}\n"), password)
    )
    assert switched.rc == 0, switched.stdout
    assert [server.get(image["id"])["status"] for image in images] == ["deactivated"] * 2
    listed = mesh.run_remotely(
        Job(
            "list_images.yml",
            survey("list_images.yml", image_tag=tag, image_status="deactivated"),
            application_credential,
        )
    )
    assert listed.rc == 0, listed.stdout
    assert {image["id"] for image in listed.stats["pcd_images"]} == {image["id"] for image in images}
    assert all(f"deactivated  {image['id']}  {image['name']}" in listed.stdout for image in images)
    assert_clean(switched, sandbox)
    assert_clean(listed, sandbox)


def test_job_slices_share_out_the_images_of_an_inventory(
    mesh: Mesh, server: Server, sandbox: dict[str, Any], application_credential: dict[str, Any]
) -> None:
    hosts: dict[str, dict[str, Any]] = {
        unused("awx-slice"): {"image_min_disk": number, "image_tags": ["awx", f"n{number}"]} for number in range(1, 6)
    }
    for name in hosts:
        server.remember_name(name)
    slices = [
        mesh.run_remotely(Job("declare_images.yml", {}, application_credential, hosts, number, 2)) for number in (1, 2)
    ]
    done = [job.results("pcd_image") for job in slices]
    assert [job.rc for job in slices] == [0, 0], [job.stdout for job in slices]
    assert [len(results) for results in done] == [3, 2]
    assert set(done[0]) | set(done[1]) == set(hosts)
    for name, variables in hosts.items():
        (image,) = server.named(name)
        assert (image["min_disk"], image["tags"]) == (variables["image_min_disk"], variables["image_tags"])
    for job in slices:
        assert_clean(job, sandbox)


def test_a_refused_login_fails_the_job_and_tells_no_secret(
    mesh: Mesh, sandbox: dict[str, Any], password: dict[str, Any], server: Server
) -> None:
    wrong = {**password, "username": "nobody-of-that-name"}
    job = mesh.run_remotely(Job("list_images.yml", survey("list_images.yml"), wrong, options=("-vvv",)))
    assert job.rc != 0
    (result,) = job.results("pcd_image_info").values()
    assert result["status"] == 401
    assert "refused to log in user nobody-of-that-name" in result["msg"]
    assert_no_secret(job, sandbox)


def test_a_survey_answer_is_never_taken_for_a_template(
    mesh: Mesh, server: Server, application_credential: dict[str, Any]
) -> None:
    name = f"{unused('awx')}-{{{{ 1 + 1 }}}}"
    server.remember_name(name)
    job = mesh.run_here(Job("declare_image.yml", survey("declare_image.yml", image_name=name), application_credential))
    assert job.rc == 0, job.stdout
    assert len(server.named(name)) == 1


def test_ansible_builder_takes_the_execution_environment(tmp_path: Path) -> None:
    definition = AWX / "execution-environment.yml"
    command(tmp_path, "ansible-builder", "create", "--file", str(definition), "--context", "context")
    context = tmp_path / "context"
    wanted = load("execution-environment.yml")["dependencies"]["galaxy"]
    assert yaml.safe_load((context / "_build" / "requirements.yml").read_text(encoding="utf-8")) == wanted
    # Its name is that which the container engine at hand prefers.
    (recipe,) = (path for path in context.iterdir() if path.name in ("Containerfile", "Dockerfile"))
    assert "fedora:latest" in recipe.read_text(encoding="utf-8")


def test_the_collection_tells_ansible_builder_what_its_modules_need(collections: Path, tmp_path: Path) -> None:
    command(
        tmp_path,
        "ansible-builder",
        "introspect",
        str(collections),
        "--write-pip",
        "requirements.txt",
        "--write-bindep",
        "bindep.txt",
    )
    lines = (tmp_path / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(line.split(">=")[0] for line in lines if line) == ["jsonpatch", "requests"]
    assert not (tmp_path / "bindep.txt").exists()


def test_ansible_navigator_plays_a_playbook_of_awx(
    project: Path, collections: Path, sandbox: dict[str, Any], server: Server, tmp_path: Path
) -> None:
    image = server.create(unused("awx"), active=True)
    output = command(
        tmp_path,
        "ansible-navigator",
        "run",
        str(project / "list_images.yml"),
        "-e",
        f"image_name={image['name']}",
        *("--mode", "stdout", "--ee", "false", "--playbook-artifact-enable", "false", "--log-file", "navigator.log"),
        ANSIBLE_COLLECTIONS_PATH=str(collections),
        OS_CLOUD="member",
        OS_CLIENT_CONFIG_FILE=sandbox["clouds_file"],
        TERM="dumb",
    )
    assert f"active  {image['id']}  {image['name']}" in output
    assert "failed=0" in output
