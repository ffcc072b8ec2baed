# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AnsibleModule around a task: the only fail_json and the only exit_json."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.platform9.pcd.plugins.module_utils._errors import PcdError
from ansible_collections.platform9.pcd.plugins.module_utils._task import Task, perform

# In characters. Keys and tokens are longer; "1", "gzip" and "*/*" are not.
SHORTEST_SECRET_HEADER = 8


def run_module(task: Task) -> None:
    module = AnsibleModule(
        argument_spec=task.argument_spec,
        supports_check_mode=True,
        add_file_common_args=task.writes_file,
        **task.constraints,
    )
    _spare_short_words(module)
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

    try:
        result = perform(task, module.params, module.check_mode, module.warn, os.environ, place)
    except PcdError as error:
        module.fail_json(msg=str(error), **error.facts)
    if task.writes_file:
        _set_attributes(module, result)
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)


def _spare_short_words(module: AnsibleModule) -> None:
    """Let the result keep words that are short, and no secret but the value of a header such as `Accept: raw`."""
    headers = (module.params.get("url_headers") or {}).values()
    secrets = {str(value) for key, value in module.params.items() if module.argument_spec[key].get("no_log")}
    short = {str(value) for value in headers if len(str(value)) < SHORTEST_SECRET_HEADER}
    module.no_log_values -= short - secrets


def _set_attributes(module: AnsibleModule, result: dict[str, Any]) -> None:
    """Give the file `dest` its owner, mode and the like; in check mode, foretell whether that changes anything."""
    diff = result["diff"]
    # What a new file begins with is not known in check mode, so that no diff tells it.
    told = None if diff["before"]["size"] is None else diff
    wanted = module.load_file_common_arguments(module.params, result["dest"])
    result["changed"] = module.set_fs_attributes_if_different(wanted, result["changed"], told)
