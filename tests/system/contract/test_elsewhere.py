# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What those who come from another tool write first: each answer is a line that says what to write here."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

BY_TOKEN = True


@pytest.mark.parametrize(
    ("module", "options", "words"),
    [
        ("pcd_image", {"name": "a", "filename": "/tmp/a.qcow2"}, "filename: .* Write path instead."),
        ("pcd_image", {"name": "a", "is_public": True}, "is_public: .* Write visibility: public"),
        ("pcd_image", {"name": "a", "is_protected": True}, "is_protected: .* Write protected instead."),
        ("pcd_image", {"name": "a", "kernel": "vmlinuz"}, "kernel: .* Write properties: {kernel_id: ...}"),
        ("pcd_image", {"name": "a", "os_hidden": True}, "os_hidden: .* Write hidden instead."),
        ("pcd_image", {"name": "a", "auth": {"username": "x"}}, "auth: .* Write its entries as options: auth_url"),
        ("pcd_image", {"name": "a", "cloud": {"auth": {}}}, "cloud: .* Write its entries as options: auth_url"),
        ("pcd_image", {"name": "a", "state": "inactive"}, "state: .* pcd_image_state with state: deactivated."),
        ("pcd_image", {"name": "a", "state": "active"}, "state: .* pcd_image_state with state: active."),
        ("pcd_image", {"name": "a", "state": "deactivate"}, "state: .* pcd_image_state with state: deactivated."),
        ("pcd_image", {"name": "a", "project_domain": "b"}, "project_domain: .* Write owner with the id"),
        ("pcd_image", {"name": "a", "os_distro": "debian"}, "os_distro: .* Write properties: {os_distro: ...}."),
        ("pcd_image", {"name": "a", "projects": ["b"]}, "projects: .* pcd_image_member, which takes projects."),
        ("pcd_image", {"name": "a", "project-domain": "b"}, "project-domain: .* Write owner with the id"),
        ("pcd_image", {"name": "a", "volume": "b"}, "volume: .* openstack.cloud"),
        ("pcd_image", {"name": "a", "mindisk": 3}, "mindisk: .* Did you mean min_disk"),
        ("pcd_image", {"name": "a", "api_timeout": 3}, "api_timeout: .* Write timeout: the seconds without a byte"),
        ("pcd_image_state", {"name": "a", "state": "inactive"}, "state: .* Write state: deactivated."),
        ("pcd_image_state", {"name": "a", "state": "absent"}, "state: .* pcd_image with state: absent"),
        ("pcd_image_info", {"image": "a"}, "image: .* Write name for a name, or id"),
        ("pcd_image_info", {"filters": {"status": "active"}}, "filters: .* Write each filter as an option"),
        ("pcd_image_info", {"os_hidden": True}, "os_hidden: .* Write hidden instead."),
        ("pcd_image_download", {"name": "a", "filename": "/tmp/a"}, "filename: .* Write dest instead."),
        ("pcd_image_member", {"name": "a", "project": "web"}, "project: .* Write projects instead."),
        ("pcd_image_catalog", {"images": [{"name": "a", "password": "b"}]}, "images[0] (a): .* belongs to the task"),
        ("pcd_image_service_info", {"endpoint_type": "public"}, "endpoint_type: .* Write interface."),
    ],
    ids=lambda value: value if isinstance(value, str) else str([*value][-1]),
)
def test_what_another_tool_takes_is_answered_with_what_to_write(
    module: str, options: dict[str, Any], words: str, run: Runner
) -> None:
    refused = run(module, **options)
    before, dummy, after = words.partition(" .* ")
    assert refused.msg.startswith(before)
    assert after in refused.msg
    assert len(refused.msg.splitlines()) == 1
    assert refused.requests == []


def test_an_option_that_nobody_knows_is_answered_with_all_options(run: Runner) -> None:
    refused = run("pcd_image", name="a", antigravity=True)
    assert "Unsupported parameters" in refused.msg
    assert "antigravity" in refused.msg
    assert refused.requests == []
