# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said about an option that another tool has. The contract tries it on the modules."""

from __future__ import annotations

from importlib import import_module

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.options import CONNECTION_OPTIONS
from ansible_collections.platform9.pcd.plugins.module_utils._data.options import IMAGE_OPTIONS
from ansible_collections.platform9.pcd.plugins.module_utils._elsewhere import (
    NAMES,
    STATES,
    advice_on_name,
    advice_on_state,
    is_of_login,
)
from ansible_collections.platform9.pcd.plugins.module_utils._task import Task
from ansible_collections.platform9.pcd.tests.support.module_runner import MODULES

ALL = ("pcd_image", "pcd_image_info", "pcd_image_member", "pcd_image_state", "pcd_image_download")


def options_of(module: str) -> dict[str, dict[str, object]]:
    task: Task = import_module(f"{MODULES}.{module}").TASK
    return task.argument_spec


@pytest.mark.parametrize(
    ("module", "name", "advice"),
    [
        ("pcd_image", "filename", "Write path instead."),
        ("pcd_image_download", "filename", "Write dest instead."),
        ("pcd_image", "is_public", "Write visibility: public"),
        ("pcd_image", "kernel", "Write properties: {kernel_id: ...} with"),
        ("pcd_image", "community", "Write visibility: community."),
        ("pcd_image_info", "filters", "Write each filter as an option"),
        ("pcd_image_info", "tags", "Write tag, which"),
        ("pcd_image", "tag", "Write tags for"),
        ("pcd_image_info", "name_regex", "Write name_pattern, "),
        ("pcd_image_member", "project", "Write projects instead."),
        ("pcd_image_state", "project", "Write project_name, or"),
        ("pcd_image_state", "auth", "Write its entries as options"),
        ("pcd_image", "project_domain", "Write owner with the id of the project, which needs none."),
        ("pcd_image_state", "project_domain", "Write project_domain_name, or project_domain_id."),
        # Its owner is that of the file.
        ("pcd_image_download", "project_domain", "Write project_domain_name, or project_domain_id."),
        ("pcd_image_download", "project", "Write project_name, or"),
        ("pcd_image_info", "owner_domain", "Write project_domain instead."),
        ("pcd_image", "owner_domain", "Write owner with the id"),
        ("pcd_image", "domain_name", "Write user_domain_name for the domain of the user, or project_domain_name for"),
        ("pcd_image_info", "domain_id", "Write user_domain_id for the domain of the user, or project_domain_id for"),
        ("pcd_image", "cacert_file", "Write ca_cert."),
        ("pcd_image", "sdk_log_path", "Leave it out: openstacksdk is not used."),
        ("pcd_image_info", "sdk_log_level", "Leave it out: openstacksdk is not used."),
        ("pcd_image", "image_source_username", "Write url_username instead."),
        ("pcd_image", "image_source_password", "Write url_password instead."),
        ("pcd_image", "backend", "Write stores instead."),
        ("pcd_image", "format", "Write disk_format, "),
        ("pcd_image", "os_distro", "Write properties: {os_distro: ...}."),
        ("pcd_image", "os_hidden", "Write hidden instead."),
        ("pcd_image", "os_auth_url", "Write auth_url instead."),
        ("pcd_image", "os_cacert", "Write ca_cert."),
        ("pcd_image", "user_domain", "Write user_domain_name, or user_domain_id."),
        ("pcd_image", "hw_disk_bus", "Write properties: {hw_disk_bus: ...}."),
        ("pcd_image_info", "architecture", "Write properties: {architecture: ...}."),
        *[
            (module, name, "Use the module pcd_image_member, which takes projects.")
            for module in ("pcd_image", "pcd_image_state")
            for name in ("projects", "project_ids", "member", "members", "member_id")
        ],
        ("pcd_image_info", "projects", "Write owner for the project of the images, or members: true"),
        ("pcd_image_member", "member_id", "Write projects instead."),
        ("pcd_image", "project", "Write owner for the project of the image. project_name"),
        ("pcd_image", "project-domain", "Write owner with the id of the project, which needs none."),
        ("pcd_image_info", "project-domain", "Write project_domain instead."),
        ("pcd_image", "disk-format", "Write disk_format instead."),
        ("pcd_image", "auth-url", "Write auth_url instead."),
        ("pcd_image", "image_cache_path", "Leave it out: "),
        ("pcd_image", "availability_zone", "Leave it out: "),
        ("pcd_image_download", "path", "Write dest instead."),
        ("pcd_image_info", "membership", "Write member_status instead."),
        ("pcd_image_member", "pending", "Write status: pending."),
        ("pcd_image_info", "accept", "Write member_status: accepted."),
        ("pcd_image_info", "tags", "Write tag, which takes one tag; filter the result by another one: selectattr("),
        ("pcd_image", "pasword", "Did you mean password?"),
        ("pcd_image", "passwd", "Write password."),
        ("pcd_image", "validate_ssl", "Write validate_certs."),
        ("pcd_image", "max_retries", "Write retries."),
        ("pcd_image", "project_names", "Use the module pcd_image_member, which takes projects."),
        ("pcd_image", "OS-distro", "Write properties: {os_distro: ...}."),
        ("pcd_image", "auth_ulr", "Did you mean auth_url?"),
        ("pcd_image", "url_pasword", "Did you mean url_password?"),
        ("pcd_image", "url_user", "Did you mean url_username?"),
        ("pcd_image", "nmae", "Did you mean name?"),
        ("pcd_image", "disk_fromat", "Did you mean disk_format?"),
    ],
)
def test_the_advice_names_an_option_that_the_module_has(module: str, name: str, advice: str) -> None:
    assert str(advice_on_name(name, options_of(module))).startswith(advice)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pcd_image_state", "filename"),
        ("pcd_image_member", "hw_disk_bus"),
        ("pcd_image", "whatever"),
        ("x", "y"),
    ],
)
def test_nothing_is_said_about_what_the_module_cannot_do(module: str, name: str) -> None:
    assert advice_on_name(name, options_of(module) if module != "x" else ()) is None


@pytest.mark.parametrize("name", ["user_password", "image_password", "proj_id", "project_ident", "user_cert"])
def test_no_guess_leads_to_an_option_of_another_party(name: str) -> None:
    assert advice_on_name(name, options_of("pcd_image")) is None


@pytest.mark.parametrize(
    "name",
    [*CONNECTION_OPTIONS, "os_password", "os_username", "auth-url", "auth", "region", "tenant", "verify", "os_cloud"],
)
def test_an_image_of_a_catalogue_has_no_connection(name: str) -> None:
    assert advice_on_name(name, IMAGE_OPTIONS) is None
    assert is_of_login(name)


@pytest.mark.parametrize("name", ["passwords", "user_name", "usrname", "user_password"])
def test_no_mistyped_credential_in_an_image_leads_to_those_of_a_vendor(name: str) -> None:
    assert advice_on_name(name, IMAGE_OPTIONS) is None


@pytest.mark.parametrize(("name", "advice"), [("project", "Write owner"), ("projects", "Use the module pcd_image_mem")])
def test_what_an_image_has_is_not_taken_for_the_connection(name: str, advice: str) -> None:
    assert str(advice_on_name(name, IMAGE_OPTIONS)).startswith(advice)
    assert not is_of_login(name)


def test_each_advice_is_for_a_name_that_some_module_lacks_and_an_option_that_one_has() -> None:
    for name, advice in NAMES.items():
        assert any(name not in options_of(module) for module in ALL), name
        for option, dummy in advice:
            assert option is None or any(option in options_of(module) for module in ALL), (name, option)
        assert any(advice_on_name(name, options_of(module)) for module in ALL if name not in options_of(module)), name


def test_no_name_of_another_tool_is_an_alias() -> None:
    for module in ALL:
        assert not [option for option, rules in options_of(module).items() if rules.get("aliases")], module


@pytest.mark.parametrize(
    ("module", "value", "advice"),
    [
        ("pcd_image", "inactive", "Use the module pcd_image_state with state: deactivated."),
        ("pcd_image", "active", "Use the module pcd_image_state with state: active."),
        ("pcd_image", "deactivate", "Use the module pcd_image_state with state: deactivated."),
        ("pcd_image", "activate", "Use the module pcd_image_state with state: active."),
        ("pcd_image", "reactivate", "Use the module pcd_image_state with state: active."),
        ("pcd_image_member", "inactive", "Use the module pcd_image_state with state: deactivated."),
        ("pcd_image_member", "active", "Use the module pcd_image_state with state: active."),
        ("pcd_image_state", "inactive", "Write state: deactivated."),
        ("pcd_image_state", "deactivate", "Write state: deactivated."),
        ("pcd_image_state", "activate", "Write state: active."),
        ("pcd_image_state", "absent", "Use the module pcd_image with state: absent"),
        ("pcd_image_member", "accepted", "Write status: accepted."),
        ("pcd_image_state", "active", None),
        ("pcd_image", "latest", None),
    ],
)
def test_a_state_of_another_tool_leads_to_the_module_that_has_it(module: str, value: str, advice: str | None) -> None:
    spec = options_of(module)
    said = advice_on_state(value, spec["state"]["choices"], spec)  # type: ignore[arg-type]
    assert said is None if advice is None else str(said).startswith(advice)
    assert value not in STATES or said is not None or value in str(spec["state"]["choices"])
