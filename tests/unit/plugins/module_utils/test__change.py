# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an image as a change: check mode writes nothing, and shows what applying it gives back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._change import ImageChange
from ansible_collections.platform9.pcd.plugins.module_utils._data.delivery import Delivery, with_delivery
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Digest
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import image_shape
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Plan,
    Stores,
    plan_absent,
    plan_present,
)
from ansible_collections.platform9.pcd.tests.support.byte_sources import DATA
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, hashed, session_with
from ansible_collections.platform9.pcd.tests.support.samples import OTHER_ID, image

FORMATS = {"name": "new", "disk_format": "raw", "container_format": "bare"}


def upload(stream: Stream) -> Plan:
    return with_delivery(plan_present(FORMATS, None), Delivery("upload", Stores(), 60, stream=stream))


def both(plan: Plan, glance: Glance, **given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What check mode shows, without a write, and what a real run gives back."""
    change = ImageChange(session_with(glance), plan, **given)
    preview = change.preview()
    assert glance.done == []
    return preview, change.apply()


@pytest.mark.parametrize(
    ("there", "name", "writes"),
    [(image(), "ubuntu-24.04", []), (image(), "renamed", ["update"]), (None, "new", ["create"])],
)
def test_a_preview_writes_nothing_and_says_the_same(there: dict[str, Any] | None, name: str, writes: list[str]) -> None:
    glance = Glance(*([] if there is None else [there]))
    preview, real = both(plan_present({"name": name}, there, new_id=OTHER_ID), glance, returns_patch=True)
    assert glance.done == writes
    assert preview["changed"] is real["changed"] is bool(writes)
    for key in ("action", "diff", "patch", "replaced_id", "retired"):
        assert preview[key] == real[key]
    for key, value in preview["image"].items():
        assert value is None or value == real["image"][key]


def test_the_image_of_a_result_has_the_shape_that_users_get() -> None:
    glance = Glance(image())
    real = both(plan_present({"name": "renamed"}, image()), glance)[1]
    assert real["image"] == image_shape(glance.images[image()["id"]])
    assert "patch" not in real


def test_an_image_that_is_gone_is_null() -> None:
    preview, real = both(plan_absent(image()), Glance(image()))
    assert preview["image"] is real["image"] is None
    assert preview["action"] == real["action"] == "deleted"
    diff = {"before": {}, "after": {}, "before_header": "(no image)", "after_header": "(no image)"}
    nothing: dict[str, Any] = {"changed": False, "action": "unchanged", "image": None, "diff": diff}
    assert both(plan_absent(None), Glance()) == (nothing, nothing)


def test_a_preview_reads_the_data_and_sends_none(stream: Stream) -> None:
    """It then has what a real run finds, and a wrong checksum fails in check mode, too."""
    glance = Glance()
    preview, real = both(upload(stream), glance)
    assert glance.done == ["create", "upload"]
    for key, value in hashed(DATA).items():
        assert preview["image"][key] == real["image"][key] == value
    assert preview["changed"] is real["changed"] is True
    assert preview["diff"] == real["diff"]


def test_a_preview_finds_a_wrong_checksum(stream: Stream) -> None:
    wrong = Stream(stream.source, Digest("md5", "0" * 32))
    with pytest.raises(DataError, match="^checksum: "):
        both(upload(wrong), Glance())
