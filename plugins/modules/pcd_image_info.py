#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image_info
short_description: List the images of Platform9 Private Cloud Director
version_added: 1.0.0
description:
  - Lists the images that the credentials give access to, filtered by the service, or returns one image by its id.
  - All pages of the list are fetched automatically.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - platform9.pcd.connection
  - platform9.pcd.attributes.info
  - platform9.pcd.attributes
options:
  id:
    description:
      - The id of one image, a UUID. The image is found whatever its visibility, and even if it is hidden. The list is
        empty if no image has this id. This option cannot be combined with filters.
      - V(null) counts as not given, as for every option. It is an error without a name or another filter, so a task
        that asks for one image never lists all of them.
    type: str
  name:
    description:
      - Only images with exactly this name. The comparison is case-sensitive. See O(name_pattern) for a part of a name.
      - If there is none and the name has one of the characters C(*), C(?) and C([), the task warns that it is not a
        pattern. It also warns if the name is the id of an image.
    type: str
  name_pattern:
    description:
      - Only images whose whole name matches this shell pattern, such as V(ubuntu-*). C(*) stands for any text, C(?)
        for one character, C([ab]) for one of these characters and C([!ab]) for any other one. The comparison is
        case-sensitive.
      - The service cannot compare patterns. It applies all other filters, and the module compares the names of the
        images that they find.
      - If no image is found and the pattern has no wildcard, or looks like a regular expression, the task warns.
    type: str
  owner:
    description:
      - Only images that belong to this project, by its id or its name. An id has 32 hexadecimal digits, which a UUID
        groups by hyphens. Whatever has that form is an id, and it is not checked, so that the images of a project
        that was deleted are found.
      - Keystone is asked for a name. A user who may not look up projects can name only the projects that the user
        belongs to. For others, give the id.
    type: str
  project_domain:
    description:
      - The domain that a name in O(owner) belongs to, by its id or its name.
      - If omitted, it is the domain of your project, the one that the credentials are for.
    type: str
  protected:
    description:
      - Only images that are protected from deletion (V(true)), or only images that are not (V(false)).
    type: bool
  status:
    description:
      - Only images with one of these statuses.
    type: list
    elements: str
    choices: [queued, saving, active, killed, deleted, pending_delete, deactivated, uploading, importing]
  disk_format:
    description:
      - Only images with one of these disk formats.
    type: list
    elements: str
    choices: [ami, ari, aki, vhd, vhdx, vmdk, raw, qcow2, vdi, iso, ploop]
  container_format:
    description:
      - Only images with one of these container formats.
    type: list
    elements: str
    choices: [ami, ari, aki, bare, ovf, ova, docker, compressed]
  tag:
    description:
      - Only images with this tag.
    type: str
  visibility:
    description:
      - Only images with this visibility. V(all) adds the community images of all projects to what is listed without
        this option.
    type: str
    choices: [public, private, community, shared, all]
  hidden:
    description:
      - V(true) lists only hidden images, V(false) only images that are not hidden. V(any) lists both, which takes two
        requests.
      - This is the query parameter C(os_hidden). If omitted, the service leaves hidden images out.
    type: str
    choices: ["true", "false", any]
  member_status:
    description:
      - Of the images that other projects share, only those with this membership status. If omitted, the service lists
        the accepted ones.
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
      - Only images created at this time, with an operator in front of it, such as V(gte:2026-01-31T12:00:00Z) or
        V(lt:2026-01-31). The operators are C(gt), C(gte), C(eq), C(neq), C(lt) and C(lte). A time without a time zone
        is in UTC.
      - A date without a time means midnight. C(eq) and C(neq) are refused with it, because they compare with this very
        second.
    type: str
  updated_at:
    description:
      - Only images last updated at this time, in the same format as O(created_at).
    type: str
  properties:
    description:
      - Only images with these values of attributes or custom properties, such as C(os_distro) or C(min_ram).
        Numbers and booleans are compared as text. Each has one value.
    type: dict
  checksum:
    description:
      - Only images with this checksum of their data, V(sha512:<hex>) or V(md5:<hex>). The service compares it.
    type: str
  members:
    description:
      - Whether to return the members of each shared image, which takes one request for each of them.
    type: bool
    default: false
  fields:
    description:
      - What to return of each image, such as V([id, name, size]), in this order. If omitted, everything is returned.
      - The names are those of the returned images (RV(images)). A custom property has no field of its own. All of them
        are in C(properties).
    type: list
    elements: str
  sort:
    description:
      - The order of the list, such as V(name:asc,created_at:desc). The keys are C(name), C(status),
        C(container_format), C(disk_format), C(size), C(id), C(created_at) and C(updated_at). A key without a
        direction is sorted in descending order.
      - The service cannot page by C(name), C(size), C(disk_format) and C(container_format), because images may lack
        them. If such a list has more than one page, and for C(name) with O(hidden=any), the module reads all images
        and sorts them itself, without case and accents of names, as MySQL and MariaDB do.
      - If omitted, the newest image comes first.
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
      - The maximum number of images to return. If omitted, all images are returned.
    type: int
  marker:
    description:
      - The id of an image. The list begins after this image.
    type: str
  most_recent:
    description:
      - Whether to return only the newest of the images that were found. Of images that were created in the same second,
        the service may return any, because many databases keep whole seconds.
    type: bool
    default: false
seealso:
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_catalog
  - module: platform9.pcd.pcd_image_member
  - module: platform9.pcd.pcd_image_state
  - module: platform9.pcd.pcd_image_download
  - module: platform9.pcd.pcd_image_service_info
  - ref: ansible_collections.platform9.pcd.docsite.guide_images
    description: How an image is selected, and what a task changes.
  - ref: ansible_collections.platform9.pcd.docsite.guide_sharing
    description: Visibility, members, and the ways to take an image out of use.
  - ref: ansible_collections.platform9.pcd.docsite.guide_report
    description: A page with all images, and their drift against a catalogue.
  - ref: ansible_collections.platform9.pcd.docsite.guide_adhoc
    description: The modules as commands.
  - ref: ansible_collections.platform9.pcd.docsite.guide_from_openstack
    description: Options of openstack.cloud and commands of the openstack client.
  - ref: ansible_collections.platform9.pcd.docsite.guide_from_terraform
    description: Resources and data sources of Terraform.
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

- name: Show id, name and size of all images that can boot, and nothing else
  platform9.pcd.pcd_image_info:
    cloud: pcd
    name_pattern: ubuntu-*
    status: [active, deactivated]
    disk_format: [qcow2, raw]
    fields: [id, name, size]

- name: Find what rotation has retired
  platform9.pcd.pcd_image_info:
    cloud: pcd
    hidden: any
    fields: [id, name, retired, created_at]
  register: every

- name: Show the retired images
  ansible.builtin.debug:
    msg: "{{ every.images | selectattr('retired') }}"

- name: Find images by name, including hidden images
  platform9.pcd.pcd_image_info:
    cloud: pcd
    name: ubuntu-24.04
    hidden: any

- name: Find the images that hold exactly this data
  platform9.pcd.pcd_image_info:
    cloud: pcd
    checksum: sha512:{{ debian_sha512 }}

- name: Show the projects that an image is shared with
  platform9.pcd.pcd_image_info:
    cloud: pcd
    name: ubuntu-24.04
    members: true

- name: List the ten largest images
  platform9.pcd.pcd_image_info:
    cloud: pcd
    sort: size:desc
    limit: 10
"""

RETURN = r"""
images:
  description:
    - The images, each with every attribute of the API. An attribute without a value is V(null).
    - Each has the same form as RV(platform9.pcd.pcd_image#module:image), and also RV(images[].retired) and
      RV(images[].replaces). With O(members=true), each also has RV(images[].members). With O(fields), each has only
      these.
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
      retired: null
      replaces: null
  contains:
    retired:
      description:
        - The name that the image was retired from, if this collection has replaced it by a newer image and it is still
          hidden, or still has the name that it was given then. V(null) if it is in use.
        - It comes from properties of the image that only count on the image that they were written for, so a snapshot
          of an instance does not have it.
      returned: always, or if O(fields) names it
      type: str
    replaces:
      description:
        - The id of the image that this one is to replace, if this collection has created it for that and it is still
          hidden, as after C(on_content_change=prepare) of M(platform9.pcd.pcd_image) or after an interrupted run.
          V(null) otherwise.
      returned: always, or if O(fields) names it
      type: str
    members:
      description:
        - The members of the image, a list as in RV(platform9.pcd.pcd_image_member#module:members). V(null) if the image
          is not shared. For an image of another project, the service shows only your project, except to
          administrators.
      returned: if O(members=true)
      type: list
      elements: dict
"""

from ..module_utils._archive import compile_once

compile_once()

from ..module_utils._image.filters import DETAIL_OPTIONS, FILTER_OPTIONS, ORDER_OPTIONS, parse_listing
from ..module_utils._image.listing import read_listing
from ..module_utils._image.options import IDENTITY_OPTIONS
from ..module_utils._module import run_module
from ..module_utils._task import Task

TASK = Task(
    options={**IDENTITY_OPTIONS, **FILTER_OPTIONS, **DETAIL_OPTIONS},
    constraints={
        "mutually_exclusive": [
            *[("id", option) for option in ("name", *FILTER_OPTIONS) if option != "most_recent"],
            ("name", "name_pattern"),
            ("sort", "sort_key"),
            ("sort", "sort_dir"),
        ],
    },
    meant_by=("name", *(option for option in FILTER_OPTIONS if option not in ORDER_OPTIONS)),
    parse=parse_listing,
    work=read_listing,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
