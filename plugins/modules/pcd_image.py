#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image
short_description: Declare an image of Platform9 Private Cloud Director
version_added: 0.1.0
description:
  - Creates, updates and deletes the record of an image, so that it is as the options say.
  - An option that is not given is left alone on an image that is there. No option that the service stores has a
    default.
  - An update sends the smallest possible JSON patch, and sends nothing where nothing differs.
  - This module does not upload the data of an image. A new image has the status V(queued) until its data is there.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - platform9.pcd.connection
  - platform9.pcd.attributes
options:
  id:
    description:
      - The id of the image, a UUID.
      - Where no image has this id and O(state=present), the image is created with it. The service never gives an id
        twice, not even after its image is deleted.
      - At least one of O(id) and O(name) is required.
    type: str
  name:
    description:
      - The name of the image, at most 255 characters. Without O(id), it says which image is meant; see O(match).
      - With O(id), the image of that id is renamed where its name differs; O(state=absent) takes no notice of it.
      - Names need not be unique. Where O(name) could mean two images, the task fails and lists them.
      - Hidden images are looked for only where no other image has this name.
    type: str
  match:
    description:
      - Which images O(name) can mean. It has no effect together with O(id).
      - V(own) means those that belong to the project of the login, so that a public image of another project, or
        one that another project shares, is neither changed nor taken for yours. Where O(owner) is given, an image
        of that project goes first.
      - V(visible) means all that the list of images shows to the login, whatever project they belong to. For an
        administrator that is every project's.
      - With O(token) and O(image_endpoint_override) alone nobody says which project the token is for. Give
        O(project_id) then; otherwise V(own) means the private and shared images that are visible, and a public or
        community one of this name is an error.
    type: str
    choices: [own, visible]
    default: own
  state:
    description:
      - V(present) creates the image or updates it. V(absent) deletes it, together with its data.
    type: str
    choices: [present, absent]
    default: present
  container_format:
    description:
      - The format of the container; V(bare) where there is none. It cannot change any more once the image has data.
    type: str
    choices: [ami, ari, aki, bare, ovf, ova, docker, compressed]
  disk_format:
    description:
      - The format of the disk. It cannot change any more once the image has data.
    type: str
    choices: [ami, ari, aki, vhd, vhdx, vmdk, raw, qcow2, vdi, iso, ploop]
  min_disk:
    description:
      - The disk space in GB that a machine needs to boot the image.
    type: int
  min_ram:
    description:
      - The memory in MB that a machine needs to boot the image.
    type: int
  protected:
    description:
      - Whether the image is protected from being deleted.
    type: bool
  hidden:
    description:
      - Whether the image is left out of the default list of images. Machines can still be made from it.
      - It is the attribute C(os_hidden).
    type: bool
  visibility:
    description:
      - Who can see the image. On creation the service takes V(shared) where nothing is given.
      - V(public) usually needs the role of an administrator.
    type: str
    choices: [public, private, community, shared]
  owner:
    description:
      - The id of the project that the image belongs to. To give an image to another project needs an administrator.
      - On creation the service takes the project of the login where nothing is given.
    type: str
  tags:
    description:
      - The tags of the image, all of them; their order has no meaning. An empty list takes all tags away.
      - At most 255 characters each.
    type: list
    elements: str
  properties:
    description:
      - Custom properties, such as C(os_distro) or C(hw_disk_bus). Those that are not named are left alone; see
        O(purge_properties).
      - The service keeps text. Numbers and booleans are stored as their text (C(4), C(true)). Write a version in
        quotes; without them C(22.10) is the number 22.1.
      - A property whose value is V(null) is removed.
    type: dict
  purge_properties:
    description:
      - Whether custom properties that O(properties) does not name are removed. Needs O(properties); V({}) there
        removes all.
      - Properties that the service itself sets (C(os_glance_*), C(stores)) stay.
    type: bool
    default: false
  force:
    description:
      - Whether O(state=absent) deletes a protected image, too. Its protection is taken off first, and put back
        where the service refuses to delete the image.
    type: bool
    default: false
requirements:
  - jsonpatch
seealso:
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_state
"""

EXAMPLES = r"""
- name: Declare an image
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04
    disk_format: qcow2
    container_format: bare
    min_disk: 10
    min_ram: 1024
    tags: [lts, ubuntu]
    properties:
      os_distro: ubuntu
      os_version: "24.04"
      hw_disk_bus: virtio
      hw_qemu_guest_agent: true

- name: Change one attribute and remove one property; everything else stays as it is
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04
    min_disk: 20
    properties:
      hw_qemu_guest_agent: null

- name: Have exactly these custom properties and no others
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04
    properties:
      os_distro: ubuntu
    purge_properties: true

- name: Look up the image to rename it by its id
  platform9.pcd.pcd_image_info:
    cloud: pcd
    name: ubuntu-24.04
  register: found

- name: Rename an image
  platform9.pcd.pcd_image:
    cloud: pcd
    id: "{{ found.images[0].id }}"
    name: ubuntu-24.04-old
    hidden: true

- name: Protect an image from being deleted
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04-old
    protected: true

- name: Delete an image even though it is protected
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04-old
    state: absent
    force: true
"""

RETURN = r"""
image:
  description:
    - The image after the task, with every attribute of the API; V(null) where the image has none.
    - In check mode it is foretold; what only the service can know (such as the id of a new image) is V(null).
    - V(null) where the image is absent.
  returned: success
  type: dict
  sample:
    id: 1714676b-e56d-4171-a072-f919121a9797
    name: ubuntu-24.04
    status: queued
    visibility: shared
    protected: false
    tags: [lts, ubuntu]
    container_format: bare
    disk_format: qcow2
    min_disk: 10
    min_ram: 1024
    size: null
    virtual_size: null
    checksum: null
    os_hash_algo: null
    os_hash_value: null
    os_hidden: false
    owner: 00a87381ce2243039b053ef7813b4f63
    created_at: "2026-11-23T07:39:31Z"
    updated_at: "2026-11-23T07:39:31Z"
    self: /v2/images/1714676b-e56d-4171-a072-f919121a9797
    file: /v2/images/1714676b-e56d-4171-a072-f919121a9797/file
    schema: /v2/schemas/image
    direct_url: null
    locations: null
    properties:
      os_distro: ubuntu
      os_version: "24.04"
  contains:
    properties:
      description: The custom properties by name.
      returned: always
      type: dict
patch:
  description:
    - The operations of the JSON patch that was sent, or in check mode would be sent. Empty where none was needed, as
      for a new image.
  returned: success
  type: list
  elements: dict
  sample:
    - op: replace
      path: /min_disk
      value: 20
"""

from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.plugins.module_utils._image import (
    IDENTITY_OPTIONS,
    WISH_OPTIONS,
    check_identity,
    wish_from,
)
from ansible_collections.platform9.pcd.plugins.module_utils._module import run_module
from ansible_collections.platform9.pcd.plugins.module_utils._plan import Plan, plan_absent, plan_present
from ansible_collections.platform9.pcd.plugins.module_utils._task import MATCH, Params, Session, Task


def check_image(params: Params) -> None:
    check_identity(params)
    wish_from(params)
    if params["purge_properties"] and params["properties"] is None:
        raise ConfigurationError(
            "purge_properties: it needs properties, to say which ones stay. Give properties: {} to remove all."
        )


def plan_image(params: Params, session: Session) -> Plan:
    owner = params["owner"] or session.project_id
    if params["state"] == "absent":
        return plan_absent(session.find(params, [owner]), params["force"])
    # An image of ours may be given to another owner, who goes first because it may be theirs already.
    current = session.find(params, [owner, session.project_id])
    return plan_present(wish_from(params), current, params["purge_properties"], params["id"])


TASK = Task(
    options={
        **IDENTITY_OPTIONS,
        **WISH_OPTIONS,
        "match": {**MATCH, "default": "own"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "purge_properties": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
    },
    constraints={"required_one_of": [("id", "name")]},
    check=check_image,
    work=plan_image,
    returns_patch=True,
    libraries=("requests", "jsonpatch"),
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
