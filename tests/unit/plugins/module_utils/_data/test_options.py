# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options about data: which go together, and the stream that they describe."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.address import Address
from ansible_collections.platform9.pcd.plugins.module_utils._data.options import ImageRequest, parse_image
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, DataError
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import Target
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Stores
from ansible_collections.platform9.pcd.tests.support.samples import PASSWORD, PROJECT
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Serve

URL = "https://vendor.example.com/debian.qcow2"
DATA = b"an image"
MD5, SHA256 = hashlib.md5(DATA).hexdigest(), hashlib.sha256(DATA).hexdigest()


def parse(**given: Any) -> ImageRequest:
    return parse_image({"name": "debian-13", **given})


@pytest.fixture
def path(tmp_path: Path) -> str:
    found = tmp_path / "debian.qcow2"
    found.write_bytes(DATA)
    return str(found)


# --- what goes together ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": URL},
        {"url": URL, "url_username": "me", "url_password": PASSWORD, "url_headers": {"X": "y"}},
        {"url": URL, "url_username": "me"},
        {"url": URL, "checksum": f"md5:{MD5}", "decompress": True},
        {"url": URL, "checksum": "sha256:https://vendor.example.com/SHA256SUMS"},
        {"url": URL, "method": "web-download", "all_stores": True},
        {"url": URL, "method": "upload", "stores": ["a"]},
        {"url": URL, "method": "upload", "stores": ["a", "a"]},
        {"url": URL, "method": "glance-direct", "stores": ["a", "b"], "all_stores_must_succeed": False},
        {"method": "copy-image", "stores": ["a"]},
        {"method": "copy-image", "all_stores": True},
        {"stores": ["a", "b"]},
        {"stores": []},
        {"retired": "rename", "retired_suffix": "-old"},
        {"wait": False, "wait_timeout": 0},
        {"on_content_change": "replace"},
    ],
)
def test_options_that_fit_together_are_fine(given: dict[str, Any]) -> None:
    parse(**given)


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"stores": ["a"], "all_stores": True}, "all_stores"),
        ({"all_stores_must_succeed": True}, "all_stores_must_succeed"),
        ({"all_stores_must_succeed": False, "url": URL}, "all_stores_must_succeed"),
        ({"stores": ["a", ""]}, "stores"),
        ({"stores": [" "]}, "stores"),
        ({"stores": ["a,b"]}, "stores"),
        ({"retired_suffix": "-old"}, "retired_suffix"),
        ({"retired_suffix": "", "retired": "rename"}, "retired_suffix"),
        ({"wait_timeout": -1}, "wait_timeout"),
        ({"checksum": f"md5:{MD5}"}, "checksum"),
        ({"decompress": True}, "decompress"),
        ({"method": "upload"}, "method"),
        ({"method": "glance-direct", "stores": ["a"]}, "method"),
        ({"method": "web-download"}, "method"),
        ({"method": "copy-image"}, "method"),
        ({"method": "copy-image", "stores": ["a"], "url": URL}, "method"),
        ({"method": "upload", "url": URL, "stores": ["a", "b"]}, "method"),
        ({"method": "upload", "url": URL, "all_stores": True}, "method"),
        ({"method": "web-download", "url": URL, "decompress": True}, "method"),
        ({"method": "web-download", "url": URL, "url_username": "me"}, "method"),
        ({"method": "web-download", "url": URL, "url_headers": {"X": "y"}}, "method"),
        ({"method": "web-download", "url": f"https://me:{PASSWORD}@h/x"}, "method"),
        ({"url": URL, "checksum": MD5}, "checksum"),
        ({"url": URL, "checksum": "md5:abc"}, "checksum"),
        ({"url": URL, "checksum": f"sha1:{MD5}"}, "checksum"),
        ({"url": URL, "checksum": "md5:smb://vendor.example.com/SUMS"}, "checksum"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "debian.qcow2"}, "url"),
    ],
)
def test_options_that_do_not_fit_together_are_refused_by_their_names(given: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{option}: ") as caught:
        parse(**given)
    assert PASSWORD not in str(caught.value)


def test_web_download_is_not_for_a_path(path: str) -> None:
    with pytest.raises(ConfigurationError, match="^method: web-download needs url"):
        parse(path=path, method="web-download")


def test_a_file_must_be_there_before_anything_is_sent(path: str) -> None:
    parse(path=path)
    with pytest.raises(DataError, match="^path: "):
        parse(path=f"{path}.none")


@pytest.mark.parametrize(
    ("given", "is_about"), [({}, False), ({"url": URL}, True), ({"stores": ["a"]}, True), ({"all_stores": True}, True)]
)
def test_a_request_is_about_data_if_it_has_a_source_or_stores(given: dict[str, Any], is_about: bool, path: str) -> None:
    assert parse(**given).data.is_about_data is is_about
    assert parse(**given, path=path).data.is_about_data or "url" in given


def test_a_source_is_a_file_or_an_address(path: str) -> None:
    found, address = parse(path=path).data.source, parse(url=URL).data.source
    assert isinstance(found, File)
    assert found.path == path
    assert isinstance(address, Address)
    assert address.url == URL
    assert parse(stores=["a"]).data.source is None


def test_stores_are_taken_once_each_in_their_order() -> None:
    assert parse(stores=["b", "a", "b"]).data.stores == Stores(("b", "a"))
    assert parse().data.stores == Stores()
    assert parse(all_stores=True, all_stores_must_succeed=True).data.stores == Stores((), True, True)


def test_a_request_names_its_secrets_but_no_value_that_would_be_found_everywhere() -> None:
    request = parse(url=f"https://me:{PASSWORD}@h/x", url_headers={"X": "1", "Y": "a-long-secret"})
    assert set(request.secrets) >= {PASSWORD, "a-long-secret"}
    assert "1" not in request.secrets
    assert parse().secrets == ()


@pytest.mark.parametrize("owner", [str(uuid.UUID(PROJECT)), PROJECT.upper(), str(uuid.UUID(PROJECT)).upper()])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_an_owner_selects_images_in_every_form_of_its_id(owner: str, state: str) -> None:
    request = parse(owner=owner, state=state)
    assert request.target.owner == request.desired["owner"] == PROJECT


def test_what_is_said_of_the_data_of_an_absent_image_has_no_effect() -> None:
    request = parse(state="absent", path="/not/there", checksum="no checksum", method="web-download")
    assert (request.data.source, request.data.checksum) == (None, None)


def test_any_dictionary_of_options_makes_a_request_with_the_defaults_of_the_module() -> None:
    request = parse_image({"name": "a", "hidden": True, "properties": {"b": 1}, "owner": PROJECT, "token": "ignored"})
    assert request.target == Target(None, "a", "own", PROJECT, None)
    assert request.desired == {"name": "a", "os_hidden": True, "owner": PROJECT, "b": "1"}
    assert (request.state, request.create, request.purge, request.force) == ("present", True, False, False)
    assert (request.data.wait, request.data.wait_timeout, request.data.retired) == (True, 3600, "hide")


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"id": "a"}, "id"),
        ({"name": "a", "min_disk": -1}, "min_disk"),
        ({"name": "a", "properties": {"id": "x"}}, r"properties\.id"),
        ({"name": "a", "purge_properties": True}, "purge_properties"),
        ({"name": "a", "url": "ftp://h/x"}, "url"),
        ({"name": "a", "state": "absent", "url": "ftp://h/x"}, "url"),
        ({"name": "a", "wait_timeout": -1}, "wait_timeout"),
    ],
)
def test_the_error_of_any_dictionary_of_options_begins_with_the_option(given: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{option}: "):
        parse_image(given)


def test_a_check_sends_nothing(serve: Serve) -> None:
    service = serve(Reply(500))
    parse(url=f"{service.url}/x", checksum=f"md5:{service.url}/MD5SUMS")
    assert service.requests == []


# --- a checksum file on the host of the task ----------------------------------------------------------------------


@pytest.mark.parametrize("address", ["file://srv/SUMS", "file://[", "file://", "file://other.example.com/SUMS"])
def test_an_address_of_no_file_here_is_refused_before_anything_is_asked(address: str, path: str) -> None:
    with pytest.raises(ConfigurationError, match="^checksum: .* is not a file on the host where the task runs"):
        parse(path=path, checksum=f"sha256:{address}")


@pytest.mark.parametrize("address", ["https://h/latest/", "https://h", "https://h/", "https://h/a/?file=x.img"])
@pytest.mark.parametrize("listing", ["https://h/SHA256SUMS", "file:///srv/SHA256SUMS"])
def test_no_line_of_a_checksum_file_is_taken_for_a_url_without_a_name(address: str, listing: str) -> None:
    with pytest.raises(ConfigurationError, match="^checksum: the url ends without the name of a file.*State the"):
        parse(url=address, checksum=f"sha256:{listing}")
    parse(url=address, checksum=f"sha256:{'ab' * 32}")
