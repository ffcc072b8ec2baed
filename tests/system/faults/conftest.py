# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that plays cases, and what one of them is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.system.faults.cases import Worker, open_worker
from ansible_collections.platform9.pcd.tests.system.faults.operations import Subject

pytest_plugins = ["ansible_collections.platform9.pcd.tests.support.fixtures"]


@pytest.fixture(scope="module")
def worker(sandbox: dict[str, Any]) -> Iterator[Worker]:
    with open_worker(sandbox) as worker:
        yield worker


@pytest.fixture
def subject(worker: Worker) -> Iterator[Subject]:
    subject = worker.subject()
    yield subject
    for image in subject.everything:
        worker.server.remember(image["id"])
    subject.clean_up()
