# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What prune retires, and everything after which it retires nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    CATALOG,
    RETIRED,
    is_ours,
    new_id,
)
from ansible_collections.platform9.pcd.tests.support.catalog import Catalog
from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor

BY_TOKEN = True


class Golden(Catalog):
    """A catalogue that prunes; it is called by the name of the test's images."""

    def __call__(self, images: Any, user: str = "member", **options: Any) -> Outcome:
        given = {"catalog": self.prefix, "prune": "only" not in options, **options}
        return super().__call__(images, user, **given)

    def made(self, *names: str, **options: Any) -> list[dict[str, Any]]:
        """Entries of these names, whose images are there and marked."""
        images = [self.entry(name, **RAW) for name in names]
        assert not self(images, prune=False, **options).failed
        return images

    def shown(self) -> list[str]:
        """The images that are neither retired nor renamed, without the prefix of their names."""
        found = self.everything().values()
        return sorted(image["name"].removeprefix(f"{self.prefix}-") for image in found if not image["os_hidden"])


@pytest.fixture
def golden(run: Runner, server: Server, name: str, tmp_path: Path) -> Iterator[Golden]:
    golden = Golden(run, server, name, tmp_path)
    yield golden
    golden.clean_up()


def actions(outcome: Outcome) -> list[str]:
    return [each["action"] for each in outcome.result["images"]]


def test_what_is_not_declared_is_hidden_as_check_mode_says_and_shown_again(golden: Golden) -> None:
    images = golden.made("a", "b")
    ids = {image["name"]: key for key, image in golden.everything().items()}
    predicted = golden(images[:1], check=True)
    assert predicted.writes == []
    real = golden(images[:1])
    assert actions(predicted) == actions(real) == ["unchanged", "pruned"]
    assert (real.images[1]["id"], real.images[1]["changed"]) == (ids[golden.named("b")], True)
    assert real.images[1]["image"]["os_hidden"] is True
    assert real.result["summary"]["pruned"] == 1
    assert golden.shown() == ["a"]
    assert golden(images[:1]).changed is False
    again = golden(images)
    assert actions(again) == ["unchanged", "restored"]
    assert again.result["ids"] == ids
    assert golden.shown() == ["a", "b"]
    assert golden(images).changed is False


def test_with_data_it_is_shown_again_without_sending_a_byte(golden: Golden) -> None:
    images = [golden.entry("a", data=1), golden.entry("b", data=2)]
    ids = golden(images).result["ids"]
    assert actions(golden(images[:1])) == ["unchanged", "pruned"]
    again = golden(images)
    assert actions(again) == ["unchanged", "restored"]
    assert again.result["ids"] == ids
    assert "PUT" not in again.writes


@pytest.mark.parametrize(("retired", "left"), [("rename", 2), ("deactivate", 1), ("delete", 1)])
def test_it_is_retired_as_the_defaults_say(retired: str, left: int, golden: Golden) -> None:
    images = golden.made("a", "b")
    assert actions(golden(images[:1], defaults={"retired": retired})) == ["unchanged", "pruned"]
    assert len(golden.shown()) == left
    assert golden(images[:1], defaults={"retired": retired}).changed is False


# Each is called with a catalogue whose image "b" is not declared, and gives what the task says.
REFUSED: dict[str, dict[str, Any]] = {
    "an empty list": {"images": []},
    "a part of the list": {"only": ["a"], "prune": True},
    "no name of a catalogue": {"catalog": None},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(case: str, golden: Golden) -> None:
    images = golden.made("a", "b")
    options = dict(REFUSED[case])
    if "only" in options:
        options["only"] = [golden.named(name) for name in options["only"]]
    outcome = golden(options.pop("images", images[:1]), **options)
    assert outcome.msg.startswith("prune: ")
    assert outcome.requests == []
    assert golden.shown() == ["a", "b"]


def test_more_than_the_limit_is_refused_before_anything_is_written(golden: Golden) -> None:
    images = golden.made(*(f"n{number}" for number in range(10)))
    images[0]["min_ram"] = 7
    for check in (True, False):
        outcome = golden(images[:6], check=check)
        assert outcome.msg.startswith("prune_limit: 4 of 10 images")
        assert outcome.writes == []
    assert len(golden.shown()) == 10
    assert golden(images[:6], prune_limit=40).result["summary"]["pruned"] == 4


@pytest.mark.parametrize("failure", ["an entry", "a checksum file"])
def test_nothing_is_pruned_after_a_failure(failure: str, golden: Golden, vendor: Vendor) -> None:
    images = golden.made("a", "b")
    failing = golden.entry("c", create=False)
    if failure == "a checksum file":
        url, gone = vendor.file("image.raw", b"x" * 1000), f"{vendor.url}/status/404/SHA256SUMS"
        failing = golden.entry("c", url=url, checksum=f"sha256:{gone}", method="upload", **RAW)
    for check in (True, False):
        outcome = golden([*images[:1], failing], check=check)
        assert actions(outcome) == ["unchanged", "failed"]
        assert "prune: nothing was retired" in str(outcome.result["warnings"])
        assert outcome.writes == []
    assert golden.shown() == ["a", "b"]


def test_a_mark_that_others_could_have_written_counts_for_nothing(
    golden: Golden, server: Server, planted: list[str]
) -> None:
    images = golden.made("a", "b")
    (ours,) = (key for key, image in golden.everything().items() if image["name"] == golden.named("a"))
    own, other = server.project_id("member"), server.project_id("other")
    named = {CATALOG: golden.prefix}
    forged: dict[str, dict[str, Any]] = {
        "of-other-project": {"id": new_id(), "owner": other, "visibility": "public"},
        "snapshot": {"id": str(uuid.uuid4()), "owner": own, BOUND_TO: ours},
        "copy": {"id": new_id(), "owner": own, BOUND_TO: ours},
        "unbound": {"id": new_id(), "owner": own},
        "other-catalogue": {"id": new_id(), "owner": own, CATALOG: "silver"},
        "foreign": {"id": str(uuid.uuid4()), "owner": own},
    }
    documents = [
        {
            "name": golden.named(name),
            "status": "active",
            "visibility": "private",
            **named,
            **({} if name == "unbound" else {BOUND_TO: given["id"]}),
            **given,
        }
        for name, given in forged.items()
    ]
    planted += [document["id"] for document in documents]
    server.plant(documents)
    before = {key: image for key, image in golden.everything().items() if key in planted}
    outcome = golden(images[:1])
    assert actions(outcome) == ["unchanged", "pruned"]
    assert {key: image for key, image in golden.everything().items() if key in planted} == before
    assert [each["name"] for each in outcome.result["not_pruned"]] == [golden.named("foreign")]


def test_an_image_of_a_member_of_the_project_is_not_made_public_because_of_its_marks(
    golden: Golden, server: Server, planted: list[str]
) -> None:
    image_id, name = new_id(), golden.named("a")
    marks = {CATALOG: golden.prefix, BOUND_TO: image_id, RETIRED: name}
    about = {"id": image_id, "name": name, "status": "active", "visibility": "private", "os_hidden": True}
    planted.append(image_id)
    server.plant([{**about, "owner": server.project_id("admin"), **marks}])
    before = server.get(image_id)
    for user, visibility, action in (("admin", "public", "created"), ("admin", "private", "updated")):
        outcome = golden([golden.entry("a", visibility=visibility, **RAW)], user, prune=False)
        assert actions(outcome) == [action]
        assert outcome.result["ids"][name] != image_id
    assert server.get(image_id) == before


def test_an_image_that_another_tool_has_made_is_marked_and_stays(golden: Golden, server: Server) -> None:
    adopted = server.create(golden.named("adopted"), min_ram=1)
    assert not is_ours(adopted["id"])
    images = golden.made("a", "adopted")
    assert server.get(adopted["id"])[CATALOG] == golden.prefix
    outcome = golden(images[:1])
    assert actions(outcome) == ["unchanged"]
    assert [each["id"] for each in outcome.result["not_pruned"]] == [adopted["id"]]
    assert server.get(adopted["id"])["os_hidden"] is False


def test_a_protected_image_is_hidden_and_deleted_only_by_force(golden: Golden, server: Server) -> None:
    images = golden.made("a", "b")
    (protected,) = (key for key, image in golden.everything().items() if image["name"] == golden.named("b"))
    server.change(protected, protected=True)
    outcome = golden(images[:1], defaults={"retired": "delete"})
    assert (actions(outcome), outcome.writes) == (["unchanged"], [])
    assert "protected" in outcome.result["not_pruned"][0]["reason"]
    assert actions(golden(images[:1], defaults={"retired": "delete", "force": True})) == ["unchanged", "pruned"]
    assert golden.shown() == ["a"]


def test_two_catalogues_of_one_project_do_not_touch_each_others_images(golden: Golden) -> None:
    images = golden.made("a", "b")
    second = f"{golden.prefix}-second"
    others = [golden.entry("c", **RAW)]
    assert actions(golden(others, catalog=second)) == ["created"]
    assert golden(images).changed is False
    for state in ("present", "absent"):
        outcome = golden([*others, golden.entry("b", state=state)], catalog=second)
        assert "belongs to catalogue" in outcome.msg
        assert outcome.writes == []
    assert golden.shown() == ["a", "b", "c"]


def test_the_images_of_a_rotation_are_not_pruned(golden: Golden) -> None:
    for number in (1, 2):
        images = [golden.entry("a", data=number, on_content_change="replace")]
        assert not golden(images).failed
    assert len(golden.everything()) == 2
    assert (golden(images).changed, len(golden.everything())) == (False, 2)
    golden([golden.entry("b", **RAW)])
    assert golden.shown() == ["b"]
    assert len(golden.everything()) == 3
