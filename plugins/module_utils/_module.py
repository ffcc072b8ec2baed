# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AnsibleModule around a task: the only fail_json and the only exit_json."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._arguments import BY_PATH, check_arguments, without_nulls
from ._errors import PcdError
from ._redact import hidden_texts, redact_secrets, redacted_text, shown_options
from ._session import Runtime
from ._task import Task, perform, readable_diff


class _Module(AnsibleModule):
    """An AnsibleModule that shows nothing secret: by the place of an option in `invocation`, by its text elsewhere.

    That holds for the errors in options, too, which AnsibleModule itself reports while it is made.
    """

    params: dict[str, Any]

    def __init__(self, task: Task) -> None:
        self.no_log_values: set[str] = set()
        self._pcd_task = task
        self._pcd_given: Mapping[str, Any] = {}
        super().__init__(
            argument_spec=task.argument_spec,
            supports_check_mode=True,
            add_file_common_args=task.writes_file,
            **task.constraints,
        )

    def _load_params(self) -> None:
        """Take the options; fail if AnsibleModule would end in a traceback, or misread what was given."""
        super()._load_params()
        given: dict[str, Any] = self.params or {}
        self.params = {}
        wrong = None
        try:
            check_arguments(given, self.argument_spec, self._pcd_task.meant_by)
        except PcdError as error:
            wrong = str(error)
        if wrong is not None:
            # Here and not there, because AnsibleModule would add a traceback. No option is shown: one is unreadable.
            self.fail_json(wrong)
        self._pcd_given = given
        self.params = without_nulls(given, self.argument_spec)

    def exit_json(self, **kwargs: Any) -> NoReturn:
        super().exit_json(**self._without_secrets(kwargs))
        raise AssertionError("exit_json ends the process")

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        # AnsibleModule itself repeats values in its errors. A secret with a blank comes first, because an address that
        # is found in a text ends there.
        super().fail_json(redacted_text(redact_secrets(msg, self._hidden_texts())), **self._without_secrets(kwargs))
        raise AssertionError("fail_json ends the process")

    def log(self, msg: Any, log_args: Any = None) -> None:
        """Write into the system's log. AnsibleModule writes all options of a task there (`_log_invocation`)."""
        if log_args:
            self.no_log_values = self._hidden_texts()
            hidden = {name: value for name, value in self._shown().items() if value != self.params[name]}
            log_args = {name: hidden.get(name, text) for name, text in log_args.items()}
            msg = f"Invoked with {' '.join(f'{name}={text}' for name, text in log_args.items())}"
        super().log(msg, log_args)

    def _hidden_texts(self) -> set[str]:
        task = self._pcd_task
        return hidden_texts(task.argument_spec, self.params, self.no_log_values, task.entries)

    def _shown(self) -> dict[str, Any]:
        return shown_options(self.params, self._pcd_given, self.argument_spec, self._pcd_task.entries)

    def _without_secrets(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.no_log_values = self._hidden_texts()
        return {**answer, "invocation": {"module_args": self._shown()}}


def run_module(task: Task) -> None:
    """Performs the task and ends the process with its result, or with the text of a PcdError; a bug is raised."""
    module = _Module(task)
    for library in task.libraries:
        if find_spec(library) is None:
            module.fail_json(msg=missing_required_lib(library))

    # A rename within the folder does otherwise, and cannot be led to another file.
    is_unsafe = bool(module.params.get("unsafe_writes"))

    def place(made: str, dest: str) -> None:
        try:
            module.atomic_move(made, dest, unsafe_writes=True)
        except OSError:
            raise
        except Exception as error:  # ansible-core 2.19 and later have no other class for it
            cause = error.__cause__ or error
            raise OSError(None, getattr(cause, "strerror", None) or str(cause)) from error

    failure = None
    try:
        runtime = Runtime(place if is_unsafe else None)
        result = perform(task, module.params, module.check_mode, module.warn, os.environ, runtime)
    except PcdError as error:
        failure = error
    except KeyboardInterrupt:
        failure = PcdError("The task was interrupted. Run it again: it goes on from what is there.")
    if failure is not None:
        if not module._diff:
            failure.facts.pop("diff", None)
        # Here and not there, because AnsibleModule would add a traceback to an error that is not a bug.
        module.fail_json(msg=str(failure), **failure.facts)
    if task.writes_file:
        _set_attributes(module, result)
    diff = result.pop("diff", None)
    if module._diff and diff is not None:
        result["diff"] = readable_diff(diff)
    module.exit_json(**result)


def _set_attributes(module: AnsibleModule, result: dict[str, Any]) -> None:
    """Give the file `dest` what Ansible sets by its path; in check mode, predict whether that changes anything.

    The task itself has set owner, group and mode; it refuses these if others could put another file there.
    """
    if not any(module.params[option] for option in BY_PATH):
        return
    diff = result["diff"]
    # What a new file begins with is not known in check mode, so that no diff shows it.
    known_diff = None if diff["before"]["size"] is None else diff
    arguments = module.load_file_common_arguments(module.params, result["dest"])
    arguments.update(owner=None, group=None, mode=None)
    result["changed"] = module.set_fs_attributes_if_different(arguments, result["changed"], known_diff)
    if result["changed"] and result["action"] == "unchanged":
        result["action"] = "updated"
