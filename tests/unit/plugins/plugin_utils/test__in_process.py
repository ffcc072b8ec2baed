# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place in which a task runs, one row for each reason; tests/system/controller shows that it really runs there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs

from ansible_collections.platform9.pcd.plugins.module_utils._client import clouds, files
from ansible_collections.platform9.pcd.plugins.module_utils._service import ServiceRequest
from ansible_collections.platform9.pcd.plugins.module_utils._task import Task
from ansible_collections.platform9.pcd.plugins.modules import pcd_image, pcd_image_download
from ansible_collections.platform9.pcd.plugins.plugin_utils import _in_process
from ansible_collections.platform9.pcd.plugins.plugin_utils._in_process import InProcess

PLUGINS = Path(__file__).absolute().parents[4] / "plugins"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("[!_]*.py"))
BESIDE_IT = os.path.join(os.path.dirname(sys.executable), "another-python")


class Templar:
    @staticmethod
    def template(value: Any) -> Any:
        return value


def action(
    task: Task = pcd_image.TASK,
    options: Mapping[str, Any] | None = None,
    connection: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    **keywords: Any,
) -> InProcess:
    """An action plugin whose task has these keywords, on the local connection."""
    made = InProcess.__new__(InProcess)
    made.task = task
    keywords = {"delegate_to": None, "become": False, "async_val": 0, "environment": None, "no_log": False, **keywords}
    made._task = SimpleNamespace(args=options or {"name": "ubuntu"}, **keywords)
    made._connection = SimpleNamespace(**{"transport": "local", "become": None, **(connection or {})})
    made._templar = Templar()
    # What stands in `environment` is put together by ansible-core, of which this test has no whole task.
    made._compute_environment_string = lambda found: found.update(environment or {})
    return made


def why(made: InProcess, **variables: Any) -> str:
    return made._why_module(variables, made._validated())


def test_a_task_with_a_local_connection_runs_within_the_controller() -> None:
    assert why(action()) == ""


RUNS_HERE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the connection's whole name": ({"connection": {"transport": "ansible.builtin.local"}}, {}),
    "delegated to this very host": ({"delegate_to": "localhost"}, {}),
    "an interpreter that is found by itself": ({}, {"ansible_python_interpreter": "auto_silent"}),
    "this interpreter": ({}, {"ansible_python_interpreter": sys.executable}),
    "another host's interpreter": (
        {"delegate_to": "localhost"},
        {
            "ansible_python_interpreter": "/opt/other/bin/python3",
            "ansible_delegated_vars": {"localhost": {"ansible_python_interpreter": sys.executable}},
        },
    ),
    "wanted in words": ({}, {"platform9_pcd_in_process": "yes"}),
}


@pytest.mark.parametrize("case", RUNS_HERE)
def test_what_makes_no_difference_keeps_a_task_within_the_controller(case: str) -> None:
    keywords, variables = RUNS_HERE[case]
    assert why(action(**keywords), **variables) == ""


def test_an_environment_by_another_name_is_the_same_environment(tmp_path: Path) -> None:
    (tmp_path / "env").symlink_to(Path(sys.executable).parent)
    assert why(action(), ansible_python_interpreter=str(tmp_path / "env" / Path(sys.executable).name)) == ""


RUNS_AS_MODULE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "connection ssh": ({"connection": {"transport": "ssh"}}, {}),
    "delegate_to bastion": ({"delegate_to": "bastion"}, {}),
    "become": ({"become": True}, {}),
    "async": ({"async_val": 30}, {}),
    "environment": ({"environment": {"OS_CLOUD": "pcd"}}, {}),
    "platform9_pcd_in_process is false": ({}, {"platform9_pcd_in_process": False}),
    "ansible_python_interpreter /opt/other/bin/python3": ({}, {"ansible_python_interpreter": "/opt/other/bin/python3"}),
    "ansible_python_interpreter ['python3']": ({}, {"ansible_python_interpreter": ["python3"]}),
    f"ansible_python_interpreter {BESIDE_IT}": ({}, {"ansible_python_interpreter": BESIDE_IT}),
    "unsafe_writes": (
        {"task": pcd_image_download.TASK, "options": {"name": "ubuntu", "dest": "/tmp/x", "unsafe_writes": True}},
        {},
    ),
}


@pytest.mark.parametrize("reason", RUNS_AS_MODULE)
def test_a_task_runs_as_a_module_and_says_why(reason: str) -> None:
    keywords, variables = RUNS_AS_MODULE[reason]
    assert why(action(**keywords), **variables) == reason


def test_become_of_the_connection_counts_as_that_of_the_task() -> None:
    assert why(action(connection={"become": object()})) == "become"


def test_off_in_words_is_off() -> None:
    assert why(action(), platform9_pcd_in_process="no") == "platform9_pcd_in_process is false"


def test_a_missing_library_is_left_to_the_module_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_in_process, "_is_there", lambda library: library != "jsonpatch")
    assert why(action()) == "jsonpatch cannot be imported here"
    reads = Task(options={}, parse=lambda params: ServiceRequest(), work=lambda request, session: {})
    assert why(action(reads, options={"timeout": 5})) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"name": "ubuntu", "antigravity": "ubuntu"},
        {"name": "ubuntu", "min_disk": "much"},
        {"name": "ubuntu", "state": "gone"},
        {"name": "ubuntu", "path": "/tmp/x", "url": "https://example.com/x"},
    ],
    ids=str,
)
def test_options_that_are_wrong_are_left_to_the_module_to_refuse(wrong: dict[str, Any]) -> None:
    made = action(options=wrong or {"min_disk": 1})
    assert why(made) == "options that call for a word"


def test_an_alias_beside_its_option_and_a_deprecated_option_are_left_to_the_module_to_tell() -> None:
    task = Task(
        options={
            "name": {"type": "str", "aliases": ["title"]},
            "old": {"type": "str", "removed_in_version": "9.0.0", "removed_from_collection": "platform9.pcd"},
        },
        parse=lambda params: ServiceRequest(),
        work=lambda request, session: {},
    )
    assert why(action(task, options={"title": "ubuntu"})) == ""
    assert action(task, options={"title": "ubuntu"})._validated().validated_parameters["name"] == "ubuntu"
    assert why(action(task, options={"title": "ubuntu", "name": "debian"})) == "options that call for a word"
    assert why(action(task, options={"old": "x"})) == "options that call for a word"


def test_an_ansible_core_without_what_is_read_of_a_validation_gets_the_module() -> None:
    made = action()
    validation = made._validated()
    for lacking in ("_warnings", "_deprecations", "_no_log_values"):
        kept = {key: value for key, value in vars(validation).items() if key != lacking}
        assert made._why_module({}, SimpleNamespace(**kept, error_messages=[], validated_parameters={})) != ""


def test_an_ansible_core_that_puts_no_environment_together_is_asked_for_the_tasks_own() -> None:
    made = action(environment=None)
    del made._compute_environment_string
    # The class has it in every release that is supported; this is what happens without it.
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("ansible.plugins.action.ActionBase._compute_environment_string")
        assert why(made) == ""
        made._task.environment = [{"OS_CLOUD": "pcd"}]
        assert why(made) == "environment"


# --- options -----------------------------------------------------------------------------------------------------


def test_options_arrive_as_a_module_gets_them() -> None:
    class Text(str):
        """As ansible-core tags what comes from a file."""

    made = action(
        options={
            Text("name"): Text("ubuntu"),
            "tags": (Text("a"), "b"),
            "properties": {"built": date(2026, 4, 1), "at": datetime(2026, 4, 1, 12), 5: True},
        }
    )
    params = made._validated().validated_parameters
    assert not isinstance(params["name"], Text)
    assert params["tags"] == ["a", "b"]
    assert params["properties"] == {"built": "2026-04-01", "at": "2026-04-01T12:00:00", "5": True}


# --- progress ----------------------------------------------------------------------------------------------------


def shows_progress(made: InProcess, **variables: Any) -> bool:
    return made._progress(variables).tell is not None


def test_progress_is_shown_if_somebody_may_look(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _in_process.OF_RUNNER:
        monkeypatch.delenv(name, raising=False)
    assert shows_progress(action())
    assert not shows_progress(action(), platform9_pcd_progress=False)
    assert not shows_progress(action(no_log=True))


@pytest.mark.parametrize("variable", _in_process.OF_AWX)
def test_under_awx_progress_is_shown_only_if_it_is_asked_for(variable: str) -> None:
    assert not shows_progress(action(), **{variable: 7})
    assert shows_progress(action(), **{variable: 7}, platform9_pcd_progress=True)


@pytest.mark.parametrize("variable", _in_process.OF_RUNNER)
def test_under_ansible_runner_progress_is_shown_only_if_it_is_asked_for(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    assert not shows_progress(action())
    assert shows_progress(action(), platform9_pcd_progress=True)


# --- one for each module -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_an_action_plugin_with_its_very_task(module: str) -> None:
    plugin = import_module(f"ansible_collections.platform9.pcd.plugins.action.{module}").ActionModule
    assert issubclass(plugin, InProcess)
    assert plugin.task is import_module(f"ansible_collections.platform9.pcd.plugins.modules.{module}").TASK


def test_there_is_no_action_plugin_without_a_module() -> None:
    assert sorted(path.stem for path in (PLUGINS / "action").glob("*.py")) == MODULES


# --- what is done once for a run


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The trust stores that are loaded in advance."""
    found: list[Any] = []
    monkeypatch.setattr(_in_process, "load_trust_store", found.append)
    return found


RC = {"OS_AUTH_URL": "https://pcd.example.com/keystone", "OS_USERNAME": "anna", "OS_PASSWORD": "anna-Passw0rd-11"}


def entry(**given: str) -> str:
    entry = {"auth": {"auth_url": RC["OS_AUTH_URL"], "token": "a-token-of-anna"}, **given}
    return json.dumps(entry)


def test_the_trust_store_of_the_variables_is_loaded_in_advance(stores: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    _in_process.prepare({**RC, "OS_CACERT": str(file)})
    _in_process.prepare({**RC, "REQUESTS_CA_BUNDLE": str(file)})
    _in_process.prepare(RC)
    _in_process.prepare({**RC, "OS_INSECURE": "yes"})
    _in_process.prepare({})
    assert stores == [str(file), str(file), True, False, True]


def test_the_trust_stores_of_clouds_yaml_are_loaded_in_advance_if_they_are_few(
    stores: list[Any], tmp_path: Path
) -> None:
    files = [str(tmp_path / f"{number}.pem") for number in range(4)]
    for file in files:
        Path(file).touch()
    clouds = tmp_path / "clouds.yaml"
    environ = {"OS_CLIENT_CONFIG_FILE": str(clouds)}

    def write(*names: str) -> None:
        entries = ", ".join(f"cloud-{number}: {entry(cacert=name)}" for number, name in enumerate(names))
        clouds.write_text(f"clouds: {{{entries}, unusable: {{}}}}", encoding="utf-8")

    write(*files[:2], *files[:2])
    _in_process.prepare(environ)
    assert stores == files[:2]
    stores.clear()
    write(*files)
    _in_process.prepare(environ)
    assert stores == []


def test_a_trust_store_or_clouds_yaml_that_is_unusable_is_left_to_the_tasks(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("clouds: [", encoding="utf-8")
    _in_process.prepare({**RC, "OS_CACERT": str(file)})
    _in_process.prepare({**RC, "OS_CACERT": str(tmp_path / "nothing")})
    _in_process.prepare({"OS_CLIENT_CONFIG_FILE": str(file)})
    _in_process.prepare({"OS_CLIENT_CONFIG_FILE": str(tmp_path / "nothing")})


@pytest.mark.parametrize(
    ("arguments", "folders"),
    [
        ({"args": ("books/site.yml", "/srv/other.yml", "books/more.yml")}, ["books", "/srv"]),
        ({"args": ("site.yml",)}, [""]),
        ({"args": "all", "basedir": "/srv/books"}, ["/srv/books"]),
        ({"args": "all", "basedir": None}, [""]),
        ({}, [""]),
    ],
)
def test_what_tasks_need_is_looked_for_in_the_folders_of_the_playbooks(
    arguments: dict[str, Any], folders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "CLIARGS", CLIArgs(arguments))
    found = [os.path.abspath(folder) for folder in _in_process._folders()]
    assert found == [os.path.abspath(folder) for folder in folders]


def test_what_lies_beside_the_playbook_is_read_in_advance(
    stores: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    books = tmp_path / "books"
    books.mkdir()
    (books / "ca.pem").touch()
    (books / "clouds.yaml").write_text(f"clouds: {{pcd: {entry(cacert='ca.pem')}}}", encoding="utf-8")
    monkeypatch.setattr(files, "MIN_AGE_SECONDS", 0)
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("missing/site.yml", "books/site.yml")}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_in_process, "load_trust_store", lambda file: stores.append(os.path.abspath(file)))
    _in_process.prepare_all({})
    assert stores == [str(books / "ca.pem")]
    assert str(books / "clouds.yaml") in clouds._read_before
    assert os.getcwd() == str(tmp_path)
    # Without a way back, nothing is read in advance.
    monkeypatch.setattr(os, "access", lambda *dummy: False)
    _in_process.prepare_all({})
    assert len(stores) == 1


@pytest.mark.parametrize(
    ("value", "secret", "found"),
    [
        ('the password is a"b\\c\nd', 'a"b\\c\nd', True),
        ("grün", "rü", True),
        ({"deep": [{"in": ("it", 4711)}]}, "471", True),
        (0.5, "0.5", True),
        (True, "True", True),
        (None, "None", True),
        ("nothing of it", "anna-Passw0rd-11", False),
    ],
)
def test_a_secret_in_a_result_is_found(value: Any, secret: str, found: bool) -> None:
    assert _in_process._may_show({"key": value}, [secret]) is found
