# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A staging folder that all Glances of the library share, and a store in S3.

Only on a sandbox of `up --production --shared-staging --object-store`: make test-production ARGS=stores.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner
from ansible_collections.platform9.pcd.tests.support.watch import Watch

# More than two of the parts in which Glance sends an image to S3.
CONTENT = os.urandom(20_000_000)


@pytest.fixture(autouse=True)
def _shared_staging(sandbox: dict[str, Any]) -> None:
    if not (sandbox["production"] or {}).get("shared_staging"):
        pytest.skip("the sandbox was not started with --production --shared-staging")


@pytest.fixture
def _object_store(sandbox: dict[str, Any]) -> None:
    if not sandbox["production"]["object_store"]:
        pytest.skip("the sandbox was not started with --object-store; perhaps moto could not be installed")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(CONTENT)
    return path


def holds(server: Server, image_id: str, stores: list[str]) -> None:
    there = server.get(image_id)
    assert (there["status"], there["size"]) == ("active", len(CONTENT))
    assert there["os_hash_value"] == hashlib.sha512(CONTENT).hexdigest()
    assert sorted(there["stores"].split(",")) == stores
    assert server.call("GET", f"/images/{image_id}/file").content == CONTENT


def test_any_glance_imports_what_any_of_them_has_staged(
    run: Runner, server: Server, file: Path, sandbox: dict[str, Any]
) -> None:
    pairs = []
    # HAProxy gives the two Glances the requests in turn; those of the watch come between.
    with Watch(sandbox, unused("contract")).looking():
        for dummy in range(8):
            done = run("pcd_image", name=unused("contract"), path=str(file), method="glance-direct", **RAW)
            holds(server, done.image["id"], ["fast"])
            sent = [each for each in done.glance if each["method"] != "GET"]
            workers = [each["worker"] for each in sent if each["path"].endswith(("/stage", "/import"))]
            # Workers of one Glance are of one group of processes.
            pairs.append(tuple(map(os.getpgid, workers)))
    assert all(len(pair) == 2 for pair in pairs)
    assert any(staged_by != imported_by for staged_by, imported_by in pairs)
    assert list((Path(sandbox["clouds_file"]).parent / "staging" / "shared").iterdir()) == []


@pytest.mark.usefixtures("_object_store")
@pytest.mark.parametrize(
    "options",
    [{"stores": ["objects"]}, {"stores": ["fast", "objects"]}, {"stores": ["objects"], "method": "upload"}],
    ids=str,
)
def test_data_goes_into_a_store_in_s3(
    options: dict[str, Any], run: Runner, server: Server, name: str, file: Path
) -> None:
    done = run("pcd_image", name=name, path=str(file), **options, **RAW)
    holds(server, done.image["id"], options["stores"])
    again = run("pcd_image", name=name, path=str(file), **options, **RAW)
    assert (again.changed, again.writes) == (False, [])


@pytest.mark.usefixtures("_object_store")
def test_an_image_is_copied_into_s3_and_fetched_from_there(
    run: Runner, server: Server, name: str, file: Path, tmp_path: Path
) -> None:
    made = run("pcd_image", name=name, path=str(file), **RAW).image["id"]
    copy: dict[str, Any] = {"name": name, "match": "visible", "method": "copy-image", "stores": ["objects"]}
    assert run("pcd_image", "admin", **copy).changed
    assert not run("pcd_image", "admin", **copy).changed
    holds(server, made, ["fast", "objects"])
    dest = tmp_path / "fetched.raw"
    assert run("pcd_image_download", name=name, dest=str(dest)).changed
    assert dest.read_bytes() == CONTENT
    assert run("pcd_image", name=name, state="absent").changed
    assert not server.is_there(made)
