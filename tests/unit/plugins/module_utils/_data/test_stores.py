# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service can read the data of an image, by its stores and, in doubt, by an attempt."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.stores import elsewhere, unreadable_here
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import STORES, Glance
from ansible_collections.platform9.pcd.tests.support.samples import image


@pytest.mark.parametrize(
    ("stores", "offered", "is_elsewhere"),
    [
        ("fast", STORES, False),
        ("pod,slow", STORES, False),
        ("pod", STORES, True),
        ("pod,attic", STORES, True),
        (None, STORES, False),
        ("pod", None, False),  # a service with a single store offers no list
        ("pod", [], True),
    ],
)
def test_data_is_elsewhere_if_none_of_its_stores_is_offered(stores: Any, offered: Any, is_elsewhere: bool) -> None:
    glance = Glance()
    glance.offered_stores = offered
    found = elsewhere(glance, image(stores=stores))
    assert (found is not None) is is_elsewhere
    for part in stores.split(",") if found else ():
        assert part in str(found)


@pytest.mark.parametrize("stores", ["pod", "fast"])
@pytest.mark.parametrize("is_readable", [True, False])
def test_the_stores_of_an_image_decide_nothing_if_its_data_can_be_read(stores: str, is_readable: bool) -> None:
    glance = Glance(image(stores=stores))
    glance.is_readable = is_readable
    assert (unreadable_here(glance, image(stores=stores)) is None) is (is_readable or stores == "fast")
