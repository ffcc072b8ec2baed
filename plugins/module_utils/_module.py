# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AnsibleModule around a task: the only fail_json and the only exit_json."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from typing import Any

from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.platform9.pcd.plugins.module_utils._arguments import check_arguments
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PcdError
from ansible_collections.platform9.pcd.plugins.module_utils._task import Surroundings, Task, perform


def run_module(task: Task) -> None:
    _refuse_what_ansible_cannot_read(task)
    module = AnsibleModule(
        argument_spec=task.argument_spec,
        supports_check_mode=True,
        add_file_common_args=task.writes_file,
        **task.constraints,
    )
    module.no_log_values = task.hidden(module.params, module.no_log_values)
    for library in task.libraries:
        if find_spec(library) is None:
            module.fail_json(msg=missing_required_lib(library))

    def place(made: str, dest: str) -> None:
        try:
            module.atomic_move(made, dest, unsafe_writes=module.params["unsafe_writes"])
        except OSError:
            raise
        except Exception as error:  # ansible-core 2.19 and later have no other class for it
            cause = error.__cause__ or error
            raise OSError(None, getattr(cause, "strerror", None) or str(cause)) from error

    failure = None
    try:
        result = perform(task, module.params, module.check_mode, module.warn, os.environ, Surroundings(place))
    except PcdError as error:
        failure = error
    except KeyboardInterrupt:
        failure = PcdError("The task was interrupted. Run it again: it goes on from what is there.")
    if failure is not None:
        # Here and not there, because AnsibleModule would add a traceback to what is no bug.
        module.fail_json(msg=str(failure), **failure.facts)
    if task.writes_file:
        _set_attributes(module, result)
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)


def _refuse_what_ansible_cannot_read(task: Task) -> None:
    """Fail where AnsibleModule would end in a traceback, or take something else for what was given."""
    spec = {**(basic.FILE_COMMON_ARGUMENTS if task.writes_file else {}), **task.argument_spec}
    try:
        check_arguments(basic._load_params() or {}, spec)
    except PcdError as error:
        # There is no AnsibleModule yet that could say it.
        print(json.dumps({"failed": True, "msg": str(error)}))  # pylint: disable=ansible-bad-function
        sys.exit(1)  # pylint: disable=ansible-bad-function


def _set_attributes(module: AnsibleModule, result: dict[str, Any]) -> None:
    """Give the file `dest` its owner, mode and the like; in check mode, foretell whether that changes anything."""
    diff = result["diff"]
    # What a new file begins with is not known in check mode, so that no diff tells it.
    told = None if diff["before"]["size"] is None else diff
    wanted = module.load_file_common_arguments(module.params, result["dest"])
    result["changed"] = module.set_fs_attributes_if_different(wanted, result["changed"], told)
