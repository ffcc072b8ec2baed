# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed collection, a stand-in for AWX that runs its jobs, and what users fill in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.system.awx.controller import Controller, open_controller
from ansible_collections.platform9.pcd.tests.system.awx.files import COLLECTION, command, load
from ansible_collections.platform9.pcd.tests.system.awx.jobs import CredentialType, Mesh

pytest_plugins = ["ansible_collections.platform9.pcd.tests.support.fixtures"]


@pytest.fixture(autouse=True)
def _nothing_is_left(server: Server) -> Iterator[None]:
    yield
    server.clean_up()


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact, installed as AWX installs it for a project."""
    (artefact,) = (COLLECTION.parents[3] / "dist").glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("installed")
    command(folder, "ansible-galaxy", "collection", "install", str(artefact), "--offline", "-p", str(folder))
    return folder


@pytest.fixture(scope="session")
def project(collections: Path) -> Path:
    """The files of awx/ as a user has them."""
    return collections / "ansible_collections" / "platform9" / "pcd" / "awx"


@pytest.fixture(scope="session")
def credential_type() -> CredentialType:
    return CredentialType(load("credential_type/inputs.yml"), load("credential_type/injectors.yml"))


@pytest.fixture
def mesh(project: Path, collections: Path, credential_type: CredentialType, tmp_path: Path) -> Mesh:
    return Mesh(project, collections, credential_type, tmp_path)


@pytest.fixture
def controller(project: Path, mesh: Mesh) -> Iterator[Controller]:
    with open_controller(project, mesh.run_here) as controller:
        controller.make("organizations", name="Default")
        yield controller


@pytest.fixture(scope="session")
def certificates(sandbox: dict[str, Any]) -> str:
    return Path(sandbox["ca_file"]).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def rc_file(sandbox: dict[str, Any]) -> dict[str, str]:
    """The variables of the RC file of a user with a password."""
    account = sandbox["users"]["member"]
    return {
        "OS_AUTH_URL": sandbox["keystone_url"],
        "OS_USERNAME": "member",
        "OS_PASSWORD": account["password"],
        "OS_PROJECT_NAME": account["project"],
        "OS_REGION_NAME": sandbox["region"],
        "OS_CACERT": sandbox["ca_file"],
    }


@pytest.fixture(scope="session")
def application_credential(sandbox: dict[str, Any], certificates: str) -> dict[str, Any]:
    """What a user fills in, recommended way."""
    return {
        "auth_url": sandbox["keystone_url"],
        "application_credential_id": sandbox["application_credential"]["id"],
        "application_credential_secret": sandbox["application_credential"]["secret"],
        "region_name": sandbox["region"],
        "ca_certificate": certificates,
    }


@pytest.fixture(scope="session")
def password(sandbox: dict[str, Any], certificates: str) -> dict[str, Any]:
    return {
        "auth_url": sandbox["keystone_url"],
        "username": "member",
        "password": sandbox["users"]["member"]["password"],
        "user_domain_name": sandbox["domain_name"],
        "project_name": sandbox["users"]["member"]["project"],
        "project_domain_name": sandbox["domain_name"],
        "region_name": sandbox["region"],
        "ca_certificate": certificates,
    }
