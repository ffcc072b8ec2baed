#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image_info
short_description: List the images of Platform9 Private Cloud Director
version_added: 1.0.0
description:
  - Lists the images that the login can see, filtered by the service, or shows one by its id.
  - Pages of the list follow by themselves.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - platform9.pcd.connection
  - platform9.pcd.attributes.info
options:
  id:
    description:
      - The id of one image, a UUID. It is found whatever its visibility, and hidden or not, and cannot be combined
        with filters. Where there is none, the list is empty.
      - V(null) counts as not given, as for every option. Without a name or another filter it is an error, so that a
        task which asks for one image never lists all of them.
    type: str
  name:
    description:
      - Only images with exactly this name. Upper and lower case count.
    type: str
  owner:
    description:
      - Only images that belong to the project with this id.
    type: str
  protected:
    description:
      - Only images that are protected from being deleted, or only those that are not.
    type: bool
  status:
    description:
      - Only images with this status.
    type: str
    choices: [queued, saving, active, killed, deleted, pending_delete, deactivated, uploading, importing]
  tag:
    description:
      - Only images with this tag.
    type: str
  visibility:
    description:
      - Only images with this visibility. V(all) shows, beside what is listed without this option, the community
        images of all projects.
    type: str
    choices: [public, private, community, shared, all]
  hidden:
    description:
      - V(true) lists hidden images alone, V(false) those that are not hidden, and V(any) both, which takes two
        requests.
      - It is the query parameter C(os_hidden). Where nothing is given, the service leaves hidden images out.
    type: str
    choices: ["true", "false", any]
  member_status:
    description:
      - Of the images that other projects share, only those with this status of membership. Where nothing is given,
        the service shows the accepted ones.
    type: str
    choices: [pending, accepted, rejected, all]
  size_min:
    description:
      - Only images of at least this many bytes.
    type: int
  size_max:
    description:
      - Only images of at most this many bytes.
    type: int
  created_at:
    description:
      - Only images created at a time, with an operator before it, such as V(gte:2026-01-31T12:00:00Z). The
        operators are C(gt), C(gte), C(eq), C(neq), C(lt) and C(lte).
    type: str
  updated_at:
    description:
      - Only images last changed at a time; see O(created_at).
    type: str
  properties:
    description:
      - Only images with these values of their attributes or custom properties, such as C(os_distro) or
        C(disk_format). Numbers and booleans stand for their text.
    type: dict
  sort:
    description:
      - The order of the list, such as V(name:asc,created_at:desc). The keys are C(name), C(status),
        C(container_format), C(disk_format), C(size), C(id), C(created_at) and C(updated_at). A key without a
        direction is sorted downwards.
      - Where nothing is given, the newest image comes first.
    type: str
  sort_key:
    description:
      - One key to sort by, as in O(sort).
    type: str
  sort_dir:
    description:
      - The direction of O(sort_key).
    type: str
    choices: [asc, desc]
  limit:
    description:
      - The most images to return. Where nothing is given, all are returned.
    type: int
  marker:
    description:
      - The id of an image. The list begins after it.
    type: str
  most_recent:
    description:
      - Whether only the newest of the images found is returned.
    type: bool
    default: false
seealso:
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_state
"""

EXAMPLES = r"""
- name: List all images
  platform9.pcd.pcd_image_info:
    cloud: pcd
  register: all_images

- name: Find the newest Ubuntu image that is ready for use
  platform9.pcd.pcd_image_info:
    cloud: pcd
    status: active
    tag: lts
    properties:
      os_distro: ubuntu
    most_recent: true
  register: newest

- name: Find images by name, hidden ones too
  platform9.pcd.pcd_image_info:
    cloud: pcd
    name: ubuntu-24.04
    hidden: any

- name: List the ten largest images
  platform9.pcd.pcd_image_info:
    cloud: pcd
    sort: size:desc
    limit: 10
"""

RETURN = r"""
images:
  description:
    - The images, each with every attribute of the API; V(null) where the image has none.
    - Each has the same form as RV(platform9.pcd.pcd_image#module:image).
  returned: success
  type: list
  elements: dict
  sample:
    - id: 1714676b-e56d-4171-a072-f919121a9797
      name: ubuntu-24.04
      status: active
      tags: [lts, ubuntu]
      properties:
        os_distro: ubuntu
"""

from ..module_utils._image.attributes import IDENTITY_OPTIONS
from ..module_utils._image.listing import (
    FILTER_OPTIONS,
    ORDER_OPTIONS,
    check_listing,
    read_listing,
)
from ..module_utils._module import run_module
from ..module_utils._task import Task

TASK = Task(
    options={**IDENTITY_OPTIONS, **FILTER_OPTIONS},
    constraints={
        "mutually_exclusive": [
            *[("id", option) for option in ("name", *FILTER_OPTIONS) if option != "most_recent"],
            ("sort", "sort_key"),
            ("sort", "sort_dir"),
        ],
    },
    meant_by=("name", *(option for option in FILTER_OPTIONS if option not in ORDER_OPTIONS)),
    check=check_listing,
    work=read_listing,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
