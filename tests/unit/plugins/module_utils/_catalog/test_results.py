# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of the images, and what they come to."""

from __future__ import annotations

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._catalog.results import (
    ACTIONS,
    MAX_NAMED,
    CatalogFailed,
    checked,
    entry_result,
    result_of,
    whole_result,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Delete, Plan, Update
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_ID, image

CHANGED = {"changed": True, "image": {"id": ID}, "patch": [1], "replaced_id": OTHER_ID, "retired": []}


def test_the_result_of_an_image_says_what_was_done() -> None:
    updated = result_of("a", Plan(image(), image(), (Update([]),)), CHANGED)
    assert updated == entry_result("a", "updated", ID, changed=True, image={"id": ID}, patch=[1], replaced_id=OTHER_ID)
    unchanged = result_of("a", Plan(image(), image()), {**CHANGED, "changed": False})
    assert unchanged == entry_result("a", "unchanged", ID)
    assert unchanged["replaced_id"] is None
    gone = result_of("a", Plan(image(), None, (Delete([]),)), {**CHANGED, "image": None})
    assert (gone["action"], gone["id"], gone["image"]) == ("deleted", ID, None)
    assert result_of("a", Plan(None, None), {**CHANGED, "changed": False, "image": None})["id"] is None


def test_what_the_service_kept_is_reported_though_nothing_else_changed() -> None:
    kept = [{"id": ID, "name": "a", "action": "kept", "reason": "in use"}]
    result = result_of("a", Plan(image(), image()), {**CHANGED, "changed": False, "retired": kept})
    assert result == entry_result("a", "unchanged", ID, retired=kept)


def test_an_image_that_another_run_has_finished_was_created_by_this_one() -> None:
    result = result_of("a", Plan(image(), image()), {**CHANGED, "action": "created"})
    assert (result["action"], result["changed"]) == ("created", True)


def test_the_whole_counts_and_names() -> None:
    images = [
        entry_result("a", "updated", "1", changed=True),
        entry_result("b", "created", None, changed=True),
        entry_result("c", "deleted", "3", changed=True),
        entry_result("d", "unchanged"),
        entry_result("e", "unchanged", "5"),
        entry_result("f", "pruned", "6", changed=True),
    ]
    result = whole_result(images, [{"before": {}}], [])
    assert result["ids"] == {"a": "1", "b": None, "e": "5"}
    counts = {"updated": 1, "created": 1, "deleted": 1, "unchanged": 2, "pruned": 1, "total": 6}
    assert result["summary"] == {**dict.fromkeys(ACTIONS, 0), **counts}
    assert result["changed"] is True
    assert checked(result) is result
    assert whole_result(images[3:5], [], [])["changed"] is False


@pytest.mark.parametrize("count", [1, MAX_NAMED, MAX_NAMED + 2])
def test_a_failure_names_the_images_and_keeps_the_results(count: int) -> None:
    images = [entry_result(f"n{number}", "failed", error="no way") for number in range(count)]
    images += [entry_result("last", "not_begun")]
    with pytest.raises(CatalogFailed) as caught:
        checked(whole_result(images, [], []))
    assert str(caught.value).startswith(f"{count} of {count + 1} images failed: n0")
    assert ("and 2 more" in str(caught.value)) is (count > MAX_NAMED)
    assert "1 others were not begun (fail_fast). n0: no way" in str(caught.value)
    assert caught.value.facts["images"] == images
