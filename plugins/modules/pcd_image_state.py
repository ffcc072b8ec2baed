#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image_state
short_description: Deactivate or reactivate an image of Platform9 Private Cloud Director
version_added: 1.0.0
description:
  - Deactivates or reactivates an image. Only an administrator can read the data of a deactivated image, and no instance
    can be created from it.
  - The image must have its data. An image with the status V(queued) is an error.
  - If the policy of the cloud allows this only to administrators, the task fails for other users.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - platform9.pcd.target
  - platform9.pcd.connection
  - platform9.pcd.attributes
options:
  state:
    description:
      - The desired status of the image.
    type: str
    choices: [active, deactivated]
    required: true
seealso:
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_catalog
  - module: platform9.pcd.pcd_image_member
  - module: platform9.pcd.pcd_image_download
  - module: platform9.pcd.pcd_image_service_info
  - ref: ansible_collections.platform9.pcd.docsite.guide_sharing
    description: Visibility, members, and the ways to take an image out of use.
  - ref: ansible_collections.platform9.pcd.docsite.guide_checking
    description: What check mode and the diff predict.
  - ref: ansible_collections.platform9.pcd.docsite.guide_safety
    description: Failures, races and interrupted runs.
  - ref: ansible_collections.platform9.pcd.docsite.guide_adhoc
    description: The modules as commands.
  - ref: ansible_collections.platform9.pcd.docsite.guide_from_openstack
    description: Options of openstack.cloud and commands of the openstack client.
"""

EXAMPLES = r"""
- name: Deactivate an image
  platform9.pcd.pcd_image_state:
    cloud: pcd
    name: ubuntu-24.04
    state: deactivated

- name: Reactivate the image
  platform9.pcd.pcd_image_state:
    cloud: pcd
    name: ubuntu-24.04
    state: active
"""

RETURN = r"""
action:
  description:
    - What the task did to the image, or would do in check mode, V(deactivated), V(reactivated) or V(unchanged).
  returned: success
  type: str
  sample: deactivated
image:
  description:
    - The image after the task, with every attribute of the API. An attribute without a value is V(null). In check mode,
      it is a prediction.
    - It has the same form as RV(platform9.pcd.pcd_image#module:image).
  returned: success
  type: dict
  sample:
    id: 1714676b-e56d-4171-a072-f919121a9797
    name: ubuntu-24.04
    status: deactivated
"""

from ..module_utils._archive import compile_once

compile_once()

from ..module_utils._change import ImageChange
from ..module_utils._image.find import find_existing
from ..module_utils._image.options import TARGET_CONSTRAINTS, TARGET_OPTIONS, StateRequest, parse_state
from ..module_utils._image.plan import plan_status
from ..module_utils._module import run_module
from ..module_utils._session import Session
from ..module_utils._task import Task


def change_status(request: StateRequest, session: Session) -> ImageChange:
    image = find_existing(session, request.target, f"made {request.state}")
    return ImageChange(session, plan_status(request.state, image))


TASK = Task(
    options={
        **TARGET_OPTIONS,
        "state": {"type": "str", "choices": ["active", "deactivated"], "required": True},
    },
    constraints=TARGET_CONSTRAINTS,
    parse=parse_state,
    work=change_status,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
