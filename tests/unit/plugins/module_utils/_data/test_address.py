# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a file: what is one, what stands in it, and who gets its credentials."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.address import Address
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.tests.support.samples import PASSWORD

SIGNATURE = "sig-1f8e7d6c5b4a39281706"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "debian.qcow2",
        "/images/debian.qcow2",
        "file:///etc/passwd",
        "ftp://h/x",
        "http:",
        "http://",
        "http:///x",
        "https://:443/x",
        "http://[::1/x",
        "http://h:port/x",
        "http://h:99999/x",
        "//h/x",
        "data:,x",
    ],
)
def test_a_text_that_is_not_an_http_address_is_an_error_that_names_the_option(address: str) -> None:
    with pytest.raises(ConfigurationError, match="^checksum: .*is not the address of a file"):
        Address(address, "checksum")


def test_an_invalid_address_is_shown_without_its_secrets() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Address(f"ftp://me:{PASSWORD}@h/x?sig={SIGNATURE}")
    assert "ftp://h/x" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert SIGNATURE not in str(caught.value)


@pytest.mark.parametrize("text", [PASSWORD, f"me:{PASSWORD}@h/x", f"/srv/{PASSWORD}"])
def test_what_has_no_form_of_an_address_is_not_quoted(text: str) -> None:
    with pytest.raises(ConfigurationError, match="^url: it is not the address of a file") as caught:
        Address(text)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("address", [f"https://{SIGNATURE}#b{PASSWORD}@h/x", f"https://h/x#{PASSWORD}@{SIGNATURE}"])
def test_a_password_that_reads_as_a_fragment_is_refused_before_a_part_of_it_is_asked_for(address: str) -> None:
    with pytest.raises(ConfigurationError, match="Write %23") as caught:
        Address(address)
    assert PASSWORD not in str(caught.value)
    assert SIGNATURE not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/debian.qcow2", "debian.qcow2"),
        ("/debian.qcow2?x=/y", "debian.qcow2"),
        ("/my%20image.img", "my image.img"),
        ("/latest/", ""),
        ("", ""),
    ],
)
def test_the_last_part_of_the_path_is_the_name_in_a_checksum_file(path: str, name: str) -> None:
    assert Address(f"https://h{path}").filename == name


@pytest.mark.parametrize("given", [{}, {"headers": {}}, {"headers": None}, {"headers": {"X-Token": None}}])
def test_an_address_without_credentials_is_open_to_all(given: dict[str, Any]) -> None:
    assert Address(f"https://h/x?sig={SIGNATURE}", **given).is_public


@pytest.mark.parametrize("login", ["me", "me:", f"me:{PASSWORD}", f":{PASSWORD}"])
def test_an_address_with_credentials_in_it_is_not_open_to_all(login: str) -> None:
    """The service gets what it fetches without them, and would show them to whoever reads its tasks."""
    assert not Address(f"https://{login}@h/x").is_public


@pytest.mark.parametrize(
    "given", [{"username": "me"}, {"username": "me", "password": PASSWORD}, {"headers": {"X-Token": PASSWORD}}]
)
def test_an_address_with_credentials_beside_it_is_not_open_to_all(given: dict[str, Any]) -> None:
    assert not Address("https://h/x", **given).is_public


def test_everything_that_is_for_the_host_only_is_a_secret() -> None:
    found = Address(f"https://me:{PASSWORD}@h/x?sig={SIGNATURE}", headers={"X": "a header", "Y": None, "Z": ""})
    assert set(found.secrets) >= {PASSWORD, SIGNATURE, "a header"}
    assert "" not in found.secrets
    assert str(found) == "https://h/x"


def test_a_file_beside_it_on_the_same_host_has_its_credentials_and_one_elsewhere_none() -> None:
    image = Address("http://h/x", username="me", password=PASSWORD, headers={"X": "y"})
    for text in ("http://h/SUMS", "https://h/SUMS"):
        beside = image.beside(text, "checksum")
        assert (beside.option, beside.url) == ("checksum", text)
        assert (beside.credentials, beside.headers) == (image.credentials, image.headers)
    for text in ("http://other/SUMS", "http://h:8080/SUMS"):
        assert image.beside(text, "checksum").is_public
