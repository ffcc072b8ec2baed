# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service whose policy forbids a user to take images out of use.

Glance reads its file of policies again when it has changed, but forgets no rule that it has once read (oslo_policy,
Enforcer.load_rules). So the rule is about one user only, and its default stands there again afterwards. That a rule
counts is seen through the service itself before anything rests on it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

# ADMIN_OR_PROJECT_MEMBER in glance/policies/base.py; the default of both actions.
DEFAULT = "role:admin or (role:member and project_id:%(project_id)s)"
USER = "other"
TIMEOUT = 120  # seconds; a request or two are usual


class Policy:
    """The policies of the Glance that the modules use."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._files = [Path(each) for each in server.sandbox["policy_files"]]
        # Each process reads it for itself; which one answers is chance.
        self._in_a_row = 1 if server.sandbox["production"] is None else 20
        # It has to be later than that of the file that was read before.
        self._time = max([time.time(), *(each.stat().st_mtime for each in self._files if each.exists())])

    def set(self, rule: str, counts: Callable[[], bool]) -> None:
        """Make it the rule of both actions, and wait until it counts."""
        self._time += 10
        for file in self._files:
            new = file.with_suffix(".new")
            new.write_text(json.dumps({"deactivate": rule, "reactivate": rule}), encoding="utf-8")  # JSON is YAML
            os.utime(new, (self._time, self._time))
            new.replace(file)
        deadline = time.monotonic() + TIMEOUT
        in_a_row = 0
        while in_a_row < self._in_a_row:
            assert time.monotonic() < deadline, f"Glance has not read {self._files}"
            if counts():
                in_a_row += 1
            else:
                in_a_row = 0
                time.sleep(0.1)


@pytest.fixture
def _forbidden(server: Server) -> Iterator[None]:
    """USER may neither deactivate nor reactivate an image."""
    policy = Policy(server)
    probe = server.create(user=USER, active=True)["id"]

    def answers(status: int) -> bool:
        # It changes nothing: the image is active, or is made so by the administrator.
        return server.call("POST", f"/images/{probe}/actions/reactivate", USER).status_code == status

    user_id = server.sandbox["users"][USER]["id"]
    try:
        policy.set(f"role:admin or (role:member and not user_id:{user_id})", lambda: answers(403))
        yield
    finally:
        policy.set(DEFAULT, lambda: answers(204))


@pytest.mark.usefixtures("_forbidden")
@pytest.mark.parametrize(("status", "wanted"), [("active", "deactivated"), ("deactivated", "active")])
def test_a_policy_that_forbids_it_fails_the_task(
    status: str, wanted: str, run: Runner, server: Server, name: str
) -> None:
    image = server.create(name, USER, active=True)
    if status == "deactivated":
        server.act(image["id"], "deactivate")
    before = server.get(image["id"])
    for options in ({"name": name}, {"id": image["id"]}):
        refused = run("pcd_image_state", USER, state=wanted, **options)
        assert refused.result["status"] == 403
        assert image["id"] in refused.msg
        assert refused.result["request_id"] in refused.msg
        assert "Check the roles of the user" in refused.msg
        assert server.get(image["id"]) == before


@pytest.mark.usefixtures("_forbidden")
def test_who_wants_nothing_that_is_forbidden_succeeds(run: Runner, server: Server, name: str) -> None:
    server.create(name, USER, active=True)
    assert not run("pcd_image_state", USER, name=name, state="active").changed


def test_the_rule_counts_no_more_afterwards(run: Runner, server: Server, name: str) -> None:
    image = server.create(name, USER, active=True)
    assert run("pcd_image_state", USER, name=name, state="deactivated").changed
    assert server.get(image["id"])["status"] == "deactivated"
