# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharing an image, ending that, and answering an offer: what is written, how often, and what is refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Fault, Proxy, Seen
from ansible_collections.platform9.pcd.tests.support.glance_client import Image, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner

MODULE = "pcd_image_member"
# These stand for what is known only when the test runs.
OTHER, SERVICE, OWN, NOBODY, STRANGER = "id of other", "id of service", "id of demo", "an unknown id", "an unused id"
QUOTA = 128

Members = dict[str, str]


@dataclass(frozen=True)
class Row:
    """A task, the members that are there before it, those afterwards, and the requests to the image service."""

    sentence: str
    before: Mapping[str, str]
    options: Mapping[str, Any]
    after: Mapping[str, str]
    writes: Sequence[str] = ()
    user: str = "member"
    owner: str = "member"
    by: Sequence[str] = ("name",)
    lookups_by_name: int = 2
    attributes: Mapping[str, Any] = field(default_factory=dict)


PENDING, ACCEPTED, REJECTED = "pending", "accepted", "rejected"
SHARE, END, ANSWER = ["POST"], ["DELETE"], ["PUT"]
ADMIN: Mapping[str, Any] = {"user": "admin", "owner": "admin"}

ROWS = [
    Row("an image is shared by id", {}, {"projects": [OTHER]}, {OTHER: PENDING}, SHARE, by=("name", "id")),
    Row("an image is shared by name", {}, {"projects": ["other"]}, {OTHER: PENDING}, SHARE, **ADMIN),
    Row("a member is there already", {OTHER: PENDING}, {"projects": [OTHER]}, {OTHER: PENDING}, by=("name", "id")),
    Row("a status is left alone", {OTHER: ACCEPTED}, {"projects": [OTHER]}, {OTHER: ACCEPTED}),
    Row(
        "another member stays",
        {SERVICE: REJECTED},
        {"projects": [OTHER]},
        {OTHER: PENDING, SERVICE: REJECTED},
        SHARE,
    ),
    Row("an id and a name are one project", {}, {"projects": [OTHER, "other"]}, {OTHER: PENDING}, SHARE, **ADMIN),
    Row("an id in capitals is the same id", {OTHER: PENDING}, {"projects": ["CAPITALS"]}, {OTHER: PENDING}),
    Row("no project is listed", {OTHER: PENDING}, {"projects": []}, {OTHER: PENDING}),
    Row(
        "a hidden image is shared",
        {},
        {"projects": [OTHER]},
        {OTHER: PENDING},
        SHARE,
        lookups_by_name=3,
        attributes={"os_hidden": True},
    ),
    Row(
        "exactly these are members",
        {SERVICE: ACCEPTED, NOBODY: PENDING},
        {"projects": [OTHER, SERVICE], "purge": True},
        {OTHER: PENDING, SERVICE: ACCEPTED},
        [*SHARE, *END],
        by=("name", "id"),
    ),
    Row("all memberships end", {OTHER: ACCEPTED}, {"projects": [], "purge": True}, {}, END),
    Row("there is nothing to purge", {OTHER: ACCEPTED}, {"projects": [OTHER], "purge": True}, {OTHER: ACCEPTED}),
    Row(
        "a membership ends",
        {OTHER: ACCEPTED, SERVICE: PENDING},
        {"projects": [OTHER], "state": "absent"},
        {SERVICE: PENDING},
        END,
        by=("name", "id"),
    ),
    Row("a membership has ended already", {}, {"projects": [OTHER], "state": "absent"}, {}),
    Row(
        "a membership of a project that is gone ends",
        {NOBODY: PENDING},
        {"projects": [NOBODY], "state": "absent"},
        {},
        END,
    ),
    Row(
        "an administrator shares and accepts",
        {},
        {"projects": ["other"], "status": ACCEPTED},
        {OTHER: ACCEPTED},
        [*SHARE, *ANSWER],
        by=("name", "id"),
        **ADMIN,
    ),
    Row(
        "an administrator accepts",
        {OTHER: PENDING},
        {"projects": [OTHER], "status": ACCEPTED},
        {OTHER: ACCEPTED},
        ANSWER,
        **ADMIN,
    ),
    Row(
        "it is accepted already",
        {OTHER: ACCEPTED},
        {"projects": [OTHER], "status": ACCEPTED},
        {OTHER: ACCEPTED},
        **ADMIN,
    ),
    Row(
        "a member accepts",
        {OTHER: PENDING},
        {"status": ACCEPTED},
        {OTHER: ACCEPTED},
        ANSWER,
        user="other",
        by=("name", "id"),
    ),
    Row("a member rejects", {OTHER: ACCEPTED}, {"status": REJECTED}, {OTHER: REJECTED}, ANSWER, user="other"),
    Row(
        "a member takes its answer back", {OTHER: REJECTED}, {"status": PENDING}, {OTHER: PENDING}, ANSWER, user="other"
    ),
    Row(
        "a member has accepted already",
        {OTHER: ACCEPTED},
        {"status": ACCEPTED},
        {OTHER: ACCEPTED},
        user="other",
        by=("name", "id"),
    ),
    Row(
        "an administrator accepts for the own project",
        {SERVICE: PENDING, OTHER: PENDING},
        {"status": ACCEPTED},
        {SERVICE: ACCEPTED, OTHER: PENDING},
        ANSWER,
        user="admin",
    ),
]


def ids(server: Server) -> dict[str, str]:
    own = {OTHER: "other", SERVICE: "admin", OWN: "member"}
    known = {text: server.project_id(user) for text, user in own.items()}
    return {**known, NOBODY: "0" * 31 + "1", STRANGER: uuid.uuid4().hex, "CAPITALS": known[OTHER].upper()}


def told(server: Server, texts: Mapping[str, str]) -> Members:
    return {ids(server)[project]: status for project, status in texts.items()}


def options_of(server: Server, options: Mapping[str, Any]) -> dict[str, Any]:
    known = ids(server)
    projects = options.get("projects")
    return dict(options) if projects is None else {**options, "projects": [known.get(each, each) for each in projects]}


def members_of(server: Server, image_id: str) -> Members:
    listed = server.ask("GET", f"/images/{image_id}/members")["members"]
    return {member["member_id"]: member["status"] for member in listed}


def shared(server: Server, name: str, members: Members, owner: str = "member", **attributes: Any) -> Image:
    image = server.create(name, owner, **attributes)
    for project, status in members.items():
        server.ask("POST", f"/images/{image['id']}/members", json={"member": project})
        if status != PENDING:
            server.ask("PUT", f"/images/{image['id']}/members/{project}", json={"status": status})
    return image


def result_of(outcome: Outcome) -> Members:
    return {member["member_id"]: member["status"] for member in outcome.result["members"]}


@pytest.mark.parametrize(
    ("row", "by"), [(row, by) for row in ROWS for by in row.by], ids=lambda part: getattr(part, "sentence", part)
)
def test_check_mode_predicts_what_is_done_once(row: Row, by: str, run: Runner, server: Server, name: str) -> None:
    before, after = told(server, row.before), told(server, row.after)
    image = shared(server, name, before, row.owner, **row.attributes)
    options = {**options_of(server, row.options), by: {"name": name, "id": image["id"]}[by]}
    lookups = row.lookups_by_name if by == "name" else 1 + bool(row.writes)

    preview = run(MODULE, row.user, check=True, **options)
    assert preview.writes == []
    assert members_of(server, image["id"]) == before
    done = run(MODULE, row.user, **options)
    assert (done.changed, done.lookups, done.writes) == (bool(row.writes), lookups, list(row.writes))
    assert members_of(server, image["id"]) == after
    assert result_of(done) == after
    actions = {(): "unchanged", ("DELETE",): "removed", ("POST",): "shared", ("POST", "PUT"): "shared"}
    assert done.result["action"] == actions.get(tuple(row.writes), "updated")
    for part in ("changed", "action", "image", "diff"):
        assert preview.result[part] == done.result[part], part
    for predicted, real in zip(preview.result["members"], done.result["members"], strict=True):
        known = {key: value for key, value in predicted.items() if value is not None}
        assert known == {key: real[key] for key in known}
    assert (done.result["diff"]["before"] != done.result["diff"]["after"]) is done.changed
    assert done.result["image"]["id"] == image["id"]
    if row.writes or by == "name":
        assert done.result["image"] == {key: image[key] for key in ("id", "name", "owner", "visibility")}
    assert {key: server.get(image["id"])[key] for key in image} == image

    again = run(MODULE, row.user, **options)
    expected = {"name": row.lookups_by_name, "id": 1}[by]
    assert (again.changed, again.writes, again.lookups) == (False, [], expected)
    assert (again.result["action"], again.result["members"]) == ("unchanged", done.result["members"])
    assert run(MODULE, row.user, check=True, **options).result == again.result


@pytest.mark.parametrize("count", [1, 3])
def test_sharing_with_n_costs_two_requests_and_n(count: int, run: Runner, server: Server, name: str) -> None:
    image = shared(server, name, {})
    meant: list[dict[str, Any]] = [{"name": name}, {"id": image["id"]}]
    for by in meant:
        projects = [uuid.uuid4().hex for dummy in range(count)]
        done = run(MODULE, **by, projects=projects)
        assert len(done.glance) == 2 + count
        assert done.writes == ["POST"] * count


def test_a_name_costs_one_request_to_keystone(run: Runner, server: Server, name: str) -> None:
    shared(server, name, told(server, {OTHER: PENDING}), "admin")
    done = run(MODULE, "admin", name=name, projects=["other"])
    assert [request["path"].rpartition("/v3")[2] for request in done.requests if request["service"] == "keystone"] == [
        "/auth/tokens",
        "/projects",
    ]


def test_a_plain_user_names_the_projects_that_the_user_belongs_to(run: Runner, server: Server, name: str) -> None:
    shared(server, name, {})
    own = server.sandbox["users"]["member"]["project"]
    done = run(MODULE, name=name, projects=[own])
    assert result_of(done) == {server.project_id(): PENDING}
    assert "warnings" not in done.result


def test_what_nobody_could_check_is_said(run: Runner, server: Server, name: str) -> None:
    image = shared(server, name, {})
    unknown = ids(server)[STRANGER]
    for check in (True, False):
        done = run(MODULE, name=name, projects=[unknown, server.project_id()], check=check)
        (warning,) = map(str, done.result["warnings"])
        assert unknown in warning
        assert server.project_id() not in warning
    assert unknown in members_of(server, image["id"])
    assert "warnings" not in run(MODULE, name=name, projects=[unknown]).result


def test_a_token_without_keystone_takes_ids_and_no_names(run: Runner, server: Server, name: str) -> None:
    image = shared(server, name, {})
    login = {
        "token": server.token(),
        "image_endpoint_override": server.sandbox["library_url"],
        "ca_cert": server.sandbox["ca_file"],
        "id": image["id"],
    }
    refused = run(MODULE, None, **login, projects=["other"])
    assert "auth_url" in refused.msg
    assert refused.writes == []
    done = run(MODULE, None, **login, projects=[server.project_id("other")])
    assert done.writes == ["POST"]
    assert "could not be checked" in str(done.result["warnings"])


# --- the domain of a name


@pytest.mark.parametrize("domain", ["Default", "default"])
def test_the_domain_is_given_by_name_or_id(domain: str, run: Runner, server: Server, name: str) -> None:
    shared(server, name, {}, "admin")
    done = run(MODULE, "admin", name=name, projects=["other"], project_domain=domain)
    assert result_of(done) == {server.project_id("other"): PENDING}


@pytest.mark.parametrize("domain", ["no-such-domain", uuid.uuid4().hex])
def test_an_unknown_domain_is_refused(domain: str, run: Runner, server: Server, name: str) -> None:
    image = shared(server, name, {}, "admin")
    refused = run(MODULE, "admin", name=name, projects=["other"], project_domain=domain)
    assert domain in refused.msg
    assert refused.writes == []
    assert members_of(server, image["id"]) == {}


@dataclass(frozen=True)
class Elsewhere:
    """Another domain with a project that is called like one of the first domain, and a user who belongs to it."""

    domain: str
    domain_id: str
    project_id: str
    login: Mapping[str, Any]


@pytest.fixture
def elsewhere(server: Server) -> Iterator[Elsewhere]:
    def ask(method: str, path: str, **content: Any) -> Any:
        url, headers = f"{server.sandbox['keystone_url']}{path}", {"X-Auth-Token": server.token("admin")}
        answer = requests.request(method, url, headers=headers, timeout=60, verify=server.sandbox["ca_file"], **content)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    name, password = unused("domain"), unused("Passw0rd")
    domain_id = ask("POST", "/domains", json={"domain": {"name": name}})["domain"]["id"]
    try:
        project = {"name": "other", "domain_id": domain_id}
        project_id = ask("POST", "/projects", json={"project": project})["project"]["id"]
        user = {"name": "neighbour", "domain_id": domain_id, "password": password}
        user_id = ask("POST", "/users", json={"user": user})["user"]["id"]
        (role,) = ask("GET", "/roles", params={"name": "member"})["roles"]
        ask("PUT", f"/projects/{project_id}/users/{user_id}/roles/{role['id']}")
        domains = {"user_domain_name": name, "project_domain_name": name}
        names = {"username": "neighbour", "project_name": "other", "password": password}
        yield Elsewhere(name, domain_id, project_id, {**server.login("member"), **domains, **names})
    finally:
        ask("PATCH", f"/domains/{domain_id}", json={"domain": {"enabled": False}})
        ask("DELETE", f"/domains/{domain_id}")


def test_a_name_means_the_domain_of_the_own_project_unless_another_one_is_given(
    run: Runner, server: Server, name: str, elsewhere: Elsewhere
) -> None:
    shared(server, name, {}, "admin")
    here, there = server.project_id("other"), elsewhere.project_id
    assert result_of(run(MODULE, "admin", name=name, projects=["other"])) == {here: PENDING}
    for domain in (elsewhere.domain, elsewhere.domain_id):
        done = run(MODULE, "admin", name=name, projects=["other"], project_domain=domain, purge=True)
        assert result_of(done) == {there: PENDING}
    # An id belongs to no domain.
    both: dict[str, Any] = {"projects": [here, "other"], "project_domain": elsewhere.domain}
    assert result_of(run(MODULE, "admin", name=name, **both)) == {here: PENDING, there: PENDING}
    refused = run(MODULE, "admin", name=name, projects=["demo"], project_domain=elsewhere.domain)
    assert f"there is no project 'demo' in domain {elsewhere.domain}" in refused.msg


def test_whoever_logs_in_to_another_domain_names_its_projects(
    run: Runner, server: Server, name: str, elsewhere: Elsewhere
) -> None:
    image = shared(server, name, {}, "member")
    server.ask("POST", f"/images/{image['id']}/members", json={"member": elsewhere.project_id})
    accepted = run(MODULE, None, **elsewhere.login, name=name, status=ACCEPTED)
    assert members_of(server, image["id"]) == {elsewhere.project_id: ACCEPTED}
    assert accepted.changed
    own = run("pcd_image", None, **elsewhere.login, name=name, min_disk=1).image
    server.remember(own["id"])
    done = run(MODULE, None, **elsewhere.login, name=name, projects=["other"])
    assert result_of(done) == {elsewhere.project_id: PENDING}
    # A plain user may look up no other domain, and shares by the id.
    refused = run(MODULE, None, **elsewhere.login, name=name, projects=["other"], project_domain="Default")
    assert refused.msg.startswith("project")
    assert refused.writes == []
    by_id = run(MODULE, None, **elsewhere.login, name=name, projects=[server.project_id("other")])
    assert result_of(by_id) == {elsewhere.project_id: PENDING, server.project_id("other"): PENDING}


# --- bad input: one line, and nothing written


BAD: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "an unknown project name": ("admin", {}, {"projects": [OTHER, "no-such-project"]}, "no-such-project"),
    "a name that differs in case": ("admin", {}, {"projects": ["OTHER"]}, "OTHER"),
    "an unknown name for a plain user": ("member", {}, {"projects": ["other"]}, "Give the id"),
    "a mistyped project id": ("admin", {}, {"projects": [OTHER, STRANGER]}, "there is no project"),
    "a project id without its last digit": ("admin", {}, {"projects": ["0" * 31]}, "0" * 31),
    "a private image": ("member", {"visibility": "private"}, {"projects": [OTHER]}, "visibility: shared"),
    "an image of the community": ("member", {"visibility": "community"}, {"projects": [OTHER]}, "visibility: shared"),
    "a public image": ("admin", {"visibility": "public"}, {"projects": [OTHER]}, "visibility: shared"),
    "a private image from which a member goes": (
        "member",
        {"visibility": "private"},
        {"projects": [OTHER], "state": "absent"},
        "visibility: shared",
    ),
    "nothing to do": ("member", {}, {}, "projects"),
    "a status of nobody's": ("member", {}, {"projects": [OTHER], "status": ACCEPTED}, "administrators"),
    "an end with a status": ("member", {}, {"projects": [OTHER], "state": "absent", "status": ACCEPTED}, "status"),
    "an end with purge": ("member", {}, {"projects": [OTHER], "state": "absent", "purge": True}, "purge"),
    "an end on the receiving side": ("other", {}, {"state": "absent"}, "status: rejected"),
    "a purge on the receiving side": ("other", {}, {"status": ACCEPTED, "purge": True}, "purge"),
    "an answer of the owner": ("member", {}, {"status": ACCEPTED}, "give projects"),
}


@pytest.mark.parametrize("by", ["name", "id"])
@pytest.mark.parametrize(("user", "attributes", "options", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input_writes_nothing(
    user: str,
    attributes: dict[str, Any],
    options: dict[str, Any],
    words: str,
    by: str,
    run: Runner,
    server: Server,
    name: str,
) -> None:
    owner = user if user != "other" else "member"
    image = server.create(name, owner, **attributes)
    meant: dict[str, Any] = {"name": name} if by == "name" else {"id": image["id"]}
    refused = run(MODULE, user, **meant, **options_of(server, options))
    assert words in refused.msg
    assert len(refused.msg.splitlines()) == 1
    if attributes.get("visibility", "shared") == "shared":
        assert members_of(server, image["id"]) == {}
    else:
        assert refused.writes == []
    if "status" not in options or "projects" not in options:
        assert refused.writes == []


@pytest.fixture
def full(server: Server, name: str) -> Image:
    """An image with all but one of the members that the quota allows."""
    image = server.create(name, active=False)
    for number in range(QUOTA - 1):
        server.ask("POST", f"/images/{image['id']}/members", json={"member": f"{number:032x}"})
    return image


def test_the_quota_is_reported_and_nothing_is_left(full: Image, run: Runner, server: Server) -> None:
    before = members_of(server, full["id"])
    projects = [uuid.uuid4().hex for dummy in range(2)]
    refused = run(MODULE, id=full["id"], projects=projects)
    assert f"has {QUOTA} members" in refused.msg
    assert "community or public" in refused.msg
    assert refused.result["status"] == 413
    assert refused.result["request_id"] in refused.msg
    assert members_of(server, full["id"]) == before
    # One fits, and then a whole list that takes the place of the others.
    assert run(MODULE, id=full["id"], projects=projects[:1]).changed
    refused = run(MODULE, id=full["id"], projects=projects[1:])
    assert f"has {QUOTA} members" in refused.msg
    assert refused.writes == ["POST"]
    exchanged = run(MODULE, id=full["id"], projects=[*list(before)[1:], *projects], purge=True)
    assert exchanged.writes == ["DELETE", "POST"]
    assert set(members_of(server, full["id"])) == {*list(before)[1:], *projects}


# --- whose image a name means


def test_an_administrator_does_not_share_another_projects_image_by_its_name(
    run: Runner, server: Server, name: str
) -> None:
    image = shared(server, name, {})
    options: dict[str, Any] = {"name": name, "projects": ["other"]}
    refused = run(MODULE, "admin", **options)
    assert image["id"] in refused.msg
    assert "match: visible" in refused.msg
    assert refused.writes == []
    done = run(MODULE, "admin", **options, match="visible")
    assert done.result["image"]["owner"] == server.project_id()
    assert members_of(server, image["id"]) == {server.project_id("other"): PENDING}


def test_two_offers_of_one_name_are_not_guessed_between(run: Runner, server: Server, name: str) -> None:
    offers = [
        shared(server, name, told(server, {OTHER: PENDING})),
        shared(server, name, told(server, {OTHER: REJECTED}), "admin"),
    ]
    shared(server, name, {}, "other")
    refused = run(MODULE, "other", name=name, status=ACCEPTED)
    assert all(offer["id"] in refused.msg for offer in offers)
    assert refused.writes == []
    accepted = run(MODULE, "other", id=offers[0]["id"], status=ACCEPTED)
    assert accepted.writes == ["PUT"]
    assert members_of(server, offers[1]["id"]) == told(server, {OTHER: REJECTED})


def test_an_administrator_answers_only_what_is_offered_to_the_own_project(
    run: Runner, server: Server, name: str
) -> None:
    to_others = shared(server, name, told(server, {OTHER: PENDING}))
    refused = run(MODULE, "admin", name=name, status=ACCEPTED)
    assert "is offered to project" in refused.msg
    offered = shared(server, name, told(server, {SERVICE: PENDING}))
    done = run(MODULE, "admin", name=name, status=ACCEPTED)
    assert done.result["image"]["id"] == offered["id"]
    assert members_of(server, to_others["id"]) == told(server, {OTHER: PENDING})


def test_a_member_can_neither_share_nor_end_a_membership(run: Runner, server: Server, name: str) -> None:
    image = shared(server, name, told(server, {OTHER: ACCEPTED}))
    refused = run(MODULE, "other", id=image["id"], projects=[server.project_id("admin")])
    assert "administrators" in refused.msg
    assert server.project_id() in refused.msg
    assert refused.result["status"] == 403
    assert refused.result["request_id"] in refused.msg
    refused = run(MODULE, "other", id=image["id"], projects=[server.project_id("other")], state="absent")
    assert "status: rejected" in refused.msg
    assert members_of(server, image["id"]) == told(server, {OTHER: ACCEPTED})


@pytest.mark.parametrize("options", [{"state": "absent"}, {"purge": True}])
def test_a_member_is_warned_that_it_does_not_see_the_other_members(
    options: dict[str, Any], run: Runner, server: Server, name: str
) -> None:
    before = told(server, {OTHER: PENDING, SERVICE: PENDING})
    image = shared(server, name, before)
    meant = server.project_id("admin" if "state" in options else "other")
    outcome = run(MODULE, "other", id=image["id"], projects=[meant], **options)
    assert outcome.changed is False
    assert any("it sees its own membership only" in str(each) for each in outcome.result["warnings"])
    assert members_of(server, image["id"]) == before


@pytest.mark.parametrize("by", ["name", "id"])
@pytest.mark.parametrize("options", [{"projects": ["a"]}, {"status": ACCEPTED}])
def test_an_image_that_is_not_there_is_an_error(
    by: str, options: dict[str, Any], run: Runner, server: Server, name: str
) -> None:
    meant: dict[str, Any] = {by: name if by == "name" else server.new_id()}
    refused = run(MODULE, **meant, **options, check=True)
    assert "No image" in refused.msg
    assert "check mode" in refused.msg


# --- lost answers, and others at the same moment


@pytest.mark.parametrize(("what", "when"), [("503", "before"), ("503", "after"), ("close", "after")])
@pytest.mark.parametrize(
    ("method", "before", "options", "after"),
    [
        ("POST", {}, {"projects": [OTHER]}, {OTHER: PENDING}),
        ("DELETE", {OTHER: ACCEPTED}, {"projects": [OTHER], "state": "absent"}, {}),
    ],
)
def test_an_unclear_answer_is_looked_into(
    method: str,
    before: Mapping[str, str],
    options: Mapping[str, Any],
    after: Mapping[str, str],
    what: str,
    when: str,
    run: Runner,
    server: Server,
    proxy: Proxy,
    name: str,
) -> None:
    image = shared(server, name, told(server, before))
    proxy.arm(Fault(what, when, method))
    done = run(MODULE, None, **proxy.through(server.login("member")), name=name, **options_of(server, options))
    assert done.changed
    assert proxy.count(method) == (2 if when == "before" else 1)
    assert members_of(server, image["id"]) == told(server, after)


def test_what_others_do_meanwhile_is_done(run: Runner, server: Server, proxy: Proxy, name: str) -> None:
    """Another run shares with one of both projects first, and it has accepted by then."""
    image = shared(server, name, {})
    first = ids(server)[OTHER]

    def share(seen: Seen, answered: bool) -> None:
        if seen.method != "GET" and seen.nth == 1 and not answered and first not in members_of(server, image["id"]):
            server.share(image["id"], "member", "other")

    proxy.watch = share
    done = run(
        MODULE,
        None,
        **proxy.through(server.login("member")),
        name=name,
        **options_of(server, {"projects": [OTHER, SERVICE]}),
    )
    assert result_of(done) == members_of(server, image["id"]) == told(server, {OTHER: ACCEPTED, SERVICE: PENDING})


def test_a_membership_that_goes_meanwhile_is_planned_again(
    run: Runner, server: Server, proxy: Proxy, name: str
) -> None:
    image = shared(server, name, told(server, {SERVICE: PENDING}))
    member = f"/images/{image['id']}/members/{server.project_id('admin')}"

    def end(seen: Seen, answered: bool) -> None:
        if seen.method != "GET" and seen.nth == 1 and not answered:
            server.ask("DELETE", member)

    proxy.watch = end
    login = proxy.through(server.login("admin"))
    done = run(MODULE, None, **login, id=image["id"], projects=[server.project_id("admin")], status=ACCEPTED)
    assert done.changed
    assert members_of(server, image["id"]) == told(server, {SERVICE: ACCEPTED})


def test_an_image_that_becomes_private_meanwhile_is_an_error(
    run: Runner, server: Server, proxy: Proxy, name: str
) -> None:
    image = shared(server, name, {})

    def hide(seen: Seen, answered: bool) -> None:
        if seen.method != "GET" and seen.nth == 1 and not answered:
            server.change(image["id"], visibility="private")

    proxy.watch = hide
    done = run(
        MODULE, None, **proxy.through(server.login("member")), name=name, **options_of(server, {"projects": [OTHER]})
    )
    assert "visibility: shared" in done.msg


@pytest.mark.parametrize(("what", "times"), [("403", 1), ("403", 9), ("500", 9)])
def test_a_failure_midway_says_what_was_done_and_what_was_not(
    what: str, times: int, run: Runner, server: Server, proxy: Proxy, name: str
) -> None:
    """An exchange: one is shared with, and of two memberships that are to end, the second one does not."""
    first, second, new = "1" * 32, "2" * 32, server.project_id("other")
    image = shared(server, name, {first: PENDING, second: PENDING})
    proxy.arm(Fault(what, "before", "unshare", 2, times))
    login = proxy.through(server.login("member"))
    failed = run(MODULE, None, **login, id=image["id"], projects=[new], purge=True, retries=0)
    there = members_of(server, image["id"])
    assert {member["member_id"]: member["status"] for member in failed.result["members"]} == there
    kept, ended = (second, first) if second in there else (first, second)
    assert ended not in there
    assert f"end the membership of {ended}" in failed.msg.partition("Not done: ")[0]
    assert f"Not done: end the membership of {kept}." in failed.msg
    if times == 1:
        assert there == {kept: PENDING}
        assert "share with" not in failed.msg
        assert "have been removed again" in failed.msg
    else:
        assert there == {kept: PENDING, new: PENDING}
        assert f"Done before that: share with {new}; end" in failed.msg
        assert (f"The membership of {new}, which this task has made, stays" in failed.msg) is (what == "403")
    proxy.arm()
    assert run(MODULE, None, **login, id=image["id"], projects=[new], purge=True).changed
    assert members_of(server, image["id"]) == {new: PENDING}


def test_a_failure_before_any_change_lists_none(run: Runner, server: Server, proxy: Proxy, name: str) -> None:
    image = shared(server, name, {})
    proxy.arm(Fault("403", "before", "share", times=9))
    login = proxy.through(server.login("member"))
    failed = run(MODULE, None, **login, id=image["id"], projects=[server.project_id("other")])
    assert "Done before that" not in failed.msg
    assert "members" not in failed.result


# --- a replacement has the members of the old image


@pytest.mark.parametrize(("user", "again"), [("member", PENDING), ("admin", ACCEPTED)])
def test_members_follow_a_replacement_before_it_is_shown(
    user: str, again: str, run: Runner, server: Server, proxy: Proxy, name: str, tmp_path: Path
) -> None:
    before = {ids(server)[NOBODY]: PENDING, server.project_id("other"): ACCEPTED}
    old = shared(server, name, before, user, active=False, disk_format="raw", container_format="bare")
    server.upload(old["id"], b"old data", user=user)
    path = tmp_path / "image.raw"
    path.write_bytes(b"new data")
    shown: list[Members] = []

    def look(seen: Seen, answered: bool) -> None:
        if seen.kind == "update" and seen.nth == 1 and not answered:
            new = next(image for image in server.named(name) if image["id"] != old["id"])
            assert new["os_hidden"]
            shown.append(members_of(server, new["id"]))

    proxy.watch = look
    options: dict[str, Any] = {"name": name, "path": str(path), "on_content_change": "replace"}
    done = run("pcd_image", None, **proxy.through(server.login(user)), **options)
    for image in server.named(name):
        server.remember(image["id"])
    after = {**before, server.project_id("other"): again}
    assert shown == [after]
    assert members_of(server, done.image["id"]) == after
    assert members_of(server, old["id"]) == before
    warned = str(done.result.get("warnings", ""))
    assert (server.project_id("other") in warned) is (again == PENDING)
    assert not run("pcd_image", None, **proxy.through(server.login(user)), **options).changed
