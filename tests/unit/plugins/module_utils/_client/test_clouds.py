# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of clouds.yaml and secure.yaml, in every form that openstacksdk reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.platform9.pcd.plugins.module_utils._client import clouds, files
from ansible_collections.platform9.pcd.plugins.module_utils._client.clouds import (
    Cloud,
    NotText,
    cloud_names,
    named_cloud,
    only_cloud,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.options import VARIABLES
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.tests.support.samples import PASSWORD

KEYSTONE = "https://pcd.example.com/keystone/v3"
OTHER = "another-Passw0rd-1c5d7a"


@pytest.fixture
def work() -> Path:
    """The current folder, where clouds.yaml is looked for first."""
    return Path.cwd()


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump({"clouds": content})
    path.write_text(text, encoding="utf-8")
    return path


def read(entry: Mapping[str, Any] | None = None, /, **environ: str) -> Cloud:
    if entry is not None:
        write(Path("clouds.yaml"), {"demo": entry})
    cloud = named_cloud("demo", VARIABLES, {**os.environ, **environ})
    assert cloud is not None
    return cloud


def refused(entry: Mapping[str, Any] | None = None, /, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(entry, **environ)
    message = str(caught.value)
    assert PASSWORD not in message
    assert OTHER not in message
    assert "\n" not in message
    return message


# --- keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "key", "value"),
    [
        ({"interface": "internal"}, "interface", "internal"),
        ({"image_interface": "internal"}, "interface", "internal"),
        ({"endpoint_type": "internalURL"}, "interface", "internalURL"),
        ({"image_endpoint_type": "internalURL"}, "interface", "internalURL"),
        ({"interface": "public", "image_interface": "internal"}, "interface", "internal"),
        ({"image_interface": "internal", "interface": "public"}, "interface", "internal"),
        ({"endpoint_type": "public", "image_endpoint_type": "internal"}, "interface", "internal"),
        ({"region_name": "r", "image_region_name": "i"}, "region_name", "i"),
        ({"image_region_name": "i", "region_name": "r"}, "region_name", "i"),
        ({"image-region-name": "i", "region-name": "r"}, "region_name", "i"),
        ({"compute_region_name": "c", "compute_interface": "admin", "region_name": "r"}, "region_name", "r"),
        ({"image_endpoint_override": "https://i"}, "image_endpoint_override", "https://i"),
        ({"image_endpoint": "https://i"}, "image_endpoint_override", "https://i"),
        ({"auth": {"tenant_name": "t"}}, "project_name", "t"),
        ({"auth": {"tenant_id": "t"}}, "project_id", "t"),
        ({"tenant-id": "t"}, "project_id", "t"),
        ({"auth": {"project-name": "p"}}, "project_name", "p"),
        ({"auth": {"auth-url": KEYSTONE}}, "auth_url", KEYSTONE),
        ({"auth": {"auth_token": "t"}}, "token", "t"),
        ({"auth_token": "t"}, "token", "t"),
        ({"auth": {"user_name": "u"}}, "username", "u"),
        ({"username": "u"}, "username", "u"),
        ({"project_name": "p", "auth": {"project_name": "p", "tenant_name": "p"}}, "project_name", "p"),
        ({"auth_plugin": "v3token"}, "auth_type", "v3token"),
        ({"auth": {"trust_id": "t"}}, "trust_id", "t"),
        ({"system_scope": "all"}, "system_scope", "all"),
        ({"auth_methods": ["v3password", "v3totp"]}, "auth_methods", "v3password,v3totp"),
        ({"regions": ["one"]}, "region_name", "one"),
        ({"regions": [{"name": "one"}]}, "region_name", "one"),
        ({"regions": [{"name": "one", "values": {}}]}, "region_name", "one"),
        ({"regions": ["one"], "region_name": "two"}, "region_name", "two"),
        ({"regions": ["one", "two"]}, "region_name", None),
        ({"verify": False}, "insecure", "True"),
        ({"verify": True}, "insecure", "False"),
        ({"insecure": True}, "insecure", "True"),
        ({"insecure": True, "verify": True}, "insecure", "True"),
        ({"insecure": False, "verify": False}, "insecure", "True"),
        ({}, "insecure", None),
        ({"cacert": "~/ca.pem"}, "ca_cert", "HOME/ca.pem"),
        ({"key": "k"}, "client_key", "k"),
        ({"image_service_type": "image"}, "region_name", None),
        ({"image_api_version": 1, "image_format": "raw", "compute_api_version": 2}, "region_name", None),
        ({"auth": None, "region_name": ""}, "region_name", None),
    ],
)
def test_a_key_has_several_names(entry: dict[str, Any], key: str, value: str | None, home: Path) -> None:
    expected = value if value is None else value.replace("HOME", str(home))
    assert read(entry).values.get(key) == expected


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"project_name": "p", "auth": {"project_name": "q"}}, "project_name"),
        ({"auth": {"project_name": "p", "tenant_name": "q"}}, "project_name"),
        ({"auth": {"project_id": "p"}, "tenant_id": "q"}, "project_id"),
        ({"auth": {"project_name": "p", "project-name": "q"}}, "project_name"),
        ({"username": "p", "auth": {"username": "q"}}, "username"),
        ({"password": PASSWORD, "auth": {"password": OTHER}}, "password"),
        ({"auth": {"token": PASSWORD, "auth_token": OTHER}}, "token"),
        ({"auth_type": "password", "auth_plugin": "v3token"}, "auth_type"),
        ({"domain_id": "p", "auth": {"domain_id": "q"}}, "domain_id"),
    ],
)
def test_what_is_said_twice_and_differently_is_an_error(entry: dict[str, Any], key: str) -> None:
    assert refused(entry).startswith(f"cloud: {key} is said twice in cloud demo in ")


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"image_service_type": "image2"}, "image_service_type"),
        ({"regions": [{"name": "one", "values": {"auth": {"project_name": "p"}}}]}, "region"),
        ({"regions": "one"}, "regions"),
        ({"profile": "vexxhost"}, "profile 'vexxhost'"),
        ({"cloud": "vexxhost"}, "profile 'vexxhost'"),
        ({"region_name": ["one", "two"]}, "region_name"),
        ({"interface": ["internal", "public"]}, "interface"),
    ],
)
def test_what_leads_elsewhere_and_is_not_used_is_an_error_that_names_it(entry: dict[str, Any], named: str) -> None:
    message = refused(entry)
    assert message.startswith("cloud: ")
    assert named in message


def test_a_vendor_profile_beside_an_address_is_warned_of() -> None:
    (warning,) = read({"profile": "vexxhost", "auth": {"auth_url": KEYSTONE}}).warnings
    assert "'vexxhost'" in warning
    assert read({"auth": {"auth_url": KEYSTONE}}).warnings == ()


# --- values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "text", "kind"),
    [
        ("0123", "83", "a number"),
        ("2024", "2024", "a number"),
        ("1.50", "1.5", "a number"),
        ("1_000", "1000", "a number"),
        ("12:30", "750", "a number"),
        ("1.0e+5", "100000.0", "a number"),
        ("yes", "True", "a boolean"),
        ("off", "False", "a boolean"),
        ("2024-01-31", "2024-01-31", "a date"),
        ('"0123"', "0123", None),
        ("1e5", "1e5", None),
        ("0x", "0x", None),
        ("'yes'", "yes", None),
    ],
)
@pytest.mark.parametrize("key", ["password", "project_name", "username"])
def test_what_yaml_takes_for_no_text_is_known(key: str, written: str, text: str, kind: str | None, work: Path) -> None:
    write(work / "clouds.yaml", f"clouds: {{demo: {{auth: {{{key}: {written}}}}}}}")
    cloud = read()
    assert cloud.values[key] == text
    assert cloud.not_text == ({} if kind is None else {key: NotText(kind, str(work / "clouds.yaml"))})


def test_a_value_that_is_not_text_has_the_file_that_it_comes_from(work: Path) -> None:
    write(work / "clouds.yaml", "clouds: {demo: {auth: {username: 2024, password: 1}, region_name: no}}")
    write(work / "secure.yaml", "clouds: {demo: {auth: {password: 0123, tenant-name: 7}}}")
    clouds, secure = str(work / "clouds.yaml"), str(work / "secure.yaml")
    assert {key: each.path for key, each in read().not_text.items()} == {
        "username": clouds,
        "region_name": clouds,
        "password": secure,
        "project_name": secure,
    }


def test_what_nobody_puts_in_quotes_is_text() -> None:
    assert read({"verify": False, "auth": {"username": "u"}}).not_text == {}


def test_the_name_of_a_cloud_may_look_like_a_number(work: Path) -> None:
    write(work / "clouds.yaml", "clouds: {2024: {region_name: r}}")
    cloud = named_cloud("2024", VARIABLES, {})
    assert cloud is not None
    assert cloud.values == {"region_name": "r"}


# --- the only one ------------------------------------------------------------------------------------------------


def test_the_only_cloud_of_a_file_need_not_be_named(work: Path) -> None:
    assert only_cloud(VARIABLES, {}) is None
    path = write(work / "clouds.yaml", {"devstack": {"auth": {"username": "u"}}})
    assert only_cloud(VARIABLES, {}) == Cloud("devstack", str(path), {"username": "u"}, {})
    write(work / "clouds.yaml", {})
    assert only_cloud(VARIABLES, {}) is None


def test_of_several_clouds_one_has_to_be_named(work: Path) -> None:
    path = write(work / "clouds.yaml", {"one": {}, "two": {}})
    with pytest.raises(ConfigurationError) as caught:
        only_cloud(VARIABLES, {})
    assert str(caught.value).startswith(f"cloud: {path} has several clouds, and none was named.")
    assert "one, two" in str(caught.value)


# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_may_be_json(work: Path) -> None:
    write(work / "clouds.json", json.dumps({"clouds": {"demo": {"region_name": "r"}}}, indent="\t"))
    write(work / "secure.json", json.dumps({"clouds": {"demo": {"auth": {"password": PASSWORD}}}}, indent="\t"))
    assert read().values == {"region_name": "r", "password": PASSWORD}
    write(work / "clouds.json", "{")
    assert refused() == f"cloud: {work / 'clouds.json'} is not valid JSON. Correct the file."


def test_clouds_are_looked_for_in_the_folders_of_openstacksdk(work: Path, home: Path, tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "XDG_CONFIG_DIRS": f"{tmp_path / 'site'}:{tmp_path / 'site2'}"}
    folders = [
        tmp_path / "site2" / "openstack",
        tmp_path / "site" / "openstack",
        home / ".config" / "openstack",
        tmp_path / "xdg" / "openstack",
        work,
    ]
    for number, folder in enumerate(folders):
        write(folder / "clouds.yaml", {"demo": {"region_name": str(number)}})
        assert read(None, **environ).values["region_name"] == str(number)


@pytest.mark.parametrize("place", ["beside", "home", "xdg", "site", "named", "none"])
def test_secrets_are_looked_for_in_every_folder(place: str, work: Path, home: Path, tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "XDG_CONFIG_DIRS": str(tmp_path / "site")}
    folder = {
        "beside": work,
        "home": home / ".config" / "openstack",
        "xdg": tmp_path / "xdg" / "openstack",
        "site": tmp_path / "site" / "openstack",
        "named": tmp_path / "named",
        "none": tmp_path / "none",
    }[place]
    file = write(folder / "secure.yaml", {"demo": {"auth": {"password": PASSWORD}}})
    if place == "named":
        write(work / "secure.yaml", {"demo": {"auth": {"password": OTHER}}})
        environ["OS_CLIENT_SECURE_FILE"] = str(file)
    found = read({"auth": {"username": "u"}}, **environ)
    assert found.values.get("password") == (None if place == "none" else PASSWORD)
    assert found.values["username"] == "u"


def test_the_nearest_secrets_that_know_the_cloud_count(work: Path, home: Path, tmp_path: Path) -> None:
    clouds = write(tmp_path / "named" / "clouds.yaml", {"demo": {"auth": {"username": "u"}}})
    environ = {"OS_CLIENT_CONFIG_FILE": str(clouds)}
    write(home / ".config" / "openstack" / "secure.yaml", {"demo": {"auth": {"password": PASSWORD}}})
    write(work / "secure.yaml", {"other": {"auth": {"password": OTHER}}})
    assert read(None, **environ).values["password"] == PASSWORD
    write(work / "secure.yaml", {"demo": {"auth": {"password": "nearer"}}})
    assert read(None, **environ).values["password"] == "nearer"
    write(tmp_path / "named" / "secure.yaml", {"demo": {"auth": {"password": "beside"}}})
    assert read(None, **environ).values["password"] == "beside"


@pytest.mark.parametrize("variable", ["OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE"])
@pytest.mark.parametrize("path", ["no/file.yaml", "/nowhere/file.yaml", "~/file.yaml"])
def test_a_file_that_a_variable_names_must_be_there(variable: str, path: str, work: Path) -> None:
    message = refused({"auth": {"username": "u"}}, **{variable: path})
    assert message.startswith(f"cloud: {variable} names {path}, which is not there")
    assert (str(work) in message) is (path == "no/file.yaml")


def test_a_home_folder_in_a_variable_is_found(home: Path) -> None:
    write(home / "mine.yaml", {"demo": {"region_name": "r"}})
    assert read(OS_CLIENT_CONFIG_FILE="~/mine.yaml").values == {"region_name": "r"}


def test_names_and_paths_that_are_not_utf_8_can_be_shown(work: Path) -> None:
    write(work / "clouds.yaml", {"demo": {}})
    with pytest.raises(ConfigurationError) as caught:
        named_cloud("d\udcff", VARIABLES, {})
    str(caught.value).encode()
    refused(OS_CLIENT_CONFIG_FILE="/nowhere/\udcff").encode()


# --- a file that is read once


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are parsed from now on; a file counts as settled at once."""
    found: list[str] = []
    parse = clouds._parsed

    def counted(path: str, text: str) -> Any:
        found.append(Path(path).name)
        return parse(path, text)

    monkeypatch.setattr(clouds, "_parsed", counted)
    monkeypatch.setattr(clouds, "_read_before", {})
    monkeypatch.setattr(files, "MIN_AGE_SECONDS", -60)
    return found


def test_a_file_is_parsed_once(parsed: list[str], work: Path) -> None:
    write(work / "clouds.yaml", {"demo": {"region_name": "r"}, "other": {"region_name": "o"}})
    write(work / "secure.yaml", {"demo": {"auth": {"password": PASSWORD}}})
    for dummy in range(3):
        assert read().values == {"region_name": "r", "password": PASSWORD}
    assert cloud_names(os.environ) == ["demo", "other"]
    assert parsed == ["clouds.yaml", "secure.yaml"]


def test_a_file_that_has_changed_is_parsed_again(parsed: list[str], work: Path) -> None:
    for region in ("one", "two", "six"):
        write(work / "clouds.yaml", {"demo": {"region_name": region}})
        assert read().values == {"region_name": region}
    (work / "clouds.yaml").write_text("clouds: [", encoding="utf-8")
    refused()
    (work / "clouds.yaml").unlink()
    assert "no clouds.yaml" in refused()


def test_a_file_that_has_just_changed_is_parsed_each_time(
    parsed: list[str], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MIN_AGE_SECONDS", 3600)
    write(work / "clouds.yaml", {"demo": {"region_name": "r"}})
    assert read() == read()
    assert parsed == ["clouds.yaml"] * 2


def test_the_same_relative_path_in_another_folder_is_another_file(
    parsed: list[str], work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for region in ("r", "s"):
        write(tmp_path / region / "mine.yaml", {"demo": {"region_name": region}})
        monkeypatch.chdir(tmp_path / region)
        assert read(OS_CLIENT_CONFIG_FILE="mine.yaml").values == {"region_name": region}


@pytest.mark.parametrize(
    "wrong", ["clouds: [", "clouds: {demo: {a: b: c}}", "a: *nothing", "!!python/object:os.system x"]
)
def test_what_is_wrong_has_its_place_with_each_parser(wrong: str, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(work / "clouds.yaml", wrong)
    message = refused()
    assert " is not valid YAML at line 1, column " in message
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert refused() == message


def test_a_file_that_is_nested_too_deeply_does_not_end_the_process(work: Path) -> None:
    """The parser in C would overflow its stack."""
    for text in ("[" * 200_000, "- " * 200_000 + "a", "? - " * 200_000 + "a"):
        write(work / "clouds.yaml", text)
        assert "is not valid YAML" in refused()


def test_no_clouds_are_known_without_a_readable_file(work: Path) -> None:
    assert cloud_names(os.environ) == []
    write(work / "clouds.yaml", "clouds: [")
    assert cloud_names(os.environ) == []
    assert cloud_names({"OS_CLIENT_CONFIG_FILE": "/nowhere"}) == []


def test_a_long_line_does_not_count_as_deeply_nested(work: Path) -> None:
    assert clouds._max_depth(json.dumps({"clouds": {"demo": {"auth": {"token": "t" * 100_000}}}})) == 4
