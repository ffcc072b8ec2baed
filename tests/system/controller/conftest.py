# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox, its witness and the player of playbooks, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.playbook_runner import Player

pytest_plugins = ["ansible_collections.platform9.pcd.tests.support.fixtures"]


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Iterator[Player]:
    yield Player(server, tmp_path)
    server.clean_up()


@pytest.fixture
def name(server: Server) -> str:
    """The name of the image that a test is about; whatever has it goes at the end of the test."""
    name = unused("controller")
    server.remember_name(name)
    return name
