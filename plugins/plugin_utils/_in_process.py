# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's task within the controller's worker, if the result is the same as that of the module's own process.

Everything is imported here, at the top, because Ansible loads action plugins before it forks its workers. So requests
and the modules of this collection are imported once for a run, instead of once for a task.

Interfaces of ansible-core that are not public, each because there is no other way. If one of them
is not there any more, the task runs as a module (`_why_module`):

- `ActionBase._task`, `_connection`, `_templar`, `_loader`: every action plugin lives on them.
- `ActionBase._compute_environment_string`: the only place that puts together what `environment` says for a task.
- `ActionBase._find_needle`: how ansible.builtin.copy finds a file of a role or a play.
- `context.CLIARGS`: the playbooks of the command. Without it, tasks read their files themselves.
- `ValidationResult._no_log_values`, `_warnings`, `_deprecations`: what AnsibleModule itself reads of a validation.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible.module_utils.basic import FILE_COMMON_ARGUMENTS
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as OrdinaryAction
from ansible.utils.display import Display

from ..module_utils._arguments import BY_PATH, check_arguments, without_nulls
from ..module_utils._client.clouds import cloud_names
from ..module_utils._client.connections import load_trust_store
from ..module_utils._client.http import prepare_process
from ..module_utils._client.login import TokenProvider
from ..module_utils._client.options import CONNECTION_OPTIONS, connection_from
from ..module_utils._client.progress import FIRST_INTERVAL, Progress
from ..module_utils._client.retry import Outages
from ..module_utils._errors import ConfigurationError, PcdError, quoted
from ..module_utils._redact import hidden_texts, shown_options
from ..module_utils._session import Result, Runtime
from ..module_utils._task import Task, perform, readable_diff
from ._token_cache import SECRET_SIZE, TokenCache

try:
    # ansible-core 2.22 masks secrets when they are shown, and deprecates that results are changed for it.
    from ansible.module_utils.secrets import register_secrets
except ImportError:
    register_secrets = None

# What tasks import only if they need it. An import here is done once for the run.
MODULE_UTILS = "ansible_collections.platform9.pcd.plugins.module_utils"
for module in (
    "_apply",
    "_client.failures",
    "_client.meter",
    "_client.projects",
    "_client.waiting",
    "_data.checksum_file",
    "_data.decompress",
    "_data.file_attributes",
    "_data.options",
    "_data.plan",
    "_data.transfer",
    "_data.url",
):
    import_module(f"{MODULE_UTILS}.{module}")
with suppress(ImportError):  # a task that needs it then runs as a module, which says what is missing
    import_module("jsonpatch")

IN_PROCESS = "platform9_pcd_in_process"
KEEP_LOGIN = "platform9_pcd_keep_login"
PROGRESS = "platform9_pcd_progress"
PROGRESS_INTERVAL = "platform9_pcd_progress_interval"
MAX_INTERVAL_SECONDS = 86400

LOCAL = ("local", "ansible.builtin.local")
HERE = ("localhost", "127.0.0.1", "::1")

# AWX says to its jobs who they are; ansible-runner, which it starts them with, says it to its own.
OF_AWX = ("awx_job_id", "tower_job_id")
OF_RUNNER = ("AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")

# Made before Ansible forks its workers, which so have the same secret.
TOKEN_CACHE = TokenCache(C.DEFAULT_LOCAL_TMP, os.urandom(SECRET_SIZE))
# Of one process, which runs all items of a loop.
OUTAGES = Outages()

# More trust stores than these are not loaded in advance.
MAX_STORES = 3

display = Display()


def prepare(environ: Mapping[str, str]) -> None:
    """Read clouds.yaml and load the trust store in advance, as the variables and the entries name them.

    Each task looks whether the files have changed. What is wrong with them, the tasks say that use them.
    """
    defaults = {option: rules.get("default") for option, rules in CONNECTION_OPTIONS.items()}
    found: dict[bool | str, None] = {}
    try:
        found[connection_from(defaults, environ).transport.verify] = None
    except PcdError:
        # Then the tasks say which cloud is meant.
        for name in cloud_names(environ):
            with suppress(PcdError):
                found[connection_from({**defaults, "cloud": name}, environ).transport.verify] = None
    stores = list(found) or [True]
    for verify in stores if len(stores) <= MAX_STORES else []:
        load_trust_store(verify)


def prepare_all(environ: Mapping[str, str]) -> None:
    """Prepare in the folder of each playbook of the command, because relative paths of its tasks begin there."""
    for folder in _folders():
        # Ansible has relative paths of its own, so that there must be a way back.
        with suppress(OSError):
            if os.access(os.getcwd(), os.X_OK):
                with _within(folder):
                    prepare(environ)


def _folders() -> list[str]:
    """The folders of the playbooks of this command, or the one that tasks of an ad-hoc command run in."""
    arguments = getattr(context, "CLIARGS", {})
    playbooks = arguments.get("args")
    if isinstance(playbooks, (list, tuple)):
        return list(dict.fromkeys(os.path.dirname(os.path.abspath(playbook)) for playbook in playbooks))
    return [arguments.get("basedir") or os.curdir]


@contextmanager
def _within(folder: str) -> Iterator[None]:
    """Within it, relative paths begin at the folder."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class InProcess(OrdinaryAction):
    """An action plugin is this class and the `task` of its module."""

    task: Task

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        try:
            self._find_path()
            validation = self._validated()
        except ConfigurationError as error:
            return {"failed": True, "msg": str(error)}
        reason = self._why_module(variables, validation)
        host = variables.get("inventory_hostname")
        if reason:
            display.vvv(f"{self._task.action}: runs as a module ({reason})", host=host)
            result: dict[str, Any] = super().run(tmp, task_vars)
            return result
        display.vvv(f"{self._task.action}: runs in process {os.getpid()}", host=host)
        # It refuses what no task may have together with it, as for every action plugin.
        super(OrdinaryAction, self).run(tmp, task_vars)
        params = validation.validated_parameters
        # Relative paths have the same base as for a module with a local connection.
        with _within(self._loader.get_basedir()):
            result = self._performed(params, variables)
        return self._as_module_result(result, validation, variables)

    def _why_module(self, variables: Mapping[str, Any], validation: ValidationResult) -> str:
        """Why the task has to run as a module; empty if it runs here."""
        return next(self._reasons_for_module(variables, validation), "")

    def _reasons_for_module(self, variables: Mapping[str, Any], validation: ValidationResult) -> Iterator[str]:
        task, connection = self._task, self._connection
        if not self._is_wanted(variables, IN_PROCESS):
            yield f"{IN_PROCESS} is false"
        missing = [library for library in self.task.libraries if not _is_there(library)]
        if missing:
            yield f"{', '.join(missing)} cannot be imported here"
        if connection.transport not in LOCAL:
            yield f"connection {connection.transport}"
        if task.delegate_to and task.delegate_to not in HERE:
            yield f"delegate_to {task.delegate_to}"
        if task.become or connection.become:
            yield "become"
        if task.async_val:
            yield "async"
        if self._has_environment():
            yield "environment"
        delegated = (variables.get("ansible_delegated_vars") or {}).get(task.delegate_to)
        interpreter = self._variable(delegated or variables, "ansible_python_interpreter", C.INTERPRETER_PYTHON)
        if not _is_this_python(str(interpreter or "")):
            yield f"ansible_python_interpreter {interpreter}"
        if not _is_clean(validation):
            # Errors in options, aliases and deprecations: a module reports all of them.
            yield "options that call for a word"
        by_path = ", ".join(option for option in BY_PATH if validation.validated_parameters.get(option))
        if by_path:
            # Only AnsibleModule sets these.
            yield by_path

    def _has_environment(self) -> bool:
        """Whether the task has variables of its own."""
        if not hasattr(self, "_compute_environment_string"):
            return bool(self._task.environment)
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        return bool(environment)

    def _validated(self) -> ValidationResult:
        """The options as AnsibleModule takes them: plain JSON, held against the module's own spec."""
        for option, value in self._task.args.items():
            _check_keys(str(option), value)
        plain = json.loads(json.dumps(dict(self._task.args), default=_plain))
        check_arguments(plain, self._spec, self.task.meant_by)
        return _validator_of(self.task).validate(without_nulls(plain, self._spec))

    @property
    def _spec(self) -> dict[str, Any]:
        return _spec_of(self.task)

    def __init_subclass__(cls) -> None:
        # Once for the run, before Ansible forks its workers: the first validation takes longer than others.
        _validator_of(cls.task).validate({})

    def _performed(self, params: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        warnings: list[str] = []
        try:
            runtime = Runtime(None, self._logins(variables), self._progress(variables), OUTAGES)
            result: Result = perform(self.task, params, self._task.check_mode, warnings.append, os.environ, runtime)
        except PcdError as error:
            result = {"failed": True, "msg": str(error), **error.facts}
        return {**result, "warnings": list(dict.fromkeys(warnings))} if warnings else result

    def _as_module_result(
        self, result: dict[str, Any], validation: ValidationResult, variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The result as AnsibleModule would give it: with the options, without their secrets."""
        params = validation.validated_parameters
        diff = result.pop("diff", None)
        if self._task.diff and diff is not None:
            result["diff"] = readable_diff(diff)
        if self._shows_options(variables):
            result["invocation"] = {"module_args": self._shown(params)}
        secrets = hidden_texts(self._spec, params, validation._no_log_values, self.task.entries)
        if register_secrets is not None:
            register_secrets(secrets)
            return result
        if not _may_show(result, secrets):
            return result
        from ansible.module_utils.common.parameters import remove_values

        kept = {key: value for key, value in result.items() if value is None or isinstance(value, bool)}
        return {**remove_values(result, secrets), **kept}

    def _shown(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return shown_options(params, self._task.args, self._spec, self.task.entries)

    @staticmethod
    def _shows_options(variables: Mapping[str, Any]) -> bool:
        """Whether results have `invocation`: always before ansible-core 2.22, which has a setting for it."""
        try:
            return bool(C.config.get_config_value("INJECT_INVOCATION", variables=variables))
        except AnsibleError:
            return True

    def _find_path(self) -> None:
        """If `path` is relative and the task runs on this host, it is found as ansible.builtin.copy finds it."""
        if self._connection.transport not in LOCAL:
            return
        if "path" in self.task.options:
            self._task.args = {**self._task.args, **self._found_in(self._task.args)}
        for option in self.task.entries:
            given = self._task.args.get(option)
            if isinstance(given, (list, tuple)):
                self._task.args = {**self._task.args, option: [self._with_path(entry) for entry in given]}
            elif isinstance(given, Mapping):
                self._task.args = {**self._task.args, option: self._with_path(given)}

    def _with_path(self, entry: Any) -> Any:
        """The options of one of several images; what is wrong with their paths is reported for all of them together."""
        try:
            return {**entry, **self._found_in(entry)} if isinstance(entry, Mapping) else entry
        except ConfigurationError:
            return entry

    def _found_in(self, options: Mapping[str, Any]) -> dict[str, str]:
        """The option `path`, if it is relative and there is such a file."""
        path = options.get("path")
        # With state absent it has no effect, whether it is there or not.
        if not isinstance(path, str) or options.get("state") == "absent":
            return {}
        path = os.path.expanduser(os.path.expandvars(path))
        if not path or os.path.isabs(path):
            return {}
        try:
            return {"path": self._find_needle("files", path)}
        except AnsibleError as error:
            # Ansible goes on with an option that its own modules have and these have not.
            if self._task.check_mode:
                # A task before this one may make it in a real run.
                return {}
            found, on_controller, dummy = " ".join(str(error).split()).partition(" on the Ansible Controller.")
            advice = f"{on_controller} Put the file into one of these places, or give its absolute path."
            raise ConfigurationError(f"path: {found}{advice if on_controller else ''}") from None

    def _logins(self, variables: Mapping[str, Any]) -> TokenProvider:
        return TOKEN_CACHE if self._is_wanted(variables, KEEP_LOGIN) else TokenProvider()

    def _progress(self, variables: Mapping[str, Any]) -> Progress:
        if self._task.no_log or not self._is_wanted(variables, PROGRESS, not _is_under_awx(variables)):
            return Progress()
        host = variables.get("inventory_hostname")
        interval = _seconds(PROGRESS_INTERVAL, self._variable(variables, PROGRESS_INTERVAL, FIRST_INTERVAL))

        def tell(line: str) -> None:
            # Standard output belongs to the callbacks, which may write JSON there.
            display.display(f"[{host}] {line}", stderr=True, screen_only=True)

        return Progress(tell, interval)

    def _is_wanted(self, variables: Mapping[str, Any], name: str, default: bool = True) -> bool:
        value = self._variable(variables, name, default)
        # Of a list, older releases of ansible-core make a traceback.
        wanted: bool = not isinstance(value, (list, dict)) and boolean(value, strict=False)
        return wanted

    def _variable(self, variables: Mapping[str, Any], name: str, default: Any = None) -> Any:
        """A variable of the host that the task is for."""
        return self._templar.template(variables.get(name, default))


@cache
def _spec_of(task: Task) -> dict[str, Any]:
    """The options of a module and those that AnsibleModule adds; nobody changes them."""
    return {**task.argument_spec, **(FILE_COMMON_ARGUMENTS if task.writes_file else {})}


@cache
def _validator_of(task: Task) -> ArgumentSpecValidator:
    return ArgumentSpecValidator(_spec_of(task), **task.constraints)


def _may_show(result: Mapping[str, Any], secrets: Iterable[str]) -> bool:
    """Whether one of the secrets may be in a text or number of the result. remove_values, which removes it, is slow."""
    # What it removes from booleans and null it finds in their names in Python.
    text = f"{json.dumps(result, ensure_ascii=False, default=str)} True False None"
    return any(json.dumps(secret, ensure_ascii=False)[1:-1] in text for secret in secrets)


@cache
def _is_there(library: str) -> bool:
    return find_spec(library) is not None


def _is_clean(validation: ValidationResult) -> bool:
    """Whether AnsibleModule would only take the options, and say nothing about them."""
    said = (
        validation.error_messages,
        getattr(validation, "_warnings", None),
        getattr(validation, "_deprecations", None),
    )
    return all(words == [] for words in said) and hasattr(validation, "_no_log_values")


_real = cache(os.path.realpath)


@cache
def _is_this_python(interpreter: str) -> bool:
    """Whether the interpreter that is asked for, if any, has the libraries that this process has."""
    if not interpreter or interpreter.startswith("auto"):
        return True
    # python3 and python3.11 of one folder are one; the same file in another folder may be another environment.
    asked, ours = os.path.dirname(interpreter), os.path.dirname(sys.executable)
    same_file = _real(interpreter) == _real(sys.executable)
    return same_file and (asked == ours or _real(asked) == _real(ours))


def _is_under_awx(variables: Mapping[str, Any]) -> bool:
    return any(name in variables for name in OF_AWX) or any(name in os.environ for name in OF_RUNNER)


def _seconds(variable: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= MAX_INTERVAL_SECONDS:
        raise ConfigurationError(
            f"{variable}: {quoted(str(value))} is not a number of seconds from 0 to {MAX_INTERVAL_SECONDS}. Correct it."
        )
    return seconds


def _check_keys(option: str, value: Any) -> None:
    """Raises for a key of a dictionary that JSON does not have, such as a date of YAML; a module gets none."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, (str, int, float)) and key is not None:
                kind = "read by YAML as a date" if hasattr(key, "isoformat") else "a structure"
                raise ConfigurationError(
                    f"{option}: the key {quoted(_plain(key))} is {kind}. Only text can be a key: put it in quotes."
                )
            _check_keys(option, item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_keys(option, item)


def _plain(value: Any) -> str:
    """What a module gets of a value that JSON does not have, such as a date of YAML."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


if _is_there("requests"):
    prepare_all(os.environ)
    prepare_process()
# What most tasks ask.
_is_this_python(sys.executable)
