# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""README and guides are followed from top to bottom, and the EXAMPLES of the modules run as they stand."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import MODULES
from ansible_collections.platform9.pcd.tests.support.sandbox import sandbox_of_two_regions
from ansible_collections.platform9.pcd.tests.system.docs.documents import COLLECTION, DOCUMENTS, Block, blocks_of
from ansible_collections.platform9.pcd.tests.system.docs.follow import Reader
from ansible_collections.platform9.pcd.tests.system.docs.places import PLACES, laid_out

# The blocks of the first one are messages: test_troubleshooting.py brings them about. The other needs two regions.
NOT_HERE = ("guide_troubleshooting", "guide_regions")
FOLLOWED = [path for path in DOCUMENTS if path.stem not in NOT_HERE]
MODULE_NAMES = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py"))


def test_blocks_that_nobody_runs_are_as_many_as_was_decided() -> None:
    counted = {path.name: sum(block.not_run is not None for block in blocks_of(path)) for path in DOCUMENTS}
    assert {name: count for name, count in counted.items() if count} == PLACES["not_run"]


@pytest.mark.parametrize("path", FOLLOWED, ids=lambda path: path.stem)
def test_the_document_can_be_followed(path: Path, server: Server, tmp_path: Path) -> None:
    for name, attributes in PLACES["images"].get(path.name, {}).items():
        server.create(name, **attributes)
    _follow(blocks_of(path), server, tmp_path)


def test_the_guide_of_regions_can_be_followed_and_each_region_has_the_images_with_its_own_values(
    tmp_path: Path,
) -> None:
    (guide,) = (path for path in DOCUMENTS if path.stem == "guide_regions")
    with sandbox_of_two_regions(tmp_path / "sandbox") as sandbox:
        home = Server(sandbox)
        second = Server({**sandbox, **dict.fromkeys(("library_url", "images_url"), sandbox["second_url"])})
        (tmp_path / "reader").mkdir()
        _follow(blocks_of(guide), home, tmp_path / "reader")
        of_home, of_second = (
            {
                image["name"]: (image["status"], image["min_disk"], image["stores"])
                for image in server.everything().values()
            }
            for server in (home, second)
        )
        assert of_home == {"debian-13": ("active", 10, "fast"), "appliance": ("active", 40, "fast")}
        assert of_second == {"debian-13": ("active", 10, "remote"), "appliance": ("active", 20, "remote")}
        assert not home.everything().keys() & second.everything().keys()


def test_the_playbook_of_the_readme_does_what_it_says_and_its_second_run_nothing(
    server: Server, tmp_path: Path
) -> None:
    obsolete = server.create("ubuntu-24.04-obsolete", active=True, tags=["obsolete"])
    blocks = blocks_of(DOCUMENTS[0])
    playbook, catalog, deactivate = (
        next(block for block in blocks if text in block.text)
        for text in ("hosts: localhost", "pcd_image_catalog:", "pcd_image_state:")
    )
    steps = []
    for block, changed in {playbook: (1, 0), catalog: (1, 0), deactivate: (1, 0)}.items():
        for count in changed:
            steps += [block, Block("README.md", block.line, "text", f"localhost : ok=... changed={count} \n")]
    _follow(steps, server, tmp_path)
    assert server.get(obsolete["id"])["status"] == "deactivated"
    (ubuntu,) = server.named("ubuntu-24.04")
    assert (ubuntu["min_disk"], ubuntu["hw_qemu_guest_agent"]) == (10, "true")
    assert [server.named(name)[0]["status"] for name in ("debian-13", "appliance")] == ["active", "active"]


# Those of pcd_image_member need the logins of several projects; guide_sharing is followed for them.
@pytest.mark.parametrize("module", [name for name in MODULE_NAMES if name != "pcd_image_member"])
def test_the_examples_of_the_module_run_one_after_the_other(module: str, server: Server, tmp_path: Path) -> None:
    if module != "pcd_image":  # whose examples begin by making the image
        server.create("ubuntu-24.04", active=True)
    examples = importlib.import_module(f"{MODULES}.{module}").EXAMPLES
    _follow([Block(module, 1, "yaml", examples)], server, tmp_path)


def test_everything_that_can_be_replaced_stands_in_some_document() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    texts += [str(importlib.import_module(f"{MODULES}.{module}").EXAMPLES) for module in MODULE_NAMES]
    assert [name for name in PLACES["replaced"] if not any(name in text for text in texts)] == []
    assert set(PLACES["images"]) | set(PLACES["not_run"]) <= {path.name for path in DOCUMENTS}


def _follow(blocks: list[Block], server: Server, folder: Path) -> None:
    with laid_out(folder, server) as (place, variables):
        Reader(folder, place, variables).follow(blocks)
