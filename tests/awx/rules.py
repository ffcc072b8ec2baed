# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX does with credential types, surveys and inventories; AWX itself cannot run here.

Sources: AWX, awx/main/fields.py (CredentialTypeInputField, CredentialTypeInjectorField), awx/main/models/credential.py
(inject_credential), awx/api/views/__init__.py (JobTemplateSurveySpec), awx/main/models/inventory.py (get_script_data).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

INPUTS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "required": {"type": "array", "items": {"type": "string"}},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {"enum": ["string", "boolean"]},
                    "format": {"enum": ["ssh_private_key", "url"]},
                    "choices": {"type": "array", "minItems": 1, "items": {"type": "string"}, "uniqueItems": True},
                    "id": {"type": "string", "pattern": "^[a-zA-Z_]+[a-zA-Z0-9_]*$"},
                    "label": {"type": "string"},
                    "help_text": {"type": "string"},
                    "multiline": {"type": "boolean"},
                    "secret": {"type": "boolean"},
                    "ask_at_runtime": {"type": "boolean"},
                    "default": {},
                },
                "additionalProperties": False,
                "required": ["id", "label"],
            },
        },
    },
}
INJECTORS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "object",
            "patternProperties": {r"^template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?$": {"type": "string"}},
            "additionalProperties": False,
        },
        "env": {
            "type": "object",
            "patternProperties": {"^[a-zA-Z_]+[a-zA-Z0-9_]*$": {"type": "string", "pattern": "^[\x00-\x7f]*$"}},
            "additionalProperties": False,
        },
    },
}
ANSWERS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": (int, float),
}
HIDDEN = "**********"


def check_credential_type(inputs: Mapping[str, Any], injectors: Mapping[str, Any]) -> None:
    """Raise an error where AWX would refuse the credential type."""
    jsonschema.validate(inputs, INPUTS_SCHEMA)
    jsonschema.validate(injectors, INJECTORS_SCHEMA)
    ids = [field["id"] for field in inputs["fields"]]
    assert len(ids) == len(set(ids)), "ids of fields must be unique"
    assert "tower" not in ids, "tower is a reserved name"
    assert set(inputs["required"]) <= set(ids)
    for field in inputs["fields"]:
        if field["type"] == "boolean":
            assert not {"choices", "multiline", "format", "secret"} & set(field), field["id"]
    assert not [name for name in injectors["env"] if name.startswith("ANSIBLE_")]
    files = {name.partition(".")[2]: "EXAMPLE_FILENAME" for name in injectors["file"]}
    names = {**dict.fromkeys(ids, "EXAMPLE"), "tower": SimpleNamespace(filename=SimpleNamespace(**files))}
    strict = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for template in (*injectors["file"].values(), *injectors["env"].values()):
        strict.from_string(template).render(names)


def inject(
    inputs: Mapping[str, Any],
    injectors: Mapping[str, Any],
    credential: Mapping[str, Any],
    folder: Path,
    inside: Path,
) -> tuple[dict[str, str], dict[str, str]]:
    """The environment of a job, and what AWX keeps of it in its database.

    Files are written into `folder`, the job's own, which the job sees as `inside`.
    """
    secret = {field["id"] for field in inputs["fields"] if field.get("secret")}
    given = {key: value for key, value in credential.items() if value != ""}
    switches = {field["id"]: False for field in inputs["fields"] if field["type"] == "boolean"}
    names = {**switches, **given}
    shown = {key: HIDDEN if key in secret else value for key, value in names.items()}
    environment = ImmutableSandboxedEnvironment()
    filename = SimpleNamespace()
    for label, template in injectors["file"].items():
        path = folder / "env" / f"tmp{uuid.uuid4().hex}"
        path.write_text(environment.from_string(template).render(names), encoding="utf-8")
        path.chmod(0o600)
        setattr(filename, label.partition(".")[2], str(inside / "env" / path.name))
    tower = SimpleNamespace(filename=filename)

    def render(values: Mapping[str, Any]) -> dict[str, str]:
        templates = injectors["env"].items()
        return {key: environment.from_string(text).render(values, tower=tower) for key, text in templates}

    return render(names), render(shown)


def check_survey(survey: Mapping[str, Any]) -> None:
    """Raise an error where AWX would refuse the survey."""
    assert isinstance(survey["name"], str)
    assert isinstance(survey["description"], str)
    assert survey["spec"], "a survey needs questions"
    variables = [question["variable"] for question in survey["spec"]]
    assert len(variables) == len(set(variables)), "variables must be unique"
    for question in survey["spec"]:
        assert {"type", "question_name", "variable", "required"} <= set(question)
        assert all(isinstance(question[key], str) for key in ("type", "question_name", "variable"))
        assert isinstance(question["required"], bool)
        assert all(isinstance(question[key], int) for key in ("min", "max") if key in question)
        answer = ANSWERS[question["type"]]
        if "default" in question:
            assert isinstance(question["default"], answer), question["variable"]
        if question["type"] in ("multiplechoice", "multiselect"):
            assert all(isinstance(choice, str) for choice in question["choices"]), question["variable"]
            assert question.get("default", question["choices"][0]) in question["choices"], question["variable"]


def answers(survey: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The extra variables of a job: the answers, and the survey's defaults."""
    defaults = {question["variable"]: question["default"] for question in survey["spec"] if "default" in question}
    for question in survey["spec"]:
        name = question["variable"]
        if name not in given:
            assert not question["required"] or name in defaults, f"{name} has to be answered"
            continue
        assert isinstance(given[name], ANSWERS[question["type"]]), name
        if "choices" in question:
            assert given[name] in question["choices"], name
        elif isinstance(given[name], str):
            assert question.get("min", 0) <= len(given[name]) <= question["max"], name
        else:
            assert question.get("min", 0) <= given[name] <= question["max"], name
    return {**defaults, **given}


def inventory_script(hosts: Mapping[str, Mapping[str, Any]], number: int = 1, count: int = 1) -> str:
    """The inventory that AWX writes for the slice `number` of `count`."""
    mine: Sequence[str] = sorted(hosts)[number - 1 :: count]
    script = {"all": {"hosts": list(mine)}, "_meta": {"hostvars": {name: hosts[name] for name in mine}}}
    return f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(script)!r})\n"
