# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task as a module: a process of its own, whose result and whose lines in the system's log have no secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._arguments import BY_PATH
from ansible_collections.platform9.pcd.plugins.module_utils._module import _set_attributes
from ansible_collections.platform9.pcd.tests.support.module_process import run
from ansible_collections.platform9.pcd.tests.support.samples import ID, TOKEN, image
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Serve

HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
SYSLOG = """
LOG_USER = LOG_INFO = 0
def openlog(*arguments): pass
def syslog(*arguments): open("syslog.txt", "a").write(f"{arguments[-1]}\\n")
"""


def test_a_module_needs_only_the_libraries_that_it_names(tmp_path: Path, serve: Serve) -> None:
    service = serve(Reply(200, {"images": [image()]}))
    status, result = run(
        "pcd_image_info", tmp_path, "jsonpatch", "yaml", token=TOKEN, image_endpoint_override=service.url
    )
    assert (status, [each["id"] for each in result["images"]]) == (0, [ID])


def test_an_error_is_a_message_with_facts_and_no_traceback(tmp_path: Path, serve: Serve) -> None:
    service = serve(Reply(403, {"message": f"no right for {TOKEN}"}, {"x-openstack-request-id": "req-1"}))
    status, result = run("pcd_image_info", tmp_path, token=TOKEN, image_endpoint_override=service.url)
    assert (status, result["failed"], result["status"], result["request_id"]) == (1, True, 403, "req-1")
    assert result["msg"].startswith("Could not list the images: ")
    assert "exception" not in result
    assert TOKEN not in json.dumps(result)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"X": "raw"}, {"X": HIDDEN}),
        ({"X": ["q7Z"]}, {"X": HIDDEN}),
        ('{"X": "q7Z"}', HIDDEN),
        ("X=q7Z", HIDDEN),
        ("X: q7Z", HIDDEN),
        (["q7Z"], HIDDEN),
    ],
)
@pytest.mark.parametrize("failing", [{}, {"timeout": "q"}, {"interface": "q"}, {"nonsense": "q7Z"}])
def test_no_leaf_of_a_secret_option_is_shown_whatever_becomes_of_the_task(
    failing: dict[str, Any], given: Any, shown: Any, tmp_path: Path
) -> None:
    (tmp_path / "syslog.py").write_text(SYSLOG)
    result = run("pcd_image", tmp_path, name="a", url="https://h/x", url_headers=given, token="ab", **failing)[1]
    told = result.pop("invocation", {"module_args": {"url_headers": shown, "token": HIDDEN}})["module_args"]
    assert (told["url_headers"], told["token"]) == (shown, HIDDEN)
    assert "q7Z" not in json.dumps(told)
    log = tmp_path / "syslog.txt"
    assert "q7Z" not in (log.read_text() if log.exists() else "")


def test_neither_the_answer_nor_the_log_of_the_system_has_secrets_of_an_address(tmp_path: Path) -> None:
    (tmp_path / "syslog.py").write_text(SYSLOG)
    url = "https://bob:Tr0ub4dor/S3cret@127.0.0.1:1/x.img?sig=5ignature"
    status, result = run("pcd_image", tmp_path, name="a", url=url, checksum=f"sha256:{url}", token=TOKEN)
    assert status == 1
    log = (tmp_path / "syslog.txt").read_text()
    assert "url=https://127.0.0.1:1/x.img" in log
    for told in (json.dumps(result), log):
        for secret in ("Tr0ub4dor", "S3cret", "5ignature", TOKEN):
            assert secret not in told


@pytest.mark.parametrize("wrong", [{}, {"nonsense": "q7Z-secret"}, {"min_disk": "x"}])
def test_neither_the_answer_nor_the_log_of_the_system_has_secrets_of_an_entry(
    wrong: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "syslog.py").write_text(SYSLOG)
    entry = {"name": "a", "url": "https://bob:q7Z-secret@127.0.0.1:1/x", "url_headers": {"X": "q7Z-secret"}, **wrong}
    result = run("pcd_image_catalog", tmp_path, images=[entry], defaults={"url_password": "q7Z-secret"}, token=TOKEN)[1]
    log = (tmp_path / "syslog.txt").read_text()
    assert "name': 'a'" in log
    for text in (json.dumps(result), log):
        assert "q7Z" not in text


def test_a_purge_says_what_stays(tmp_path: Path) -> None:
    status, result = run("pcd_image", tmp_path, name="a", purge_properties=True)
    assert (status, result["failed"]) == (1, True)
    assert result["msg"].startswith("purge_properties: ")


def test_a_connection_that_lacks_something_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    status, result = run("pcd_image", tmp_path, name="a")
    assert (status, result["failed"]) == (1, True)
    assert result["msg"].startswith("No credentials were given")


class ByPath:
    """AnsibleModule as far as it sets attributes by the path of a file; `changes` says whether they differ."""

    def __init__(self, changes: bool) -> None:
        self.params: dict[str, Any] = {**dict.fromkeys(BY_PATH), "attributes": "+d"}
        self._changes = changes

    def load_file_common_arguments(self, params: Any, path: str) -> dict[str, Any]:
        return {"path": path}

    def set_fs_attributes_if_different(self, arguments: Any, changed: bool, diff: Any) -> bool:
        return changed or self._changes


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ("unchanged", True, "updated"),
        ("unchanged", False, "unchanged"),
        ("updated", True, "updated"),
        ("downloaded", True, "downloaded"),
    ],
)
def test_the_action_says_what_ansible_changes_of_a_file(before: str, changes: bool, after: str) -> None:
    result = {"action": before, "changed": before != "unchanged", "dest": "/a", "diff": {"before": {"size": 1}}}
    _set_attributes(cast(Any, ByPath(changes)), result)
    assert (result["action"], result["changed"]) == (after, after != "unchanged")
