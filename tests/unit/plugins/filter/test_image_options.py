# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a returned image to options of pcd_image."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.platform9.pcd.plugins.filter.image_options import OPTIONS, FilterModule, image_options
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import image_shape
from ansible_collections.platform9.pcd.plugins.modules.pcd_image import TASK

RETURNED = image_shape(
    {
        "id": "1714676b-e56d-4171-a072-f919121a9797",
        "name": "debian-13",
        "status": "active",
        "visibility": "shared",
        "protected": False,
        "tags": ["lts"],
        "container_format": "bare",
        "disk_format": "qcow2",
        "min_disk": 0,
        "min_ram": 512,
        "os_hidden": True,
        "owner": "0123456789abcdef0123456789abcdef",
        "os_distro": "debian",
        "instance_uuid": "of another cloud",
        "img_signature": "of another cloud",
        "pcd_retired": "golden",
    }
)
EXPECTED = {
    "name": "debian-13",
    "visibility": "shared",
    "protected": False,
    "hidden": True,
    "tags": ["lts"],
    "container_format": "bare",
    "disk_format": "qcow2",
    "min_disk": 0,
    "min_ram": 512,
    "properties": {"os_distro": "debian"},
}


def test_the_options_declare_what_means_the_same_elsewhere() -> None:
    assert image_options(RETURNED) == EXPECTED


def test_every_option_is_one_of_pcd_image() -> None:
    assert set(OPTIONS) == set(EXPECTED)
    assert set(OPTIONS) <= set(TASK.options)


def test_what_has_no_value_is_left_out() -> None:
    assert "disk_format" not in image_options({**RETURNED, "disk_format": None})


@pytest.mark.parametrize("leave_out", [["visibility"], "visibility", ("visibility",)])
def test_options_can_be_left_out(leave_out: Any) -> None:
    assert set(EXPECTED) - set(image_options(RETURNED, leave_out)) == {"visibility"}


def test_an_unknown_option_to_leave_out_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="leave_out: os_hidden is not among the options name,"):
        image_options(RETURNED, ["os_hidden"])


@pytest.mark.parametrize("image", [None, "debian-13", [RETURNED], {"images": [RETURNED]}, {"id": "1", "name": "a"}])
def test_what_is_not_a_whole_image_is_refused(image: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="takes one image that"):
        image_options(image)


def test_the_filter_has_the_name_of_its_file() -> None:
    assert FilterModule().filters() == {"image_options": image_options}
