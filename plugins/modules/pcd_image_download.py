#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pcd_image_download
short_description: Download an image of Platform9 Private Cloud Director to a file
version_added: 1.0.0
description:
  - Downloads the data of an image to a file on the host where the task runs.
  - Nothing is downloaded if the file already has the data. The task compares the size first, and then the hash that the
    service stores for the image.
  - The data is written to a temporary file (C(.pcd-image-*)) next to O(dest), which only the user of the task can read.
    It is verified with the hash while it arrives. The temporary file replaces O(dest) only after it is complete and
    verified. Until then, an existing file stays unchanged.
  - Owner, group and mode are set before the file is replaced. Without O(owner), O(group) and O(mode), a replaced file
    keeps them, and a new file gets the defaults of the system. A user, group or mode that does not exist is refused
    before the download.
  - The temporary file is removed if the task fails or is interrupted. If the process is killed (C(SIGKILL)), the file
    stays, and the next download of the same user to this folder removes it.
  - A download that breaks off is resumed, or restarted if the service does not allow that. O(retries) limits
    consecutive attempts without progress.
author:
  - Platform9 Systems (@platform9)
extends_documentation_fragment:
  - ansible.builtin.files
  - platform9.pcd.target
  - platform9.pcd.connection
  - platform9.pcd.attributes
attributes:
  safe_file_operations:
    support: full
    description: Uses Ansible's strict file operation functions to ensure proper permissions and avoid data corruption.
options:
  dest:
    description:
      - The path of the file. Its folder must exist.
      - If the path is a folder, the file in it gets the name of the image. Slashes, dollar signs, control characters,
        and a dot or a dash at the beginning of the name are replaced by C(_). If the image has no name, or a name that
        cannot be a file name, the file gets the id of the image. To choose the name, give the path of the file.
      - A symbolic link is replaced by the file, and its target stays unchanged, as with M(ansible.builtin.copy). A
        link to a folder is followed, unless the link belongs to another user and the folder does not.
      - Other users who may write to the folder or to one above it cannot redirect the task to another file, even if it
        runs as root. If they replace the file while the task runs, the task fails. O(unsafe_writes), O(attributes),
        O(seuser), O(serole), O(setype) and O(selevel) are refused in such a folder, because Ansible applies them by the
        path of the file.
    type: path
    required: true
notes:
  - The image must have its data. An image with the status V(queued) is an error. Only an administrator can download a
    deactivated image.
  - With the default policy of the image service, the role C(reader) is not sufficient.
  - If the service has no hash of the image, the file is compared by size only, and the task warns.
  - In check mode, the task requests the data without reading it, so it predicts a refusal by the service. If the folder
    of O(dest) does not exist in check mode, an earlier task may create it in a real run, and the task warns.
seealso:
  - module: platform9.pcd.pcd_image
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_catalog
  - module: platform9.pcd.pcd_image_member
  - module: platform9.pcd.pcd_image_state
  - module: platform9.pcd.pcd_image_service_info
  - ref: ansible_collections.platform9.pcd.docsite.guide_data
    description: How data is uploaded, imported and compared.
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

- name: Download it to a folder; the file gets the name of the image
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
action:
  description:
    - What the task did to the file, or would do in check mode.
    - V(downloaded) means that the file got the data of the image, V(updated) that it had the data and that only its
      attributes were changed, such as O(mode), and V(unchanged) that nothing was changed.
  returned: success
  type: str
  sample: downloaded
dest:
  description:
    - The absolute path of the file.
    - Ansible adds the return values of every module that writes a file (C(uid), C(gid), C(owner), C(group), C(mode),
      C(state)), as they are at the end of the task.
  returned: success
  type: str
  sample: /home/admin/ubuntu-24.04.qcow2
size:
  description:
    - The size of the file in bytes. In check mode, this is the size of the existing file, if there is one. The size of
      the image is in RV(image).
  returned: success
  type: int
  sample: 3145728
checksum:
  description:
    - The hash of the data in the service and in the file, as algorithm and hexadecimal digits. V(null) if the service
      has none.
    - The format is that of the option C(checksum) of M(platform9.pcd.pcd_image) and M(ansible.builtin.get_url).
  returned: success
  type: str
  sample: "sha256:a5df3fde7b200c3fa2791144c7e05c5c2bced4c6ad863d3a4cf76c972c1712f9"
image:
  description:
    - The image, with every attribute of the API. An attribute without a value is V(null).
    - It has the same form as RV(platform9.pcd.pcd_image#module:image).
  returned: success
  type: dict
  sample:
    id: 1714676b-e56d-4171-a072-f919121a9797
    name: ubuntu-24.04
    status: active
    size: 3145728
"""

from ..module_utils._archive import compile_once

compile_once()

from ..module_utils._data.download import Download, plan_download
from ..module_utils._data.options import DownloadRequest, parse_download
from ..module_utils._image.options import TARGET_CONSTRAINTS, TARGET_OPTIONS
from ..module_utils._module import run_module
from ..module_utils._session import Result, Session
from ..module_utils._task import Task


class FileChange:
    """A download as the change that a task previews or applies, with one word for what becomes of the file."""

    def __init__(self, download: Download) -> None:
        self._download = download

    def preview(self) -> Result:
        return self._with_action(self._download.preview())

    def apply(self) -> Result:
        return self._with_action(self._download.apply())

    def _with_action(self, result: Result) -> Result:
        if self._download.lacks_data:
            return {"action": "downloaded", **result}
        return {"action": "updated" if result["changed"] else "unchanged", **result}


def change_file(request: DownloadRequest, session: Session) -> FileChange:
    return FileChange(plan_download(request, session))


TASK = Task(
    options={
        **TARGET_OPTIONS,
        "dest": {"type": "path", "required": True},
    },
    constraints=TARGET_CONSTRAINTS,
    parse=parse_download,
    work=change_file,
    writes_file=True,
)


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
