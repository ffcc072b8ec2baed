#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image_download
short_description: Download an image of Platform9 Private Cloud Director into a file
version_added: 1.0.0
description:
  - Downloads the data of an image into a file on the host where the task runs.
  - Nothing is downloaded where the file already has the data. Its size is compared first, and then the hash that the
    service has of the image.
  - The data is written into a temporary file (C(.pcd-image-*)) beside O(dest), which nobody but the user of the task
    can read, and is compared with the hash while it arrives. The file takes its place only once it is complete and
    right, so that what was there stays as it was until then.
  - Owner, group and mode are set before the file takes its place. Without O(owner), O(group) and O(mode), a file that
    is replaced keeps them; a new one is as any new file. A user, group or mode that does not exist is refused before
    anything is downloaded.
  - The temporary file is removed if the task fails or is interrupted. If the process is killed (C(SIGKILL)), it stays,
    and the next download of the same user into that folder removes it.
  - A download that breaks off is continued from where it broke off, and begun anew where the service does not allow
    that, as long as it comes further. O(retries) says how many breaks in a row may bring nothing new.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - ansible.builtin.files
  - platform9.pcd.connection
  - platform9.pcd.attributes
attributes:
  safe_file_operations:
    support: full
    description: Uses Ansible's strict file operation functions to ensure proper permissions and avoid data corruption.
options:
  id:
    description:
      - The id of the image, a UUID. Exactly one of O(id) and O(name) is required.
      - V(null) counts as not given, as for every option.
    type: str
  name:
    description:
      - The name of the image. Where it could mean two images, the task fails and lists them; see O(match).
      - Hidden images are looked for only where no other image has this name.
    type: str
  match:
    description:
      - Which images O(name) can mean. V(own) means those that belong to the project of the login; V(visible) means
        all that the list of images shows to the login, whatever project they belong to. For an administrator that is
        every project's.
      - With only O(token) and O(image_endpoint_override) nobody says which project the token is for, and V(own) is
        refused. Give O(project_id), O(id) or V(visible).
      - It has no effect together with O(id).
    type: str
    choices: [own, visible]
    default: own
  dest:
    description:
      - The path of the file. The folder that it lies in must be there.
      - Where this is a folder, the file in it has the name of the image, with C(_) for slashes, dollar signs,
        control characters, and for a dot or a dash at its beginning. Where the image has no name, or one that cannot be
        that of a file, it has the id of the image. To choose the name, give the path of the file.
      - A link is replaced by the file, and what it leads to is left alone, as M(ansible.builtin.copy) does it. A link
        to a folder is that folder, unless the link belongs to another user and the folder does not.
      - If other users may write into the folder or one above it, they cannot lead the task to another file, even if it
        runs as root. If they exchange the file meanwhile, the task fails. O(unsafe_writes), O(attributes), O(seuser),
        O(serole), O(setype) and O(selevel) are refused in such a folder, because Ansible does these by the path of the
        file.
    type: path
    required: true
notes:
  - The image must have its data. One that is still V(queued) is an error. One that is deactivated can be downloaded
    by an administrator alone.
  - By the policy that the image service comes with, the role C(reader) does not suffice.
  - Where the service has no hash of the image, a file is compared with it by size alone; the task warns of that.
  - In check mode the service is asked for the data and none of it is read, so that what it refuses is foretold. If the
    folder of O(dest) is not there in check mode, a task before this one may make it; there is a warning.
seealso:
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_state
"""

EXAMPLES = r"""
- name: Download an image
  platform9.pcd.pcd_image_download:
    cloud: pcd
    name: ubuntu-24.04
    dest: ~/ubuntu-24.04.qcow2
    mode: "0644"

- name: Find the newest Ubuntu image
  platform9.pcd.pcd_image_info:
    cloud: pcd
    name: ubuntu-24.04
    status: active
    most_recent: true
  register: newest

- name: Download it into a folder, where the file has the name of the image
  platform9.pcd.pcd_image_download:
    cloud: pcd
    id: "{{ newest.images[0].id }}"
    dest: ~/
  register: downloaded

- name: Show the file and its checksum
  ansible.builtin.debug:
    msg: "{{ downloaded.dest }} has {{ downloaded.checksum }}"
"""

RETURN = r"""
dest:
  description:
    - The absolute path of the file.
    - Ansible adds what it adds for every module that writes a file (C(uid), C(gid), C(owner), C(group), C(mode),
      C(state)), as it is at the end of the task.
  returned: success
  type: str
  sample: /home/admin/ubuntu-24.04.qcow2
size:
  description:
    - The size of the file in bytes. In check mode, where a file is there, it is that of this file; the size of the
      image stands in RV(image).
  returned: success
  type: int
  sample: 3145728
checksum:
  description:
    - The hash that the service has of the data, and the file with it, as algorithm and hexadecimal digits; V(null)
      where the service has none.
    - It is in the form of the C(checksum) of M(platform9.pcd.pcd_image) and M(ansible.builtin.get_url).
  returned: success
  type: str
  sample: "sha256:a5df3fde7b200c3fa2791144c7e05c5c2bced4c6ad863d3a4cf76c972c1712f9"
image:
  description:
    - The image, with every attribute of the API; V(null) where the image has none.
    - It has the same form as RV(platform9.pcd.pcd_image#module:image).
  returned: success
  type: dict
  sample:
    id: 1714676b-e56d-4171-a072-f919121a9797
    name: ubuntu-24.04
    status: active
    size: 3145728
"""

from ..module_utils._data.download import check_download, plan_download
from ..module_utils._image.attributes import IDENTITY_OPTIONS
from ..module_utils._module import run_module
from ..module_utils._task import MATCH, Task

TASK = Task(
    options={
        **IDENTITY_OPTIONS,
        "match": MATCH,
        "dest": {"type": "path", "required": True},
    },
    constraints={"required_one_of": [("id", "name")], "mutually_exclusive": [("id", "name")]},
    check=check_download,
    work=plan_download,
    writes_file=True,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
