# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxies of the environment, and names of hosts."""

from __future__ import annotations

import os

import pytest
import requests

from ansible_collections.platform9.pcd.plugins.module_utils._client import proxies as _proxies
from ansible_collections.platform9.pcd.plugins.module_utils._client.proxies import is_host, proxies_for
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError

ADDRESS = "https://pcd.example.com/glance/v2"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def test_without_variables_there_is_no_proxy() -> None:
    assert proxies_for(ADDRESS) == {}


def test_the_proxy_of_the_scheme_is_used_unless_the_host_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    assert proxies_for(ADDRESS)["https"] == "http://proxy.example.com:3128"
    monkeypatch.setenv("no_proxy", "example.com")
    assert proxies_for(ADDRESS) == {}


@pytest.mark.parametrize("variables", [{"HTTPS_PROXY": ""}, {"HTTP_PROXY": "http://one.example.com", "http_proxy": ""}])
def test_empty_variables_do_not_lead_to_the_settings_of_the_system(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests.utils, "get_environ_proxies", None)
    _proxies._proxies_in.cache_clear()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxies_for(ADDRESS) == {}


def test_requests_reads_the_variables_again_only_if_one_of_them_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(address: str) -> dict[str, str]:
        asked.append(address)
        return real(address)

    real = requests.utils.get_environ_proxies
    monkeypatch.setattr(requests.utils, "get_environ_proxies", read)
    _proxies._proxies_in.cache_clear()
    monkeypatch.setenv("NO_PROXY", "pcd.example.com")
    assert proxies_for(ADDRESS) == {}
    assert asked == []
    monkeypatch.setenv("no_proxy", "")
    for number, (name, value, expected) in enumerate(
        (
            ("All_Proxy", "http://one.example.com:3128", None),
            ("NO_PROXY", "other.example.com", "http://one.example.com:3128"),
            ("HTTPS_PROXY", "http://two.example.com:3128", "http://two.example.com:3128"),
            ("no_proxy", "example.com", None),
        ),
        start=1,
    ):
        monkeypatch.setenv(name, value)
        for dummy in range(2):
            found = proxies_for(ADDRESS)
            assert requests.utils.select_proxy(ADDRESS, found) == expected
            # What one session does with its own, no other one sees.
            found.clear()
        assert len(asked) == number


@pytest.mark.parametrize("proxy", ["http://user:pass/word@proxy:1", "http://proxy:0", "gopher://proxy:1", "http://"])
def test_an_address_that_cannot_be_a_proxy_is_refused_and_not_quoted(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(ConfigurationError, match=r"^The address of the proxy for pcd\.example\.com cannot") as caught:
        proxies_for(ADDRESS)
    assert "pass" not in str(caught.value).partition("in its user")[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("host", True), ("pcd.example.com.", True), ("b\u00fccher.example", True), ("::1", True)]
    + [(name, False) for name in ("", None, "a..b", ".", "x" * 64, "\udcff")],
)
def test_a_name_of_a_host_is_one_that_the_dns_can_have(name: str | None, expected: bool) -> None:
    assert is_host(name) is expected
