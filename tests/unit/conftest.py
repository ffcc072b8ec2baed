# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all unit tests share: an environment of their own, servers that end with the test, and certificates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Stream
from ansible_collections.platform9.pcd.tests.support.byte_sources import DATA, file
from ansible_collections.platform9.pcd.tests.support.certificates import Certificates, make_certificates
from ansible_collections.platform9.pcd.tests.support.scripted_server import (
    BrokenReply,
    Reply,
    ReplyFunction,
    Serve,
    Service,
)

# The same commit gives the same answer every time; `--hypothesis-profile=search` looks further and elsewhere.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None, max_examples=100)
settings.register_profile("search", database=None, deadline=None, max_examples=5000)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home and current folder; of the environment nothing that says how to reach a cloud."""
    for name in list(os.environ):
        if name.startswith("OS_") or name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    work = tmp_path / "work"
    folder.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.chdir(work)
    return folder


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts web servers, which end with the test."""
    with ExitStack() as stack:

        def start(
            *replies: Reply | BrokenReply | ReplyFunction,
            tls: Certificates | None = None,
            client_certificate: bool = False,
        ) -> Service:
            context = tls.server_context(client_certificate) if tls else None
            return stack.enter_context(Service(*replies, tls=context))

        yield start


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and what it has signed for a server on 127.0.0.1 and for a client."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """DATA in a file."""
    return Stream(file(tmp_path, DATA))
