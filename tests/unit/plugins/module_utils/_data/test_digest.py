# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksums that users write, and hashes that are computed."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import (
    Digest,
    digest_from,
    digest_of,
    hash_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, DataError
from ansible_collections.platform9.pcd.tests.support.byte_sources import (
    hexdigest,
)


@pytest.mark.parametrize(
    ("text", "algorithm", "rest"),
    [
        ("sha256:abc", "sha256", "abc"),
        ("SHA256:abc", "sha256", "abc"),
        (" sha512 : abc ", "sha512", "abc"),
        ("md5:https://h:8443/x?y=z:a", "md5", "https://h:8443/x?y=z:a"),
        ("sha3_256:00", "sha3_256", "00"),
        ("blake2b:00", "blake2b", "00"),
    ],
)
def test_a_checksum_is_an_algorithm_and_the_rest(text: str, algorithm: str, rest: str) -> None:
    assert digest_from("checksum", text) == (algorithm, rest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        "sha256: ",
        ":abc",
        "sha257:abc",
        "shake_128:abc",
        "https://h/x",
        "0" * 64,
        "sha256=abc",
        "two\nlines:x",
    ],
)
def test_a_text_that_is_not_a_checksum_is_an_error_that_names_the_algorithms(text: str) -> None:
    with pytest.raises(ConfigurationError, match="^checksum: .*does not begin <algorithm>:<checksum>") as caught:
        digest_from("checksum", text)
    for part in ("md5", "sha256", "sha512"):
        assert part in str(caught.value)
    assert "shake" not in str(caught.value).replace("'shake_128'", "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "sha3_384", "blake2s"])
def test_a_digest_has_the_digits_of_its_algorithm_and_capitals_mean_the_same(algorithm: str) -> None:
    value = hexdigest(algorithm, b"x")
    assert digest_of("checksum", algorithm, value.upper()) == Digest(algorithm, value)
    for wrong in (value[:-1], value + "0", value[:-1] + "g", "", value[:-1] + " ", value[:-1] + "٣"):
        with pytest.raises(ConfigurationError, match=f"^checksum: .*{algorithm} checksum.*{len(value)} hexadecimal"):
            digest_of("checksum", algorithm, wrong)


@pytest.mark.parametrize("algorithm", ["sha512_256", "sha999", "", "None"])
def test_a_hash_that_this_python_does_not_know_is_reported(algorithm: str) -> None:
    if algorithm in hashlib.algorithms_available:
        assert hash_of(algorithm).digest_size
        return
    with pytest.raises(DataError, match="is not known to this Python"):
        hash_of(algorithm)
