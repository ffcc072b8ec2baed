# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_options
short_description: The options of pcd_image that declare a returned image
version_added: 1.0.0
description:
  - Turns an image that a module has returned into the options of M(platform9.pcd.pcd_image) that declare the same
    record, for example in another cloud or in a file under version control.
  - These are C(name), C(container_format), C(disk_format), C(min_disk), C(min_ram), C(protected), C(hidden),
    C(visibility), C(tags) and C(properties). Values that are V(null) are left out.
  - Left out are also what only the service sets, C(id) and C(owner), and properties that describe an instance or a
    signature, such as C(instance_uuid) and C(img_signature). Ids of images in other properties, such as
    C(kernel_id), stay as they are.
  - The data is not a part of the options. Add O(platform9.pcd.pcd_image#module:path) or
    O(platform9.pcd.pcd_image#module:url).
author:
  - Platform9 Systems (@platform9)
positional: _input
options:
  _input:
    description: An image as returned by M(platform9.pcd.pcd_image) or M(platform9.pcd.pcd_image_info).
    type: dict
    required: true
  leave_out:
    description: Options to leave out, such as V([visibility, protected]).
    type: list
    elements: str
    default: []
seealso:
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_catalog
  - ref: ansible_collections.platform9.pcd.docsite.guide_cookbook
    description: Recipes, one of which copies images to another cloud
"""

EXAMPLES = r"""
- name: Find an image
  platform9.pcd.pcd_image_info:
    cloud: pcd
    name: ubuntu-24.04
  register: found

- name: Show how it would be declared
  ansible.builtin.debug:
    msg: "{{ found.images | map('platform9.pcd.image_options', leave_out=['visibility']) }}"
"""

RETURN = r"""
_value:
  description: The options.
  type: dict
  sample:
    name: ubuntu-24.04
    disk_format: qcow2
    container_format: bare
    properties:
      os_distro: ubuntu
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._image.attributes import OPTION_OF_ATTRIBUTE, SETTABLE
from ..module_utils._image.rotation import is_about_old_data

# The attributes that mean the same in every cloud; an owner is a project of one cloud.
PORTABLE = {attribute: OPTION_OF_ATTRIBUTE.get(attribute, attribute) for attribute in SETTABLE if attribute != "owner"}
OPTIONS = (*PORTABLE.values(), "properties")


def image_options(image: Mapping[str, Any], leave_out: Iterable[str] = ()) -> dict[str, Any]:
    """The options of pcd_image for this image."""
    if not isinstance(image, Mapping) or "status" not in image or not isinstance(image.get("properties"), Mapping):
        raise AnsibleFilterError(
            "platform9.pcd.image_options takes one image that pcd_image or pcd_image_info has returned, with all of "
            f"its attributes. For a list of images, write map('platform9.pcd.image_options'). This is: {image!r:.200}"
        )
    unwanted = {leave_out} if isinstance(leave_out, str) else set(leave_out)
    if not unwanted <= set(OPTIONS):
        unknown = ", ".join(sorted(map(str, unwanted - set(OPTIONS))))
        raise AnsibleFilterError(
            f"platform9.pcd.image_options: leave_out: {unknown} is not among the options {', '.join(OPTIONS)}."
        )
    options = {option: image.get(attribute) for attribute, option in PORTABLE.items()}
    properties = {key: value for key, value in image["properties"].items() if not is_about_old_data(key)}
    found = {**options, "properties": properties}
    return {option: value for option, value in found.items() if value is not None and option not in unwanted}


class FilterModule:
    """Ansible's entry to the filters of this file."""

    def filters(self) -> dict[str, Any]:
        return {"image_options": image_options}
