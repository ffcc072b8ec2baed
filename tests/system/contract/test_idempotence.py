# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who says the same twice changes nothing, and nothing changes that nobody asked for."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import BYTES, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

BY_TOKEN = True

# Properties that other image modules fail to leave alone on a second run, each as people write it in YAML.
PROPERTIES: dict[str, list[Any]] = {
    "architecture": ["x86_64", "aarch64"],
    "auto_disk_config": [True, "false"],
    "cpu_arch": ["x86_64", "aarch64"],
    "foo": ["bar", ""],
    "hw_boot_menu": [True, False],
    "hw_cpu_cores": [4, "8"],
    "hw_disk_bus": ["virtio", "scsi"],
    "hw_firmware_type": ["uefi", "bios"],
    "hw_machine_type": ["q35", "pc"],
    "hw_qemu_guest_agent": [True, "no"],
    "hw_scsi_model": ["virtio-scsi", "lsilogic"],
    "hw_tpm_model": ["tpm-crb", "tpm-tis"],
    "hw_vif_model": ["virtio", "e1000"],
    "hw_vif_multiqueue_enabled": [False, "True"],
    "hw_video_ram": [16, 64.5],
    "img_config_drive": ["mandatory", "optional"],
    "os_distro": ["ubuntu", "debian"],
    "os_purpose": ["build", "Ωμέγα"],
    "os_require_quiesce": ["yes", True],
    "os_secure_boot": ["required", "disabled"],
    "os_shutdown_timeout": [60, 0],
    "os_type": ["linux", "windows"],
    "os_version": ["24.04", 13],
}
STORED = {True: "true", False: "false"}

ATTRIBUTES: dict[str, list[Any]] = {
    "container_format": ["bare", "ovf"],
    "disk_format": ["qcow2", "raw"],
    "hidden": [True, False],
    "min_disk": [3, 0],
    "min_ram": [64, 2147483647],
    "protected": [True, False],
    "tags": [["b", "a", "with: colon", "ümlaut"], []],
    "visibility": ["private", "community"],
}


def text_of(value: Any) -> str:
    return STORED[value] if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("active", [False, True], ids=["queued", "active"])
@pytest.mark.parametrize("turn", [0, 1], ids=["first values", "second values"])
def test_all_properties_are_set_once_and_then_left_alone(
    active: bool, turn: int, run: Runner, server: Server, name: str
) -> None:
    image = server.create(name, active=active, **{key: text_of(values[1 - turn]) for key, values in PROPERTIES.items()})
    desired = {key: values[turn] for key, values in PROPERTIES.items()}

    first = run("pcd_image", name=name, properties=desired)
    assert first.changed
    assert len(first.patch) == len(PROPERTIES)
    stored = server.get(image["id"])
    assert {key: stored[key] for key in PROPERTIES} == {key: text_of(value) for key, value in desired.items()}

    second = run("pcd_image", name=name, properties=desired)
    assert not second.changed
    assert second.writes == []
    as_text = run("pcd_image", name=name, properties={key: text_of(value) for key, value in desired.items()})
    assert not as_text.changed


@pytest.mark.parametrize("key", PROPERTIES)
def test_one_property_of_many_changes_and_no_other(key: str, run: Runner, server: Server, name: str) -> None:
    there: dict[str, Any] = {key: text_of(values[0]) for key, values in PROPERTIES.items()}
    image = server.create(name, **there)
    desired = PROPERTIES[key][1]
    changed = run("pcd_image", id=image["id"], properties={key: desired})
    assert changed.patch == [{"op": "replace", "path": f"/{key}", "value": text_of(desired)}]
    assert server.get(image["id"]) == {**image, key: text_of(desired), "updated_at": changed.image["updated_at"]}


def test_properties_are_created_and_then_left_alone(run: Runner, server: Server, name: str) -> None:
    desired = {key: values[0] for key, values in PROPERTIES.items()}
    assert run("pcd_image", name=name, properties=desired).changed
    assert not run("pcd_image", name=name, properties=desired).changed
    assert not run("pcd_image", name=name, properties=desired, purge_properties=True).changed


@pytest.mark.parametrize("active", [False, True], ids=["queued", "active"])
def test_all_attributes_are_set_once_and_then_left_alone(active: bool, run: Runner, server: Server, name: str) -> None:
    image = server.create(name, active=active)
    for turn in (0, 1):
        desired = {key: values[turn] for key, values in ATTRIBUTES.items()}
        if active:
            desired.update(disk_format="raw", container_format="bare")
        first = run("pcd_image", name=name, **desired)
        assert first.changed
        assert first.image["id"] == image["id"]
        second = run("pcd_image", name=name, **desired)
        assert not second.changed
        assert second.writes == []


def test_a_public_image_stays_public_when_its_visibility_is_left_out(run: Runner, server: Server, name: str) -> None:
    image = server.create(name, user="admin", visibility="public")
    assert run("pcd_image", "admin", name=name, min_disk=9, tags=["t"], properties={"os_distro": "ubuntu"}).changed
    assert server.get(image["id"])["visibility"] == "public"


def test_a_member_may_change_their_public_image(run: Runner, server: Server, name: str) -> None:
    # Who may not publish may not even send the visibility that the image has.
    image = server.change(server.create(name)["id"], visibility="public")
    changed = run("pcd_image", name=name, min_disk=9, visibility="public", owner=image["owner"])
    assert [operation["path"] for operation in changed.patch] == ["/min_disk"]
    assert server.get(image["id"])["visibility"] == "public"


def test_an_image_without_a_name_gets_one(run: Runner, server: Server, name: str) -> None:
    image = server.create()
    assert run("pcd_image", id=image["id"], name=name).writes == ["PATCH"]
    assert server.get(image["id"])["name"] == name


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ({"min_disk": 9}, {"min_disk": 9}),
        ({"protected": False}, {"protected": False}),
        ({"hidden": False}, {"os_hidden": False}),
        ({"visibility": "shared"}, {"visibility": "shared"}),
        ({"tags": ["new"]}, {"tags": ["new"]}),
        ({"properties": {"os_distro": "debian"}}, {"os_distro": "debian"}),
    ],
    ids=lambda value: next(iter(value)),
)
def test_nothing_but_what_is_asked_for_changes(
    asked: dict[str, Any], stored: dict[str, Any], run: Runner, server: Server, name: str
) -> None:
    image = server.create(
        name,
        active=True,
        min_disk=5,
        min_ram=512,
        protected=True,
        os_hidden=True,
        visibility="private",
        tags=["one"],
        os_distro="ubuntu",
        hw_disk_bus="virtio",
    )
    changed = run("pcd_image", id=image["id"], **asked)
    assert len(changed.patch) == 1
    assert server.get(image["id"]) == {**image, **stored, "updated_at": changed.image["updated_at"]}


def test_a_run_that_changes_nothing_leaves_the_time_of_the_last_change(run: Runner, server: Server, name: str) -> None:
    image = server.create(name, active=True, tags=["a"], os_distro="ubuntu")
    same = run("pcd_image", name=name, tags=["a"], disk_format="raw", properties={"os_distro": "ubuntu"})
    assert same.writes == []
    assert server.get(image["id"]) == image


def test_the_data_of_an_image_outlives_every_change(run: Runner, server: Server, name: str) -> None:
    image = server.create(name, active=True)
    run("pcd_image", id=image["id"], name=f"{name}-new", min_ram=1, hidden=True, properties={"foo": "bar"})
    run("pcd_image_state", id=image["id"], state="deactivated")
    run("pcd_image_state", id=image["id"], state="active")
    assert server.call("GET", f"/images/{image['id']}/file").content == BYTES


@pytest.mark.parametrize("option", ["disk_format", "container_format"])
def test_a_format_is_not_changed_once_there_is_data(option: str, run: Runner, server: Server, name: str) -> None:
    image = server.create(name, active=True)
    for check in (True, False):
        refused = run(
            "pcd_image",
            name=name,
            min_disk=4,
            check=check,
            **{option: ATTRIBUTES[option][0 if option == "disk_format" else 1]},
        )
        assert option in refused.msg
        assert image["id"] in refused.msg
        assert refused.writes == []
    assert server.get(image["id"]) == image


def test_a_protected_image_is_not_deleted(run: Runner, server: Server, name: str) -> None:
    image = server.create(name, protected=True)
    for check in (True, False):
        refused = run("pcd_image", name=name, state="absent", check=check)
        assert "protected" in refused.msg
        assert "force" in refused.msg
        assert refused.writes == []
    assert server.get(image["id"]) == image


@pytest.mark.parametrize("state", ["active", "deactivated"])
def test_a_queued_image_is_neither_activated_nor_deactivated(
    state: str, run: Runner, server: Server, name: str
) -> None:
    image = server.create(name)
    for check in (True, False):
        refused = run("pcd_image_state", name=name, state=state, check=check)
        assert "queued" in refused.msg
        assert "upload" in refused.msg
        assert refused.writes == []
    assert server.get(image["id"]) == image


def test_an_image_that_is_not_there_is_neither_activated_nor_deactivated(
    run: Runner, server: Server, name: str
) -> None:
    for check in (True, False):
        assert name in run("pcd_image_state", name=name, state="active", check=check).msg
        unknown = server.new_id()
        assert unknown in run("pcd_image_state", id=unknown, state="deactivated", check=check).msg


def test_a_property_that_the_service_accepts_and_forgets_fails(run: Runner, server: Server) -> None:
    """Glance sets an attribute of its own object if a property has that name (ImagesController._do_replace)."""
    image = server.create()
    refused = run("pcd_image", id=image["id"], properties={"context": "x"})
    assert "does not have it: context" in refused.msg
    assert "context" not in server.get(image["id"])
