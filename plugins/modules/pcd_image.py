#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image
short_description: Declare an image of Platform9 Private Cloud Director
version_added: 1.0.0
description:
  - Creates, updates and deletes an image, its record and its data, so that it is as the options say.
  - An option that is not given is left alone on an image that is there. No option that the service stores has a
    default.
  - An update sends the smallest possible JSON patch, and sends nothing where nothing differs.
  - With O(path) or O(url) the image gets its data, in one pass and verified. Without both, a new image has the status
    V(queued), and no machine can be made from it. The task warns of that if it gives neither O(disk_format) nor
    O(container_format), because an update was probably meant; see O(create).
  - The data of an image never changes. What happens where an image has other data than the source is said by
    O(on_content_change).
  - An image that a task has made is removed again where its data does not come as it should.
  - Data goes to the admin endpoint of the catalogue, where it has one. On PCD that is the image library, which the
    hypervisors read from.
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
      - At least one of O(id) and O(name) is required. V(null) counts as not given, as for every option.
      - In check mode, RV(image.id) of an image that would be created is V(null). A task that gives only this id fails
        in check mode, and says so.
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
        one that another project shares, is neither changed nor taken for yours.
      - V(visible) means all that the list of images shows to the login, whatever project they belong to. For an
        administrator that is every project's.
      - With only O(token) and O(image_endpoint_override) nobody says which project the token is for. V(own) is refused
        then, before anything is sent. Give O(project_id), O(id) or V(visible).
      - It has no effect together with O(owner), which says itself whose images are meant.
    type: str
    choices: [own, visible]
    default: own
  state:
    description:
      - V(present) creates the image or updates it. V(absent) deletes it, together with its data.
    type: str
    choices: [present, absent]
    default: present
  create:
    description:
      - Whether O(state=present) creates the image if there is none. With V(false) it is only updated, and it is an
        error if no image is found.
      - O(on_content_change=replace) also works with V(false), because the new image takes the place of one that was
        found.
      - It has no effect with O(state=absent).
    type: bool
    default: true
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
      - The id of the project that the image belongs to. On creation the service takes the project of the login if
        nothing is given. An image of another project needs an administrator.
      - With O(name), only an image of this project is found, changed, deleted or created. An image of another project
        is left alone, so that a loop over several owners has an image for each.
      - With O(id), the image of that id is given to this project if it belongs to another one.
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
      - Names that begin with C(pcd_) are reserved for this collection. They are not returned, not purged and not taken
        over by a replacement.
      - The service keeps text. Numbers and booleans are stored as their text (C(4), C(true)). Write a version in
        quotes; without them C(22.10) is the number 22.1.
      - A property whose value is V(null) is removed.
    type: dict
  path:
    description:
      - The file that holds the data of the image, on the host where the task runs. It is read in one pass, and must
        not change meanwhile.
      - An image that has this data already is left as it is. That is found out by O(checksum) where the service uses
        the same algorithm (usually V(sha512), also V(md5)), else by the size, else by reading the file.
      - If the file is not there in check mode, a task before this one may make it in a real run. The task then warns,
        and predicts what it can without the file.
      - It has no effect with O(state=absent), and need not be there.
    type: path
  url:
    description:
      - The address (V(http) or V(https)) of the data of the image.
      - The image service fetches it itself, where it offers O(method=web-download) and needs neither user name,
        headers nor unpacking for it. Otherwise the data is streamed through, without a file on the way.
      - State O(checksum) with V(sha512) or V(md5) where you can. Otherwise each run has to download the file to find
        out whether the image has this data, unless the sizes differ.
      - Certificates are always verified, whatever O(validate_certs) says about the cloud. O(ca_cert) is trusted, too.
      - A redirect from C(https) to plain C(http) is refused. With O(method=web-download) the service follows redirects
        itself, so that the task looks at them before it asks the service.
      - A download that breaks off is begun again from its first byte, at most O(retries) times, whatever O(deadline)
        says.
      - User, password, query and fragment of the address are not shown. If the user or the password has a slash, C(?),
        C(#) or C(@), write it with C(%) there, or give it by O(url_username) and O(url_password).
    type: str
  url_username:
    description:
      - The user name for O(url), which is then streamed through the task.
      - User name, password and headers reach the host of O(url) alone. A redirect to another one does not take them
        along.
    type: str
  url_password:
    description:
      - The password for O(url_username).
    type: str
  url_headers:
    description:
      - Headers for O(url), by name. It is then streamed through the task.
      - Their values are not shown, in whichever form they are given.
    type: dict
  checksum:
    description:
      - The checksum of the file as it lies at O(path) or O(url), before O(decompress), as V(<algorithm>:<checksum>) or
        V(<algorithm>:<address of a checksum file>).
      - In a checksum file, the line of the file's name counts (the format of C(sha256sum), or that of BSD), or a
        checksum that stands there alone. It may lie on the host where the task runs (C(file:///path)), as a regular
        file of at most 4 MiB.
      - A O(url) that ends without the name of a file, such as C(https://vendor.example.com/latest/), has no line in a
        checksum file. State the checksum itself.
      - Where the data has another checksum, the task fails and the image does not become active. With
        O(method=web-download) that is known only after the service has fetched the data; the image is then removed.
    type: str
  decompress:
    description:
      - Whether a file that is packed with gzip, bzip2, xz or zstd is unpacked on its way. That is recognised by its
        content; a file that is not packed is sent as it is.
      - Unpacking xz takes the memory that the file asks for, 9 MiB usually and 65 MiB for C(xz -9). A file that asks
        for more is refused; with zstd, one that asks for more than 128 MiB.
      - One packing is undone. A file that is packed twice is refused.
      - zstd needs Python 3.14, or the Python library C(zstandard) where the task runs.
    type: bool
    default: false
  method:
    description:
      - How the data comes. Where nothing is said, V(web-download) for a O(url) where that is possible, V(glance-direct)
        for several stores, otherwise V(upload).
      - A O(url) that the import filter of the service refuses is streamed through, unless V(web-download) is stated.
      - A service may convert what it imports (V(glance-direct), V(web-download)). The image then has another
        C(disk_format) than O(disk_format), which is accepted and remembered in the property C(pcd_source).
      - V(upload) sends it straight into one store.
      - V(glance-direct) sends it to the staging area of the service, which then brings it into its stores.
      - V(web-download) lets the service fetch the O(url).
      - V(copy-image) brings the data of an active image into further O(stores). It is never needed, because they are
        found out anyway, and neither O(path) nor O(url) may be given with it.
    type: str
    choices: [upload, glance-direct, web-download, copy-image]
  stores:
    description:
      - The stores that hold the data, where the service has several. Where nothing is said, the service's default.
      - An active image is copied into those that lack it, which most clouds allow to administrators alone. It is never
        removed from a store.
    type: list
    elements: str
  all_stores:
    description:
      - Whether all stores of the service hold the data.
    type: bool
    default: false
  all_stores_must_succeed:
    description:
      - Whether an import into several stores fails as a whole where one of them fails. Where nothing is said, the
        service decides, which takes V(true).
    type: bool
  on_content_change:
    description:
      - What happens where the image has other data than O(path) or O(url).
      - With V(fail), the task fails and says both hashes.
      - With V(keep), the image keeps its data, with a warning.
      - With V(replace), a new image of the same name and attributes gets the data. It is hidden until its data is
        verified; only then does it take the place of the old one, which becomes what O(retired) says. A run that
        breaks off is continued by the next one; what it has left is deleted instead if it cannot become what is
        declared now. Members that the old image is shared with are not carried over. It needs O(name) without O(id),
        since the new image has another id.
      - It decides, too, about data that is right but lies in a store that this image service cannot read, such as data
        that was uploaded through the public endpoint of PCD. No instance boots from that. V(fail) and V(keep) warn,
        V(replace) brings the data over. An image that this collection has made is not looked at for that while its
        data is unchanged.
    type: str
    choices: [fail, keep, replace]
    default: fail
  retired:
    description:
      - What becomes of an image once another one has replaced it.
      - V(hide) hides it, V(deactivate) hides and deactivates it, V(rename) gives it another name (see
        O(retired_suffix)), V(delete) deletes it, a protected one with O(force=true) alone.
    type: str
    choices: [delete, hide, deactivate, rename]
    default: hide
  retired_suffix:
    description:
      - What O(retired=rename) appends to the name. Where nothing is said, V(-) and the time when the image was created.
    type: str
  wait:
    description:
      - Whether to wait for the end of an import, and for other tasks that bring data into the image at the same time.
      - Without it, a failed import is not noticed and its data is not verified by this task, so that it must stay
        true with O(on_content_change=replace).
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait for that, and for the service's answer once all data is sent.
    type: int
    default: 3600
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
      - The same goes for O(retired=delete).
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

- name: Change an image that must be there already
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04
    min_ram: 2048
    create: false

- name: Have exactly these custom properties and no others
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04
    properties:
      os_distro: ubuntu
    purge_properties: true

- name: Upload a file
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13
    disk_format: qcow2
    container_format: bare
    path: /var/lib/images/debian-13-genericcloud-amd64.qcow2
    checksum: sha512:{{ debian_sha512 }}

- name: Let the image service fetch it from the vendor, and verify it by the vendor's checksum file
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13
    disk_format: qcow2
    container_format: bare
    url: https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2
    checksum: sha512:https://cloud.debian.org/images/cloud/trixie/latest/SHA512SUMS

- name: Stream it from a mirror that wants a password, and unpack it on the way
  platform9.pcd.pcd_image:
    cloud: pcd
    name: appliance-7
    disk_format: raw
    container_format: bare
    url: https://mirror.example.com/appliance-7.raw.xz
    url_username: ansible
    url_password: "{{ mirror_password }}"
    checksum: sha256:https://mirror.example.com/SHA256SUMS
    decompress: true

- name: Stream a vendor's file through this host, where the image service cannot reach the vendor
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13-streamed
    disk_format: qcow2
    container_format: bare
    url: https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2
    method: upload

- name: Stage a file, and let the image service import it from there
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13-staged
    disk_format: qcow2
    container_format: bare
    path: /var/lib/images/debian-13-genericcloud-amd64.qcow2
    method: glance-direct
    wait_timeout: 600

- name: Bring it into two stores
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13-two-stores
    disk_format: qcow2
    container_format: bare
    path: /var/lib/images/debian-13-genericcloud-amd64.qcow2
    stores: [fast, slow]

- name: Copy an image that is there into a further store, as an administrator
  platform9.pcd.pcd_image:
    cloud: pcd-admin
    name: debian-13
    match: visible
    stores: [fast, slow]

- name: Keep an image at the vendor's latest build, and the earlier ones under other names
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13
    disk_format: qcow2
    container_format: bare
    path: /var/lib/images/debian-13-genericcloud-amd64-latest.qcow2
    on_content_change: replace
    retired: rename

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
    - In check mode it is foretold, with the size and the hashes of the data that would be sent; what only the service
      can know (such as the id of a new image) is V(null).
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
    stores: null
    properties:
      os_distro: ubuntu
      os_version: "24.04"
  contains:
    stores:
      description:
        - The stores that hold the data. V(null) where the service names none, and for a deactivated image.
      returned: always
      type: list
      elements: str
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
retired:
  description:
    - The other images of this name that the task has taken out of use, or in check mode would take out of use, in this
      order. Empty if there are none, as without O(on_content_change=replace).
    - The diff says the same in C(retired).
  returned: success
  type: list
  elements: dict
  sample:
    - id: 5f7b8fda-9780-47cf-9fad-afd62e0d4a74
      name: ubuntu-24.04
      action: hidden
      reason: null
  contains:
    id:
      description: The id of the image.
      returned: always
      type: str
    name:
      description: The name that it has afterwards.
      returned: always
      type: str
    action:
      description:
        - What was done about it, V(hidden), V(deactivated) (and hidden), V(renamed) or V(deleted). V(kept) means that
          it should have gone and is still there.
      returned: always
      type: str
    reason:
      description:
        - Why, if that does not follow from O(retired), such as for an unfinished replacement that an earlier run has
          left; V(null) otherwise.
      returned: always
      type: str
"""

from ..module_utils._data.options import (
    DATA_OPTIONS,
    check_data,
    has_source,
    secrets_from,
    stores_from,
)
from ..module_utils._errors import ConfigurationError, quoted
from ..module_utils._image.attributes import (
    ATTRIBUTE_OPTIONS,
    FIXED_BY_DATA,
    IDENTITY_OPTIONS,
    check_identity,
    desired_attributes,
    without_converted,
)
from ..module_utils._image.plan import Plan, plan_absent, plan_present
from ..module_utils._module import run_module
from ..module_utils._task import MATCH, UPDATED, Params, Session, Task


def check_image(params: Params) -> None:
    check_identity(params)
    desired_attributes(params)
    if params["purge_properties"] and params["properties"] is None:
        raise ConfigurationError(
            "purge_properties: it needs properties, to say which ones stay. Give properties: {} to remove all."
        )
    if params["state"] == "present":
        check_data(params)


def plan_image(params: Params, session: Session) -> Plan:
    if params["state"] == "absent":
        return plan_absent(session.find(params), params["force"])
    current = session.find(params) if params["create"] else session.find_existing(params, UPDATED)
    desired = desired_attributes(params)
    if has_source(params) or stores_from(params).are_chosen:
        # Most tasks are about attributes alone, and a module's process compiles all that it imports anew.
        from ..module_utils._data.plan import plan_with_data

        return plan_with_data(params, session, desired, current)
    if current is None and not any(option in desired for option in FIXED_BY_DATA):
        called = f"No image {quoted(params['id'] or params['name'])} was found"
        session.warn(
            f"{called}, so that the plan is a new record without data (status queued), from which no instance boots. "
            "For a new image, give disk_format, container_format, and path or url. To change only an image that is "
            "there, set create: false."
        )
    wanted = without_converted(desired, current, session.project_id)
    return plan_present(wanted, current, params["purge_properties"], params["id"])


TASK = Task(
    options={
        **IDENTITY_OPTIONS,
        **ATTRIBUTE_OPTIONS,
        **DATA_OPTIONS,
        "match": MATCH,
        "create": {"type": "bool", "default": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "purge_properties": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
    },
    constraints={"required_one_of": [("id", "name")], "mutually_exclusive": [("path", "url")]},
    check=check_image,
    work=plan_image,
    returns_patch=True,
    libraries=("requests", "jsonpatch"),
    secrets=secrets_from,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
