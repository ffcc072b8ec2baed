# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A catalogue applied to a service in memory: order, failures, what others do at the same moment, and prune."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._catalog.options import CATALOG_OPTIONS, parse_catalog
from ansible_collections.platform9.pcd.plugins.module_utils._catalog.results import CatalogFailed
from ansible_collections.platform9.pcd.plugins.module_utils._catalog.work import (
    MAX_PATCH_AGE,
    MAX_PLAN_AGE,
    change_catalog,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ApiError, ConfigurationError, PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import BOUND_TO, CATALOG, new_id
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, error, session_with
from ansible_collections.platform9.pcd.tests.support.samples import Clock, options, queued

RAW = {"disk_format": "raw", "container_format": "bare"}


def there(name: str, **given: Any) -> dict[str, Any]:
    return queued(**{"id": new_id(), "name": name, **RAW, **given})


def ours(name: str, **given: Any) -> dict[str, Any]:
    image_id = new_id()
    return there(name, **{"id": image_id, CATALOG: "golden", BOUND_TO: image_id, **given})


def change(service: Glance, images: list[dict[str, Any]], warned: list[str] | None = None, **given: Any) -> Any:
    request = parse_catalog(options(CATALOG_OPTIONS, images=images, **{"workers": 1, **given}))
    return change_catalog(request, session_with(service, warned))


def actions(result: Mapping[str, Any]) -> list[str]:
    return [each["action"] for each in result["images"]]


def test_records_come_first_and_then_data_in_the_order_of_the_list(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"data" * 100)
    service = Glance(there("c", min_ram=1), there("d"))
    images: list[dict[str, Any]] = [
        {"name": "a", "path": str(path), **RAW},
        {"name": "b", "path": str(path), **RAW},
        {"name": "c", "min_ram": 2},
        {"name": "d", "state": "absent"},
    ]
    predicted = change(service, images).preview()
    assert service.done == []
    result = change(service, images).apply()
    assert service.done == ["update", "delete", "create", "upload", "create", "upload"]
    assert actions(result) == actions(predicted) == ["created", "created", "updated", "deleted"]
    assert result["summary"] == predicted["summary"]
    assert change(service, images).apply()["changed"] is False


def test_a_change_that_somebody_undoes_is_made_again() -> None:
    service = Glance(there("a", min_ram=1), there("b", min_ram=1), there("c", min_ram=1), there("d", min_ram=1))
    undone: list[str] = []

    def undo(operation: str) -> None:
        if operation == "update" and not undone:
            undone.append(operation)
            first = next(iter(service.images.values()))
            later.append(first["id"])

    later: list[str] = []
    service.afterwards = undo
    whole = change(service, [{"name": name, "min_ram": 2} for name in "abcd"])
    listed = service.list

    def list_after_another(*arguments: Any, **keywords: Any) -> Any:
        while later:
            service.images[later.pop()]["min_ram"] = 1
        return listed(*arguments, **keywords)

    service.list = list_after_another  # type: ignore[method-assign]
    result = whole.apply()
    assert actions(result) == ["updated"] * 4
    assert [each["min_ram"] for each in service.images.values()] == [2] * 4
    assert service.done == ["update"] * 5


@pytest.mark.parametrize("count", [1, 4])
def test_an_image_that_disappears_meanwhile_is_made_again(count: int) -> None:
    service = Glance(*(there(f"n{number}", min_ram=1) for number in range(count)))
    whole = change(service, [{"name": f"n{number}", "min_ram": 2, **RAW} for number in range(count)])
    del service.images[next(iter(service.images))]
    result = whole.apply()
    assert actions(result) == ["created"] + ["updated"] * (count - 1)
    assert sorted(each["name"] for each in service.images.values()) == [f"n{number}" for number in range(count)]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_failure_stops_no_other(workers: int) -> None:
    service = Glance(there("a"), there("b", protected=True), there("c"))
    images: list[dict[str, Any]] = [
        {"name": "a", "min_ram": 7},
        {"name": "b", "state": "absent"},
        {"name": "c", "min_ram": 7},
    ]
    for work in ("preview", "apply"):
        with pytest.raises(CatalogFailed, match="1 of 3 images failed: b") as caught:
            getattr(change(service, images, workers=workers), work)()
        assert actions(caught.value.facts) == ["updated", "failed", "updated"]
        assert caught.value.facts["images"][1]["changed"] is False


def test_a_failure_of_a_write_is_that_of_its_image_only() -> None:
    service = Glance(there("a"), there("b"), there("c"))

    def refuse(operation: str) -> None:
        if operation == "update" and service.done == ["update"]:
            service.done.append("refused")
            raise error(ApiError, 400, "no such thing")

    service.before = refuse
    with pytest.raises(CatalogFailed) as caught:
        change(service, [{"name": name, "min_ram": 2} for name in "abc"]).apply()
    assert actions(caught.value.facts) == ["updated", "failed", "updated"]


def test_with_fail_fast_what_comes_later_is_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"data" * 100)
    service = Glance()

    def refuse(operation: str) -> None:
        if operation == "upload":
            raise error(ApiError, 400, "no such thing")

    service.before = refuse
    images: list[dict[str, Any]] = [{"name": "a", **RAW}, *({"name": name, "path": str(path), **RAW} for name in "bcd")]
    with pytest.raises(CatalogFailed) as caught:
        change(service, images, fail_fast=True).apply()
    assert actions(caught.value.facts) == ["created", "failed", "not_begun", "not_begun"]


def test_a_change_that_was_sent_and_is_not_verified_is_reported_as_one() -> None:
    service = Glance(*(there(name, min_ram=1) for name in "abcd"))
    whole = change(service, [{"name": name, "min_ram": 2} for name in "abcd"])

    def fail(*dummy: Any, **keywords: Any) -> Any:
        raise error(ApiError, 503, "not now")

    service.list = fail  # type: ignore[method-assign]
    with pytest.raises(CatalogFailed) as caught:
        whole.apply()
    assert [(each["changed"], len(each["patch"])) for each in caught.value.facts["images"]] == [(True, 1)] * 4
    assert caught.value.facts["changed"] is True


@pytest.mark.parametrize("seconds", [0.0, MAX_PLAN_AGE + 1])
def test_images_are_listed_again_if_planning_took_long(seconds: float) -> None:
    """Files were read meanwhile, for example."""
    clock, service = Clock(), Glance(there("a", tags=["x"]), there("b"), there("c"))
    images = [{"name": "a", "tags_present": ["y"]}, {"name": "b", "state": "absent"}, {"name": "c", "min_ram": 7}]
    request = parse_catalog(options(CATALOG_OPTIONS, images=images, workers=1))
    whole = change_catalog(request, session_with(service, clock=clock))
    a, b, c = service.images.values()
    clock.now += seconds
    if seconds:
        a["tags"], b["name"], c["min_ram"] = ["x", "z"], "other", 7
    result = whole.apply()
    assert actions(result) == (["updated", "unchanged", "unchanged"] if seconds else ["updated", "deleted", "updated"])
    assert sorted(service.images[a["id"]]["tags"]) == (["x", "y", "z"] if seconds else ["x", "y"])
    assert (b["id"] in service.images) is bool(seconds)


@pytest.mark.parametrize("workers", [1, 3])
def test_changes_that_have_not_begun_when_the_list_is_old_are_planned_from_a_new_one(workers: int) -> None:
    clock, service = Clock(), Glance(*(there(f"n{number}", tags=["x"]) for number in range(9)))
    images = [{"name": f"n{number}", "tags_present": ["y"]} for number in range(9)]
    request = parse_catalog(options(CATALOG_OPTIONS, images=images, workers=workers))
    lists: list[float] = []
    listed = service.list

    def counted(*arguments: Any, **keywords: Any) -> Any:
        lists.append(clock.now)
        return listed(*arguments, **keywords)

    def grow_old(operation: str) -> None:
        if operation == "update" and service.done.count("update") == 3:
            clock.now += MAX_PATCH_AGE + 1
            *dummy, last = service.images.values()
            last["tags"] = ["x", "z"]

    service.list, service.afterwards = counted, grow_old  # type: ignore[method-assign]
    whole = change_catalog(request, session_with(service, clock=clock))
    result = whole.apply()
    assert actions(result) == ["updated"] * 9
    assert service.done == ["update"] * 9
    tags = [sorted(image["tags"]) for image in service.images.values()]
    assert tags == [["x", "y"]] * 8 + [["x", "y", "z"]]
    # For the first plans, for those that were old, and to verify.
    assert len(lists) == 3


def test_data_is_planned_again_if_it_has_waited_long(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"data" * 100)
    clock, service = Clock(), Glance()
    request = parse_catalog(options(CATALOG_OPTIONS, images=[{"name": "a", "path": str(path), **RAW}], workers=1))
    whole = change_catalog(request, session_with(service, clock=clock))
    clock.now += MAX_PLAN_AGE + 1
    waiting = there("a")
    service.images[waiting["id"]] = waiting
    result = whole.apply()
    assert actions(result) == ["filled"]
    assert list(service.images) == [waiting["id"]]


def test_two_entries_that_mean_one_image_are_refused() -> None:
    image = there("a")
    with pytest.raises(ConfigurationError, match="declares the same image"):
        change(Glance(image), [{"name": "a"}, {"name": "b", "id": image["id"]}])


# --- prune


def golden(service: Glance, *names: str, warned: list[str] | None = None, **given: Any) -> Any:
    return change(service, [{"name": name} for name in names], warned, catalog="golden", prune=True, **given)


def test_what_is_not_declared_is_hidden_and_shown_again() -> None:
    service = Glance(ours("a"), ours("b"), there("c"))
    predicted = golden(service, "a").preview()
    result = golden(service, "a").apply()
    assert actions(result) == actions(predicted) == ["unchanged", "pruned"]
    assert {each["name"]: each["os_hidden"] for each in service.images.values()} == {"a": False, "b": True, "c": False}
    assert golden(service, "a").apply()["changed"] is False
    again = golden(service, "a", "b").apply()
    assert actions(again) == ["unchanged", "restored"]
    assert len(service.images) == 3
    assert golden(service, "a", "b").apply()["changed"] is False


def test_nothing_is_pruned_after_a_failure() -> None:
    warned: list[str] = []
    service = Glance(ours("a"), ours("b"))
    images: list[dict[str, Any]] = [{"name": "a"}, {"name": "missing", "create": False}]
    for work in ("preview", "apply"):
        with pytest.raises(CatalogFailed) as caught:
            getattr(change(service, images, warned, catalog="golden", prune=True), work)()
        assert actions(caught.value.facts) == ["unchanged", "failed"]
    assert service.done == []
    assert any(text.startswith("prune: nothing was retired") for text in warned)


def test_too_many_are_refused_before_anything_is_written() -> None:
    service = Glance(*(ours(f"n{number}") for number in range(12)))
    images: list[dict[str, Any]] = [{"name": f"n{number}", "min_ram": 7} for number in range(4)]
    with pytest.raises(PlanError, match="prune_limit: 8 of 12"):
        change(service, images, catalog="golden", prune=True)
    assert service.done == []


@pytest.mark.parametrize(
    "meanwhile", [{"name": "other"}, {CATALOG: "silver"}, {"owner": "x" * 32}, {BOUND_TO: "x"}, None]
)
def test_an_image_that_somebody_has_changed_meanwhile_is_not_pruned(meanwhile: dict[str, Any] | None) -> None:
    image = ours("b")
    service = Glance(ours("a"), image)
    whole = golden(service, "a")
    if meanwhile is None:
        del service.images[image["id"]]
    else:
        service.images[image["id"]].update(meanwhile)
    result = whole.apply()
    assert service.done == []
    assert actions(result) == ["unchanged"]
    assert len(result["not_pruned"]) == (0 if meanwhile is None else 1)


def test_a_protected_image_stays_if_pruned_ones_are_deleted() -> None:
    service = Glance(ours("a"), ours("b", protected=True), ours("c"))
    result = golden(service, "a", defaults={"retired": "delete"}).apply()
    assert actions(result) == ["unchanged", "pruned"]
    assert [each["name"] for each in result["not_pruned"]] == ["b"]
    assert [each["name"] for each in service.images.values()] == ["a", "b"]


def test_images_of_another_catalogue_are_not_claimed() -> None:
    service = Glance(ours("a", **{CATALOG: "silver"}), ours("b"))
    with pytest.raises(CatalogFailed, match="belongs to catalogue 'silver'"):
        golden(service, "a", "b").apply()
    assert service.done == []
