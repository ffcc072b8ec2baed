# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members that are there and projects that are meant, and the steps between them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.plugins.module_utils._image.members import (
    USUAL_QUOTA,
    MembersPlan,
    MemberStep,
    SetMemberStatus,
    Share,
    Sharing,
    Unshare,
    parse_sharing,
    plan_members,
    shape_of,
)

IMAGE = {"id": "1714676b-e56d-4171-a072-f919121a9797", "name": "debian", "visibility": "shared"}
OPTIONS: dict[str, Any] = {
    "id": None,
    "name": "debian",
    "match": "own",
    "projects": None,
    "project_domain": None,
    "state": "present",
    "status": None,
    "purge": False,
}


def sharing(**options: Any) -> Sharing:
    return parse_sharing({**OPTIONS, "projects": [], **options})


def members(**statuses: str) -> list[dict[str, Any]]:
    return [{"member_id": project, "status": status, "created_at": "then"} for project, status in statuses.items()]


@pytest.mark.parametrize(
    ("options", "before", "project_ids", "steps"),
    [
        pytest.param({}, {}, [], [], id="no project is nothing to do"),
        pytest.param({}, {"a": "accepted"}, ["a"], [], id="a status is left alone"),
        pytest.param({}, {"a": "accepted"}, ["b"], [Share("b")], id="another member stays"),
        pytest.param({"status": "accepted"}, {}, ["a"], [Share("a"), SetMemberStatus("a", "accepted")], id="both"),
        pytest.param({"status": "pending"}, {}, ["a"], [Share("a")], id="a new member is pending"),
        pytest.param({"status": "pending"}, {"a": "rejected"}, ["a"], [SetMemberStatus("a", "pending")], id="back"),
        pytest.param({"state": "absent"}, {"a": "accepted"}, ["b", "a"], [Unshare("a")], id="only members go"),
        pytest.param(
            {"purge": True}, {"a": "accepted", "b": "pending"}, ["b", "c"], [Share("c"), Unshare("a")], id="purge"
        ),
        pytest.param({"purge": True}, {"a": "accepted"}, [], [Unshare("a")], id="an empty list leaves none"),
    ],
)
def test_the_steps_are_what_is_left_to_do(
    options: dict[str, Any], before: dict[str, str], project_ids: list[str], steps: list[MemberStep]
) -> None:
    plan = plan_members(sharing(**options), IMAGE, members(**before), project_ids)
    assert list(plan.steps) == steps
    assert plan.changed is bool(steps)
    assert (plan.action == "unchanged") is not plan.changed
    again = plan_members(sharing(**options), IMAGE, plan.after, project_ids)
    assert again.steps == ()


def test_a_member_that_makes_room_goes_first() -> None:
    before = members(**{f"p{number}": "pending" for number in range(USUAL_QUOTA)})
    wanted = [*(f"p{number}" for number in range(1, USUAL_QUOTA)), "new"]
    plan = plan_members(sharing(purge=True), IMAGE, before, wanted)
    assert plan.steps == (Unshare("p0"), Share("new"))
    # There are too many of them anyway: the refusal comes before anybody is removed.
    plan = plan_members(sharing(purge=True), IMAGE, before, [*wanted, "newer"])
    assert plan.steps == (Share("new"), Share("newer"), Unshare("p0"))


@pytest.mark.parametrize(
    ("steps", "action"),
    [
        ((), "unchanged"),
        ((Share("a"),), "shared"),
        ((Share("a"), SetMemberStatus("a", "accepted"), SetMemberStatus("b", "accepted")), "shared"),
        ((SetMemberStatus("a", "rejected"),), "updated"),
        ((Unshare("a"), Unshare("b")), "removed"),
        ((Share("a"), Unshare("b")), "updated"),
        ((SetMemberStatus("a", "accepted"), Unshare("b")), "updated"),
    ],
)
def test_one_word_says_what_a_plan_does(steps: tuple[MemberStep, ...], action: str) -> None:
    assert MembersPlan(IMAGE, (), steps).action == action


def test_the_diff_and_the_prediction_tell_the_steps() -> None:
    plan = plan_members(sharing(status="accepted", purge=True), IMAGE, members(b="pending", a="pending"), ["b", "c"])
    common = {"id": IMAGE["id"], "name": "debian"}
    assert plan.diff == {
        "before": {**common, "members": {"a": "pending", "b": "pending"}},
        "after": {**common, "members": {"b": "accepted", "c": "accepted"}},
        "before_header": f"debian ({IMAGE['id']})",
        "after_header": f"debian ({IMAGE['id']})",
    }
    assert shape_of(plan.after) == [
        {"member_id": "b", "status": "accepted", "created_at": "then", "updated_at": None},
        {"member_id": "c", "status": "accepted", "created_at": None, "updated_at": None},
    ]


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "projects"),
        ({"state": "absent"}, "state"),
        ({"status": "accepted", "purge": True}, "purge"),
        ({"projects": ["a"], "state": "absent", "status": "accepted"}, "status"),
        ({"projects": ["a"], "state": "absent", "purge": True}, "purge"),
        ({"projects": [" a"]}, "projects"),
        ({"projects": [""]}, "projects"),
        ({"projects": ["x" * 256]}, "projects"),
        ({"projects": ["a"], "project_domain": " "}, "project_domain"),
        ({"projects": ["a"], "name": " "}, "name"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_option(options: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{option}: "):
        parse_sharing({**OPTIONS, **options})


def test_a_project_that_is_listed_twice_counts_once() -> None:
    assert sharing(projects=["a", "b", "a"]).projects == ("a", "b")
