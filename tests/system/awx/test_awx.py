# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of awx/ do what they promise, as ansible-runner runs them; what builds their environment takes its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.platform9.pcd.tests.support.glance_client import BYTES, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import FERNET_TOKEN
from ansible_collections.platform9.pcd.tests.support.vendor import open_vendor
from ansible_collections.platform9.pcd.tests.system.awx.files import AWX, command, load
from ansible_collections.platform9.pcd.tests.system.awx.jobs import Finished, Job, Mesh
from ansible_collections.platform9.pcd.tests.system.awx.rules import Inventory, answer, host_of, imported


def survey(playbook: str, **given: Any) -> dict[str, Any]:
    answered = answer(load(f"surveys/{playbook}"), given)
    assert not answered.errors
    assert not answered.ignored
    return answered.extra_vars


# Without them, a new record is warned of.
FORMATS = {"image_disk_format": "qcow2", "image_container_format": "bare"}


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


def test_no_inventory_answers_a_question_of_a_survey() -> None:
    """Variables of the play come before those of the inventory, answers before both."""
    for playbook in ("declare_image", "rotate_image", "declare_catalog", "set_image_state", "list_images"):
        (play,) = load(f"{playbook}.yml")
        assert {question["variable"] for question in load(f"surveys/{playbook}.yml")["spec"]} <= set(play["vars"])


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
            image_properties="os_distro=alpine\n os_version = 3.20 \n\nhw_note=a=b",
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


def test_jobs_prepare_publish_and_roll_back(
    mesh: Mesh, server: Server, sandbox: dict[str, Any], application_credential: dict[str, Any]
) -> None:
    name = unused("awx")
    server.remember_name(name)
    with open_vendor() as vendor:

        def job(version: bytes, **answers: Any) -> Finished:
            checksum = f"sha512:{hashlib.sha512(version).hexdigest()}"
            source = {"image_url": vendor.file("disk.raw", version), "image_checksum": checksum}
            given = survey("rotate_image.yml", image_name=name, image_disk_format="raw", **source, **answers)
            done = mesh.run_here(Job("rotate_image.yml", given, application_credential))
            assert done.rc == 0, done.stdout
            assert_clean(done, sandbox)
            return done

        first = job(b"one" * 1000, image_step="publish").stats["pcd_image_id"]
        prepared = job(b"two" * 1000).stats
        assert prepared["pcd_image_id"] == first
        assert server.get(prepared["pcd_prepared_id"])["os_hidden"]
        published = job(b"two" * 1000, image_step="publish", image_keep=1).stats
        assert published == {"pcd_image_id": prepared["pcd_prepared_id"], "pcd_prepared_id": ""}
        assert server.get(first)["os_hidden"]
        back = job(b"one" * 1000, image_step="publish", image_keep=0)
        (result,) = back.results("pcd_image").values()
    assert back.stats["pcd_image_id"] == first
    assert [(entry["id"], entry["action"]) for entry in result["retired"]] == [(prepared["pcd_prepared_id"], "deleted")]
    assert [image["id"] for image in server.named(name)] == [first]


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


def test_zero_is_an_answer(mesh: Mesh, server: Server, application_credential: dict[str, Any]) -> None:
    image = server.create(unused("awx"), min_disk=4, min_ram=512)
    given = survey("declare_image.yml", image_name=image["name"], image_min_disk=0, image_min_ram=0)
    job = mesh.run_here(Job("declare_image.yml", given, application_credential))
    assert job.rc == 0, job.stdout
    after = server.get(image["id"])
    assert (after["min_disk"], after["min_ram"]) == (0, 0)


def test_a_property_line_without_a_sign_of_equality_is_refused(
    mesh: Mesh, server: Server, application_credential: dict[str, Any]
) -> None:
    image = server.create(unused("awx"), os_distro="alpine")
    lines = "os_distro=debian\nos_version 13\n=lts\n"
    given = survey("declare_image.yml", image_name=image["name"], image_properties=lines)
    job = mesh.run_here(Job("declare_image.yml", given, application_credential))
    assert job.rc != 0
    assert 'these lines have no key or no "=": os_version 13, =lts.' in " ".join(str(job.messages).split())
    assert server.get(image["id"]) == image


def test_an_inventory_answers_no_survey(
    mesh: Mesh, server: Server, sandbox: dict[str, Any], application_credential: dict[str, Any]
) -> None:
    """Not by its own variables, and not by those of a host of this name."""
    name = unused("awx")
    server.remember_name(name)
    variables = {"image_tags": ["unwanted"], "image_min_ram": 4096, "image_protected": True}
    inventory = Inventory({"localhost": {"ansible_connection": "local", "image_min_disk": 9}}, variables)
    given = survey("declare_image.yml", image_name=name)
    job = mesh.run_here(Job("declare_image.yml", given, application_credential, inventory))
    assert job.rc == 0, job.stdout
    (image,) = server.named(name)
    assert (image["tags"], image["min_ram"], image["min_disk"], image["protected"]) == ([], 0, 0, False)


def test_a_host_whose_name_lost_its_end_at_a_colon_is_refused(
    mesh: Mesh, server: Server, application_credential: dict[str, Any]
) -> None:
    name = unused("awx")
    cut, port = host_of(f"{name}:13")
    whole, port_of_whole = host_of(f"{name}-whole:13")
    for written in (cut, f"{name}:13"):
        server.remember_name(written)
    inventory = Inventory({cut: port, whole: {**port_of_whole, "image_name": f"{name}:13"}})
    job = mesh.run_here(Job("declare_images.yml", {}, application_credential, inventory))
    assert job.rc != 0
    assert f"The host {cut} has a port" in str(job.messages)
    assert server.named(cut) == []
    (image,) = server.named(f"{name}:13")
    assert job.stats == {"pcd_image_ids": {f"{name}:13": image["id"]}}


def test_a_host_of_a_source_that_lost_its_name_and_its_variables_at_a_colon_is_refused(
    mesh: Mesh, server: Server, application_credential: dict[str, Any], tmp_path: Path
) -> None:
    name = unused("awx")
    for written in (name, f"{name}:latest", f"{name}-plain"):
        server.remember_name(written)
    hosts = {f"{name}:latest": {"image_name": f"{name}:latest", **FORMATS}, f"{name}-plain": FORMATS}
    source = tmp_path / "images.yml"
    source.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    listed = command(tmp_path, "ansible-inventory", "--list", "--export", "--inventory", str(source))
    inventory = imported(json.loads(listed))
    assert inventory.hosts[name] == {}
    job = mesh.run_here(Job("declare_images.yml", {}, application_credential, inventory))
    assert job.rc != 0
    assert f"The host {name} has no variable whose name begins with image_" in " ".join(str(job.messages).split())
    assert [server.named(written) for written in (name, f"{name}:latest")] == [[], []]
    (image,) = server.named(f"{name}-plain")
    assert job.stats == {"pcd_image_ids": {f"{name}-plain": image["id"]}}


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
    (result,) = listed.results("pcd_image_info").values()
    assert [set(image) for image in result["images"]] == [{"id", "name", "status"}] * 2
    expected = [{"id": image["id"], "name": image["name"], "status": "deactivated"} for image in images]
    assert sorted(listed.stats["pcd_images"], key=str) == sorted(expected, key=str)
    assert all(f"deactivated  {image['id']}  {image['name']}" in listed.stdout for image in images)
    assert_clean(switched, sandbox)
    assert_clean(listed, sandbox)


def test_job_slices_share_out_the_images_of_an_inventory(
    mesh: Mesh, server: Server, sandbox: dict[str, Any], application_credential: dict[str, Any]
) -> None:
    hosts: dict[str, dict[str, Any]] = {
        unused("awx-slice"): {"image_min_disk": number, "image_tags": ["awx", f"n{number}"], **FORMATS}
        for number in range(1, 6)
    }
    for name in hosts:
        server.remember_name(name)
    slices = [
        mesh.run_remotely(Job("declare_images.yml", {}, application_credential, Inventory(hosts), number, 2))
        for number in (1, 2)
    ]
    done = [job.results("pcd_image") for job in slices]
    assert [job.rc for job in slices] == [0, 0], [job.stdout for job in slices]
    assert [len(results) for results in done] == [3, 2]
    assert set(done[0]) | set(done[1]) == set(hosts)
    handed_on = {**slices[0].stats["pcd_image_ids"], **slices[1].stats["pcd_image_ids"]}
    assert handed_on == {name: server.named(name)[0]["id"] for name in hosts}
    for name, variables in hosts.items():
        (image,) = server.named(name)
        assert (image["min_disk"], image["tags"]) == (variables["image_min_disk"], variables["image_tags"])
    for job in slices:
        assert_clean(job, sandbox)


def test_a_refused_login_fails_the_job_and_shows_no_secret(
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


def test_the_collection_declares_to_ansible_builder_what_its_modules_need(collections: Path, tmp_path: Path) -> None:
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
