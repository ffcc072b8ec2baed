# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an image as its options declare it, on a service in memory. Plans with data are in test_plan.py."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.image import plan_image
from ansible_collections.platform9.pcd.plugins.module_utils._data.options import parse_image
from ansible_collections.platform9.pcd.plugins.module_utils._errors import NotReady, PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Plan, action_of
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, session_with
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_PROJECT, image

NAME = "debian-13"


def plan(glance: Glance, warned: list[str] | None = None, **given: Any) -> Plan:
    session = session_with(glance, [] if warned is None else warned)
    return plan_image(parse_image({"name": NAME, **given}), session)


@pytest.mark.parametrize(
    ("there", "given", "action"),
    [
        (True, {}, "unchanged"),
        (True, {"min_ram": 2048}, "updated"),
        (True, {"state": "absent"}, "deleted"),
        (False, {"state": "absent"}, "unchanged"),
        (False, {"disk_format": "raw", "container_format": "bare"}, "created"),
    ],
)
def test_the_plan_follows_the_state_that_is_declared(there: bool, given: dict[str, Any], action: str) -> None:
    glance = Glance(*([image(name=NAME)] if there else []))
    assert action_of(plan(glance, **given)) == action
    assert glance.done == []


def test_a_new_record_without_any_format_is_likely_a_mistake() -> None:
    warned: list[str] = []
    assert action_of(plan(Glance(), warned, min_ram=2048)) == "created"
    assert "create: false" in warned[0]


@pytest.mark.parametrize(("owner", "count"), [("web", 1), ("0" * 31, 1), (OTHER_PROJECT, 0)])
def test_an_owner_that_is_not_a_project_is_warned_of_once_it_is_written(owner: str, count: int) -> None:
    warned: list[str] = []
    glance = Glance(image(name=NAME, owner=owner))
    assert plan(glance, warned, owner=owner).changed is False
    assert warned == []
    plan(Glance(), warned, owner=owner, disk_format="raw")
    assert len([text for text in warned if text.startswith("owner: ")]) == count


@pytest.mark.parametrize(("owner", "count"), [("web", 1), (OTHER_PROJECT, 0)])
def test_an_owner_that_is_not_a_project_is_warned_of_if_nothing_is_deleted(owner: str, count: int) -> None:
    warned: list[str] = []
    assert plan(Glance(image(name=NAME)), warned, owner=owner, state="absent").changed is False
    assert [text.startswith(f"owner: '{owner}' is not the id of a project") for text in warned] == [True] * count
    warned.clear()
    assert plan(Glance(), warned, id=ID, name=None, owner=owner, state="absent").changed is False
    assert warned == []
    assert plan(Glance(image(name=NAME, owner=owner)), [], owner=owner, state="absent").changed is True


@pytest.mark.parametrize("given", [{"state": "absent"}, {"disk_format": "qcow2"}])
def test_a_name_that_is_the_id_of_an_image_is_warned_of(given: dict[str, Any]) -> None:
    warned: list[str] = []
    plan(Glance(image(name=NAME)), warned, name=ID, **given)
    (warning,) = warned
    assert warning.startswith("name: ")
    assert f"'{ID}' is the id of an image. Write id" in warning
    warned.clear()
    plan(Glance(image(name=ID)), warned, name=ID, **given)
    assert warned == []


def test_a_name_that_is_an_id_is_answered_with_the_option_for_it() -> None:
    with pytest.raises(NotReady, match="The name is the id of an image: write id instead of name"):
        plan(Glance(image(name=NAME)), name=ID, create=False)


def test_an_image_that_is_only_updated_is_not_created() -> None:
    with pytest.raises(NotReady, match="could be updated"):
        plan(Glance(), create=False)


def test_retired_images_are_those_of_the_own_project() -> None:
    with pytest.raises(PlanError, match="keep: "):
        plan(Glance(image(name=NAME, owner=OTHER_PROJECT)), match="visible", keep=1)
