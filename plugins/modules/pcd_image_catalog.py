#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image_catalog
short_description: Manage many images of Platform9 Private Cloud Director in one task
version_added: 1.0.0
description:
  - Creates, updates, fills, replaces or deletes each image of a list as M(platform9.pcd.pcd_image) does, and can retire
    images that are not in the list any more.
  - The options of all images are checked before anything is written. One error lists the first 20 problems.
  - All images are planned from two lists of the images of your project, and each checksum file is read once. A
    catalogue of 500 images that are as declared takes two or three requests.
  - If an image is changed more than five seconds after the lists were read, it is read again first (20 seconds if only
    its attributes change).
  - Several images are changed at the same time, with one authentication. Changes of attributes come first, and are
    verified together with one list. Then data is transferred, in the order of the list.
  - If an image fails, the others are still changed. The task fails at the end, names the images that failed, and
    returns all results.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - platform9.pcd.connection
  - platform9.pcd.attributes
options:
  images:
    description:
      - The images of the catalogue, each with the options of M(platform9.pcd.pcd_image). O(images[].name) is required,
        even if O(images[].id) is given.
      - The same image must not be declared twice.
      - Passwords and headers in an image are never shown, as in M(platform9.pcd.pcd_image).
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: See O(platform9.pcd.pcd_image#module:id).
        type: str
      name:
        description:
          - The name of the image. Each name is declared once for each O(images[].owner).
          - See O(platform9.pcd.pcd_image#module:name).
        required: true
        type: str
      match:
        description: See O(platform9.pcd.pcd_image#module:match).
        type: str
        choices: [own, visible]
        default: own
      state:
        description: See O(platform9.pcd.pcd_image#module:state).
        type: str
        choices: [present, absent]
        default: present
      create:
        description: See O(platform9.pcd.pcd_image#module:create).
        type: bool
        default: true
      container_format:
        description: See O(platform9.pcd.pcd_image#module:container_format).
        type: str
        choices: [ami, ari, aki, bare, ovf, ova, docker, compressed]
      disk_format:
        description: See O(platform9.pcd.pcd_image#module:disk_format).
        type: str
        choices: [ami, ari, aki, vhd, vhdx, vmdk, raw, qcow2, vdi, iso, ploop]
      min_disk:
        description: See O(platform9.pcd.pcd_image#module:min_disk).
        type: int
      min_ram:
        description: See O(platform9.pcd.pcd_image#module:min_ram).
        type: int
      protected:
        description: See O(platform9.pcd.pcd_image#module:protected).
        type: bool
      hidden:
        description: See O(platform9.pcd.pcd_image#module:hidden).
        type: bool
      visibility:
        description: See O(platform9.pcd.pcd_image#module:visibility).
        type: str
        choices: [public, private, community, shared]
      owner:
        description: See O(platform9.pcd.pcd_image#module:owner).
        type: str
      tags:
        description: See O(platform9.pcd.pcd_image#module:tags).
        type: list
        elements: str
      tags_present:
        description: See O(platform9.pcd.pcd_image#module:tags_present).
        type: list
        elements: str
      tags_absent:
        description: See O(platform9.pcd.pcd_image#module:tags_absent).
        type: list
        elements: str
      properties:
        description: See O(platform9.pcd.pcd_image#module:properties).
        type: dict
      path:
        description: See O(platform9.pcd.pcd_image#module:path).
        type: path
      url:
        description: See O(platform9.pcd.pcd_image#module:url).
        type: str
      url_username:
        description: See O(platform9.pcd.pcd_image#module:url_username).
        type: str
      url_password:
        description: See O(platform9.pcd.pcd_image#module:url_password).
        type: str
      url_headers:
        description: See O(platform9.pcd.pcd_image#module:url_headers).
        type: dict
      checksum:
        description: See O(platform9.pcd.pcd_image#module:checksum).
        type: str
      decompress:
        description: See O(platform9.pcd.pcd_image#module:decompress).
        type: bool
        default: false
      method:
        description: See O(platform9.pcd.pcd_image#module:method).
        type: str
        choices: [upload, glance-direct, web-download, copy-image]
      stores:
        description: See O(platform9.pcd.pcd_image#module:stores).
        type: list
        elements: str
      all_stores:
        description: See O(platform9.pcd.pcd_image#module:all_stores).
        type: bool
        default: false
      all_stores_must_succeed:
        description: See O(platform9.pcd.pcd_image#module:all_stores_must_succeed).
        type: bool
      on_content_change:
        description: See O(platform9.pcd.pcd_image#module:on_content_change).
        type: str
        choices: [fail, keep, prepare, replace]
        default: fail
      retired:
        description: See O(platform9.pcd.pcd_image#module:retired).
        type: str
        choices: [delete, hide, deactivate, rename]
        default: hide
      retired_suffix:
        description: See O(platform9.pcd.pcd_image#module:retired_suffix).
        type: str
      keep:
        description: See O(platform9.pcd.pcd_image#module:keep).
        type: int
      wait:
        description: See O(platform9.pcd.pcd_image#module:wait).
        type: bool
        default: true
      wait_timeout:
        description: See O(platform9.pcd.pcd_image#module:wait_timeout).
        type: int
        default: 3600
      purge_properties:
        description: See O(platform9.pcd.pcd_image#module:purge_properties).
        type: bool
        default: false
      force:
        description: See O(platform9.pcd.pcd_image#module:force).
        type: bool
        default: false
  defaults:
    description:
      - Options of M(platform9.pcd.pcd_image) for all images that do not give them. V(id) and V(name) are not allowed.
      - C(properties) are merged key by key. Every other option of an image replaces the default as a whole. V(null)
        counts as not given.
      - A default that an image has no use for does not apply to it, such as C(checksum) to an image without data,
        C(url_headers) to one without C(url), or C(tags) to one with C(tags_present).
    type: dict
  catalog:
    description:
      - The name of the catalogue. It is required for O(prune).
      - Each declared image is marked with it, in the property C(pcd_catalog). An image of your project that another
        catalogue has marked is not changed, and its entry fails. Marks on images of other projects are ignored.
    type: str
  workers:
    description:
      - How many images are worked on at the same time, at most 32. Each transfer takes up to 16 MiB of memory, and what
        O(images[].decompress) needs.
    type: int
    default: 4
  prune:
    description:
      - Whether images of this catalogue that are not in O(images) any more are retired, as V(retired) in O(defaults)
        says (by default, they are hidden).
      - Only images that this collection has created in your project, and that have the mark of this catalogue
        (C(pcd_catalog)), are retired. A snapshot of an instance that has inherited the mark stays. An image that was
        created by another tool and was declared once is reported in RV(not_pruned), and stays.
      - Nothing is retired if an image failed. The task then warns. It is the last thing that the task does.
      - An image that is declared again is restored, without sending its data.
      - It is refused if O(images) is empty, and together with O(only).
    type: bool
    default: false
  prune_limit:
    description:
      - If a catalogue has ten or more images and more than this percentage of them are not declared, the task fails
        before it writes anything.
    type: int
    default: 30
  only:
    description:
      - The names of the images to work on in this run. All others are left as they are. They are still a part of the
        catalogue.
    type: list
    elements: str
  fail_fast:
    description:
      - Whether no other image is begun once an image has failed. Images that are being worked on are completed, and the
        results of the others have the action V(not_begun).
    type: bool
    default: false
seealso:
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_member
  - module: platform9.pcd.pcd_image_state
  - module: platform9.pcd.pcd_image_download
  - module: platform9.pcd.pcd_image_service_info
  - ref: ansible_collections.platform9.pcd.docsite.guide_catalog
    description: Many images in one task, and those that are not declared any more.
  - ref: ansible_collections.platform9.pcd.docsite.guide_data
    description: How data is uploaded, imported and compared.
  - ref: ansible_collections.platform9.pcd.docsite.guide_rotation
    description: Nightly jobs, staging and rollback.
  - ref: ansible_collections.platform9.pcd.docsite.guide_regions
    description: Work in many regions.
  - ref: ansible_collections.platform9.pcd.docsite.guide_checking
    description: What check mode and the diff predict.
  - ref: ansible_collections.platform9.pcd.docsite.guide_safety
    description: Failures, races and interrupted runs.
  - ref: ansible_collections.platform9.pcd.docsite.guide_adhoc
    description: The modules as commands.
  - ref: ansible_collections.platform9.pcd.docsite.guide_report
    description: A page with all images, and their drift against a catalogue.
"""

EXAMPLES = r"""
- name: Have the vendors' latest images, and delete one that is not needed any more
  platform9.pcd.pcd_image_catalog:
    cloud: pcd
    defaults:
      container_format: bare
      on_content_change: replace
      keep: 2
      properties:
        hw_machine_type: q35
        hw_firmware_type: uefi
    images:
      - name: debian-13
        disk_format: qcow2
        url: https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2
        checksum: sha512:https://cloud.debian.org/images/cloud/trixie/latest/SHA512SUMS
      - name: appliance-7
        disk_format: raw
        url: https://mirror.example.com/appliance-7.raw.xz
        url_username: ansible
        url_password: "{{ mirror_password }}"
        checksum: sha256:https://mirror.example.com/SHA256SUMS
        decompress: true
        properties:
          hw_machine_type: pc
      - name: debian-11
        state: absent

- name: Change attributes of images that are there, eight at a time
  platform9.pcd.pcd_image_catalog:
    cloud: pcd
    defaults:
      create: false
    images:
      - name: ubuntu-24.04
        min_ram: 1024
      - name: debian-13
        min_ram: 2048
    workers: 8

- name: Mark these images as those of a catalogue, and hide all others that it had before
  platform9.pcd.pcd_image_catalog:
    cloud: pcd
    catalog: golden
    images:
      - name: ubuntu-24.04
      - name: debian-13
    prune: true

- name: Work on one image of the catalogue only
  platform9.pcd.pcd_image_catalog:
    cloud: pcd
    catalog: golden
    images:
      - name: ubuntu-24.04
        min_disk: 10
      - name: debian-13
        min_disk: 10
    only: [debian-13]
"""

RETURN = r"""
images:
  description:
    - One result for each image that the task works on, in the order of O(images), and then one for each image that
      O(prune) has retired.
  returned: always, also if images failed
  type: list
  elements: dict
  sample:
    - name: ubuntu-24.04
      id: 1714676b-e56d-4171-a072-f919121a9797
      action: updated
      changed: true
      image:
        id: 1714676b-e56d-4171-a072-f919121a9797
        name: ubuntu-24.04
        status: active
        min_ram: 2048
      patch:
        - op: replace
          path: /min_ram
          value: 2048
      replaced_id: null
      retired: []
      error: null
  contains:
    name:
      description: The name of the image.
      returned: always
      type: str
    id:
      description: The id of the image. V(null) if it is not known, as for a new image in check mode.
      returned: always
      type: str
    action:
      description:
        - What was done, or would be done in check mode.
        - V(unchanged), V(created), V(updated) (its attributes or stores, or its retired images), V(filled) (a record
          without data got its data; M(platform9.pcd.pcd_image) calls this V(uploaded)), V(replaced) (by a new image),
          V(restored) (a retired image has the name again), V(prepared) (a new image is ready to replace it),
          V(deleted), V(pruned), V(failed) or V(not_begun).
      returned: always
      type: str
    changed:
      description: Whether anything was changed for this image.
      returned: always
      type: bool
    image:
      description: The image, in the form of M(platform9.pcd.pcd_image). V(null) if nothing changed or if it is gone.
      returned: always
      type: dict
    patch:
      description: The operations of the JSON patch that was sent.
      returned: always
      type: list
      elements: dict
    replaced_id:
      description:
        - The id of the image that had the name before, if the action is V(replaced) or V(restored). V(null) otherwise.
      returned: always
      type: str
    retired:
      description:
        - The other images of this name that were retired or deleted, in the form of M(platform9.pcd.pcd_image).
      returned: always
      type: list
      elements: dict
    prepared:
      description: The hidden image that can replace the current one.
      returned: with the action V(prepared)
      type: dict
    error:
      description: Why the image failed. V(null) otherwise.
      returned: always
      type: str
ids:
  description: The ids of the images that are there after the task, by name.
  returned: always, also if images failed
  type: dict
  sample:
    ubuntu-24.04: 1714676b-e56d-4171-a072-f919121a9797
summary:
  description: How many images have each action, and how many there are in C(total).
  returned: always, also if images failed
  type: dict
  sample:
    unchanged: 497
    created: 0
    updated: 3
    filled: 0
    replaced: 0
    restored: 0
    prepared: 0
    deleted: 0
    pruned: 0
    failed: 0
    not_begun: 0
    total: 500
not_pruned:
  description:
    - Images that have the mark of this catalogue and are not declared any more, but stay, each with the reason.
  returned: always, also if images failed
  type: list
  elements: dict
  sample:
    - id: 5f7b8fda-9780-47cf-9fad-afd62e0d4a74
      name: appliance-7
      reason: this collection has not made it
  contains:
    id:
      description: The id of the image.
      returned: always
      type: str
    name:
      description: The name of the image.
      returned: always
      type: str
    reason:
      description: Why it was not retired.
      returned: always
      type: str
"""

from ..module_utils._archive import compile_once

compile_once()

from ..module_utils._catalog.options import CATALOG_OPTIONS, ENTRIES, parse_catalog
from ..module_utils._catalog.work import change_catalog
from ..module_utils._module import run_module
from ..module_utils._task import Task

TASK = Task(
    options=CATALOG_OPTIONS,
    parse=parse_catalog,
    work=change_catalog,
    libraries=("requests", "jsonpatch"),
    entries=ENTRIES,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
