# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image remembers of the file that its data was made from, and what that is worth."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Digest
from ansible_collections.platform9.pcd.plugins.module_utils._data.memory import memory_patch, remembers
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Stream
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import SOURCE, UNPACKED
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import apply_patch
from ansible_collections.platform9.pcd.tests.support.byte_sources import Memory
from ansible_collections.platform9.pcd.tests.support.samples import (
    MD5,
    OTHER_PROJECT,
    PROJECT,
    SHA256,
    SHA512,
    full,
    queued,
)

STATED = Digest("sha256", SHA256)
VALUE = f"sha256:{SHA256}=sha512:{SHA512}"


def stream(stated: Digest | None = STATED, decompress: bool = False) -> Stream:
    return Stream(Memory(b"data"), stated, decompress)


@pytest.mark.parametrize(
    ("read", "there", "remembered"),
    [
        pytest.param(stream(), full(), {SOURCE: VALUE}, id="another digest than those of the service"),
        pytest.param(
            stream(decompress=True), full(), {SOURCE: VALUE, UNPACKED: "true"}, id="a packed file that was unpacked"
        ),
        pytest.param(
            stream(Digest("md5", MD5), decompress=True),
            full(),
            {SOURCE: f"md5:{MD5}=sha512:{SHA512}", UNPACKED: "true"},
            id="the service has hashes of what was in it only",
        ),
        pytest.param(stream(), full(**{SOURCE: VALUE, UNPACKED: "true"}), {SOURCE: VALUE}, id="not unpacked any more"),
        pytest.param(stream(), full(**{SOURCE: VALUE.replace("2", "3", 70)}), {SOURCE: VALUE}, id="another file"),
        pytest.param(stream(None), full(), {}, id="nothing was stated"),
        pytest.param(stream(Digest("md5", MD5)), full(), {}, id="the service has the md5"),
        pytest.param(stream(Digest("sha512", SHA512)), full(), {}, id="the service has the sha512"),
        pytest.param(stream(), queued(), {}, id="there is no hash to bind it to"),
    ],
)
def test_a_checksum_is_remembered_if_the_service_has_none_to_compare_it_with(
    read: Stream, there: dict[str, Any], remembered: dict[str, str]
) -> None:
    patch = memory_patch(read, there)
    after = apply_patch(patch, there)
    assert {key: after[key] for key in (SOURCE, UNPACKED) if key in after} == remembered
    assert memory_patch(read, after) == []
    assert remembers(after, read, PROJECT) is bool(remembered)


@pytest.mark.parametrize(
    ("differs", "project", "read"),
    [
        pytest.param({"owner": OTHER_PROJECT}, PROJECT, stream(), id="anybody can write it on an image of their own"),
        pytest.param({}, OTHER_PROJECT, stream(), id="another project is logged in to"),
        pytest.param({}, None, stream(), id="nobody knows the project"),
        pytest.param({"os_hash_value": "0" * 128}, PROJECT, stream(), id="a copy on other data"),
        pytest.param({SOURCE: f"{VALUE} from raw"}, PROJECT, stream(), id="the service has converted the file"),
        pytest.param({UNPACKED: "true"}, PROJECT, stream(), id="it was unpacked"),
        pytest.param({}, PROJECT, stream(decompress=True), id="it was not unpacked"),
        pytest.param({}, PROJECT, stream(Digest("sha256", "3" * 64)), id="another checksum"),
        pytest.param({}, PROJECT, stream(Digest("sha3_256", SHA256)), id="another algorithm"),
        pytest.param({}, PROJECT, stream(None), id="nothing was stated"),
    ],
)
def test_a_memory_counts_only_for_the_same_file_on_the_same_data(
    differs: dict[str, Any], project: str | None, read: Stream
) -> None:
    assert remembers(full(**{SOURCE: VALUE}), stream(), PROJECT)
    assert not remembers(full(**{SOURCE: VALUE, **differs}), read, project)
