# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options about images -> requests: what is asked for, and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import REPLACES, image_shape, is_custom
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import (
    ATTRIBUTE_OPTIONS,
    IDENTITY_OPTIONS,
    parse_attributes,
    parse_target,
    property_value,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import apply_patch, make_patch
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    PROJECT,
    image,
    options,
)

SPEC = {**IDENTITY_OPTIONS, **ATTRIBUTE_OPTIONS}


GRINNING = "\N{GRINNING FACE}"


def desired_by_options(**given: Any) -> dict[str, Any]:
    return parse_attributes(options(SPEC, **given))


def test_options_that_are_not_given_are_not_desired() -> None:
    assert desired_by_options() == {}


def test_every_attribute_goes_under_its_name_in_the_api() -> None:
    desired = desired_by_options(
        name="a",
        container_format="bare",
        disk_format="raw",
        min_disk=1,
        min_ram=2,
        protected=True,
        hidden=True,
        visibility="private",
        owner=PROJECT,
        tags=["b", "a"],
        properties={"os_distro": "ubuntu"},
    )
    assert desired == {
        "name": "a",
        "container_format": "bare",
        "disk_format": "raw",
        "min_disk": 1,
        "min_ram": 2,
        "protected": True,
        "os_hidden": True,
        "visibility": "private",
        "owner": PROJECT,
        "tags": ["a", "b"],
        "os_distro": "ubuntu",
    }


def test_the_id_names_the_image_and_is_not_a_desired_attribute() -> None:
    assert desired_by_options(id=ID, name="a") == {"name": "a"}


@pytest.mark.parametrize(
    ("given", "desired"),
    [
        ({"protected": False}, {"protected": False}),
        ({"hidden": False}, {"os_hidden": False}),
        ({"min_disk": 0}, {"min_disk": 0}),
        ({"min_ram": 0}, {"min_ram": 0}),
        ({"tags": []}, {"tags": []}),
        ({"properties": {}}, {}),
        ({"properties": {"foo": ""}}, {"foo": ""}),
        ({"properties": {"foo": None}}, {"foo": None}),
    ],
)
def test_false_zero_and_empty_are_desired_values(given: dict[str, Any], desired: dict[str, Any]) -> None:
    assert desired_by_options(**given) == desired


def test_a_tag_named_twice_is_desired_once() -> None:
    assert desired_by_options(tags=["b", "a", "b"]) == {"tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (1, "1"),
        (-5, "-5"),
        (2**70, str(2**70)),
        (22.04, "22.04"),
        (1.0, "1.0"),
        ("", ""),
        ("22.10", "22.10"),
        ("True", "True"),
        (" x ", " x "),
        ("zwei\nZeilen", "zwei\nZeilen"),
        ("Grüße, 世界", "Grüße, 世界"),
        ("x" * 10_000, "x" * 10_000),
        (None, None),
    ],
)
def test_a_value_is_stored_as_its_text(value: Any, text: str | None) -> None:
    assert property_value("foo", value) == text


@pytest.mark.parametrize(
    ("value", "kind"), [([1, 2], "list"), ([], "list"), ({"a": 1}, "dictionary"), ({}, "dictionary")]
)
def test_a_value_with_parts_is_an_error_that_names_the_property(value: Any, kind: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^properties\.foo: a {kind} cannot be stored.*to_json"):
        desired_by_options(properties={"foo": value})


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"name": f"a{GRINNING}"}, "name"),
        ({"owner": f"a{GRINNING}"}, "owner"),
        ({"tags": ["a", f"b{GRINNING}"]}, "tags"),
        ({"properties": {"foo": f"a{GRINNING}"}}, "properties.foo"),
        ({"properties": {f"a{GRINNING}": "x"}}, f"properties.a{GRINNING}"),
    ],
)
def test_a_character_of_four_bytes_is_an_error_that_names_the_option(given: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        desired_by_options(**given)
    assert str(caught.value).startswith(f"{option}: ")
    assert "U+1F600" in str(caught.value)


def test_the_last_character_of_three_bytes_is_fine() -> None:
    last = chr(0xFFFD)
    assert desired_by_options(name=last, tags=[last], properties={last: last}) == {
        "name": last,
        "tags": [last],
        last: last,
    }


def test_the_id_of_an_owner_is_written_as_keystone_writes_it() -> None:
    assert desired_by_options(owner="00A87381-CE22-4303-9B05-3EF7813B4F63") == {
        "owner": "00a87381ce2243039b053ef7813b4f63"
    }


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("name", lambda text: {"name": text}),
        ("tags", lambda text: {"tags": ["a", text]}),
        ("properties.", lambda text: {"properties": {text: "1"}}),
        ("owner", lambda text: {"owner": text}),
    ],
)
def test_255_characters_are_the_most(option: str, given: Any) -> None:
    assert desired_by_options(**given("ü" * 255))
    with pytest.raises(ConfigurationError) as caught:
        desired_by_options(**given("ü" * 256))
    assert str(caught.value).startswith(option)
    assert "256 characters are too many" in str(caught.value)


@pytest.mark.parametrize("option", ["min_disk", "min_ram"])
@pytest.mark.parametrize("value", [-1, 2**31, True, False])
def test_a_number_that_the_service_cannot_store_is_an_error_that_names_the_option(option: str, value: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{option}: .*0 to 2147483647"):
        desired_by_options(**{option: value})


@pytest.mark.parametrize("option", ["min_disk", "min_ram"])
def test_the_largest_number_is_fine(option: str) -> None:
    assert desired_by_options(**{option: 2**31 - 1}) == {option: 2**31 - 1}


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("name", "name"),
        ("container_format", "container_format"),
        ("disk_format", "disk_format"),
        ("min_disk", "min_disk"),
        ("min_ram", "min_ram"),
        ("protected", "protected"),
        ("visibility", "visibility"),
        ("owner", "owner"),
        ("tags", "tags"),
        ("os_hidden", "hidden"),
    ],
)
@pytest.mark.parametrize("value", ["x", None])
def test_an_attribute_among_the_properties_is_an_error_that_names_its_option(
    name: str, option: str, value: str | None
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^properties\.{name}: .*Use the option {option} instead"):
        desired_by_options(properties={name: value})


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "status",
        "size",
        "virtual_size",
        "checksum",
        "os_hash_algo",
        "os_hash_value",
        "created_at",
        "updated_at",
        "self",
        "file",
        "schema",
        "direct_url",
        "locations",
        "location",
        "deleted",
        "deleted_at",
        "stores",
        "os_glance_failed_import",
        "os_glance_importing_to_stores",
        "os_glance_import_task",
        "os_glance_anything",
        "os_glance",
        REPLACES,
    ],
)
@pytest.mark.parametrize("value", ["x", None])
def test_a_name_of_the_service_among_the_properties_is_an_error_that_names_it(name: str, value: str | None) -> None:
    with pytest.raises(ConfigurationError, match=rf"^properties\.{name}: .*belongs to the image service"):
        desired_by_options(properties={name: value})


def test_the_mark_of_a_replacement_is_not_a_custom_property() -> None:
    """So that no purge takes it, and that users do not see it among theirs."""
    assert not is_custom(REPLACES)
    assert make_patch({}, image(**{REPLACES: ID}), purge=True) == [{"op": "remove", "path": "/os_distro"}]
    assert REPLACES not in image_shape(image(**{REPLACES: ID}))["properties"]


def test_a_property_without_a_name_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="^properties.: .*is empty"):
        desired_by_options(properties={"": "x"})


@pytest.mark.parametrize(
    "name", ["os_distro", "os_hashes", "hidden", "a/b", "~", "kernel_id", "Name", "self_link", "ü"]
)
def test_other_names_are_custom(name: str) -> None:
    assert is_custom(name)
    assert desired_by_options(properties={name: "x"}) == {name: "x"}


def test_a_number_as_a_name_is_its_digits() -> None:
    assert desired_by_options(properties={2024: "x"}) == {"2024": "x"}


PROPERTIES = """
os_type: linux
os_distro: ubuntu
os_version: "24.04"
hw_machine_type: q35
hw_disk_bus: scsi
hw_vif_model: virtio
hw_qemu_guest_agent: true
architecture: x86_64
hw_scsi_model: virtio-scsi
hw_firmware_type: uefi
os_secure_boot: required
hw_vif_multiqueue_enabled: yes
img_config_drive: mandatory
hw_cpu_cores: 4
hw_video_ram: 64
os_require_quiesce: false
hw_boot_menu: off
auto_disk_config: True
os_shutdown_timeout: 60
hw_tpm_model: tpm-crb
foo: 1.5
cpu_arch: aarch64
os_purpose: "on"
"""


def test_the_properties_of_pcd_are_accepted_and_a_second_run_changes_nothing() -> None:
    properties = yaml.safe_load(PROPERTIES)
    assert len(properties) == 23
    desired = desired_by_options(properties=properties)
    assert desired.keys() == properties.keys()
    assert all(isinstance(value, str) for value in desired.values())
    current = image()
    del current["os_distro"]
    patch = make_patch(desired, current)
    assert {operation["op"] for operation in patch} == {"add"}
    assert len(patch) == 23
    assert make_patch(desired, apply_patch(patch, current)) == []


@pytest.mark.parametrize("name", list(yaml.safe_load(PROPERTIES)))
def test_each_property_of_pcd_takes_every_kind_of_yaml_value(name: str) -> None:
    for written in ('"4"', "4", "4.5", "true", "no", "null", '""', "'true'", "0x10", "~"):
        desired = desired_by_options(properties=yaml.safe_load(f"{name}: {written}"))
        for current in (image(), image(**{name: "something else"})):
            after = apply_patch(make_patch(desired, current), current)
            assert after.get(name) == desired[name]
            assert make_patch(desired, after) == []


@pytest.mark.parametrize(
    ("image_id", "name"),
    [(ID, None), (ID.upper(), None), (None, "a"), (ID, "a"), (None, "a/b?c#d%20"), (None, "x" * 255)],
)
def test_a_uuid_and_any_name_are_fine(image_id: str | None, name: str | None) -> None:
    parse_target({"id": image_id, "name": name, "match": "own"})


@pytest.mark.parametrize(
    "image_id",
    [
        "",
        "ubuntu-24.04",
        "..",
        "../x",
        f"../images/{ID}",
        f"{ID}/file",
        f"{ID}/../{ID}",
        f"{ID}?x=y",
        f"{ID}#",
        f" {ID}",
        f"{ID} ",
        f"{ID}\n",
        ID.replace("-", ""),
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        ID[:-1],
        ID + "0",
        ID.replace("1", "g", 1),
        ID.replace("1", "١", 1),
    ],
)
def test_anything_but_a_uuid_is_an_error_that_names_the_option(image_id: str) -> None:
    with pytest.raises(ConfigurationError, match="^id: .*not a UUID"):
        parse_target({"id": image_id, "name": None, "match": "own"})


def test_an_empty_name_is_an_error_that_names_the_option() -> None:
    with pytest.raises(ConfigurationError, match="^name: it is empty"):
        parse_target({"id": None, "name": "", "match": "own"})


@pytest.mark.parametrize("name", ["x" * 256, f"x{GRINNING}"])
def test_a_name_that_no_image_can_have_is_not_looked_for(name: str) -> None:
    with pytest.raises(ConfigurationError, match="^name: "):
        parse_target({"id": None, "name": name, "match": "own"})
