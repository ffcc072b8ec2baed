# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which method brings the data: what each can do, and which one is chosen."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.methods import choose_method, needs_offered
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Stores

ONE, TWO, ALL, DEFAULT = Stores(("a",)), Stores(("a", "b")), Stores(every=True), Stores()


EVERYTHING = ("glance-direct", "web-download", "copy-image")


@pytest.mark.parametrize(
    ("is_file", "is_open", "stores", "offered", "method"),
    [
        pytest.param(True, False, DEFAULT, EVERYTHING, "upload", id="a file"),
        pytest.param(True, False, ONE, (), "upload", id="a file into one store"),
        pytest.param(True, False, TWO, EVERYTHING, "glance-direct", id="a file into two stores"),
        pytest.param(True, False, ALL, EVERYTHING, "glance-direct", id="a file into all stores"),
        pytest.param(False, True, DEFAULT, EVERYTHING, "web-download", id="an open address"),
        pytest.param(False, True, TWO, EVERYTHING, "web-download", id="an open address into two stores"),
        pytest.param(False, True, DEFAULT, ("glance-direct",), "upload", id="an open address, not offered"),
        pytest.param(False, True, ONE, (), "upload", id="an open address into one store, nothing offered"),
        pytest.param(False, True, ALL, ("glance-direct",), "glance-direct", id="an open address into all, not offered"),
        pytest.param(False, False, DEFAULT, EVERYTHING, "upload", id="an address with a password"),
        pytest.param(False, False, TWO, EVERYTHING, "glance-direct", id="an address with a password into two stores"),
    ],
)
def test_the_method_follows_from_the_source_and_the_stores(
    is_file: bool, is_open: bool, stores: Stores, offered: tuple[str, ...], method: str
) -> None:
    assert choose_method(None, is_file, is_open, stores, offered) == method


@pytest.mark.parametrize("method", ["glance-direct", "web-download"])
def test_a_method_that_is_asked_for_is_used_if_the_service_offers_it(method: str) -> None:
    assert choose_method(method, False, True, ONE, EVERYTHING) == method
    with pytest.raises(PlanError, match=f"^method: the image service does not offer {method}.*copy-image"):
        choose_method(method, False, True, ONE, ["copy-image"])


def test_an_upload_needs_no_offer() -> None:
    assert choose_method("upload", True, False, ONE, ()) == "upload"


@pytest.mark.parametrize(("is_file", "is_open"), [(True, False), (False, False), (False, True)])
def test_several_stores_need_an_import_and_the_error_says_what_upload_can(is_file: bool, is_open: bool) -> None:
    with pytest.raises(PlanError, match="does not offer glance-direct. It offers none;.*one store"):
        choose_method(None, is_file, is_open, TWO, ())


def test_the_service_is_asked_for_its_offer_only_if_that_decides() -> None:
    asked = [None, "upload", "glance-direct", "web-download"]
    cases = itertools.product(asked, (True, False), (True, False), (ONE, TWO, ALL, DEFAULT))
    for case in cases:
        offers = ((), ("glance-direct",), ("web-download",), EVERYTHING)
        answers = set()
        for offered in offers:
            try:
                answers.add(choose_method(*case, offered))
            except PlanError:
                answers.add("refused")
        if len(answers) > 1:
            assert needs_offered(*case), case
    assert not needs_offered(None, True, False, ONE)
    assert not needs_offered(None, False, False, DEFAULT)
    assert not needs_offered("upload", False, True, DEFAULT)
