# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every module: its documentation, its place in the collection, and the libraries that it needs."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from ansible.module_utils.basic import FILE_COMMON_ARGUMENTS
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.platform9.pcd.plugins.doc_fragments.attributes import ModuleDocFragment as Attributes
from ansible_collections.platform9.pcd.plugins.doc_fragments.connection import ModuleDocFragment as Connection
from ansible_collections.platform9.pcd.plugins.doc_fragments.target import ModuleDocFragment as Target
from ansible_collections.platform9.pcd.plugins.module_utils._client.options import CONNECTION_OPTIONS, VARIABLES
from ansible_collections.platform9.pcd.plugins.module_utils._task import Task
from ansible_collections.platform9.pcd.plugins.modules.pcd_image_download import FileChange
from ansible_collections.platform9.pcd.tests.support.module_process import run
from ansible_collections.platform9.pcd.tests.support.samples import ID

ROOT = Path(__file__).absolute().parents[4]
PACKAGE = "ansible_collections.platform9.pcd.plugins.modules"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("[!_]*.py"))


def task(module: str) -> Task:
    found: Task = import_module(f"{PACKAGE}.{module}").TASK
    return found


def fragment(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def documentation(module: str) -> dict[str, Any]:
    """What the module says, with what it has from the fragments: the guides, and options that mean an image."""
    found = fragment(import_module(f"{PACKAGE}.{module}").DOCUMENTATION)
    found["seealso"] = [*found["seealso"], *fragment(Connection.DOCUMENTATION)["seealso"]]
    if "platform9.pcd.target" in found["extends_documentation_fragment"]:
        found["options"] = {**fragment(Target.DOCUMENTATION)["options"], **found["options"]}
    return found


def test_there_are_modules() -> None:
    assert MODULES


# --- the place of a module in the collection ---------------------------------------------------------------------


def test_the_action_group_holds_every_module_and_nothing_else() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert sorted(runtime["action_groups"]["pcd"]) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_leaves_check_mode_and_its_exit_to_the_one_place_that_has_them(module: str) -> None:
    code = (ROOT / f"plugins/modules/{module}.py").read_text().rpartition('"""')[2]
    for word in ("check_mode", "fail_json", "exit_json", "AnsibleModule"):
        assert word not in code


def artefact() -> Iterator[Path]:
    """The files that users get: those that build_ignore of galaxy.yml leaves."""
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]
    for folder, folders, files in os.walk(ROOT):
        at = Path(folder).relative_to(ROOT)
        kept = [name for name in folders if not any(fnmatch.fnmatch(str(at / name), rule) for rule in ignored)]
        folders[:] = [name for name in kept if name != "__pycache__"]
        for name in files:
            if not any(fnmatch.fnmatch(str(at / name), rule) for rule in ignored) and not name.startswith("."):
                yield Path(folder) / name


def test_the_version_stands_only_in_galaxy_yml() -> None:
    """Except for version_added, the changelog, what ansible-galaxy writes when it builds, and the range for AWX.

    tests/system/awx compares that range with galaxy.yml.
    """
    version = str(yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"])
    word = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.]*\d)")
    of_its_own = ("galaxy.yml", "MANIFEST.json", "FILES.json", "CHANGELOG.rst", "CHANGELOG.md")
    requirements = "collections/requirements.yml"
    ranges = ("awx/execution-environment.yml", f"awx/{requirements}", f"docs/examples/catalog/{requirements}")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in artefact()
        if path.name not in of_its_own and "changelogs" not in path.relative_to(ROOT).parts
        if str(path.relative_to(ROOT)) not in ranges
        for line in path.read_text(errors="replace").splitlines()
        if word.search(line) and "version_added" not in line
    ]
    assert found == []


# --- documentation and options -----------------------------------------------------------------------------------


def described(options: dict[str, Any]) -> dict[str, Any]:
    """What documentation and argument spec must agree on; `no_log` stands only in the spec."""
    agreed = ("type", "elements", "choices", "default")
    return {
        name: {"required": option.get("required", False), **{key: option[key] for key in agreed if key in option}}
        for name, option in options.items()
    }


@pytest.mark.parametrize("module", MODULES)
def test_the_documented_options_are_those_that_the_module_takes(module: str) -> None:
    documented = documentation(module).get("options", {})
    assert described(documented) == described(dict(task(module).options))
    assert not documented.keys() & CONNECTION_OPTIONS.keys()


def test_the_options_of_an_entry_of_a_catalogue_are_documented_as_those_of_an_image() -> None:
    entry = documentation("pcd_image_catalog")["options"]["images"]["suboptions"]
    image = documentation("pcd_image")["options"]
    assert list(entry) == list(image)
    assert entry["name"].pop("required") is True
    assert described(entry) == described(image)
    for name, option in entry.items():
        assert f"See O(platform9.pcd.pcd_image#module:{name})." in option["description"]


def test_the_documented_connection_options_are_those_that_modules_take() -> None:
    documented = fragment(Connection.DOCUMENTATION)["options"]
    assert described(documented) == described(CONNECTION_OPTIONS)
    assert list(documented) == list(CONNECTION_OPTIONS)


def test_every_variable_of_an_option_is_documented_with_it() -> None:
    documented = fragment(Connection.DOCUMENTATION)["options"]
    told = {
        name: set(re.findall(r"E\((OS_\w+)\)", " ".join(option["description"]))) for name, option in documented.items()
    }
    # An old word for a project, which needs no description.
    unsaid = {"OS_TENANT_NAME", "OS_TENANT_ID"}
    for option, names in VARIABLES.items():
        if option in told:
            assert {*names} - unsaid <= told[option], option
    assert told["validate_certs"] == {"OS_INSECURE"}


def test_secrets_are_never_logged_and_nothing_else_is_hidden() -> None:
    hidden = {name for name, option in CONNECTION_OPTIONS.items() if option.get("no_log")}
    assert hidden == {"token", "password", "passcode", "application_credential_secret"}


# Only the options of the task say how data comes and what becomes of it.
OF_THE_TASK = (
    "fail_fast",
    "prune",
    "prune_limit",
    "workers",
    "all_stores",
    "decompress",
    "on_content_change",
    "retired",
    "wait",
    "wait_timeout",
)


@pytest.mark.parametrize("module", MODULES)
def test_no_option_that_the_service_stores_has_a_default(module: str) -> None:
    with_default = {name for name, option in task(module).options.items() if "default" in option}
    assert with_default <= {
        "match",
        "state",
        "create",
        "purge",
        "purge_properties",
        "force",
        "most_recent",
        "members",
        *OF_THE_TASK,
    }


@pytest.mark.parametrize("module", MODULES)
def test_the_documentation_names_the_module_and_its_fragments(module: str) -> None:
    about = documentation(module)
    assert about["module"] == module
    fragments = about["extends_documentation_fragment"]
    assert "platform9.pcd.connection" in fragments
    reads_only = module.endswith("_info")
    # Of two fragments with the same attribute, the first one counts.
    assert fragments[-2 if reads_only else -1 :] == [
        *(["platform9.pcd.attributes.info"] if reads_only else []),
        "platform9.pcd.attributes",
    ]


def test_every_module_can_be_run_in_check_mode_and_is_in_the_action_group() -> None:
    all_modules, reading = (fragment(text)["attributes"] for text in (Attributes.DOCUMENTATION, Attributes.INFO))
    assert all_modules["check_mode"]["support"] == reading["check_mode"]["support"] == "full"
    assert all_modules["action_group"]["membership"] == ["platform9.pcd.pcd"]


# Guides about a module, beside those that every module names.
GUIDES = {
    "pcd_image": {
        *("images", "data", "changing", "rotation", "catalog", "sharing", "checking", "safety", "adhoc"),
        *("from_openstack", "from_terraform"),
    },
    "pcd_image_catalog": {"catalog", "data", "rotation", "regions", "checking", "safety", "report"},
    "pcd_image_download": {"data", "checking", "safety", "adhoc", "from_openstack"},
    "pcd_image_info": {"images", "sharing", "report", "adhoc", "from_openstack", "from_terraform"},
    "pcd_image_member": {"sharing", "checking", "safety", "adhoc", "from_openstack", "from_terraform"},
    "pcd_image_service_info": {"regions", "data", "adhoc", "from_openstack"},
    "pcd_image_state": {"sharing", "checking", "safety", "adhoc", "from_openstack"},
}
FOR_ALL = {"getting_started", "cookbook", "authentication", "awx", "controller", "troubleshooting"}
REFERENCE = "ansible_collections.platform9.pcd.docsite."


@pytest.mark.parametrize("module", MODULES)
def test_a_module_names_all_other_modules_and_the_guides_about_it(module: str) -> None:
    seen = documentation(module)["seealso"]
    others = [entry["module"].removeprefix("platform9.pcd.") for entry in seen if "module" in entry]
    assert sorted(others) == [other for other in MODULES if other != module]
    guides = [entry["ref"].removeprefix(REFERENCE) for entry in seen if "ref" in entry]
    assert len(guides) == len(set(guides))
    assert set(guides) >= {f"guide_{guide}" for guide in GUIDES[module] | FOR_ALL}
    for guide in guides:
        assert f".. _{REFERENCE}{guide}:" in (ROOT / f"docs/docsite/rst/{guide}.rst").read_text(encoding="utf-8")
    assert all(entry["description"] for entry in seen if "ref" in entry)


RETURNED = {
    "pcd_image": {"action", "image", "patch", "prepared", "replaced_id", "retired"},
    "pcd_image_catalog": {"images", "ids", "summary", "not_pruned"},
    "pcd_image_download": {"action", "dest", "size", "checksum", "image"},
    "pcd_image_info": {"images"},
    "pcd_image_member": {"action", "image", "members"},
    "pcd_image_service_info": {
        *("endpoint", "project", "user", "roles", "region", "regions", "versions", "import_methods", "stores")
    },
    "pcd_image_state": {"action", "image"},
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_documents_what_it_returns(module: str) -> None:
    returned = yaml.safe_load(import_module(f"{PACKAGE}.{module}").RETURN)
    assert returned.keys() == RETURNED[module]


class MadeDownload:
    """A download of which only the result counts."""

    def __init__(self, lacks_data: bool, is_changed: bool) -> None:
        self.lacks_data = lacks_data
        self._is_changed = is_changed

    def preview(self) -> dict[str, Any]:
        return {"changed": self._is_changed}

    def apply(self) -> dict[str, Any]:
        return self.preview()


@pytest.mark.parametrize(
    ("lacks_data", "is_changed", "action"),
    [(True, True, "downloaded"), (False, True, "updated"), (False, False, "unchanged")],
)
def test_one_word_says_what_becomes_of_a_file(lacks_data: bool, is_changed: bool, action: str) -> None:
    change = FileChange(cast(Any, MadeDownload(lacks_data, is_changed)))
    assert change.preview() == change.apply() == {"action": action, "changed": is_changed}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_writes_a_file_takes_the_options_that_ansible_has_for_that(module: str) -> None:
    about = documentation(module)
    assert ("ansible.builtin.files" in about["extends_documentation_fragment"]) is task(module).writes_file
    assert ("safe_file_operations" in about.get("attributes", {})) is task(module).writes_file
    if task(module).writes_file:
        assert not FILE_COMMON_ARGUMENTS.keys() & task(module).argument_spec.keys()


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_use_options_that_there_are(module: str) -> None:
    for example in yaml.safe_load(import_module(f"{PACKAGE}.{module}").EXAMPLES):
        assert example["name"]
        (action,) = [key for key in example if "." in key]
        if action in ("ansible.builtin.assert", "ansible.builtin.debug"):
            continue
        used = action.removeprefix("platform9.pcd.")
        assert used in MODULES
        of_files = FILE_COMMON_ARGUMENTS.keys() if task(used).writes_file else set()
        assert example[action].keys() <= task(used).argument_spec.keys() | of_files


# --- what a module needs ---------------------------------------------------------------------------------------


REQUIRED: dict[str, dict[str, Any]] = {
    "pcd_image": {"name": "a"},
    "pcd_image_catalog": {"images": []},
    "pcd_image_download": {"name": "a", "dest": "/tmp/a"},
    "pcd_image_info": {},
    "pcd_image_member": {"name": "a", "projects": ["b"]},
    "pcd_image_service_info": {},
    "pcd_image_state": {"name": "a", "state": "active"},
}


@pytest.mark.parametrize(
    ("module", "library"), [(module, library) for module in MODULES for library in task(module).libraries]
)
def test_a_library_that_is_not_installed_is_named(module: str, library: str, tmp_path: Path) -> None:
    status, result = run(module, tmp_path, library, **REQUIRED[module])
    assert status == 1
    assert result["failed"] is True
    assert result["msg"].startswith(f"Failed to import the required Python library ({library})")
    assert "exception" not in result


@pytest.mark.parametrize(
    ("module", "given", "part"),
    [
        ("pcd_image", {}, "id, name"),
        ("pcd_image", {"name": "a", "disk_format": "zip"}, "disk_format"),
        ("pcd_image", {"name": "a", "match": "any"}, "match"),
        ("pcd_image", {"name": "a", "url_username": "me"}, "'url_username': url"),
        ("pcd_image", {"name": "a", "url_headers": {}}, "'url_headers': url"),
        ("pcd_image", {"name": "a", "url_password": "x"}, "'url_password': url, url_username"),
        ("pcd_image", {"name": "a", "url": "https://h/x", "url_password": "x"}, "'url_password': url_username"),
        ("pcd_image_state", {"name": "a"}, "state"),
        ("pcd_image_state", {"name": "a", "id": ID, "state": "active"}, "id|name"),
        ("pcd_image_state", {"state": "active"}, "id, name"),
        ("pcd_image_download", {"name": "a"}, "dest"),
        ("pcd_image_download", {"dest": "/tmp/a"}, "id, name"),
        ("pcd_image_download", {"name": "a", "id": ID, "dest": "/tmp/a"}, "id|name"),
        ("pcd_image_info", {"id": ID, "name": "a"}, "id|name"),
        ("pcd_image_info", {"id": ID, "status": "active"}, "id|status"),
        ("pcd_image_info", {"sort": "name", "sort_key": "name"}, "sort|sort_key"),
    ],
)
def test_options_that_do_not_fit_together_are_refused_by_their_names(
    module: str, given: dict[str, Any], part: str
) -> None:
    validator = ArgumentSpecValidator(task(module).argument_spec, **task(module).constraints)
    assert part in " ".join(validator.validate(given).error_messages)
