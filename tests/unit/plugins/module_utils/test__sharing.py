# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharing, with answers that a real service seldom gives: two unclear ones in a row, and refusals half-way."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Images
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    LostRace,
    NotReady,
    PcdError,
    PlanError,
    TooLarge,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.members import (
    MembersPlan,
    MemberStep,
    SetMemberStatus,
    Share,
    Sharing,
    Unshare,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import Target
from ansible_collections.platform9.pcd.plugins.module_utils._session import Session
from ansible_collections.platform9.pcd.plugins.module_utils._sharing import (
    MembersChange,
    change_members,
    follow_members,
)
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import session_with
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    PROJECT,
    Clock,
    image,
)
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Serve, Service

MEMBERS = f"/images/{ID}/members"
GONE, DOWN, NO = Reply(404, {"message": "not here"}), Reply(503), Reply(403, {"message": "not for you"})
TAKEN = Reply(409, {"message": "Member is duplicated for image"})
FULL = Reply(413, {"message": "the limit has been exceeded"})


def member(project: str, status: str = "pending") -> dict[str, str]:
    return {"member_id": project, "status": status, "image_id": ID}


def listed(*members: dict[str, str]) -> Reply:
    return Reply(200, {"members": [*members]})


def done(project: str, status: str = "pending") -> Reply:
    return Reply(200, member(project, status))


def session_of(service: Service, warned: list[str] | None = None) -> Session:
    http = Http(service.url, Transport(timeout=30, retries=0), clock=Clock().hands)
    return session_with(Images(http), warned)


def asked(service: Service) -> list[str]:
    return [f"{request.method} {request.path}" for request in service.requests]


def applied(service: Service, *steps: MemberStep, before: tuple[dict[str, str], ...] = ()) -> Any:
    return MembersChange(session_of(service), MembersPlan(image(), before, steps)).apply()


# --- the steps ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "before", "replies", "status"),
    [
        pytest.param(Share("a"), None, [DOWN, done("a")], "pending", id="shared after all"),
        pytest.param(Share("a"), None, [TAKEN, done("a", "accepted")], "accepted", id="somebody else was first"),
        pytest.param(SetMemberStatus("a", "rejected"), "pending", [DOWN, done("a", "rejected")], "rejected", id="set"),
        pytest.param(Unshare("a"), "accepted", [DOWN, GONE], None, id="removed after all"),
        pytest.param(Unshare("a"), "accepted", [GONE], None, id="somebody else has removed it"),
    ],
)
def test_what_is_reached_is_not_done_twice(
    step: MemberStep, before: str | None, replies: list[Reply], status: str | None, serve: Serve
) -> None:
    service = serve(*replies)
    result = applied(service, step, before=() if before is None else (member("a", before),))
    assert [each["status"] for each in result["members"]] == ([] if status is None else [status])
    assert len(service.requests) == len(replies)


@pytest.mark.parametrize("step", [Share("a"), SetMemberStatus("a", "accepted"), Unshare("a")])
def test_the_error_says_that_the_outcome_is_not_known(step: MemberStep, serve: Serve) -> None:
    service = serve(DOWN)
    with pytest.raises(ApiError, match=r"Whether it was done is not known: Could not look up the membership"):
        applied(service, step, before=(member("a"),))
    assert len(service.requests) == 2


def test_a_status_that_is_another_one_in_the_answer_is_an_error(serve: Serve) -> None:
    with pytest.raises(PlanError, match=r"a member of Image .* to accepted, but it is rejected"):
        applied(serve(done("a", "rejected")), SetMemberStatus("a", "accepted"), before=(member("a"),))


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    ("step", "replies"),
    [
        pytest.param(Share("a"), [GONE], id="the image is gone"),
        pytest.param(Share("a"), [TAKEN, GONE], id="the member came and went"),
        pytest.param(Share("a"), [NO, Reply(200, image(visibility="private"))], id="the image is private by now"),
        pytest.param(SetMemberStatus("a", "accepted"), [GONE], id="the member is gone"),
    ],
)
def test_what_others_have_changed_is_planned_again(
    step: MemberStep, replies: list[Reply], kept: bool, serve: Serve
) -> None:
    service = serve(*([done("first")] if kept else []), *replies)
    with pytest.raises(LostRace) as caught:
        applied(service, *([Share("first")] if kept else []), step, before=(member("a"),))
    assert caught.value.done == ({"changed": True, "action": "shared"} if kept else {})
    assert len(service.requests) == len(replies) + kept


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("removal", "words"),
    [
        (Reply(204), "The memberships that this task had made have been removed again."),
        (GONE, "The memberships that this task had made have been removed again."),
        (DOWN, "The membership of a, which this task has made, stays: Could not end"),
    ],
)
def test_a_refusal_half_way_takes_back_only_what_this_task_has_done(removal: Reply, words: str, serve: Serve) -> None:
    service = serve(done("a"), TAKEN, done("b"), FULL, removal)
    with pytest.raises(TooLarge) as caught:
        applied(service, Share("a"), Share("b"), Share("c"), before=(member("old"),))
    assert "has 3 members, and the image service takes no more. (the limit has been exceeded)" in str(caught.value)
    assert words in str(caught.value)
    assert asked(service)[4:] == [f"DELETE {MEMBERS}/a"]


@pytest.mark.parametrize(
    ("step", "begins", "hint"),
    [
        (Share("a"), "projects: the service does not let these credentials share Image", PROJECT),
        (Unshare("a"), "projects: the service does not let these credentials end a membership", "status: rejected"),
        (SetMemberStatus("a", "accepted"), "status: the service does not let these credentials set", "project a"),
    ],
)
@pytest.mark.parametrize("look", [Reply(200, image()), DOWN])
def test_a_refusal_says_who_may_do_it(step: MemberStep, begins: str, hint: str, look: Reply, serve: Serve) -> None:
    with pytest.raises(ApiError, match="not for you") as caught:
        applied(serve(NO, look), step, before=(member("a"),))
    assert str(caught.value).startswith(begins)
    assert hint in str(caught.value)
    assert "removed again" not in str(caught.value)


# --- which image -------------------------------------------------------------------------------------------------


def answering(target: Target, projects: tuple[str, ...] | None = None) -> Sharing:
    return Sharing(target, projects, None, False, "accepted", False)


def test_an_id_in_capitals_is_looked_for_in_small_letters_as_well(serve: Serve) -> None:
    service = serve(GONE, listed(member(PROJECT, "accepted")))
    change = change_members(answering(Target(ID.upper(), None)), session_of(service))
    assert not change.plan.changed
    assert change.preview()["image"]["id"] == ID
    assert asked(service) == [f"GET /images/{ID.upper()}/members", f"GET {MEMBERS}"]


@pytest.mark.parametrize("vanished", [GONE, NO])
def test_an_offer_that_goes_meanwhile_is_none(vanished: Reply, serve: Serve) -> None:
    offers = [image(owner=OTHER_PROJECT), image(id=OTHER_ID, owner=OTHER_PROJECT), image(owner=PROJECT)]
    service = serve(Reply(200, {"images": offers}), vanished, listed(member(PROJECT)))
    change = change_members(answering(Target(None, "ubuntu-24.04")), session_of(service))
    assert change.plan.image["id"] == OTHER_ID
    assert change.plan.steps == (SetMemberStatus(PROJECT, "accepted"),)
    assert len(service.requests) == 3


def test_hidden_offers_count_if_there_are_no_others(serve: Serve) -> None:
    service = serve(Reply(200, {"images": []}))
    with pytest.raises(NotReady, match=f"^No image 'debian' is offered to project {PROJECT}"):
        change_members(answering(Target(None, "debian")), session_of(service))
    assert [("os_hidden", "true") in request.query for request in service.requests] == [False, True]
    assert all(("member_status", "all") in request.query for request in service.requests)


@pytest.mark.parametrize(("visibility", "kind"), [("public", NotReady), ("shared", ApiError)])
def test_the_members_of_an_image_that_has_none_are_refused_with_what_it_is(
    visibility: str, kind: type[PcdError], serve: Serve
) -> None:
    service = serve(NO, Reply(200, image(visibility=visibility)))
    with pytest.raises(kind, match="not for you" if kind is ApiError else "has the visibility public"):
        change_members(answering(Target(ID, None), (OTHER_PROJECT,)), session_of(service))


# --- a replacement -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [GONE, NO, listed()])
def test_nobody_follows_an_image_that_is_shared_with_nobody(answer: Reply, serve: Serve) -> None:
    service = serve(answer)
    follow_members(session_of(service), image(), image(id=OTHER_ID))
    assert asked(service) == [f"GET {MEMBERS}"]


@pytest.mark.parametrize(
    ("statuses", "named"),
    [
        (["pending", "pending"], []),
        (["rejected", "pending"], []),
        (["rejected", "accepted"], ["b"]),
        (["accepted", "accepted"], ["a", "b"]),
    ],
)
def test_only_who_has_accepted_is_named_if_it_cannot_be_said_for_them(
    statuses: list[str], named: list[str], serve: Serve
) -> None:
    warned: list[str] = []
    old = [member(project, status) for project, status in zip("ab", statuses, strict=True)]
    service = serve(listed(*old), listed(), done("a"), done("b"), NO)
    follow_members(session_of(service, warned), image(), image(id=OTHER_ID))
    new = f"/images/{OTHER_ID}/members"
    assert asked(service)[1:4] == [f"GET {new}", f"POST {new}", f"POST {new}"]
    # A refusal counts for all of them.
    assert asked(service)[4:] == ([] if set(statuses) == {"pending"} else [f"PUT {new}/a"])
    assert [f"accept it again: {', '.join(named)}. " in warning for warning in warned] == [True] * bool(named)
