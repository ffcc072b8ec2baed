# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxies that variables of the environment name, once their addresses can be used."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

from .._errors import ConfigurationError
from .._redact import host_in

try:
    import requests
    import urllib3
except ImportError:  # the module says so with missing_required_lib before anything is sent
    requests = None  # type: ignore[assignment]

# A host as the DNS has it, once it is encoded (RFC 1035, section 2.3.4); a dot may stand at its end.
HOST = re.compile(r"(?=.{1,254}$)([^.]{1,63}\.)*[^.]{1,63}\.?")
SOCKS = ("socks4", "socks4a", "socks5", "socks5h")


def proxies_for(address: str) -> dict[str, str]:
    """The proxies that variables of the environment name for an address.

    Nothing else is asked: the system's own settings, which macOS has, cannot be read in a process that was forked.
    """
    variables = tuple((name, os.environ[name]) for name in os.environ if name[-6:].lower() == "_proxy")
    if all(name.lower() == "no_proxy" for name, dummy in variables):
        return {}
    return dict(_proxies_in(variables, address))


@lru_cache(maxsize=32)
def _proxies_in(dummy_variables: Sequence[tuple[str, str]], address: str) -> Mapping[str, str]:
    """What requests reads in these variables of the environment. Each task and item asks for the same."""
    if not getproxies_environment():
        # Empty variables take back others, and requests would go on to the system's own settings.
        return {}
    try:
        found: dict[str, str] = requests.utils.get_environ_proxies(address)
        proxy = requests.utils.select_proxy(address, found)
    except ValueError:  # requests says so of the address itself, once it is asked for
        return {}
    if proxy and not _is_proxy(proxy):
        raise unusable_proxy(address)
    if proxy and urlsplit(proxy).scheme in SOCKS and find_spec("socks") is None:
        raise ConfigurationError(
            f"The proxy for {host_in(address)} is a SOCKS proxy (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY). For it, "
            "requests needs the Python library PySocks, which is not installed for the Python of this task. Install it "
            "(requests[socks]), or name an HTTP proxy."
        )
    return found


def _is_proxy(proxy: str) -> bool:
    """Whether all libraries that read the address of a proxy find the same host in it, and no part of a password."""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        scheme, host, port = urlsplit(proxy).scheme, urlsplit(proxy).hostname or "", urlsplit(proxy).port
        read = urllib3.util.parse_url(proxy)
    except (urllib3.exceptions.LocationParseError, ValueError):
        return False
    is_same = not host.isascii() or (read.host or "").strip("[]").lower() == host
    return (
        is_host(host)
        and is_same
        and read.port == port
        and port != 0
        and "@" not in f"{read.query}{read.fragment}"
        and scheme in ("http", "https", *SOCKS)
    )


def unusable_proxy(address: str) -> ConfigurationError:
    return ConfigurationError(
        f"The address of the proxy for {host_in(address)} cannot be used. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY; "
        "in its user and password, write %2F for a slash, %3F for ?, %23 for # and %40 for @."
    )


def is_host(name: str | None) -> bool:
    """Whether the name can be one of a host, which the DNS or a file of hosts may know."""
    try:
        return bool(name) and HOST.fullmatch(str(name).encode("idna").decode()) is not None
    except UnicodeError:
        return False
