# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox that tests run beside, its witness and a vendor, for every folder of tests that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.sandbox import NoSandbox, running_sandbox
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor, open_vendor


@pytest.fixture(scope="session")
def sandbox() -> dict[str, Any]:
    """What sandbox.json says."""
    try:
        return running_sandbox()
    except NoSandbox as error:
        pytest.exit(str(error), 4)


@pytest.fixture(scope="session")
def server(sandbox: dict[str, Any]) -> Server:
    return Server(sandbox)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with open_vendor() as vendor:
        yield vendor
