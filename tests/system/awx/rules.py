# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX does with credential types, credentials, surveys, hosts and inventories; AWX itself cannot run here.

Sources: AWX, awx/main/fields.py (CredentialInputField, CredentialTypeInputField, CredentialTypeInjectorField),
awx/main/constants.py (ENV_BLOCKLIST), awx/api/serializers.py (CredentialTypeSerializer, HostSerializer),
awx/main/models/credential.py (inject_credential, has_input), awx/main/models/unified_jobs.py (pre_start),
awx/api/views/__init__.py (JobTemplateSurveySpec), awx/main/models/mixins.py (SurveyJobTemplateMixin),
awx/main/models/inventory.py (get_script_data), awx/main/utils/mem_inventory.py (get_host, dict_to_mem_data).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import yaml
from jinja2 import StrictUndefined, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

ENCRYPTED = "$encrypted$"
HIDDEN = "**********"
BLOCKED_VARIABLES = {
    *("VIRTUAL_ENV", "PATH", "PYTHONPATH", "JOB_ID", "INVENTORY_ID", "INVENTORY_SOURCE_ID", "INVENTORY_UPDATE_ID"),
    *("AD_HOC_COMMAND_ID", "REST_API_URL", "REST_API_TOKEN", "MAX_EVENT_RES", "CALLBACK_QUEUE", "CALLBACK_CONNECTION"),
    *("CACHE", "JOB_CALLBACK_DEBUG", "INVENTORY_HOSTVARS", "AWX_HOST", "PROJECT_REVISION", "SUPERVISOR_CONFIG_PATH"),
}
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
        "extra_vars": {
            "type": "object",
            "patternProperties": {
                r"^[a-zA-Z_\{\}]+[a-zA-Z0-9_\{\}]*$": {
                    "anyOf": [{"type": "string"}, {"type": "array"}, {"$ref": "#/properties/extra_vars"}]
                }
            },
            "additionalProperties": False,
        },
    },
}
# The types of a question's default.
DEFAULTS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": (list, tuple, str),
    "integer": int,
    "float": (float, int),
}
# bool is an int for Python, and none for AWX.
ANSWERS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "textarea": (str,),
    "password": (str,),
    "integer": (int,),
    "float": (float, int),
    "multiselect": (list,),
}
TYPES = {"string": str, "boolean": bool}
Content = Mapping[str, Any]


def check_credential_type(inputs: Content, injectors: Content) -> None:
    """Raise an error if AWX would refuse the credential type."""
    jsonschema.validate(inputs, INPUTS_SCHEMA)
    jsonschema.validate(injectors, INJECTORS_SCHEMA)
    fields = inputs.get("fields", [])
    ids = [entry["id"] for entry in fields]
    assert len(ids) == len(set(ids)), "field IDs must be unique"
    assert "tower" not in ids, '"tower" is a reserved field name'
    for entry in fields:
        kind = entry.get("type", "string")
        assert not entry.get("ask_at_runtime"), "'ask_at_runtime' is not supported for custom credentials."
        if "default" in entry:
            assert isinstance(entry["default"], TYPES[kind]), f"{entry['default']} is not a {kind}"
        if kind != "string":
            assert not {"choices", "multiline", "format", "secret"} & set(entry), entry["id"]
    for name in injectors.get("env", {}):
        assert not name.startswith("ANSIBLE_"), f"{name} may affect Ansible configuration"
        assert name not in BLOCKED_VARIABLES, f"Environment variable {name} is not allowed to be used in credentials."
    names = {**dict.fromkeys(ids, "EXAMPLE"), "tower": _example_tower(injectors.get("file", {}))}
    strict = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for template in _templates(injectors):
        strict.from_string(template).render(names)


class _NoFile:
    def __str__(self) -> str:
        raise UndefinedError("Must define unnamed file injector in order to reference `tower.filename`.")


def _example_tower(files: Content) -> SimpleNamespace:
    if "template" in files:
        assert len(files) == 1, "Must use multi-file syntax when injecting multiple files"
        return SimpleNamespace(filename="EXAMPLE_FILENAME")
    filename = _NoFile()
    for label in files:
        setattr(filename, label.split(".")[1], "EXAMPLE_FILENAME")
    return SimpleNamespace(filename=filename)


def _templates(node: Any) -> Iterator[str]:
    """Every text of the injectors, and the names of extra variables, which may be templates, too."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield name
            yield from _templates(value)
    elif isinstance(node, list):
        for value in node:
            yield from _templates(value)
    else:
        yield node


def check_credential(inputs: Content, credential: Content, made: bool) -> None:
    """Raise an error if AWX would refuse the inputs of a credential; a required one may be missing.

    `made`: the credential is there, and `$encrypted$` stands for the secret that it has.
    """
    fields = {entry["id"]: entry for entry in inputs.get("fields", [])}
    assert set(credential) <= set(fields), f"Additional properties: {set(credential) - set(fields)}"
    for name, value in credential.items():
        entry = fields[name]
        if entry.get("secret") and value == ENCRYPTED:
            assert made, f"$encrypted$ is a reserved keyword, and cannot be used for {name}."
            continue
        kind = entry.get("type", "string")
        assert isinstance(value, TYPES[kind]), f"{value!r} is not of type '{kind}'"
        assert value in entry.get("choices", [value]), f"{value!r} is not one of {entry.get('choices')}"
        if entry.get("format") == "url":
            address = urlsplit(str(value))
            assert address.scheme, "Invalid URL: Missing url scheme (http, https, etc.)"
            assert address.netloc, f"Invalid URL: {value}"


def missing_inputs(inputs: Content, credential: Content) -> list[str]:
    """What keeps a job with this credential from being started."""
    fields = {entry["id"] for entry in inputs.get("fields", [])}
    required = set(inputs.get("required", [])) & fields
    return sorted(name for name in required if credential.get(name) in ("", None))


@dataclass(frozen=True)
class Injected:
    """What a job gets of a credential: `safe` is what AWX keeps of the environment in its database."""

    env: dict[str, str]
    safe: dict[str, str]
    extra_vars: dict[str, Any]


def inject(inputs: Content, injectors: Content, credential: Content, folder: Path, inside: Path) -> Injected:
    """Files are written into `folder`, the job's own, which the job sees as `inside`."""
    fields = inputs.get("fields", [])
    secret = {entry["id"] for entry in fields if entry.get("secret")}
    switches = {entry["id"]: False for entry in fields if entry.get("type") == "boolean"}
    names = {**switches, **{key: value for key, value in credential.items() if value != ""}}
    shown = {key: HIDDEN if key in secret else value for key, value in names.items()}
    environment = ImmutableSandboxedEnvironment()
    tower = SimpleNamespace()
    for label, template in injectors.get("file", {}).items():
        path = folder / "env" / f"tmp{uuid.uuid4().hex}"
        path.write_text(environment.from_string(template).render(names), encoding="utf-8")
        path.chmod(0o600)
        attribute = label.partition(".")[2]
        if attribute:
            tower.filename = getattr(tower, "filename", SimpleNamespace())
        setattr(tower.filename if attribute else tower, attribute or "filename", str(inside / "env" / path.name))

    def render(node: Any, values: Content) -> Any:
        if isinstance(node, Mapping):
            return {render(name, values): render(value, values) for name, value in node.items()}
        if isinstance(node, list):
            return [render(value, values) for value in node]
        return environment.from_string(node).render(values, tower=tower)

    env = {name: text for name, text in injectors.get("env", {}).items() if name not in BLOCKED_VARIABLES}
    return Injected(render(env, names), render(env, shown), render(injectors.get("extra_vars", {}), names))


def check_survey(survey: Content, old: Content | None = None) -> None:
    """Raise an error if AWX would refuse the survey; `old` is the one that it replaces."""
    for name, kind in (("name", str), ("description", str), ("spec", list)):
        assert isinstance(survey.get(name), kind), f"Field '{name}' is missing from survey spec or of a wrong type."
    assert survey["spec"], "'spec' doesn't contain any items."
    variables = [question.get("variable") for question in survey["spec"]]
    assert len(variables) == len(set(variables)), "variables must be unique"
    kept = {question["variable"] for question in (old or {}).get("spec", []) if "default" in question}
    for question in survey["spec"]:
        _check_question(question, question.get("variable") in kept)


def _check_question(question: Content, has_default: bool) -> None:
    variable = question.get("variable")
    for name in ("type", "question_name", "variable"):
        assert isinstance(question.get(name), str), f"'{name}' missing from survey question {variable}"
    assert isinstance(question.get("required"), bool), (
        f"'required' in survey question {variable} expected to be boolean."
    )
    kind = question["type"]
    assert kind in DEFAULTS, f"{kind} is not one of the allowed question types."
    default = question.get("default", "")
    assert default == "" or isinstance(default, DEFAULTS[kind]), f"Default value {default} in {variable}"
    if isinstance(default, str) and default.startswith(ENCRYPTED):
        assert kind == "password", f"{ENCRYPTED} is a reserved keyword for password question defaults."
        assert has_default, f"{ENCRYPTED} is a reserved keyword, may not be used for new default"
    for name in ("min", "max"):
        assert question.get(name) is None or isinstance(question[name], int), f"{name} of {variable} is not an integer"
    if kind in ("multiplechoice", "multiselect"):
        assert "choices" in question, f"Survey question of type {kind} must specify choices."
        defaults = default.splitlines() if isinstance(default, str) else list(default)
        assert kind == "multiselect" or len(defaults) <= 1, "Multiple Choice (Single Select) has one default value."
        assert set(defaults) <= set(_choices(question)), "Default choice must be answered from the choices listed."


def _choices(question: Content) -> list[str]:
    choices = question["choices"]
    return [line for line in choices.splitlines() if line.strip()] if isinstance(choices, str) else list(choices)


def answer_errors(question: Content, given: Content) -> list[str]:
    """What AWX says about the answer to a question. A default does not answer a required one."""
    name = question["variable"]
    if name not in given:
        return [f"'{name}' value missing"] if question["required"] else []
    value = given[name]
    kind = question["type"]
    if kind == "multiplechoice":
        chosen = [value]
    elif type(value) not in ANSWERS[kind]:
        return [f"Value {value} for '{name}' expected to be of type {kind}."]
    elif kind == "multiselect":
        chosen = value
    else:
        size = len(value) if isinstance(value, str) else value
        low, high = (None if question.get(end) in ("", None) else question[end] for end in ("min", "max"))
        fits = (low is None or size >= low) and (high is None or size <= high)
        return [] if fits else [f"'{name}' value {value} is too small or too large."]
    return [
        f"Value {one} for '{name}' expected to be one of the choices."
        for one in chosen
        if one not in _choices(question)
    ]


def check_schedule(rrule: str, extra_data: Content, survey: Content) -> None:
    """Raise an error if AWX would refuse the schedule of a job template that asks for nothing but its survey.

    SchedulePreviewSerializer.validate_rrule and LaunchConfigurationBaseSerializer.validate in awx/api/serializers.py.
    """
    assert re.findall(r"DTSTART(?:;[^:]+)?:[0-9]+T[0-9]+Z?", rrule), "Valid DTSTART required in rrule."
    assert not re.findall(r"DTSTART:[0-9]+T[0-9]+ ", rrule), "DTSTART cannot be a naive datetime."
    rules = re.findall(r"RULE:\S*", rrule)
    assert rules, "One or more rule required in rrule."
    assert all("interval" in rule.lower() for rule in rules), "INTERVAL required in rrule"
    assert not any("secondly" in rule.lower() for rule in rules), "SECONDLY is not supported"
    answered = answer(survey, extra_data)
    assert not answered.ignored, f"Variables {sorted(answered.ignored)} are not allowed on launch."
    assert not answered.errors, str(answered.errors)


@dataclass
class Answered:
    """The extra variables of a job, what was not taken, and what keeps the job from being launched."""

    extra_vars: dict[str, Any]
    ignored: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def answer(survey: Content, given: Content) -> Answered:
    """What is made of the variables of a launch. Those that the survey does not ask for are ignored, not refused."""
    questions = {question["variable"]: question for question in survey.get("spec", [])}
    errors = [error for question in questions.values() for error in answer_errors(question, given)]
    defaults = {
        name: question["default"]
        for name, question in questions.items()
        if question.get("default") is not None and not answer_errors(question, {name: question["default"]})
    }
    taken = {name: value for name, value in given.items() if name in questions}
    ignored = {name: value for name, value in given.items() if name not in questions}
    return Answered({**defaults, **taken}, ignored, errors)


def host_of(name: str) -> tuple[str, dict[str, Any]]:
    """Name and variables of a host that is made with this name: one colon divides it from a port."""
    if name.count(":") != 1:
        return name, {}
    host, port = name.split(":")
    assert port.isdigit(), f"Invalid port specification: {port}"
    assert 1 <= int(port) <= 65535, f"Invalid port specification: {port}"
    return host, {"ansible_ssh_port": int(port)}


@dataclass(frozen=True)
class Inventory:
    """Hosts and groups with their variables; `members` are the hosts of a group."""

    hosts: Mapping[str, Content] = field(default_factory=dict)
    variables: Content = field(default_factory=dict)
    groups: Mapping[str, Content] = field(default_factory=dict)
    members: Mapping[str, list[str]] = field(default_factory=dict)

    def script(self, number: int = 1, count: int = 1) -> str:
        """What AWX writes for the slice `number` of `count`."""
        mine = sorted(self.hosts)[number - 1 :: count]
        grouped = {host for hosts in self.members.values() for host in hosts}
        everyone: dict[str, Any] = {"hosts": [name for name in mine if name not in grouped]}
        if self.variables:
            everyone["vars"] = dict(self.variables)
        if self.groups:
            everyone["children"] = list(self.groups)
        data: dict[str, Any] = {"all": everyone, "_meta": {"hostvars": {name: dict(self.hosts[name]) for name in mine}}}
        for name, variables in self.groups.items():
            hosts = [host for host in self.members.get(name, []) if host in mine]
            group = {**({"hosts": hosts} if hosts else {}), **({"vars": dict(variables)} if variables else {})}
            if group:
                data[name] = group
        return f"#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({json.dumps(data)!r})\n"


def imported_host_of(name: str) -> tuple[str, dict[str, Any]]:
    """Name and variables of a host that an inventory source has given out: what follows one colon is cut off."""
    address = re.fullmatch(r"\[([A-Fa-f0-9:]{3,})\]:(\d+)", name)
    if not address and name.count(":") != 1:
        return name, {}
    host, port = address.groups() if address else name.split(":")
    return host, {"ansible_port": int(port)} if port.isdigit() else {}


def imported(listed: Mapping[str, Content]) -> Inventory:
    """What becomes of the output of `ansible-inventory --list --export`, without its groups.

    The variables of a host are looked for by the name that is left, so that those of another name are lost.
    """
    names = {name for group in listed.values() for name in group.get("hosts", [])}
    variables = listed["_meta"]["hostvars"]
    hosts = dict(imported_host_of(name) for name in sorted(names))
    return Inventory({host: {**port, **variables.get(host, {})} for host, port in hosts.items()})


class _Unsafe(yaml.SafeDumper):
    def represent_data(self, data: Any) -> yaml.Node:
        if isinstance(data, str):
            return self.represent_scalar("!unsafe", data)
        return super().represent_data(data)


def extra_vars_file(variables: Content) -> str:
    """Answers are data: AWX lets Ansible template none of their texts."""
    return yaml.dump(dict(variables), Dumper=_Unsafe, default_flow_style=False)
