# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several sources counts."""

from __future__ import annotations

from ansible_collections.platform9.pcd.plugins.module_utils._client.sources import first, group, place

SOURCES = [{"a": "1"}, {"a": "2", "b": "2"}, {"b": "3", "c": "3"}]


def test_the_first_source_with_a_key_counts() -> None:
    assert [first(SOURCES, key) for key in "abcd"] == ["1", "2", "3", None]
    assert first([], "a") is None


def test_keys_that_belong_together_come_from_one_source() -> None:
    assert group(SOURCES, "b", "c") == {"b": "2"}
    assert group(SOURCES, "c", "d") == {"c": "3"}
    assert group(SOURCES, "d") == {}


def test_the_place_is_that_of_the_first_source_with_any_of_the_keys() -> None:
    assert place(SOURCES, ("c", "b")) == 1
    assert place(SOURCES, ("c",)) == 2
    # What nobody says takes nothing away from the first source.
    assert place(SOURCES, ("d",)) == 0
