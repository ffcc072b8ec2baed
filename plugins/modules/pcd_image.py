#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image
short_description: Manage an image of Platform9 Private Cloud Director
version_added: 1.0.0
description:
  - Creates, updates or deletes an image (its record and its data) to match the options.
  - An option that is not given leaves an existing image unchanged. No option that the service stores has a default.
  - An update sends the smallest possible JSON patch. It sends nothing if nothing differs.
  - With O(path) or O(url), the image gets its data, and its size and hashes are verified. Without both, a new image has
    the status V(queued), and no instance can boot from it. The task warns about that if neither O(disk_format) nor
    O(container_format) is given, because an update was probably intended; see O(create).
  - The data of an image is immutable. O(on_content_change) controls what happens if the source has other data than the
    image.
  - An image that the task has created is deleted again if its data cannot be transferred or verified. If
    O(wait_timeout) expires, the image stays, and the next run continues.
  - Data is sent to the admin endpoint of the catalogue if there is one, unless O(interface) or
    O(image_endpoint_override) selects another endpoint. On PCD, the admin endpoint is the image library endpoint,
    which the hypervisors read from.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - platform9.pcd.connection
  - platform9.pcd.attributes
options:
  id:
    description:
      - The id of the image, a UUID.
      - With O(state=present), an image that does not exist is created with this id. The service never reuses an id,
        not even after its image is deleted.
      - Anybody can choose the id of a new image. If another project has created an image without data with this id,
        O(path) and O(url) are refused, unless O(owner) is that project. They are also refused if the project of the
        token is not known; see O(match).
      - At least one of O(id) and O(name) is required. V(null) counts as not given, as for every option.
      - In check mode, the id in RV(image) is V(null) for an image that would be created. A later task that gives only
        this id fails in check mode, and its message explains why.
    type: str
  name:
    description:
      - The name of the image, at most 255 characters. Without O(id), the name selects the image; see O(match).
      - With O(id), the image is renamed if its name differs. With O(id) and O(state=absent), the name is ignored.
      - Names need not be unique. If the name matches several images, the task fails and lists them.
      - A hidden image is selected only if no other image has this name. An image that this collection has retired is
        never selected by its name.
    type: str
  match:
    description:
      - Which images O(name) can select.
      - V(own) selects only images that belong to your project, the one that the credentials are for. A public image of
        another project, or an image that another project shares with yours, is never changed or mistaken for yours.
      - V(visible) selects from all images that your image list shows, whatever project they belong to. For an
        administrator, these are the images of all projects.
      - With only O(token) and O(image_endpoint_override), the project of the token is not known. V(own) is then refused
        before anything is sent. Give O(project_id), O(id), O(owner) or V(visible).
      - This option has no effect if O(id) or O(owner) is given.
    type: str
    choices: [own, visible]
    default: own
  state:
    description:
      - V(present) creates or updates the image. V(absent) deletes the image and its data.
    type: str
    choices: [present, absent]
    default: present
  create:
    description:
      - Whether O(state=present) creates the image if it does not exist. With V(false), the task only updates an
        existing image, and fails if there is none.
      - O(on_content_change=replace) also works with V(false), because the new image replaces an existing one.
      - It has no effect with O(state=absent).
    type: bool
    default: true
  container_format:
    description:
      - The container format. Use V(bare) for data without a container. It cannot be changed after the image has data.
      - For new data, it is V(bare) if it is omitted together with O(disk_format).
    type: str
    choices: [ami, ari, aki, bare, ovf, ova, docker, compressed]
  disk_format:
    description:
      - The disk format. It cannot be changed after the image has data.
      - If it is omitted for new data without a container, it is found in the first bytes of the data, after
        O(decompress). Recognised are V(qcow2), V(vmdk), V(vhd), V(vhdx), V(vdi), V(iso) and V(ploop). All other data is
        V(raw). A VHD of fixed size is not recognised, because its signature is at its end. Declare V(vhd) for it.
      - Data that contradicts the declared format is refused before anything is sent, also in check mode. V(raw) is
        accepted for an ISO.
      - A qcow2 with a backing file or an external data file, and a VMDK that refers to other files or to a parent, are
        refused. Data with the signatures of several formats is refused, too.
      - An HTML page and an XML or JSON document are refused, whatever disk format is declared, because some web servers
        return a page for authentication or an error with the status 200. If O(container_format) is not V(bare), the
        content is not checked, but what a web server calls an HTML page is still refused.
      - With O(method=web-download), the task asks O(url) for its first 64 KiB. If the task cannot reach O(url),
        O(disk_format) is required.
      - An image that exists keeps its format. A replacement inherits the format, unless its data contradicts it.
    type: str
    choices: [ami, ari, aki, vhd, vhdx, vmdk, raw, qcow2, vdi, iso, ploop]
  min_disk:
    description:
      - The disk space in GiB that an instance needs to boot from the image. If the disk in new data is larger than
        that, the task warns.
    type: int
  min_ram:
    description:
      - The memory in MiB that an instance needs to boot from the image.
    type: int
  protected:
    description:
      - Whether the image is protected from deletion.
    type: bool
  hidden:
    description:
      - Whether the image is left out of the default image list. Instances can still be created from it.
      - This is the attribute C(os_hidden).
    type: bool
  visibility:
    description:
      - Who can see the image. If omitted, the service creates an image as V(shared).
      - V(public) usually requires the administrator role.
    type: str
    choices: [public, private, community, shared]
  owner:
    description:
      - The id of the project that owns the image, not its name. If omitted, a new image belongs to your project, the
        one that the credentials are for. An image of another project requires the administrator role.
      - With O(name), only an image of this project is found, changed, deleted or created. Images of other projects are
        left unchanged, so a loop over several owners manages one image for each of them.
      - With O(id), the owner of the image is changed to this project if it differs.
    type: str
  tags:
    description:
      - All tags of the image. Their order does not matter. An empty list removes all tags.
      - A tag has at most 255 characters.
      - To add or remove tags and keep all others, use O(tags_present) and O(tags_absent).
    type: list
    elements: str
  tags_present:
    description:
      - Tags to add. Other tags stay. It cannot be combined with O(tags).
      - A tag that somebody else adds at the moment of the change can be lost, because the service replaces all tags of
        an image at once. The guide about failures and races has the details.
    type: list
    elements: str
  tags_absent:
    description:
      - Tags to remove if the image has them. Other tags stay. It cannot be combined with O(tags), and must not contain
        a tag of O(tags_present).
    type: list
    elements: str
  properties:
    description:
      - Custom properties, such as C(os_distro) or C(hw_disk_bus). Properties that are not named stay unchanged; see
        O(purge_properties).
      - Names that begin with C(pcd_) are reserved for this collection. Such properties are not returned, not purged and
        not copied to a replacement.
      - The service stores text. Numbers and booleans are stored as text (C(4), C(true)). Write a version in quotes;
        without them, C(22.10) is the number 22.1.
      - A property with the value V(null) is removed.
    type: dict
  path:
    description:
      - The file with the data of the image, on the host where the task runs. It is read in one pass, and must not
        change while the task runs.
      - An image that already has this data is left unchanged. The task compares O(checksum) if the service uses the
        same algorithm (usually V(sha512), also V(md5)), or if the property C(pcd_source) of the image stores it.
        Otherwise it compares the size, and reads the file only if the sizes are equal.
      - If the file does not exist in check mode, an earlier task may create it in a real run. The task then warns, and
        predicts as much as it can without the file.
      - It has no effect with O(state=absent). The file need not exist then.
    type: path
  url:
    description:
      - The URL (V(http) or V(https)) of the data of the image.
      - The image service fetches the data itself if it offers O(method=web-download) and if no user name, header or
        decompression is needed. Otherwise the task streams the data to the service, without a temporary file.
      - Give O(checksum) if you can. Otherwise each run downloads the file to find out whether the image has this data,
        unless the sizes differ.
      - Certificates are always verified. O(validate_certs) applies only to the cloud. O(ca_cert) is trusted, too.
      - A redirect from C(https) to plain C(http) is refused. With O(method=web-download), the service follows redirects
        itself, so the task checks them before it starts the import.
      - A download that breaks off starts again from the first byte, at most O(retries) times. O(deadline) does not
        limit this.
      - The user, password, query and fragment of the URL are never shown. If the user or the password contains a slash,
        C(?), C(#) or C(@), percent-encode this character, or use O(url_username) and O(url_password).
    type: str
  url_username:
    description:
      - The user name for O(url). If it is given, the data is streamed through the task.
      - User name, password and headers are sent only to the host of O(url), not to another host that it redirects to.
    type: str
  url_password:
    description:
      - The password for O(url_username).
    type: str
  url_headers:
    description:
      - HTTP headers for O(url), by name. If they are given, the data is streamed through the task.
      - Their values are never shown, whatever form they have.
    type: dict
  checksum:
    description:
      - The checksum of the file at O(path) or O(url), before O(decompress), as V(<algorithm>:<checksum>) or
        V(<algorithm>:<URL of a checksum file>).
      - In a checksum file, the line with the file name is used (in the format of C(sha256sum) or of BSD). If no line
        has exactly this name, a line with a path that ends with it is used. Two different checksums of the file are an
        error. A checksum file can also contain only a checksum.
      - If the checksum file is named after the data file, such as C(disk.iso.sha256), C(disk.iso.sha256sum) or
        C(disk.iso.CHECKSUM), and has no line for it, its only checksum is used, whatever name is in that line.
      - If the service does not compute this algorithm, or if the file was decompressed, the property C(pcd_source) of
        the image stores the checksum. The next run compares it without reading the data. An image of your project
        without this property gets it after one complete comparison.
      - If the data does not have the checksum of the checksum file, the task reads the checksum file once more. If it
        has changed, the task begins again, once.
      - The checksum file can be on the host where the task runs (C(file:///path)), as a regular file of at most 4 MiB.
      - A O(url) that ends without a file name, such as C(https://vendor.example.com/latest/), has no line in a checksum
        file. Give the checksum itself.
      - If the data has another checksum, the task fails. Data that the task sends does not become active then. With
        O(method=web-download), the checksum is compared when the image is already active; the image is then deleted if
        the task has created it, and deactivated otherwise.
    type: str
  decompress:
    description:
      - Whether a file that is compressed with gzip, bzip2, xz or zstd is decompressed during the transfer. Compression
        is detected from the content. A file that is not compressed is sent unchanged.
      - Decompressing xz takes the memory that the file requests, usually 9 MiB, and 65 MiB for C(xz -9). A file that
        requests more is refused. For zstd, the limit is 128 MiB.
      - A file that is compressed twice is refused.
      - zstd requires Python 3.14, or the Python library C(zstandard) on the host where the task runs.
    type: bool
    default: false
  method:
    description:
      - How the data is transferred. If omitted, V(web-download) is used for a O(url) if possible, V(glance-direct) for
        several stores, and V(upload) otherwise.
      - V(upload) sends the data directly to one store.
      - V(glance-direct) sends the data to the staging area of the service, which imports it into its stores.
      - V(web-download) makes the service fetch the O(url).
      - V(copy-image) copies the data of an active image to more O(stores). It never has to be given, because missing
        stores are detected automatically. It does not allow O(path) or O(url).
      - A O(url) that the import filter of the service refuses is streamed by the task, unless V(web-download) is given.
      - A service may convert the data that it imports (V(glance-direct), V(web-download)). The image then has another
        C(disk_format) than O(disk_format). The task accepts that, and records it in the property C(pcd_source).
    type: str
    choices: [upload, glance-direct, web-download, copy-image]
  stores:
    description:
      - The stores that hold the data, if the service has several. If omitted, the default store of the service is used.
      - An active image is copied to the stores that lack it. Most clouds allow that only to administrators. An image is
        never removed from a store.
    type: list
    elements: str
  all_stores:
    description:
      - Whether all stores of the service hold the data.
    type: bool
    default: false
  all_stores_must_succeed:
    description:
      - Whether an import into several stores fails as a whole if one of them fails. If omitted, the service default
        (V(true)) applies.
    type: bool
  on_content_change:
    description:
      - What happens if the image has other data than O(path) or O(url).
      - With V(fail), the task fails and shows both hashes.
      - With V(keep), the image keeps its data, and the task warns.
      - With V(replace), a new image with the same name and attributes gets the data. The new image is hidden until its
        data is verified. Only then does it replace the old image, and O(retired) controls what happens to the old one.
      - With V(prepare), the new image is created in the same way, and stays hidden. It is returned as RV(prepared), and
        can be tested by its id. The image that O(name) selects stays as it is. A later task with V(replace) and the
        same data publishes the prepared image without sending data again. If no image has this name yet, V(prepare)
        creates it, because there is nothing to replace.
      - If the data is that of an image of this name that was retired before, V(replace) restores that image and retires
        the current one. No data is sent, and the image has the id that instances refer to. The same applies if no
        current image has this name. The restored image gets the attributes that the task declares, and the visibility
        of the current image if the task declares none. Everything else stays, including its members. With
        O(retired=rename), only renamed images are considered, otherwise only hidden ones. A retired image that was not
        public is not restored if that would make it public.
      - An interrupted replacement is continued by the next run. If the unfinished image cannot become what the task
        declares now, it is deleted.
      - The replacement of a shared image is shared with the same projects before it is unhidden. With the credentials
        of an administrator, projects that had accepted the old image have also accepted the new one. Otherwise they
        have to accept it again, and the task warns.
      - A replacement requires O(name) without O(id), because the new image has another id.
      - This option also applies if the data is right, but is in a store that this image service cannot read, for
        example because it was uploaded through the public endpoint of PCD. No instance can boot from such data. V(fail)
        and V(keep) warn; V(replace) sends the data to a readable store. An image that this collection has created is
        not checked for this while its data is unchanged.
    type: str
    choices: [fail, keep, prepare, replace]
    default: fail
  retired:
    description:
      - What happens to an image after another one has replaced it.
      - V(hide) hides it. V(deactivate) hides and deactivates it. V(rename) changes its name; see O(retired_suffix).
        V(delete) deletes it, but a protected image only if O(force=true).
    type: str
    choices: [delete, hide, deactivate, rename]
    default: hide
  retired_suffix:
    description:
      - The text that O(retired=rename) appends to the name. If omitted, it is V(-) and the creation time of the image.
    type: str
  keep:
    description:
      - The number of retired images of this name to keep besides the current one. Older ones are deleted, the oldest
        first, by the time of their creation. If omitted, all stay.
      - This is checked in each run, so a deletion that failed is repeated.
      - Only images of your own project that this collection has created and retired from this name are deleted. Images
        that were renamed count only with O(retired=rename), and hidden ones only with the other values of O(retired).
      - A protected image stays, unless O(force=true). An image that the service does not delete because it is in use
        stays, and the task does not fail. RV(retired) contains both with the reason.
      - It requires O(name) without O(id).
    type: int
  wait:
    description:
      - Whether to wait until an import has finished, and for other tasks that send data to the image at the same time.
      - With V(false), the task does not notice a failed import and does not verify the data. Therefore
        O(on_content_change=replace) and O(on_content_change=prepare) require V(true).
    type: bool
    default: true
  wait_timeout:
    description:
      - The maximum number of seconds for O(wait), and for the answer of the service after all data is sent.
    type: int
    default: 3600
  purge_properties:
    description:
      - Whether to remove custom properties that O(properties) does not name. Requires O(properties); V({}) removes all
        of them.
      - Properties that the service itself sets (C(os_glance_*), C(stores)) are kept.
    type: bool
    default: false
  force:
    description:
      - Whether O(state=absent) also deletes a protected image. The protection is removed first, and restored if the
        service refuses to delete the image.
      - The same applies to O(retired=delete), to O(keep), and to a prepared image that is replaced by another one.
    type: bool
    default: false
requirements:
  - jsonpatch >= 1.32
seealso:
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_catalog
  - module: platform9.pcd.pcd_image_member
  - module: platform9.pcd.pcd_image_state
  - module: platform9.pcd.pcd_image_download
  - module: platform9.pcd.pcd_image_service_info
  - ref: ansible_collections.platform9.pcd.docsite.guide_images
    description: How an image is selected, and what a task changes.
  - ref: ansible_collections.platform9.pcd.docsite.guide_data
    description: How data is uploaded, imported and compared.
  - ref: ansible_collections.platform9.pcd.docsite.guide_changing
    description: What happens if the data of an image changes.
  - ref: ansible_collections.platform9.pcd.docsite.guide_rotation
    description: Nightly jobs, staging and rollback.
  - ref: ansible_collections.platform9.pcd.docsite.guide_catalog
    description: Many images in one task, and those that are not declared any more.
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

- name: Add one tag and remove another; other tags stay as they are
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04
    tags_present: [approved]
    tags_absent: [candidate]

- name: Change an image that must already exist
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

- name: Make the image service fetch the data from the vendor, and verify it with the vendor's checksum file
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13
    disk_format: qcow2
    container_format: bare
    url: https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2
    checksum: sha512:https://cloud.debian.org/images/cloud/trixie/latest/SHA512SUMS

- name: Stream a file from a mirror that requires a password, and decompress it during the transfer
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

- name: Stream a vendor's file through this host, because the image service cannot reach the vendor
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13-streamed
    disk_format: qcow2
    container_format: bare
    url: https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2
    method: upload

- name: Stage a file, and make the image service import it
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13-staged
    disk_format: qcow2
    container_format: bare
    path: /var/lib/images/debian-13-genericcloud-amd64.qcow2
    method: glance-direct
    wait_timeout: 600

- name: Import a file into two stores
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13-two-stores
    disk_format: qcow2
    container_format: bare
    path: /var/lib/images/debian-13-genericcloud-amd64.qcow2
    stores: [fast, slow]

- name: Copy an existing image to another store, as an administrator
  platform9.pcd.pcd_image:
    cloud: pcd-admin
    name: debian-13
    match: visible
    stores: [fast, slow]

- name: Replace an image with the vendor's latest build, and rename the earlier ones
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13
    disk_format: qcow2
    container_format: bare
    path: /var/lib/images/debian-13-genericcloud-amd64-daily.qcow2
    on_content_change: replace
    retired: rename

- name: Prepare the next version, which stays hidden until it is published
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13
    path: /var/lib/images/debian-13-genericcloud-amd64.qcow2
    on_content_change: prepare
  register: next

- name: Publish the version that was prepared, and keep two retired ones
  platform9.pcd.pcd_image:
    cloud: pcd
    name: debian-13
    path: /var/lib/images/debian-13-genericcloud-amd64.qcow2
    on_content_change: replace
    keep: 2

- name: Find the id of the image to rename
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

- name: Protect an image from deletion
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04-old
    protected: true

- name: Delete an image even if it is protected
  platform9.pcd.pcd_image:
    cloud: pcd
    name: ubuntu-24.04-old
    state: absent
    force: true
"""

RETURN = r"""
action:
  description:
    - What the task did to the image, or would do in check mode.
    - V(created) means that there is a new image, with or without data. V(uploaded) means that an image that had no data
      got its data.
    - V(updated) means that attributes or stores were changed, or only that retired images were deleted because of
      O(keep).
    - V(replaced) means that another image with other data took its place, V(prepared) that such an image is ready and
      hidden, and V(restored) that a retired image has the name again.
    - V(deleted) means that the image was deleted, and V(unchanged) that nothing was changed.
  returned: success
  type: str
  sample: updated
image:
  description:
    - The image after the task, with every attribute of the API. An attribute without a value is V(null).
    - In check mode, it is a prediction, with the size and the hashes of the data that would be sent. What only the
      service can know (such as the id of a new image) is V(null).
    - V(null) if the image is absent.
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
    id:
      description: The id.
      returned: always
      type: str
    name:
      description: The name.
      returned: always
      type: str
    status:
      description: The status, such as V(queued) (no data yet), V(active) or V(deactivated).
      returned: always
      type: str
    visibility:
      description: Who can see the image, V(public), V(private), V(community) or V(shared).
      returned: always
      type: str
    protected:
      description: Whether the service refuses to delete the image.
      returned: always
      type: bool
    tags:
      description: The tags, sorted.
      returned: always
      type: list
      elements: str
    container_format:
      description: The format of the container.
      returned: always
      type: str
    disk_format:
      description: The format of the data.
      returned: always
      type: str
    min_disk:
      description: The smallest disk of an instance of this image, in GiB.
      returned: always
      type: int
    min_ram:
      description: The least memory of an instance of this image, in MiB.
      returned: always
      type: int
    size:
      description: The size of the data in bytes. V(null) without data.
      returned: always
      type: int
    virtual_size:
      description: The size of the disk in bytes that an instance sees. V(null) if the service does not know it.
      returned: always
      type: int
    checksum:
      description: The MD5 of the data. V(null) without data.
      returned: always
      type: str
    os_hash_algo:
      description: The algorithm of RV(image.os_hash_value), usually V(sha512).
      returned: always
      type: str
    os_hash_value:
      description: The hash of the data. V(null) without data.
      returned: always
      type: str
    os_hidden:
      description: Whether lists leave the image out.
      returned: always
      type: bool
    owner:
      description: The id of the project that the image belongs to.
      returned: always
      type: str
    created_at:
      description: The time of creation, in UTC.
      returned: always
      type: str
    updated_at:
      description: The time of the last change, in UTC. V(null) in check mode if something would change.
      returned: always
      type: str
    self:
      description: The path of the image in the API.
      returned: always
      type: str
    file:
      description: The path of its data in the API.
      returned: always
      type: str
    schema:
      description: The path of the schema in the API.
      returned: always
      type: str
    direct_url:
      description: The place of the data in the store, if the service shows it.
      returned: always
      type: str
    locations:
      description: All places of the data, if the service shows them.
      returned: always
      type: list
      elements: dict
    stores:
      description:
        - The stores that hold the data. V(null) if the service names none, and for a deactivated image.
      returned: always
      type: list
      elements: str
    properties:
      description: The custom properties by name.
      returned: always
      type: dict
patch:
  description:
    - The operations of the JSON patch that was sent, or would be sent in check mode. Empty if none was needed, as for
      a new image. The property C(pcd_source) of a new image is not included.
  returned: success
  type: list
  elements: dict
  sample:
    - op: replace
      path: /min_disk
      value: 20
prepared:
  description:
    - The hidden image that can replace RV(image), in the same form. A task with O(on_content_change=replace) and the
      same data publishes it.
  returned: with O(on_content_change=prepare), if the image has other data than the source
  type: dict
  sample:
    id: 0c3d9a54-0b7e-4c55-9f0a-1d8b1f2f7a10
    name: ubuntu-24.04
    status: active
    os_hidden: true
replaced_id:
  description:
    - The id of the image that had the name before, if RV(action) is V(replaced) or V(restored). V(null) otherwise, and
      if there was no image. RV(retired) says what became of it.
  returned: success
  type: str
  sample: 5f7b8fda-9780-47cf-9fad-afd62e0d4a74
retired:
  description:
    - The other images of this name that the task has retired or deleted, or would retire or delete in check mode, in
      the order of these actions. Empty if there are none, as without O(on_content_change=replace) and O(keep).
    - The diff shows the same list in C(retired).
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
      description: The name of the image after the task.
      returned: always
      type: str
    action:
      description:
        - What was done to the image, V(hidden), V(deactivated) (and hidden), V(renamed) or V(deleted). V(kept) means
          that it should be deleted, but is still there; RV(retired[].reason) says why.
      returned: always
      type: str
    reason:
      description:
        - The reason, if it does not follow from O(retired), for example that the image is an unfinished replacement of
          an earlier run. Otherwise V(null).
      returned: always
      type: str
"""

from ..module_utils._archive import compile_once

compile_once()

from ..module_utils._change import ImageChange
from ..module_utils._data.image import plan_image
from ..module_utils._data.options import IMAGE_CONSTRAINTS, IMAGE_OPTIONS, ImageRequest, parse_image
from ..module_utils._module import run_module
from ..module_utils._session import Session
from ..module_utils._task import Task


def change_image(request: ImageRequest, session: Session) -> ImageChange:
    return ImageChange(session, plan_image(request, session), returns_patch=True)


TASK = Task(
    options=IMAGE_OPTIONS,
    constraints=IMAGE_CONSTRAINTS,
    parse=parse_image,
    work=change_image,
    libraries=("requests", "jsonpatch"),
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
