# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox, its witness and the runner of modules, for every document."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

pytest_plugins = ["ansible_collections.platform9.pcd.tests.support.fixtures"]


@pytest.fixture(autouse=True)
def clean(server: Server) -> Iterator[None]:
    """Every document begins and ends with a service that has no images."""
    assert server.everything() == {}
    yield
    for image_id in server.everything():
        server.delete(image_id)


@pytest.fixture(scope="session")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    runner = Runner(server, tmp_path_factory.mktemp("home"))
    yield runner
    runner.close()
