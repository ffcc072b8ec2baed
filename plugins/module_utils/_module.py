# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AnsibleModule around a task: the only fail_json and the only exit_json."""

from __future__ import annotations

import os
from importlib.util import find_spec

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.platform9.pcd.plugins.module_utils._errors import PcdError
from ansible_collections.platform9.pcd.plugins.module_utils._task import Task, perform


def run_module(task: Task) -> None:
    module = AnsibleModule(argument_spec=task.argument_spec, supports_check_mode=True, **task.constraints)
    for library in task.libraries:
        if find_spec(library) is None:
            module.fail_json(msg=missing_required_lib(library))
    try:
        result = perform(task, module.params, module.check_mode, module.warn, os.environ)
    except PcdError as error:
        module.fail_json(msg=str(error), **error.facts)
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)
