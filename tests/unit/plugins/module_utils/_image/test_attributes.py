# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of an image: what can be wished, and the shape that users get."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import yaml

from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    ATTRIBUTE_OPTIONS,
    ATTRIBUTES,
    IDENTITY_OPTIONS,
    REPLACES,
    SOURCE,
    Origin,
    check_identity,
    desired_attributes,
    image_shape,
    is_custom,
    is_ours,
    new_id,
    origin_of,
    origin_property,
    property_value,
    stores_of,
    without_converted,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import apply_patch, make_patch
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_PROJECT, PROJECT, image, options

SPEC = {**IDENTITY_OPTIONS, **ATTRIBUTE_OPTIONS}
GRINNING = "\N{GRINNING FACE}"


def wish_for(**given: Any) -> dict[str, Any]:
    return desired_attributes(options(SPEC, **given))


# --- wish_from ---------------------------------------------------------------------------------------------------


def test_what_is_not_given_is_not_wished() -> None:
    assert wish_for() == {}


def test_everything_that_can_be_wished_goes_under_its_name_in_the_api() -> None:
    desired = wish_for(
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


def test_the_id_says_which_image_is_meant_and_is_no_wish() -> None:
    assert wish_for(id=ID, name="a") == {"name": "a"}


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
def test_false_zero_and_empty_are_wishes(given: dict[str, Any], desired: dict[str, Any]) -> None:
    assert wish_for(**given) == desired


def test_a_tag_named_twice_is_wished_once() -> None:
    assert wish_for(tags=["b", "a", "b"]) == {"tags": ["a", "b"]}


# --- values of properties ----------------------------------------------------------------------------------------


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
        wish_for(properties={"foo": value})


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
        wish_for(**given)
    assert str(caught.value).startswith(f"{option}: ")
    assert "U+1F600" in str(caught.value)


def test_the_last_character_of_three_bytes_is_fine() -> None:
    last = chr(0xFFFD)
    assert wish_for(name=last, tags=[last], properties={last: last}) == {"name": last, "tags": [last], last: last}


# --- lengths -----------------------------------------------------------------------------------------------------


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
    assert wish_for(**given("ü" * 255))
    with pytest.raises(ConfigurationError) as caught:
        wish_for(**given("ü" * 256))
    assert str(caught.value).startswith(option)
    assert "256 characters are too many" in str(caught.value)


@pytest.mark.parametrize("option", ["min_disk", "min_ram"])
@pytest.mark.parametrize("value", [-1, 2**31, True, False])
def test_a_number_that_the_service_cannot_store_is_an_error_that_names_the_option(option: str, value: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{option}: .*0 to 2147483647"):
        wish_for(**{option: value})


@pytest.mark.parametrize("option", ["min_disk", "min_ram"])
def test_the_largest_number_is_fine(option: str) -> None:
    assert wish_for(**{option: 2**31 - 1}) == {option: 2**31 - 1}


# --- names of properties -----------------------------------------------------------------------------------------


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
        wish_for(properties={name: value})


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
        wish_for(properties={name: value})


def test_the_mark_of_a_replacement_is_no_custom_property() -> None:
    """So that no purge takes it, and that users do not see it among theirs."""
    assert not is_custom(REPLACES)
    assert make_patch({}, image(**{REPLACES: ID}), purge=True) == [{"op": "remove", "path": "/os_distro"}]
    assert REPLACES not in image_shape(image(**{REPLACES: ID}))["properties"]


def test_a_property_without_a_name_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="^properties.: .*is empty"):
        wish_for(properties={"": "x"})


@pytest.mark.parametrize(
    "name", ["os_distro", "os_hashes", "hidden", "a/b", "~", "kernel_id", "Name", "self_link", "ü"]
)
def test_other_names_are_custom(name: str) -> None:
    assert is_custom(name)
    assert wish_for(properties={name: "x"}) == {name: "x"}


def test_a_number_as_a_name_is_its_digits() -> None:
    assert wish_for(properties={2024: "x"}) == {"2024": "x"}


# --- the properties that users of PCD set ------------------------------------------------------------------------

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
    desired = wish_for(properties=properties)
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
        desired = wish_for(properties=yaml.safe_load(f"{name}: {written}"))
        for current in (image(), image(**{name: "something else"})):
            after = apply_patch(make_patch(desired, current), current)
            assert after.get(name) == desired[name]
            assert make_patch(desired, after) == []


# --- check_identity ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image_id", "name"),
    [(ID, None), (ID.upper(), None), (None, "a"), (ID, "a"), (None, None), (None, "a/b?c#d%20"), (None, "x" * 255)],
)
def test_a_uuid_and_any_name_are_fine(image_id: str | None, name: str | None) -> None:
    check_identity({"id": image_id, "name": name})


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
        check_identity({"id": image_id, "name": None})


def test_an_empty_name_is_an_error_that_names_the_option() -> None:
    with pytest.raises(ConfigurationError, match="^name: it is empty"):
        check_identity({"id": None, "name": ""})


@pytest.mark.parametrize("name", ["x" * 256, f"x{GRINNING}"])
def test_a_name_that_no_image_can_have_is_not_looked_for(name: str) -> None:
    with pytest.raises(ConfigurationError, match="^name: "):
        check_identity({"id": None, "name": name})


# --- image_shape -------------------------------------------------------------------------------------------------


def test_the_shape_has_every_attribute_even_of_an_image_that_has_none() -> None:
    shape = image_shape({})
    assert shape.keys() == {*ATTRIBUTES, "stores", "properties"}
    assert shape["tags"] == []
    assert shape["properties"] == {}
    assert shape["stores"] is None
    assert all(shape[attribute] is None for attribute in ATTRIBUTES if attribute != "tags")


def test_the_shape_sorts_tags_and_keeps_custom_properties_apart() -> None:
    shape = image_shape(image(tags=["b", "a"], zoo="1", Bar="2"))
    assert shape["tags"] == ["a", "b"]
    assert shape["properties"] == {"Bar": "2", "os_distro": "ubuntu", "zoo": "1"}
    assert list(shape["properties"]) == ["Bar", "os_distro", "zoo"]
    assert not shape.keys() & {"os_glance_failed_import", "os_distro"}


def test_the_shape_takes_tags_that_are_null_for_none() -> None:
    assert image_shape(image(tags=None))["tags"] == []


def test_making_the_shape_leaves_the_document_as_it_was() -> None:
    document = image(tags=["b", "a"])
    image_shape(document)
    assert document == image(tags=["b", "a"])


@pytest.mark.parametrize(
    ("stores", "listed", "shown"),
    [
        ("library", ["library"], ["library"]),
        ("slow,fast", ["fast", "slow"], ["fast", "slow"]),
        ("", [], None),
        (None, [], None),
        (",", [], None),
    ],
)
def test_the_stores_are_a_list_in_one_order(stores: str | None, listed: list[str], shown: list[str] | None) -> None:
    assert stores_of(image(stores=stores)) == listed
    assert image_shape(image(stores=stores))["stores"] == shown


def test_a_service_that_names_no_stores_has_none() -> None:
    assert stores_of({}) == []


# --- what the data was made from ---------------------------------------------------------------------------------

MADE_FROM = Origin("sha256", "2" * 64, "qcow2")
MEMORY = f"sha256:{'2' * 64}=sha512:b9f2c1 from qcow2"


def converted(**given: Any) -> dict[str, Any]:
    return image(**{"disk_format": "raw", SOURCE: MEMORY, **given})


@pytest.mark.parametrize("origin", [MADE_FROM, MADE_FROM._replace(disk_format=None)])
def test_an_origin_is_read_as_it_was_written(origin: Origin) -> None:
    there = image()
    assert origin_of({**there, SOURCE: origin_property(origin, there)}, PROJECT) == origin


def test_an_origin_without_a_conversion_has_the_form_of_a_plain_pair() -> None:
    assert origin_property(MADE_FROM._replace(disk_format=None), image()) == f"sha256:{'2' * 64}=sha512:b9f2c1"


@pytest.mark.parametrize(
    ("given", "project"),
    [
        pytest.param({}, OTHER_PROJECT, id="another project's image"),
        pytest.param({}, None, id="a project that is not known"),
        pytest.param({"owner": OTHER_PROJECT}, PROJECT, id="an image that was given away"),
        pytest.param({"owner": None}, PROJECT, id="an image of nobody"),
        pytest.param({"os_hash_value": "b9f2c2"}, PROJECT, id="a copy on other data, such as a snapshot"),
        pytest.param({"os_hash_algo": "sha256"}, PROJECT, id="another algorithm"),
        pytest.param({"os_hash_algo": None, "os_hash_value": None}, PROJECT, id="no hash to be bound to"),
        pytest.param({"status": "queued", "os_hash_value": None}, PROJECT, id="a record without data"),
        pytest.param({SOURCE: ""}, PROJECT, id="empty"),
        pytest.param({SOURCE: "sha512:None"}, PROJECT, id="half of it"),
        pytest.param({SOURCE: MEMORY + " and more"}, PROJECT, id="more than that"),
        pytest.param({SOURCE: MEMORY.upper()}, PROJECT, id="in capitals"),
        pytest.param({SOURCE: "sha256:2=None:None"}, PROJECT, id="bound to nothing"),
    ],
)
def test_a_memory_that_anybody_can_have_written_or_copied_counts_for_nothing(
    given: dict[str, Any], project: str | None
) -> None:
    assert origin_of(converted(), PROJECT) == MADE_FROM
    assert origin_of(converted(**given), project) is None
    desired = {"disk_format": "qcow2", "container_format": "ovf"}
    assert without_converted(desired, converted(**given), project) == desired


def test_a_service_that_tells_no_hash_has_nothing_to_bind_an_origin_to() -> None:
    assert origin_property(MADE_FROM, image(os_hash_value=None)) is None


@pytest.mark.parametrize(
    ("desired", "left"),
    [
        ({"disk_format": "qcow2", "min_disk": 1}, {"min_disk": 1}),
        ({"disk_format": "qcow2", "container_format": "ovf"}, {}),
        # Another format than that of the source is a mistake, as ever.
        ({"disk_format": "vmdk"}, {"disk_format": "vmdk"}),
        ({"disk_format": "raw"}, {"disk_format": "raw"}),
    ],
)
def test_what_a_conversion_has_changed_is_no_difference(desired: dict[str, Any], left: dict[str, Any]) -> None:
    assert without_converted(desired, converted(), PROJECT) == left
    assert without_converted(desired, image(), PROJECT) == desired
    assert without_converted(desired, None, PROJECT) == desired


def test_the_memory_of_a_source_is_no_property_of_the_user() -> None:
    assert not is_custom(SOURCE)
    assert SOURCE not in image_shape(converted())["properties"]


# --- ids of our own ----------------------------------------------------------------------------------------------


def test_an_id_of_our_own_is_a_uuid_that_is_known_again_in_every_spelling() -> None:
    for dummy in range(100):
        made = new_id()
        check_identity({"id": made, "name": None})
        assert str(uuid.UUID(made)) == made
        assert is_ours(made)
        assert is_ours(made.upper())
        assert is_ours(made.replace("-", ""))


def test_every_id_of_our_own_is_another_one() -> None:
    made = {new_id() for dummy in range(100)}
    assert len(made) == 100
    # Nor do they share a beginning.
    assert len({each[:8] for each in made}) > 90


def test_ids_of_others_are_not_ours() -> None:
    assert not any(is_ours(str(uuid.UUID(int=number, version=4))) for number in range(1000))
    assert not is_ours(ID)


def test_an_id_of_our_own_that_is_changed_is_ours_no_more() -> None:
    made = new_id()
    for at in (0, 9, 35):
        changed = made[:at] + ("0" if made[at] != "0" else "1") + made[at + 1 :]
        assert not is_ours(changed)
