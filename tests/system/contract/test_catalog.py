# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many images in one task: what is done to each, how many requests it takes, and what a failure leaves."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import new_id
from ansible_collections.platform9.pcd.tests.support.catalog import Catalog
from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner
from ansible_collections.platform9.pcd.tests.support.vendor import PASSWORD, USER, Vendor

MAX_KIB_A_WORKER = 16 << 10


# --- what is done


def test_a_catalogue_is_made_as_check_mode_says_and_then_unchanged(catalog: Catalog, server: Server) -> None:
    server.create(catalog.named("old"))
    server.create(catalog.named("there"), **RAW)
    images = [
        catalog.entry("with-data", data=1),
        catalog.entry("record", min_ram=1024),
        catalog.entry("old", state="absent"),
        catalog.entry("there", data=2),
        catalog.entry("never", state="absent"),
    ]
    predicted = catalog(images, check=True)
    assert predicted.writes == []
    real = catalog(images)
    actions = ["created", "created", "deleted", "filled", "unchanged"]
    assert [each["action"] for each in predicted.images] == actions
    assert [each["action"] for each in real.images] == actions
    assert real.result["summary"] == predicted.result["summary"]
    assert real.result["summary"]["total"] == 5
    assert [each["name"] for each in real.images] == [each["name"] for each in images]
    assert real.images[0]["image"]["os_hash_value"] == predicted.images[0]["image"]["os_hash_value"]
    assert set(real.result["ids"]) == {catalog.named(name) for name in ("with-data", "record", "there")}
    assert {each["before_header"].rpartition(" (")[0] for each in real.result["diff"]} == {
        each["name"] for each in images if each["name"] != catalog.named("never")
    }
    found = catalog.everything()
    assert {image["name"]: image["status"] for image in found.values()} == {
        catalog.named("with-data"): "active",
        catalog.named("record"): "queued",
        catalog.named("there"): "active",
    }
    again = catalog(images)
    assert (again.changed, again.writes) == (False, [])
    assert [each["image"] for each in again.images] == [None] * 5
    assert again.result["ids"] == real.result["ids"]


def test_defaults_are_for_all_images_and_properties_are_merged(catalog: Catalog) -> None:
    outcome = catalog(
        [
            catalog.entry("a", properties={"hw_machine_type": "pc", "os_distro": "debian"}),
            catalog.entry("b", min_ram=2, tags_present=["x"]),
        ],
        defaults={"min_ram": 1, "tags": ["t"], "properties": {"hw_machine_type": "q35", "os_type": "linux"}, **RAW},
    )
    first, second = (each["image"] for each in outcome.images)
    assert (first["min_ram"], second["min_ram"]) == (1, 2)
    assert first["properties"] == {"hw_machine_type": "pc", "os_distro": "debian", "os_type": "linux"}
    assert second["properties"] == {"hw_machine_type": "q35", "os_type": "linux"}
    assert (first["tags"], second["tags"]) == (["t"], ["x"])


def test_a_rotation_is_the_same_as_that_of_one_image(catalog: Catalog, server: Server) -> None:
    options = {"on_content_change": "replace", "keep": 1}
    outcome = None
    for number, action in ((1, "created"), (2, "replaced"), (3, "replaced"), (2, "restored")):
        before = outcome.images[0]["id"] if outcome else None
        outcome = catalog([catalog.entry("a", data=number)], defaults=options)
        assert (outcome.images[0]["action"], outcome.images[0]["replaced_id"]) == (action, before)
        server.space_out(sorted(catalog.everything(), key=lambda key: server.get(key)["os_hidden"], reverse=True))
    assert len(catalog.everything()) == 2


def test_only_the_named_images_are_worked_on(catalog: Catalog) -> None:
    images = [catalog.entry("a"), catalog.entry("b")]
    outcome = catalog(images, only=[catalog.named("b")])
    assert [each["name"] for each in outcome.images] == [catalog.named("b")]
    assert [image["name"] for image in catalog.everything().values()] == [catalog.named("b")]


def test_each_checksum_file_is_read_once(catalog: Catalog, vendor: Vendor) -> None:
    listing = ""
    images = []
    for number in range(6):
        content = b"vendor %d " % number * 5000
        listing += f"{hashlib.sha256(content).hexdigest()}  image-{number}.raw\n"
        images.append(
            catalog.entry(f"v{number}", url=vendor.file(f"image-{number}.raw", content), method="upload", **RAW)
        )
    sums = vendor.file("SHA256SUMS", listing.encode())
    defaults = {"checksum": f"sha256:{sums}"}
    outcome = catalog(images, defaults=defaults)
    assert [each["action"] for each in outcome.images] == ["created"] * 6
    assert len(vendor.headers_of("/files/SHA256SUMS")) == 1
    vendor.asked.clear()
    again = catalog(images, defaults=defaults)
    assert again.changed is False
    assert [path for path, dummy in vendor.asked] == ["/files/SHA256SUMS"]


def test_check_mode_downloads_nothing_that_has_a_checksum(catalog: Catalog, vendor: Vendor) -> None:
    content = b"vendor " * 300_000
    url = vendor.file("image.raw", content)
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    images = [catalog.entry("v", url=url, checksum=checksum, method="upload", decompress=True, **RAW)]
    outcome = catalog(images, check=True)
    assert [each["action"] for each in outcome.images] == ["created"]
    assert len(vendor.asked) <= 1


# --- what is wrong is found before anything is written


def test_all_that_is_wrong_is_in_one_error(catalog: Catalog) -> None:
    images = [
        catalog.entry("fine"),
        catalog.entry("a", min_disk="many"),
        catalog.entry("b", disk_fromat="raw"),
        {"min_ram": 1},
        catalog.entry("c", path="/nowhere/at/all"),
        catalog.entry("fine"),
        catalog.entry("d", cloud="pcd"),
        catalog.entry("e", tags=["x" * 300]),
        catalog.entry("f", disk_format="floppy"),
        catalog.entry("g", path="/etc/hosts", url="http://127.0.0.1/x"),
        catalog.entry("h", properties={"a": ["list"]}),
    ]
    outcome = catalog(images, only=["unknown"], workers=0, prune_limit=101)
    for words in (
        f"images[1] ({catalog.named('a')}): min_disk: ",
        f"images[2] ({catalog.named('b')}): disk_fromat: this module has no option of this name.",
        "images[3]: name: ",
        f"images[4] ({catalog.named('c')}): path: /nowhere/at/all cannot be read",
        f"images[5] ({catalog.named('fine')}): name: images[0] declares the same image",
        f"images[6] ({catalog.named('d')}): 'cloud' belongs to the task",
        f"images[7] ({catalog.named('e')}): tags: ",
        f"images[8] ({catalog.named('f')}): disk_format: ",
        f"images[9] ({catalog.named('g')}): ",
        f"images[10] ({catalog.named('h')}): properties.a: ",
        "only: there is no image 'unknown'",
        "workers: ",
        "prune_limit: ",
    ):
        assert words in outcome.msg
    assert outcome.requests == []
    assert catalog.everything() == {}


def test_an_error_has_twenty_problems_at_most(catalog: Catalog) -> None:
    outcome = catalog([catalog.entry(f"n{number}", min_disk="x") for number in range(25)])
    assert outcome.msg.count("images[") == 20
    assert outcome.msg.endswith("And 5 more.")


def test_an_image_that_two_entries_mean_is_refused(catalog: Catalog, server: Server) -> None:
    there = server.create(catalog.named("a"))
    outcome = catalog([catalog.entry("a", min_ram=1), catalog.entry("b", id=there["id"])])
    assert "declares the same image" in outcome.msg
    assert outcome.writes == []


def test_in_check_mode_a_missing_file_may_come_later(catalog: Catalog) -> None:
    images = [catalog.entry("a", path="/nowhere/a.raw", **RAW), catalog.entry("b", path="/nowhere/b.raw", **RAW)]
    assert "path: /nowhere/a.raw" in catalog(images).msg
    outcome = catalog(images, check=True)
    assert [each["action"] for each in outcome.images] == ["created", "created"]
    warned = [warning for warning in outcome.result["warnings"] if "is not there in check mode" in str(warning)]
    assert len(warned) == 2, outcome.result["warnings"]


# --- failures


def test_a_failure_stops_no_other_and_the_task_says_which(catalog: Catalog, server: Server, vendor: Vendor) -> None:
    server.create(catalog.named("kept"), protected=True)
    images = [
        catalog.entry("a", data=1),
        catalog.entry("kept", state="absent"),
        catalog.entry("gone", url=f"{vendor.url}/files/none", method="upload", **RAW),
        catalog.entry("b", min_ram=5),
    ]
    for check in (True, False):
        outcome = catalog(images, check=check)
        assert outcome.msg.startswith(
            f"2 of 4 images failed: {catalog.named('kept')}, {catalog.named('gone')}. {catalog.named('kept')}: "
        )
        assert [each["action"] for each in outcome.result["images"]] == ["created", "failed", "failed", "created"]
        assert [bool(each["error"]) for each in outcome.result["images"]] == [False, True, True, False]
        assert outcome.result["changed"] is True
        assert outcome.result["summary"]["failed"] == 2
    names = {image["name"] for image in catalog.everything().values()}
    assert names == {catalog.named("a"), catalog.named("b"), catalog.named("kept")}


def test_with_fail_fast_nothing_new_is_begun(catalog: Catalog, server: Server) -> None:
    server.create(catalog.named("kept"), protected=True)
    server.create(catalog.named("same"), min_ram=1)
    images = [
        catalog.entry("kept", state="absent"),
        catalog.entry("same", min_ram=1),
        catalog.entry("a", data=1),
        catalog.entry("b"),
    ]
    for check in (True, False):
        outcome = catalog(images, check=check, fail_fast=True)
        actions = [each["action"] for each in outcome.result["images"]]
        assert actions == ["failed", "unchanged", "not_begun", "not_begun"]
        assert "2 others were not begun" in outcome.msg
        assert outcome.writes == []


# --- secrets


def test_secrets_of_entries_are_in_no_output(catalog: Catalog, vendor: Vendor, run: Runner) -> None:
    content = b"guarded " * 1000
    url = vendor.file("image.raw", content, "guarded")
    headers = {"X-Key": vendor.key}
    images = [
        catalog.entry("a", url=url, url_username=USER, url_password=PASSWORD, **RAW),
        catalog.entry("b", url=url, url_headers=headers, **RAW),
        catalog.entry("c", url=url.replace("//", "//user:Se-cret-in-url-77@"), url_headers=headers, **RAW),
    ]
    wrong = [
        catalog.entry("d", url=url, url_username=USER, url_password=PASSWORD, disk_format="x", wrong_option=PASSWORD)
    ]
    told = (PASSWORD, vendor.key, "Se-cret-in-url-77")
    for options in ({}, {"check": True}, {"verbosity": 5}):
        for listed in (images, wrong):
            outcome = catalog(listed, defaults={"url_headers": {"X-Other": vendor.key}}, **options)
            assert run.told(outcome.stdout, *told) == []
            shown = outcome.result["invocation"]["module_args"]["images"]
            assert [each["name"] for each in shown] == [each["name"] for each in listed]


# --- requests


def plant(server: Server, ids: list[str], names: list[str], **attributes: Any) -> None:
    project = server.project_id()
    images = [
        {"id": new_id(), "name": name, "status": "queued", "owner": project, "visibility": "private", **attributes}
        for name in names
    ]
    ids += [image["id"] for image in images]
    server.plant(images)


def test_500_images_take_few_requests(catalog: Catalog, server: Server, planted: list[str]) -> None:
    names = [catalog.named(f"n{number:03}") for number in range(500)]
    plant(server, planted, names, min_ram=1)
    unchanged = catalog([{"name": name, "min_ram": 1} for name in names])
    assert unchanged.result["summary"]["unchanged"] == 500
    assert len(unchanged.requests) <= 3
    changed = catalog([{"name": name, "min_ram": 2, "properties": {"a": "b"}} for name in names], workers=8)
    assert changed.result["summary"]["updated"] == 500
    assert len(changed.requests) <= 510
    assert changed.writes == ["PATCH"] * 500
    again = catalog([{"name": name, "min_ram": 2} for name in names])
    assert (again.changed, again.result["summary"]["unchanged"]) == (False, 500)


def test_other_images_cost_only_the_pages_of_the_list(catalog: Catalog, server: Server, planted: list[str]) -> None:
    names = [catalog.named(f"n{number:03}") for number in range(20)]
    plant(server, planted, names, min_ram=1)
    plant(server, planted, [catalog.named("other")] * 2500)
    outcome = catalog([{"name": name, "min_ram": 1} for name in names])
    assert outcome.result["summary"]["unchanged"] == 20
    assert outcome.lookups == 3


def test_each_further_worker_takes_little_memory(catalog: Catalog) -> None:
    images = []
    for number in range(6):
        path = catalog.folder / f"{number}.raw"
        path.write_bytes(bytes([65 + number]) * (24 << 20))
        images.append(catalog.entry(f"m{number}", path=str(path), **RAW))
    peaks = {}
    for workers in (1, 6):
        outcome = catalog(images, workers=workers)
        assert outcome.result["summary"]["created"] == 6
        peaks[workers] = outcome.peak_memory
        catalog.clean_up()
    assert peaks[6] - peaks[1] <= 5 * MAX_KIB_A_WORKER
