# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox, its witness and the runner of modules, for every test of this folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.catalog import Catalog
from ansible_collections.platform9.pcd.tests.support.fault_proxy import Proxy, open_proxy
from ansible_collections.platform9.pcd.tests.support.glance_client import GOING, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import MODULES, Runner

pytest_plugins = ["ansible_collections.platform9.pcd.tests.support.fixtures"]


@pytest.fixture(scope="session")
def server(sandbox: dict[str, Any]) -> Iterator[Server]:
    server = Server(sandbox)
    before = set(server.everything())
    yield server
    found = server.everything().values()
    left = [image for image in found if image["id"] not in before and image["status"] not in GOING]
    assert not left, f"images that a test has left behind: {left}"


@pytest.fixture(scope="session")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    try:
        importlib.util.find_spec(MODULES)
    except ModuleNotFoundError:
        pytest.exit("ansible_collections.platform9.pcd cannot be imported: put its parent folder into PYTHONPATH.", 4)
    run = Runner(server, tmp_path_factory.mktemp("home"))
    yield run
    run.close()


@pytest.fixture(autouse=True)
def _login(request: pytest.FixtureRequest, run: Runner) -> None:
    """A file of tests that is about images only says BY_TOKEN."""
    run.by_token = getattr(request.module, "BY_TOKEN", False)


@pytest.fixture(autouse=True)
def _nothing_is_left(server: Server) -> Iterator[None]:
    yield
    server.clean_up()


@pytest.fixture
def name() -> str:
    """The name of the image that a test is about."""
    return unused("contract")


@pytest.fixture
def planted(server: Server) -> Iterator[list[str]]:
    """The ids of images that a test has written into the database, and which go at its end."""
    ids: list[str] = []
    yield ids
    server.uproot(ids)


@pytest.fixture
def catalog(run: Runner, server: Server, name: str, tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(run, server, name, tmp_path)
    yield catalog
    catalog.clean_up()


@pytest.fixture
def proxy(sandbox: dict[str, Any]) -> Iterator[Proxy]:
    """A proxy in front of the image library."""
    with open_proxy(sandbox, tls=False) as proxy:
        yield proxy


@pytest.fixture
def tls_proxy(sandbox: dict[str, Any]) -> Iterator[Proxy]:
    """The same with TLS, as most of them have it."""
    with open_proxy(sandbox) as proxy:
        yield proxy
