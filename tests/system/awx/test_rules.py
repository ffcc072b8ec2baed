# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for AWX refuses what AWX refuses, and takes what AWX takes; the files of awx/ pass."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.system.awx.controller import Controller, Refused, open_controller
from ansible_collections.platform9.pcd.tests.system.awx.files import load
from ansible_collections.platform9.pcd.tests.system.awx.jobs import CredentialType
from ansible_collections.platform9.pcd.tests.system.awx.rules import (
    HIDDEN,
    Inventory,
    answer,
    check_credential,
    check_credential_type,
    check_survey,
    host_of,
    imported,
    imported_host_of,
    inject,
    missing_inputs,
)

URL = {"id": "url", "label": "URL", "format": "url"}
SWITCH = {"id": "switch", "label": "Switch", "type": "boolean"}
SECRET = {"id": "secret", "label": "Secret", "secret": True}
PLACE = {"id": "place", "label": "Place", "choices": ["north", "south"]}
FIELDS = {"fields": [URL, SWITCH, SECRET, PLACE]}


def question(**more: Any) -> dict[str, Any]:
    return {"question_name": "?", "variable": "asked", "required": False, "type": "text", **more}


def survey(*questions: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": "", "description": "", "spec": list(questions)}


def test_awx_takes_the_credential_type_and_the_surveys(credential_type: CredentialType) -> None:
    check_credential_type(credential_type.inputs, credential_type.injectors)
    for name in ("declare_catalog", "declare_image", "list_images", "rotate_image", "set_image_state"):
        check_survey(load(f"surveys/{name}.yml"))


def test_every_field_of_the_credential_type_is_injected(credential_type: CredentialType) -> None:
    templates = " ".join([*credential_type.injectors["env"].values(), *credential_type.injectors["file"].values()])
    assert [field["id"] for field in credential_type.inputs["fields"] if field["id"] not in templates] == []


def test_what_is_secret_is_marked(credential_type: CredentialType) -> None:
    secret = {field["id"] for field in credential_type.inputs["fields"] if field.get("secret")}
    assert secret == {"password", "application_credential_secret", "token"}


@pytest.mark.parametrize(
    ("inputs", "injectors"),
    [
        ({}, {}),
        (FIELDS, {}),
        (FIELDS, {"extra_vars": {"sites": ["{{ place }}", {"deep": "{{ url }}"}], "{{place}}": "x"}}),
        (FIELDS, {"file": {"template": "{{ url }}"}, "env": {"A": "{{ tower.filename }}"}}),
        (FIELDS, {"file": {"template.a": "x", "template.b": "y"}, "env": {"A": "{{ tower.filename.b }}"}}),
    ],
)
def test_a_credential_type_may_leave_parts_out(inputs: dict[str, Any], injectors: dict[str, Any]) -> None:
    check_credential_type(inputs, injectors)


@pytest.mark.parametrize(
    ("inputs", "injectors"),
    [
        (FIELDS, {"env": {"A": "{{ unknown }}"}}),
        (FIELDS, {"extra_vars": {"a": {"b": ["{{ unknown }}"]}}}),
        (FIELDS, {"env": {"PATH": "/somewhere"}}),
        (FIELDS, {"env": {"PYTHONPATH": "/somewhere"}}),
        (FIELDS, {"env": {"ANSIBLE_CONFIG": "/somewhere"}}),
        (FIELDS, {"files": {}}),
        (FIELDS, {"file": {"template": "x", "template.a": "y"}}),
        (FIELDS, {"file": {"template.a": "x"}, "env": {"A": "{{ tower.filename }}"}}),
        (FIELDS, {"file": {"template": "x"}, "env": {"A": "{{ tower.filename.a }}"}}),
        ({"fields": [{**SWITCH, "default": "no"}]}, {}),
        ({"fields": [{**SWITCH, "secret": True}]}, {}),
        ({"fields": [{**URL, "ask_at_runtime": True}]}, {}),
        ({"fields": [URL, URL]}, {}),
        ({"fields": [{**URL, "id": "tower"}]}, {}),
    ],
)
def test_a_credential_type_that_awx_refuses(inputs: dict[str, Any], injectors: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="."):
        check_credential_type(inputs, injectors)


@pytest.mark.parametrize(
    ("credential", "made"),
    [({}, False), ({"switch": True, "url": "https://h/x", "place": "north"}, False), ({"secret": "$encrypted$"}, True)],
)
def test_a_credential_that_awx_takes(credential: dict[str, Any], made: bool) -> None:
    check_credential({**FIELDS, "required": ["url"]}, credential, made)


@pytest.mark.parametrize(
    "credential",
    [
        {"url": "h/x"},
        {"url": "https:"},
        {"switch": "yes"},
        {"place": "west"},
        {"secret": 5},
        {"unknown": ""},
        {"secret": "$encrypted$"},
    ],
)
def test_a_credential_that_awx_refuses(credential: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_credential(FIELDS, credential, made=False)


def test_a_required_field_is_missed_when_a_job_starts() -> None:
    inputs = {**FIELDS, "required": ["url"]}
    assert missing_inputs(inputs, {"url": ""}) == ["url"]
    assert missing_inputs(inputs, {"url": "https://h"}) == []
    assert missing_inputs({**FIELDS, "required": ["gone"]}, {}) == []


def test_extra_variables_and_named_files_are_injected(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    injectors = {
        "file": {"template.a": "{{ secret }}"},
        "env": {"A": "{{ tower.filename.a }}", "B": "{{ secret }}", "PATH": "x"},
        "extra_vars": {"sites": ["{{ place }}"]},
    }
    injected = inject(FIELDS, injectors, {"secret": "s3cret-ab12", "place": "north"}, tmp_path, tmp_path)
    assert injected.extra_vars == {"sites": ["north"]}
    assert Path(injected.env["A"]).read_text(encoding="utf-8") == "s3cret-ab12"
    assert set(injected.env) == {"A", "B"}
    assert injected.safe["B"] == HIDDEN
    single = inject(FIELDS, {"file": {"template": "x"}, "env": {"A": "{{ tower.filename }}"}}, {}, tmp_path, tmp_path)
    assert Path(single.env["A"]).read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize(
    "asked",
    [
        question(min=None, max=None),
        question(type="multiselect", choices=["a", "b"], default="a\nb"),
        question(type="multiselect", choices="a\nb", default=["a"]),
        question(type="multiplechoice", choices="a\nb", default="b"),
        question(type="integer", default=""),
        question(type="float", default=1),
    ],
)
def test_a_question_that_awx_takes(asked: dict[str, Any]) -> None:
    check_survey(survey(asked))


@pytest.mark.parametrize(
    "asked",
    [
        question(default="$encrypted$"),
        question(type="password", default="$encrypted$"),
        question(type="multiplechoice", choices=["a", "b"], default="a\nb"),
        question(type="multiplechoice", choices=["a"], default="c"),
        question(type="multiplechoice"),
        question(type="integer", default="1"),
        question(required="yes"),
        question(min="1"),
        question(type="file"),
    ],
)
def test_a_question_that_awx_refuses(asked: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_survey(survey(asked))


def test_a_default_that_is_kept_may_be_sent_back() -> None:
    check_survey(
        survey(question(type="password", default="$encrypted$")), survey(question(type="password", default="x"))
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (question(required=True, default="x"), {}),
        (question(type="integer"), {"asked": True}),
        (question(type="integer", min=0, max=9), {"asked": 10}),
        (question(max=3), {"asked": "long"}),
        (question(type="multiplechoice", choices=["a"]), {"asked": "b"}),
        (question(type="multiselect", choices=["a"]), {"asked": "a"}),
        (question(type="multiselect", choices=["a"]), {"asked": ["a", "b"]}),
    ],
)
def test_an_answer_that_awx_refuses(asked: dict[str, Any], said: dict[str, Any]) -> None:
    assert answer(survey(asked), said).errors


def test_an_answer_that_nobody_asked_for_is_ignored_and_a_default_is_used() -> None:
    answered = answer(survey(question(default="x", min=None)), {"other": 1})
    assert (answered.errors, answered.extra_vars, answered.ignored) == ([], {"asked": "x"}, {"other": 1})
    assert answer(survey(question(type="multiselect", choices=["a", "b"])), {"asked": ["b"]}).errors == []


def test_one_colon_in_the_name_of_a_host_is_a_port() -> None:
    assert host_of("debian:13") == ("debian", {"ansible_ssh_port": 13})
    assert host_of("a:b:c") == ("a:b:c", {})
    with pytest.raises(AssertionError):
        host_of("debian:latest")


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("debian", ("debian", {})),
        ("debian:13", ("debian", {"ansible_port": 13})),
        ("debian:latest", ("debian", {})),
        ("a:b:c", ("a:b:c", {})),
        ("[::1]:22", ("::1", {"ansible_port": 22})),
    ],
)
def test_an_import_cuts_the_name_of_a_host_at_one_colon(name: str, made: tuple[str, dict[str, Any]]) -> None:
    assert imported_host_of(name) == made


def test_an_imported_host_whose_name_was_cut_loses_its_variables() -> None:
    variables = {"debian:latest": {"x": 1}, "alpine": {"y": 2}}
    listed: dict[str, dict[str, Any]] = {"ungrouped": {"hosts": list(variables)}, "_meta": {"hostvars": variables}}
    assert imported(listed).hosts == {"debian": {}, "alpine": {"y": 2}}


def test_an_inventory_has_groups_and_variables_and_a_slice_keeps_its_hosts(tmp_path: Path) -> None:
    inventory = Inventory({"a": {}, "b": {"x": 1}, "c": {}}, {"v": 1}, {"old": {"y": 2}}, {"old": ["a", "b"]})
    script = tmp_path / "hosts"
    script.write_text(inventory.script(2, 2), encoding="utf-8")
    data = json.loads(subprocess.run([sys.executable, str(script)], capture_output=True, check=True).stdout)
    assert data["all"] == {"hosts": [], "vars": {"v": 1}, "children": ["old"]}
    assert data["old"] == {"hosts": ["b"], "vars": {"y": 2}}
    assert data["_meta"]["hostvars"] == {"b": {"x": 1}}


def test_awx_removes_nothing_of_a_job_whose_events_it_has_not_stored(made: Controller) -> None:
    origins = {"job_templates": 7, "projects": 8, "inventories": 9, "organizations": 10}
    job = made.make("jobs", status="running", origins=origins, event_processing_finished=False)
    places = [*origins.items(), ("jobs", job["id"])]
    for endpoint, number in places:
        with pytest.raises(Refused, match="processing events") as refused:
            made.check_events(endpoint, number)
        assert refused.value.status == (400 if endpoint == "jobs" else 403)
    made.check_events("projects", 7)
    job["status"] = "successful"
    assert not made.look("jobs", job["id"])["event_processing_finished"]
    assert made.look("jobs", job["id"])["event_processing_finished"]
    for endpoint, number in places:
        made.check_events(endpoint, number)


@pytest.fixture
def made(project: Path) -> Any:
    """Two organizations, with a type and a credential each."""

    def never(dummy: Any) -> Any:
        raise AssertionError

    with open_controller(project, never) as controller:
        for name in ("First", "Second"):
            controller.make("organizations", name=name)
        controller.make("credential_types", name="Type", kind="cloud", inputs=FIELDS)
        yield controller


def credential(controller: Controller, organization: str, **inputs: Any) -> dict[str, Any]:
    owner = controller.named("organizations", organization)["id"]
    kind = controller.named("credential_types", "Type")["id"]
    return {"name": "C", "organization": owner, "credential_type": kind, "inputs": inputs}


def test_names_are_one_for_an_organization_only(made: Controller) -> None:
    made.make("credentials", **credential(made, "First"))
    made.make("credentials", **credential(made, "Second"))
    with pytest.raises(Refused, match="already exists"):
        made.make("credentials", **credential(made, "Second"))
    with pytest.raises(Refused, match="already exists"):
        made.make("organizations", name="First")


CHANGES: list[Callable[[Controller, dict[str, Any]], Any]] = [
    lambda made, item: made.change("credentials", item["id"], {"inputs": {"url": "no address"}}),
    lambda made, item: made.change("credentials", item["id"], {"inputs": {"unknown": "x"}}),
    lambda made, item: made.change("credential_types", item["credential_type"], {"kind": "ssh"}),
    lambda made, item: made.change("credential_types", item["credential_type"], {"inputs": {"fields": []}}),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_checked(made: Controller, change: Callable[[Controller, dict[str, Any]], Any]) -> None:
    item = made.make("credentials", **credential(made, "First", url="https://h"))
    before = json.dumps(made.items)
    with pytest.raises(Refused):
        change(made, item)
    assert json.dumps(made.items) == before


def test_a_secret_that_is_sent_back_hidden_is_kept_and_one_that_is_not_sent_is_gone(made: Controller) -> None:
    item = made.make("credentials", **credential(made, "First", secret="s3cret-ab12"))
    made.change("credentials", item["id"], {"inputs": {"secret": "$encrypted$", "url": "https://h"}})
    assert item["inputs"]["secret"] == "s3cret-ab12"
    made.change("credentials", item["id"], {"inputs": {"url": "https://h"}})
    assert "secret" not in item["inputs"]


def test_a_project_that_was_never_read_has_no_playbooks(made: Controller) -> None:
    made.unreachable.add("https://h/x.git")
    owner = made.named("organizations", "First")["id"]
    project = made.make("projects", name="P", organization=owner, scm_type="git", scm_url="https://h/x.git")
    made.update(project)
    inventory = made.make("inventories", name="I", organization=owner, kind=None)
    assert inventory["kind"] == ""
    template = {"name": "T", "project": project["id"], "inventory": inventory["id"], "playbook": "list_images.yml"}
    with pytest.raises(Refused, match="Playbook not found"):
        made.make("job_templates", **template)
    made.unreachable.clear()
    made.update(project)
    item = made.make("job_templates", **template)
    made.unreachable.add("https://h/x.git")
    made.update(project)
    with pytest.raises(Refused, match="could not be updated"):
        made.launch(item, {})
