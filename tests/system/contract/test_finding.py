# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image a task means: the one that is asked for, no other, and never a guess between two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, names_of
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

BY_TOKEN = True

# {} stands for the unique part. What Glance or a URL could take for something else.
NAMES = {
    "a colon": "ubuntu:{}",
    "an operator of two letters": "in:{}",
    "the operator that the look-up itself uses": "eq:{}",
    "only an operator before it": "neq:eq:{}",
    "a comma": "{},b",
    "quotes": '"{}"',
    "quotes around a colon": '"a:{}"',
    "one quote": 'a"{}',
    "an apostrophe": "it's {}",
    "per cent": "{} 100%41",
    "a plus": "c++ {}",
    "an ampersand": "{}&owner=nobody",
    "a hash and a question mark": "{}#a?b=c",
    "a slash": "a/{}/b",
    "a backslash": "a\\{}",
    "other letters": "Ωμέγα 中文 {}",
    "a blank before it": " {}",
    "a blank after it": "{} ",
    "blanks inside": "a  {}",
    "a tab and a line break": "a\t{}\nb",
    "a wildcard": "%{}_*",
    "braces of a template": "{{{{ {} }}}}",
    "a date and a time": "2026-01-31T12:00:00Z {}",
    "255 characters": "{}" + "x" * 255,
}


@pytest.mark.parametrize("pattern", NAMES.values(), ids=NAMES.keys())
def test_an_image_is_found_again_whatever_its_name_holds(pattern: str, run: Runner, server: Server, name: str) -> None:
    odd = pattern.format(name)[:255]
    created = run("pcd_image", name=odd, min_ram=1)
    assert created.writes == ["POST"]
    assert names_of(server.named(odd)) == [odd]
    assert not run("pcd_image", name=odd, min_ram=1).changed
    assert run("pcd_image_info", name=odd).ids == [created.image["id"]]
    assert run("pcd_image", name=odd, state="absent").writes == ["DELETE"]
    assert server.named(odd) == []


def test_a_name_that_is_a_date_and_a_time_is_found_again(run: Runner, server: Server) -> None:
    plain = "2026-01-31T12:00:00Z"
    created = run("pcd_image", name=plain)
    assert created.changed
    assert not run("pcd_image", name=plain).changed
    assert run("pcd_image", name=plain, state="absent").changed
    assert not server.is_there(created.image["id"])


@pytest.mark.parametrize("length", [1, 2])
def test_a_name_of_one_sign_is_found_again(length: int, run: Runner, server: Server) -> None:
    sign = ":" * length
    assert server.named(sign) == []
    assert run("pcd_image", name=sign).changed
    assert not run("pcd_image", name=sign).changed
    assert run("pcd_image", name=sign, state="absent").changed


def test_upper_and_lower_case_are_two_names(run: Runner, server: Server, name: str) -> None:
    upper = server.create(name.upper())
    assert run("pcd_image", name=name).writes == ["POST"]
    assert run("pcd_image", name=name, state="absent").writes == ["DELETE"]
    assert server.get(upper["id"]) == upper


def test_a_part_of_a_name_finds_nothing(run: Runner, server: Server, name: str) -> None:
    longer = server.create(f"{name}-longer")
    assert not run("pcd_image", name=name, state="absent").changed
    assert run("pcd_image_info", name=name).images == []
    assert server.get(longer["id"]) == longer


def test_a_hidden_image_is_found_by_a_second_look(run: Runner, server: Server, name: str) -> None:
    hidden = server.create(name, os_hidden=True)
    found = run("pcd_image", name=name, min_disk=2)
    assert found.image["id"] == hidden["id"]
    # One look at each list, and one whether the change holds.
    assert (found.lookups, found.writes) == (3, ["PATCH"])


def test_an_image_that_is_not_hidden_goes_before_a_hidden_one(run: Runner, server: Server, name: str) -> None:
    hidden, shown = server.create(name, os_hidden=True), server.create(name)
    assert run("pcd_image", name=name, state="absent").writes == ["DELETE"]
    assert not server.is_there(shown["id"])
    assert server.get(hidden["id"]) == hidden


@pytest.mark.parametrize("hidden", [False, True], ids=["shown", "hidden"])
@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("pcd_image", {"min_disk": 1}),
        ("pcd_image", {"state": "absent"}),
        ("pcd_image", {"state": "absent", "force": True}),
        ("pcd_image_state", {"state": "deactivated"}),
    ],
    ids=["present", "absent", "absent by force", "deactivated"],
)
def test_two_images_of_one_name_are_not_guessed_between(
    module: str, options: dict[str, Any], hidden: bool, run: Runner, server: Server, name: str
) -> None:
    two = [server.create(name, os_hidden=hidden), server.create(name, active=True, os_hidden=hidden)]
    before = server.everything()
    for check in (True, False):
        refused = run(module, name=name, check=check, **options)
        for image in two:
            for fact in ("id", "status", "owner", "created_at"):
                assert image[fact] in refused.msg, fact
        assert sorted(image["id"] for image in refused.result["images"]) == sorted(image["id"] for image in two)
        assert refused.writes == []
    assert server.everything() == before


def test_one_of_two_images_of_one_name_is_meant_by_its_id(run: Runner, server: Server, name: str) -> None:
    kept, gone = server.create(name), server.create(name)
    assert run("pcd_image", id=gone["id"], name=name, min_disk=1).image["min_disk"] == 1
    assert run("pcd_image", id=gone["id"], state="absent").writes == ["DELETE"]
    assert server.get(kept["id"]) == kept


@pytest.mark.parametrize("how", ["public", "community", "shared and accepted", "shared and pending"])
def test_an_image_of_another_project_is_not_taken_for_ones_own(
    how: str, run: Runner, server: Server, name: str
) -> None:
    if how == "public":
        foreign = server.create(name, user="admin", visibility="public", active=True)
    elif how == "community":
        foreign = server.create(name, user="other", visibility="community", active=True)
    else:
        foreign = server.create(name, user="other", active=True)
        server.share(foreign["id"], "other", "member", status=how.split()[-1])

    assert not run("pcd_image", name=name, state="absent", force=True).changed
    created = run("pcd_image", name=name, min_disk=3)
    assert created.writes == ["POST"]
    assert created.image["owner"] == server.project_id("member")
    assert run("pcd_image", name=name, min_disk=4).image["id"] == created.image["id"]
    assert run("pcd_image", name=name, state="absent").writes == ["DELETE"]
    assert server.get(foreign["id"]) == foreign


def test_an_administrator_means_an_image_of_its_own_project(run: Runner, server: Server, name: str) -> None:
    foreign = server.create(name)
    assert not run("pcd_image", "admin", name=name, state="absent").changed
    assert run("pcd_image", "admin", name=name).image["owner"] == server.project_id("admin")
    assert server.get(foreign["id"]) == foreign


def test_match_visible_reaches_the_image_of_another_project(run: Runner, server: Server, name: str) -> None:
    foreign = server.create(name)
    changed = run("pcd_image", "admin", name=name, match="visible", min_ram=2)
    assert changed.image["id"] == foreign["id"]
    assert changed.image["owner"] == server.project_id("member")
    assert run("pcd_image", "admin", name=name, match="visible", state="absent").writes == ["DELETE"]
    assert not server.is_there(foreign["id"])


def test_match_visible_does_not_choose_between_projects(run: Runner, server: Server, name: str) -> None:
    two = [server.create(name), server.create(name, user="other")]
    refused = run("pcd_image", "admin", name=name, match="visible", state="absent")
    assert all(image["id"] in refused.msg and image["owner"] in refused.msg for image in two)
    assert refused.writes == []


def test_match_visible_does_not_let_a_member_change_what_is_not_theirs(run: Runner, server: Server, name: str) -> None:
    public = server.create(name, user="admin", visibility="public", active=True)
    refused = [
        run("pcd_image", name=name, match="visible", min_ram=2),
        run("pcd_image", name=name, match="visible", state="absent"),
        run("pcd_image_state", name=name, match="visible", state="deactivated"),
    ]
    for outcome in refused:
        assert outcome.result["status"] == 403
        assert outcome.result["request_id"] in outcome.msg
    assert server.get(public["id"]) == public


def test_an_id_that_is_not_there_is_given_to_the_new_image(run: Runner, server: Server, name: str) -> None:
    new = server.new_id()
    assert run("pcd_image", id=new, name=name).writes == ["POST"]
    assert server.get(new)["name"] == name
    assert not run("pcd_image", id=new, name=name).changed


def test_an_id_in_capital_letters_means_the_same_image(run: Runner, server: Server, name: str) -> None:
    image = server.create(name)
    outcome = run("pcd_image", id=image["id"].upper(), name=name, min_ram=3)
    assert outcome.image["id"] == image["id"]
    assert len(server.named(name)) == 1


def test_an_id_whose_image_was_deleted_is_refused_with_its_reason(run: Runner, server: Server, name: str) -> None:
    image = server.create(name)
    assert run("pcd_image", id=image["id"], state="absent").writes == ["DELETE"]
    refused = run("pcd_image", id=image["id"], name=name)
    assert refused.result["status"] == 409
    assert "never reuses an image id" in refused.msg
    assert server.named(name) == []


def test_the_id_of_another_project_is_not_there_and_not_taken(run: Runner, server: Server, name: str) -> None:
    foreign = server.create(name, user="other", visibility="private")
    assert not run("pcd_image", id=foreign["id"], state="absent", force=True).changed
    assert run("pcd_image", id=foreign["id"], name=name).result["status"] == 409
    assert server.get(foreign["id"]) == foreign


def test_an_unknown_id_is_absent_already(run: Runner, server: Server) -> None:
    outcome = run("pcd_image", id=server.new_id(), state="absent")
    assert (outcome.changed, outcome.writes) == (False, [])


def test_an_image_is_moved_to_another_project_by_its_id(run: Runner, server: Server, name: str) -> None:
    image = server.create(name, user="admin")
    other = server.project_id("other")
    assert run("pcd_image", "admin", id=image["id"], owner=other).writes == ["PATCH"]
    assert server.get(image["id"])["owner"] == other
    again = run("pcd_image", "admin", name=name, owner=other)
    assert (again.changed, again.image["id"]) == (False, image["id"])
    assert len(server.named(name)) == 1


@pytest.mark.parametrize("match", ["own", "visible"])
def test_an_image_is_not_moved_to_another_project_by_its_name(
    match: str, run: Runner, server: Server, name: str
) -> None:
    image = server.create(name, user="admin")
    other = server.project_id("other")
    created = run("pcd_image", "admin", name=name, owner=other, match=match)
    assert (created.writes, created.image["owner"]) == (["POST"], other)
    assert server.get(image["id"]) == image


def test_an_owner_that_has_no_such_image_loses_none_and_neither_do_we(run: Runner, server: Server, name: str) -> None:
    image = server.create(name, user="admin")
    gone = run("pcd_image", "admin", name=name, owner=server.project_id("other"), state="absent")
    assert not gone.changed
    assert server.is_there(image["id"])


def test_a_hidden_image_of_the_owner_keeps_ours_from_being_given_away(run: Runner, server: Server, name: str) -> None:
    ours, other = server.create(name, user="admin"), server.project_id("other")
    theirs = server.create(name, user="other", os_hidden=True)
    found = run("pcd_image", "admin", name=name, owner=other)
    assert not found.changed
    assert found.image["id"] == theirs["id"]
    assert server.get(ours["id"])["owner"] == server.project_id("admin")


def test_an_image_is_created_for_another_project_once(run: Runner, server: Server, name: str) -> None:
    other = server.project_id("other")
    created = run("pcd_image", "admin", name=name, owner=other)
    assert server.get(created.image["id"])["owner"] == other
    assert not run("pcd_image", "admin", name=name, owner=other).changed
    assert run("pcd_image", "admin", name=name, owner=other, state="absent").writes == ["DELETE"]


def test_a_member_cannot_give_an_image_away(run: Runner, server: Server, name: str) -> None:
    image = server.create(name)
    assert run("pcd_image", name=name, owner=server.project_id("other")).result["status"] == 403
    assert server.get(image["id"]) == image


def test_a_state_reaches_the_own_project_and_match_visible_every_project(
    run: Runner, server: Server, name: str
) -> None:
    image = server.create(name, active=True)
    for match in ({}, {"match": "own"}, {"match": None}):
        refused = run("pcd_image_state", "admin", name=name, state="deactivated", **match)
        for part in (name, image["id"], image["owner"], "match: visible"):
            assert part in refused.msg
        assert refused.writes == []
    assert server.get(image["id"]) == image
    assert run("pcd_image_state", "admin", name=name, match="visible", state="deactivated").changed
    assert server.get(image["id"])["status"] == "deactivated"
    assert run("pcd_image_state", name=name, state="active").changed
    assert server.get(image["id"])["status"] == "active"


def test_a_download_takes_the_image_of_the_own_project(run: Runner, server: Server, name: str, tmp_path: Path) -> None:
    ours = server.create(name, active=True)
    public = server.create(name, user="admin", visibility="public", active=True)
    dest = str(tmp_path / "image.raw")
    assert run("pcd_image_download", name=name, dest=dest).image["id"] == ours["id"]
    assert run("pcd_image_download", "admin", name=name, dest=dest).image["id"] == public["id"]
    both = run("pcd_image_download", name=name, dest=dest, match="visible")
    assert ours["id"] in both.msg
    assert public["id"] in both.msg


def test_a_download_says_that_the_image_is_another_projects(
    run: Runner, server: Server, name: str, tmp_path: Path
) -> None:
    public = server.create(name, user="admin", visibility="public", active=True)
    dest = tmp_path / "image.raw"
    refused = run("pcd_image_download", name=name, dest=str(dest))
    for part in (name, public["id"], server.project_id("admin"), "match: visible"):
        assert part in refused.msg
    assert not dest.exists()
    assert run("pcd_image_download", name=name, dest=str(dest), match="visible").image["id"] == public["id"]


@pytest.mark.parametrize("match", ["own", "visible"])
def test_an_image_that_is_nowhere_is_named_with_what_helps(match: str, run: Runner, name: str) -> None:
    refused = run("pcd_image_state", name=name, match=match, state="active")
    for part in (f"No image '{name}' was found", "project", "match: visible" if match == "own" else "id"):
        assert part in refused.msg
    # Both lists, hidden images and others; and only with own, one look whether another project has it.
    assert refused.lookups == (3 if match == "own" else 2)
