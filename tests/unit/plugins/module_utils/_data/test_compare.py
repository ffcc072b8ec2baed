# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an image has the data of a source, and what is said if it does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._data.compare import (
    as_sent,
    difference,
    is_converted,
    is_same,
    refuse_change,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Content
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    SOURCE,
)
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    MD5,
    OTHER_PROJECT,
    PROJECT,
    SHA256,
    SHA512,
    full,
)


@pytest.mark.parametrize(
    ("there", "content", "same"),
    [
        pytest.param({}, Content(100, {"sha512": SHA512, "md5": MD5}), True, id="all is the same"),
        pytest.param({}, Content(None, {"sha512": SHA512}), True, id="one hash is enough"),
        pytest.param({}, Content(None, {"md5": MD5}), True, id="the md5 is enough"),
        pytest.param({}, Content(None, {"sha512": "0" * 128}), False, id="another hash"),
        pytest.param({}, Content(None, {"sha512": SHA512, "md5": "0" * 32}), False, id="one hash of two differs"),
        pytest.param({}, Content(5, {"md5": MD5}), True, id="a hash goes before the size"),
        pytest.param({}, Content(100, {}), None, id="the same size says nothing"),
        pytest.param({}, Content(101, {}), False, id="another size says all"),
        pytest.param({}, Content(100, {"sha256": SHA256}), None, id="a hash that the service does not have"),
        pytest.param({}, Content(101, {"sha256": SHA256}), False, id="and another size"),
        pytest.param({}, Content(None, {}), None, id="nothing is known"),
        pytest.param({"size": None}, Content(100, {}), None, id="the service reports no size"),
        pytest.param({"size": 0}, Content(100, {}), False, id="an image of no bytes"),
        pytest.param(
            {"os_hash_algo": "sha256", "os_hash_value": SHA256}, Content(None, {"sha256": SHA256}), True, id="sha256"
        ),
        pytest.param(
            {"os_hash_algo": None, "os_hash_value": None},
            Content(100, {"sha512": SHA512}),
            None,
            id="the service reports no hash",
        ),
        pytest.param(
            {"os_hash_algo": None, "os_hash_value": None, "checksum": None},
            Content(100, {"sha512": SHA512, "md5": MD5, "None": "x"}),
            None,
            id="the service reports nothing at all",
        ),
    ],
)
def test_content_is_compared_by_what_both_sides_know(
    there: dict[str, Any], content: Content, same: bool | None
) -> None:
    assert is_same(full(**there), content) is same


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (Content(100, {"sha512": SHA512, "md5": MD5}), None),
        (Content(None, {}), None),
        (Content(101, {"sha512": SHA512}), ("size", 101, 100)),
        (Content(100, {"sha512": "0" * 128}), ("sha512", "0" * 128, SHA512)),
        (Content(101, {"md5": "0" * 32}), ("md5", "0" * 32, MD5)),
        (Content(100, {"sha256": "0" * 64}), None),
    ],
)
def test_the_first_difference_is_shown_with_both_sides(content: Content, found: tuple[str, Any, Any] | None) -> None:
    assert difference(full(), content) == found


CONTENTS = st.builds(
    Content,
    st.one_of(st.none(), st.integers(99, 101)),
    st.dictionaries(st.sampled_from(["sha512", "md5", "sha256"]), st.sampled_from([SHA512, MD5, SHA256, "0"])),
)


@given(CONTENTS)
def test_what_is_not_the_same_has_a_difference_to_tell(content: Content) -> None:
    if is_same(full(), content) is False:
        found = difference(full(), content)
        assert found is not None
        assert found[1] != found[2]
    if difference(full(), content) is None:
        assert is_same(full(), content) is not False


def test_other_data_is_refused_with_both_hashes_and_both_ways_out() -> None:
    content = Content(101, {"sha512": "0" * 128})
    error = refuse_change(full(), content)
    for part in (ID, "ubuntu-24.04", SHA512, "0" * 128, "100", "101", "on_content_change: replace", "keep"):
        assert part in str(error)
    assert error.facts == {"expected": "0" * 128, "actual": SHA512, "algorithm": "sha512"}


def test_of_data_without_hashes_the_sizes_are_shown() -> None:
    error = refuse_change(full(), Content(101, {}))
    assert error.facts == {"expected": 101, "actual": 100, "algorithm": "size"}
    assert "size unknown" in str(refuse_change(full(), Content(None, {"md5": "0" * 32})))


@pytest.mark.parametrize(("algorithm", "value"), [("sha256", SHA256), ("sha512", "6" * 128), ("md5", "b" * 32)])
def test_a_converted_image_is_compared_as_if_it_had_the_bytes_that_were_sent(algorithm: str, value: str) -> None:
    there = full(disk_format="raw", **{SOURCE: f"{algorithm}:{value}=sha512:{SHA512} from qcow2"})
    sent = as_sent(there, PROJECT)
    assert is_same(sent, Content(7, {algorithm: value})) is True
    assert is_same(sent, Content(7, {algorithm: "0" * len(value)})) is False
    assert is_same(sent, Content(100, {})) is None
    # For another project, it is what it is.
    assert as_sent(there, OTHER_PROJECT) == there
    # And so is what was not converted: the service's own hashes are those of the source.
    plain = full(**{SOURCE: f"{algorithm}:{value}=sha512:{SHA512}"})
    assert as_sent(plain, PROJECT) == plain


@pytest.mark.parametrize(
    ("changed", "converted"),
    [
        ({"disk_format": "raw", "size": 200}, True),
        ({"container_format": "ovf"}, True),
        ({"size": 200, "checksum": "c" * 32}, False),
    ],
)
def test_a_conversion_shows_in_the_formats(changed: dict[str, Any], converted: bool) -> None:
    assert is_converted(full(), full(**changed)) is converted
