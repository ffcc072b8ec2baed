#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image_member
short_description: Share an image of Platform9 Private Cloud Director with other projects
version_added: 1.0.0
description:
  - Shares an image with projects, ends that, and accepts or rejects an image that another project shares.
  - With O(projects), the task works on the sharing side. Only the project that owns the image and administrators may
    do that.
  - With O(status) and without O(projects), the task works on the receiving side. It answers for your project, the one
    that the credentials are for.
  - An administrator can share and accept in one task, with O(projects) and O(status=accepted).
  - Only an image with the visibility V(shared) has members. This module does not change the visibility; see
    O(platform9.pcd.pcd_image#module:visibility).
  - All options, the image and the projects are checked before anything is written. If the service refuses one of
    several projects, the memberships that the task has created are removed again.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - platform9.pcd.connection
  - platform9.pcd.attributes
options:
  id:
    description:
      - The id of the image, a UUID. Exactly one of O(id) and O(name) is required.
      - V(null) counts as not given, as for every option.
    type: str
  name:
    description:
      - The name of the image. If several images could be meant, the task fails and lists them.
      - With O(projects), see O(match).
      - With only O(status), the name is looked for among the shared images that other projects offer to yours,
        whatever their status is. Every project can choose any name for what it offers. Give O(id) if it must be the
        image of one particular project.
      - A hidden image is selected only if no other image has this name.
    type: str
  match:
    description:
      - Which images O(name) can select if O(projects) is given.
      - V(own) selects only images that belong to your project, the one that the credentials are for.
      - V(visible) selects from all images that your image list shows, whatever project they belong to. For an
        administrator, these are the images of all projects.
      - This option has no effect if O(id) is given, and on the receiving side.
    type: str
    choices: [own, visible]
    default: own
  projects:
    description:
      - The projects to share the image with, each by its id or its name. An id has 32 hexadecimal digits, which a
        UUID groups by hyphens. Whatever has that form is an id, and never the name of another project.
      - Keystone is asked for each name. A user who may not look up projects can name only the projects that the user
        belongs to. For others, give the id.
      - An id is checked at Keystone before the image is shared. If the credentials may not look up projects, the task
        warns instead, because the image service itself accepts any id.
      - A project that is listed twice, for example by its id and by its name, counts once.
    type: list
    elements: str
  project_domain:
    description:
      - The domain that the names in O(projects) belong to, by its id or its name.
      - If omitted, it is the domain of your project, the one that the credentials are for.
    type: str
  state:
    description:
      - V(present) shares the image with O(projects). V(absent) ends that.
      - Only the sharing side can end a membership. On the receiving side, use O(status=rejected).
    type: str
    choices: [present, absent]
    default: present
  status:
    description:
      - The status of the membership. An accepted image is in the image list of the project. A rejected or pending one
        is not, but the project can still use it by its id.
      - With O(projects), it is set for these projects, which is allowed only to administrators. If omitted, a new
        member is V(pending) and the status of other members stays as it is.
      - Without O(projects), it is set for your project, the one that the credentials are for.
    type: str
    choices: [accepted, rejected, pending]
  purge:
    description:
      - Whether to end the membership of all projects that O(projects) does not name. With an empty list, no project
        remains a member.
      - Requires O(projects) and O(state=present).
    type: bool
    default: false
notes:
  - The image service limits the number of members of an image, by default to 128. To offer an image to everybody, use
    O(platform9.pcd.pcd_image#module:visibility) V(community) or V(public) instead.
seealso:
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_catalog
  - module: platform9.pcd.pcd_image_state
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
  - ref: ansible_collections.platform9.pcd.docsite.guide_from_terraform
    description: Resources and data sources of Terraform.
"""

EXAMPLES = r"""
- name: Share an image with two projects
  platform9.pcd.pcd_image_member:
    cloud: pcd
    name: ubuntu-24.04
    projects:
      - web
      - 00a87381ce2243039b053ef7813b4f63

- name: Accept an image that another project shares
  platform9.pcd.pcd_image_member:
    cloud: pcd-web
    name: ubuntu-24.04
    status: accepted

- name: Share an image of any project and accept it for the other projects, as an administrator
  platform9.pcd.pcd_image_member:
    cloud: pcd-admin
    name: ubuntu-24.04
    match: visible
    projects: [web, batch]
    status: accepted

- name: Share the image with exactly these projects and no others
  platform9.pcd.pcd_image_member:
    cloud: pcd
    name: ubuntu-24.04
    projects: [web]
    purge: true

- name: End the membership of a project
  platform9.pcd.pcd_image_member:
    cloud: pcd
    name: ubuntu-24.04
    projects: [web]
    state: absent
"""

RETURN = r"""
action:
  description:
    - What the task did to the members of the image, or would do in check mode.
    - V(shared) means that projects became members, with or without a status of their own, and V(removed) that
      memberships were ended. V(updated) means that statuses were set, or that some projects became members and others
      were removed. V(unchanged) means that nothing was changed.
  returned: success
  type: str
  sample: shared
image:
  description:
    - The image whose members the task is about.
  returned: success
  type: dict
  sample:
    id: 1714676b-e56d-4171-a072-f919121a9797
    name: ubuntu-24.04
    owner: 6c53fa2ad99f45c9a3d051621963c3f7
    visibility: shared
  contains:
    id:
      description: The id of the image.
      returned: always
      type: str
    name:
      description:
        - The name of the image. V(null) if it has none, and if O(id) is given and nothing changes, because the
          task then does not look up the image itself.
      returned: always
      type: str
    owner:
      description: The id of the project that owns the image. V(null) under the same conditions as the name.
      returned: always
      type: str
    visibility:
      description: The visibility of the image, always V(shared).
      returned: always
      type: str
members:
  description:
    - The members of the image after the task, in the order of their ids. In check mode, they are a prediction.
    - On the receiving side, the service shows only your project, except to administrators.
    - If a task has changed some members and then fails, they are those at that moment, as far as the task knows them.
      The message lists what was done and what was not.
  returned: success, or failure after a change
  type: list
  elements: dict
  sample:
    - member_id: 00a87381ce2243039b053ef7813b4f63
      status: pending
      created_at: "2026-11-23T07:39:31Z"
      updated_at: "2026-11-23T07:39:31Z"
  contains:
    member_id:
      description: The id of the project.
      returned: always
      type: str
    status:
      description: V(pending), V(accepted) or V(rejected).
      returned: always
      type: str
    created_at:
      description: When the membership was created. V(null) for a predicted one.
      returned: always
      type: str
    updated_at:
      description: When the membership was last updated. V(null) for a predicted change.
      returned: always
      type: str
"""

from ..module_utils._archive import compile_once

compile_once()

from ..module_utils._image.members import MEMBER_OPTIONS, parse_sharing
from ..module_utils._image.options import TARGET_CONSTRAINTS, TARGET_OPTIONS
from ..module_utils._module import run_module
from ..module_utils._sharing import change_members
from ..module_utils._task import Task

TASK = Task(
    options={**TARGET_OPTIONS, **MEMBER_OPTIONS},
    constraints=TARGET_CONSTRAINTS,
    parse=parse_sharing,
    work=change_members,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
