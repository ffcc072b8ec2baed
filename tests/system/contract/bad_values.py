# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that hardly any option takes, for every option of every module, read from the specs of the modules.

A value is refused with an error that names the option, unless EXCEPTIONS says what happens to it and why. So a new
option is covered by itself, and what is legal for it has to be written down here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any

from ansible.module_utils.basic import FILE_COMMON_ARGUMENTS

from ansible_collections.platform9.pcd.plugins.module_utils._client.options import CONNECTION_OPTIONS
from ansible_collections.platform9.pcd.tests.support.module_runner import MODULES

NAN, INFINITY = float("nan"), float("inf")
EMOJI = "\U0001f600"
# What ansible-core 2.16 to 2.18 make of `omit` within a list.
OMITTED = "__omit_place_holder__5de2a1f3a1a9b3d6c8a7a5f0b1c2d3e4f5061728"
NOT_UTF8 = "\udcff"  # how Python represents a byte that is not valid UTF-8
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"

# What makes each module run, beside the login. The image is not there.
NEEDED: dict[str, dict[str, Any]] = {
    "pcd_image": {"name": "NAME"},
    "pcd_image_catalog": {"images": [{"name": "NAME", "state": "absent"}]},
    "pcd_image_info": {},
    "pcd_image_member": {"name": "NAME", "projects": ["a-Project-4f1c"]},
    "pcd_image_state": {"name": "NAME", "state": "active"},
    "pcd_image_download": {"name": "NAME", "dest": "DEST"},
    "pcd_image_service_info": {},
}
NO_VENDOR = "http://127.0.0.1:1/image.raw"
# What an option needs beside it to be looked at. None takes an option away.
BESIDE: dict[str, dict[str, Any]] = {
    "pcd_image_state.id": {"name": None},
    "pcd_image_download.id": {"name": None},
    "pcd_image_member.id": {"name": None},
    "pcd_image.url_*": {
        "url": NO_VENDOR,
        "disk_format": "raw",
        "container_format": "bare",
        "method": "upload",
        "retries": 0,
    },
    "pcd_image.url_password": {"url_username": "mirror"},
    "pcd_image.checksum": {"url": NO_VENDOR, "retries": 0},
    "pcd_image.retired_suffix": {"retired": "rename"},
    "pcd_image_info.project_domain": {"owner": "a-Project-4f1c"},
    "*.application_credential_name": {"application_credential_secret": "wrong-Secret-5c1d7a", "password": None},
    "*.application_credential_id": {"application_credential_secret": "wrong-Secret-5c1d7a", "password": None},
}
# Beside null: it leaves nothing that would be refused, and a new image must not come of it.
BESIDE_NULL: dict[str, dict[str, Any]] = {
    "pcd_image.*": {"create": False},
    "pcd_image_state.id": {"name": None},
    "pcd_image_download.id": {"name": None},
    "pcd_image_member.id": {"name": None},
}

NULL = "null"
ANY: dict[str, Any] = {
    NULL: None,
    "omit within a list": ["a", OMITTED],
    "a value that Ansible does not show": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
}
NO_TEXT: dict[str, Any] = {
    "a list": ["a-List-4f1c"],
    "an empty list": [],
    "a dictionary in a dictionary": {"a": {"b": "a-Value-4f1c"}},
    "not a number": NAN,
    "a NUL within": "a\x00b",
    "a byte that is not UTF-8": NOT_UTF8,
}
TEXT: dict[str, Any] = {
    **NO_TEXT,
    "empty": "",
    "blanks": "   ",
    "a bell": "some\x07Text",
    "a line break": "some\nText",
    "256 characters": "x" * 256,
    "70,000 characters": "x" * 70000,
    "an emoji": f"some{EMOJI}Text",
    "a huge number": 10**40,
    "minus one": -1,
    "a boolean": True,
}
NUMBER: dict[str, Any] = {
    **NO_TEXT,
    "infinite": INFINITY,
    "infinite as text": "-inf",
    "empty": "",
    "a word": "ten",
    "with a unit": "1G",
    "with a line break": "1\n2",
    "hexadecimal": "0x10",
    "minus one": -1,
    "a huge number": 10**40,
    "a larger number than a float holds": 10**400,
    "hugely negative": -(10**40),
    "yes": True,
}
INTEGER = {**NUMBER, "a fraction": 1.5}
BOOLEAN: dict[str, Any] = {
    **NO_TEXT,
    "empty": "",
    "a word": "perhaps",
    "a line break": "yes\nno",
    "an emoji": EMOJI,
    "two": 2,
    "a fraction": 1.5,
}
CHOICE: dict[str, Any] = {
    **NO_TEXT,
    "empty": "",
    "a word": "nonsense",
    "a line break": "some\nText",
    "an emoji": EMOJI,
    "minus one": -1,
    "256 characters": "x" * 256,
}
LIST: dict[str, Any] = {
    "a dictionary": {"a": 1},
    "a list within": [["a"]],
    "a dictionary within": [{"a": 1}],
    "deeper lists": ["a", ["b", ["c"]]],
    "null within": [None],
    "null beside others": ["a", None],
    "an empty text within": ["a", ""],
    "blanks within": ["  "],
    "a NUL within": ["a\x00b"],
    "a bell within": ["\x07"],
    "an emoji within": ["a", EMOJI],
    "a byte that is not UTF-8 within": [NOT_UTF8],
    "256 characters within": ["x" * 256],
    "not a number": NAN,
    "not a number within": [NAN],
    "an empty text": "",
    "blanks": "   ",
    "a boolean": True,
    "minus one": -1,
}
DICTIONARY: dict[str, Any] = {
    "a list": ["a-List-4f1c"],
    "a list of pairs": [["a", "b"]],
    "empty": "",
    "blanks": "   ",
    "a word": "a-Word-4f1c",
    "a broken dictionary": "{'a': ",
    "a list as text": "[1, 2]",
    "a boolean": True,
    "a number": 12345678,
    "not a number": NAN,
    "a list within": {"a": ["b-List-4f1c"]},
    "a dictionary within": {"a": {"b": "a-Value-4f1c"}},
    "not a number within": {"a": NAN},
    "null within": {"a": None},
    "omit in a longer text": {"a": f"b {OMITTED}"},
    "omit as a key": {OMITTED: "a-Value-4f1c"},
    "infinite within": {"a": INFINITY},
    "an empty key": {"": "a-Value-4f1c"},
    "a blank key": {" ": "a-Value-4f1c"},
    "a NUL in a key": {"a\x00": "a-Value-4f1c"},
    "a NUL within": {"a": "a\x00Value"},
    "a line break in a key": {"a\nb": "a-Value-4f1c"},
    "an emoji as a key": {EMOJI: "a-Value-4f1c"},
    "an emoji within": {"a": f"a-Value{EMOJI}"},
    "a byte that is not UTF-8 within": {"a": NOT_UTF8},
    "a key of 256 characters": {"x" * 256: "a-Value-4f1c"},
    "70,000 characters within": {"a": "x" * 70000},
    "a name of the service": {"os_glance_import_task": "a-Value-4f1c"},
    "an attribute of the service": {"status": "active"},
}
BY_KIND = {"int": INTEGER, "float": NUMBER, "bool": BOOLEAN, "list": LIST, "dict": DICTIONARY}

# Refused wherever an option expects text, except for secrets.
NEVER_TEXT = {*NO_TEXT, *ANY, "a bell", "70,000 characters"}
# Owner, group and mode are looked at beforehand.
OF_FILES = ["seuser", "serole", "selevel", "setype", "attributes"]

REFUSED = None
LEGAL = "legal"  # it is taken as a value like any other
NOT_GIVEN = "not given"  # it counts as if the option were left out, as it does in RC files
SERVICE = "service"  # only the service can decide, and its words say what is wrong

# Pattern of module and option; names of values ("*": all but those of NEVER_TEXT); what happens, and why.
EXCEPTIONS: list[tuple[str, str, str | None, str]] = [
    ("pcd_image.name", NULL, REFUSED, "nothing else says which image is meant"),
    ("pcd_image_state.name", NULL, REFUSED, "nothing else says which image is meant"),
    ("pcd_image_download.name", NULL, REFUSED, "nothing else says which image is meant"),
    ("pcd_image_state.id", NULL, REFUSED, "nothing else says which image is meant"),
    ("pcd_image_download.id", NULL, REFUSED, "nothing else says which image is meant"),
    ("pcd_image_member.name", NULL, REFUSED, "nothing else says which image is meant"),
    ("pcd_image_member.id", NULL, REFUSED, "nothing else says which image is meant"),
    ("pcd_image_member.projects", NULL, REFUSED, "nothing else says what is to be done"),
    ("pcd_image_info.id", NULL, REFUSED, "all images would be listed instead of one"),
    ("pcd_image_state.state", NULL, REFUSED, "it is required"),
    ("pcd_image_download.dest", NULL, REFUSED, "it is required"),
    ("pcd_image_catalog.images", NULL, REFUSED, "it is required"),
    ("pcd_image_catalog.images", "a list of pairs", REFUSED, "a pair is not a dictionary"),
    ("pcd_image_catalog.catalog", "a line break|a huge number|minus one|a boolean", LEGAL, "text, as Ansible makes it"),
    ("pcd_image.create", NULL, LEGAL, "it has a default, with which the image is created"),
    ("*", NULL, NOT_GIVEN, "null says nothing"),
    ("pcd_image.properties", "null within", LEGAL, "it removes the property"),
    ("pcd_image.url_headers", "null within", LEGAL, "the header is not sent"),
    ("*.name", "a line break|a huge number|minus one|a boolean", LEGAL, "an image can have that name"),
    ("pcd_image.owner", "a huge number|minus one|a boolean", SERVICE, "it knows the projects"),
    ("pcd_image.tags*", "a boolean|minus one", LEGAL, "text, as Ansible makes it"),
    ("pcd_image_member.projects", "a boolean|minus one", LEGAL, "text, as Ansible makes it"),
    ("*.project_domain", "a huge number|minus one|a boolean", LEGAL, "text, as Ansible makes it"),
    ("*.project_domain", "a line break", LEGAL, "Keystone knows its domains"),
    ("pcd_image.url_username", "*", LEGAL, "vendors decide what a user is called"),
    ("pcd_image.url_password", "a bell|70,000 characters", LEGAL, "a password may be any text"),
    ("pcd_image.url_password", "*", LEGAL, "a password may be any text"),
    ("pcd_image.url_headers", "a name of the service|an attribute of the service", LEGAL, "they can be headers"),
    ("pcd_image.url_headers", "a key of 256 characters|70,000 characters within", LEGAL, "servers set the limits"),
    ("pcd_image.retired_suffix", "empty", REFUSED, "the old image would keep its name"),
    ("pcd_image.retired_suffix", "*", LEGAL, "any text can be a part of a name"),
    ("pcd_image_info.name_pattern", "empty|blanks|an emoji", REFUSED, "no name matches it"),
    ("pcd_image_info.name_pattern", "*", LEGAL, "any other text can be a pattern"),
    ("pcd_image_info.tag", "256 characters|a line break", LEGAL, "no image has it"),
    ("pcd_image_info.tag", "a huge number|minus one|a boolean", LEGAL, "text, as Ansible makes it"),
    ("pcd_image_info.hidden", "a boolean", LEGAL, "Ansible makes true of it"),
    ("pcd_image_info.properties", "a line break in a key", LEGAL, "no image has it"),
    ("pcd_image.properties", "a line break in a key", LEGAL, "the service keeps it"),
    ("pcd_image_info.properties", "a name of the service", LEGAL, "the service can filter by it"),
    ("pcd_image_info.cloud", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.token", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.passcode", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.user_id", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.*_domain_*", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.project_id", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.application_credential_secret", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.image_endpoint_override", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.client_*", "empty", NOT_GIVEN, "as in RC files"),
    ("pcd_image_info.application_credential_name", "256 characters", SERVICE, "Keystone answers 500"),
    ("pcd_image_download.dest", "empty", REFUSED, "no file is called so"),
    ("pcd_image_download.dest", "*", LEGAL, "files can be called so, or the file system says at the end that not"),
    *((f"pcd_image_download.{option}", "*", LEGAL, "Ansible looks at it once there is a file") for option in OF_FILES),
]


@dataclass(frozen=True)
class Case:
    """A value for one option; `outcome` is None if it is refused."""

    module: str
    option: str
    what: str
    value: Any
    outcome: str | None
    options: Mapping[str, Any]


def spec_of(module: str) -> dict[str, Any]:
    task = import_module(f"{MODULES}.{module}").TASK
    return {**(FILE_COMMON_ARGUMENTS if task.writes_file else {}), **task.argument_spec}


def cases() -> Iterator[Case]:
    """The whole table. What only one module's code looks at is tried there in full, and elsewhere in part."""
    for module in NEEDED:
        for option, rules in spec_of(module).items():
            values = values_for(rules)
            is_common = option in CONNECTION_OPTIONS and module != "pcd_image_info"
            for what, value in values.items():
                if is_common and what not in (NULL, "a list", "a NUL within", "a byte that is not UTF-8"):
                    continue
                others = beside(module, option, BESIDE_NULL if what == NULL else BESIDE)
                yield Case(module, option, what, value, outcome_of(module, option, what), others)


def values_for(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {**ANY, **(CHOICE if rules.get("choices") else BY_KIND.get(rules.get("type", "str"), TEXT))}


def beside(module: str, option: str, table: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    options = dict(NEEDED[module])
    for pattern, more in table.items():
        if fnmatchcase(f"{module}.{option}", pattern):
            options.update(more)
    return options


def outcome_of(module: str, option: str, what: str) -> str | None:
    for pattern, values, outcome, dummy in EXCEPTIONS:
        if fnmatchcase(f"{module}.{option}", pattern) and (what in values.split("|") or values == "*"):
            return REFUSED if values == "*" and what in NEVER_TEXT else outcome
    return None
