#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image_service_info
short_description: Show what the image service of Platform9 Private Cloud Director offers
version_added: 1.0.0
description:
  - Returns the regions, the API versions, the import methods and the stores of the image service, so that a playbook
    can choose among them.
  - The endpoints of one cloud can belong to different services. This module asks the endpoint that the other modules
    use with the same connection options; see O(interface).
  - Also returns the project, the user, the roles and the region of the credentials.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - platform9.pcd.connection
  - platform9.pcd.attributes.info
  - platform9.pcd.attributes
seealso:
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_catalog
  - module: platform9.pcd.pcd_image_member
  - module: platform9.pcd.pcd_image_state
  - module: platform9.pcd.pcd_image_download
  - ref: ansible_collections.platform9.pcd.docsite.guide_regions
    description: Work in many regions.
  - ref: ansible_collections.platform9.pcd.docsite.guide_data
    description: How data is uploaded, imported and compared.
  - ref: ansible_collections.platform9.pcd.docsite.guide_adhoc
    description: The modules as commands.
  - ref: ansible_collections.platform9.pcd.docsite.guide_from_openstack
    description: Options of openstack.cloud and commands of the openstack client.
"""

EXAMPLES = r"""
- name: Get what the image service offers
  platform9.pcd.pcd_image_service_info:
    cloud: pcd
  register: service

- name: Stop unless the credentials are for the project that is meant
  ansible.builtin.assert:
    that: service.project.name == expected_project | default(service.project.name)
    fail_msg: "{{ service.user.name }} has logged in to {{ service.project.name }} as {{ service.roles | join(', ') }}"

- name: Stop if the service cannot import from a URL
  ansible.builtin.assert:
    that: "'web-download' in service.import_methods"
    fail_msg: "{{ service.endpoint }} offers {{ service.import_methods | join(', ') }}"

- name: Stop if the image service is missing in a region that the inventory names
  ansible.builtin.assert:
    that: groups['regions'] | default([]) is subset(service.regions)
    fail_msg: "The cloud has {{ service.regions | join(', ') }}"

- name: Show the newest API version, and the store that is used by default
  ansible.builtin.debug:
    msg:
      - "{{ service.versions | selectattr('status', 'equalto', 'CURRENT') | map(attribute='id') | first }}"
      - "{{ service.stores | selectattr('is_default') | map(attribute='id') | first | default('the only one') }}"
"""

RETURN = r"""
endpoint:
  description:
    - The URL of the image service, with the version of the API that this collection uses.
  returned: success
  type: str
  sample: https://pcd.example.com:9494/v2
project:
  description:
    - The project that the credentials are for. Only its images, and those that others show to it, are listed to
      users who are not administrators.
    - V(null) if Keystone names none. Without Keystone (O(token) and O(image_endpoint_override) are given), it has
      only the id that O(project_id) says.
  returned: success
  type: dict
  sample: {id: 00a87381ce2243039b053ef7813b4f63, name: web, domain: {id: default, name: Default}}
  contains: &named
    id:
      description: The id.
      returned: always
      type: str
    name:
      description: The name.
      returned: always
      type: str
    domain:
      description: The domain, with its C(id) and C(name).
      returned: always
      type: dict
user:
  description:
    - The user who has logged in, in the same form. V(null) if Keystone was not asked.
  returned: success
  type: dict
  sample: {id: 4b1c1f5a0c5f4d0e9d0e8a6f2b7c3d11, name: ci, domain: {id: default, name: Default}}
  contains: *named
roles:
  description:
    - The names of the roles that the user has in the project, sorted. Empty if Keystone was not asked.
  returned: success
  type: list
  elements: str
  sample: [member, reader]
region:
  description:
    - The region that the other modules use with the same connection options. V(null) if O(image_endpoint_override) is
      given without O(region_name), or if Keystone was not asked.
  returned: success
  type: str
  sample: frankfurt
regions:
  description:
    - The names of the regions in which the catalogue of Keystone has an endpoint of the image service for this project,
      sorted. Each can be the O(region_name) of a task; a region that has an C(internal) endpoint only also needs
      O(interface).
    - Empty if O(token) and O(image_endpoint_override) are given, because then Keystone is not asked.
  returned: success
  type: list
  elements: str
  sample: [frankfurt, zurich]
versions:
  description:
    - The versions of the API, in the order of the service, which begins with the newest.
    - Empty if a proxy blocks this document.
  returned: success
  type: list
  elements: dict
  sample:
    - id: v2.17
      status: CURRENT
      links:
        - rel: self
          href: https://pcd.example.com:9494/v2/
    - id: v2.16
      status: SUPPORTED
      links:
        - rel: self
          href: https://pcd.example.com:9494/v2/
  contains:
    id:
      description: The name of the version.
      returned: always
      type: str
    status:
      description: V(CURRENT) for the newest one; V(SUPPORTED), V(DEPRECATED) or V(EXPERIMENTAL) for others.
      returned: always
      type: str
    links:
      description: The URLs of the version, as the service returns them. Behind a proxy, they can be internal addresses.
      returned: always
      type: list
      elements: dict
import_methods:
  description:
    - The import methods, such as C(glance-direct), C(web-download) and C(copy-image). The credentials may not allow
      every method that the service offers; C(copy-image) is usually for administrators.
  returned: success
  type: list
  elements: str
  sample: [glance-direct, web-download, copy-image]
stores:
  description:
    - The stores that can hold the data of an image. Empty if the service has a single store without a name.
  returned: success
  type: list
  elements: dict
  sample:
    - id: ceph
      description: The library of all hypervisors
      is_default: true
      read_only: false
      type: rbd
      weight: 0
      properties:
        pool: images
        chunk_size: 8
    - id: archive
      description: null
      is_default: false
      read_only: false
      type: file
      weight: 0
      properties:
        data_dir: /var/lib/glance/images
  contains:
    id:
      description: The name of the store.
      returned: always
      type: str
    description:
      description: What the store is for; V(null) if the service has no description of it.
      returned: always
      type: str
    is_default:
      description: Whether data goes to this store if no store is named.
      returned: always
      type: bool
    read_only:
      description: Whether images can be read from this store but not written to it.
      returned: always
      type: bool
    type:
      description: The type of the store, such as C(file), C(rbd) or C(cinder).
      returned: if the service shows it, as it does to administrators
      type: str
    weight:
      description: Of several stores that have the data, the one with the greatest weight is read.
      returned: if the service shows it, as it does to administrators
      type: int
    properties:
      description: The configuration of the store. The keys depend on its type.
      returned: if the service shows it, as it does to administrators
      type: dict
"""

from ..module_utils._archive import compile_once

compile_once()

from ..module_utils._module import run_module
from ..module_utils._service import parse_service, read_service
from ..module_utils._task import Task

TASK = Task(options={}, parse=parse_service, work=read_service)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
