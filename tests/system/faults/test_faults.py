# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the table of faults: each operation, each fault and each kind of request once or more. `make test-faults`
plays all of it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
from requests.exceptions import ChunkedEncodingError

from ansible_collections.platform9.pcd.tests.support.fault_proxy import (
    CUT,
    INSIDE,
    INSIDE_DATA,
    KINDS,
    NOBODY,
    REPLACED,
    Fault,
    Seen,
    kind_of,
    open_proxy,
)
from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.system.faults.cases import Case, Verdict, Worker, open_worker, play
from ansible_collections.platform9.pcd.tests.system.faults.operations import BY_NAME, OPERATIONS

# Operation; fault; when; request; retries.
PART = (
    ("login", "redirect", "before", "login 1", 0),
    ("login", "html 502", "after", "login 1", 0),
    ("login", "429", "before", "login 1", 2),
    ("look-up by id", "half", "after", "look-up 1", 0),
    ("look-up by id", "cut body", "after", "look-up 1", 0),
    ("look-up by name", "503", "before", "list 1", 2),
    ("look-up by name", "413", "before", "list 1", 0),
    ("list of two pages", "reset", "before", "list 2", 2),
    ("list of two pages", NOBODY, "after", "login 1", 0),
    ("create by name", "null", "after", "create 1", 0),
    ("create by name", "503", "after", "create 1", 2),
    ("create by name", "close", "before", "create 1", 2),
    ("create by id", "reset", "after", "create 1", 2),
    ("update", "408", "after", "update 1", 0),
    ("update", "502", "after", "update 1", 2),
    ("update", "cut", "inside", "update 1", 0),
    ("delete", "close", "after", "delete 1", 0),
    ("delete a protected image", "500", "before", "delete 1", 0),
    ("deactivate", "504", "after", "action 1", 2),
    ("deactivate", "stall", "after", "action 1", 0),
    ("reactivate", "empty", "before", "action 1", 0),
    ("set members", "503", "after", "share 1", 2),
    ("set members", "reset", "after", "unshare 1", 2),
    ("set members", "half", "after", "members 1", 0),
    ("set members", "502", "before", "projects 1", 2),
    ("answer an offer", "null", "after", "answer 1", 0),
    ("upload", "stall", "before", "upload 1", 0),
    ("upload", "503", "before", "upload 1", 2),
    ("upload", "reset", "inside", "upload 1", 2),
    ("upload", "short", "inside", "upload 1", 0),
    ("upload", "short unannounced", "inside", "upload 1", 0),
    ("upload", "401", "before", "upload 1", 0),
    ("upload", "500", "after", "upload 1", 0),
    ("upload into a record", "reset", "after", "upload 1", 2),
    ("upload and remember", "500", "before", "update 1", 0),
    ("upload and remember", "reset", "after", "update 1", 2),
    ("stage and import", "html 200", "after", "stage 1", 0),
    ("stage and import", "503", "after", "import 1", 0),
    ("import from a url", "cut head", "after", "import 1", 0),
    ("replace, hide", "503", "before", "update 1", 2),
    ("replace, rename", "reset", "after", "update 2", 0),
    ("replace, deactivate", "502", "before", "action 1", 0),
    ("replace, delete", "null", "after", "delete 1", 0),
    ("rotate", "503", "after", "delete 1", 0),
    ("rotate", "reset", "before", "list 2", 0),
    ("prepare", "reset", "inside", "upload 1", 0),
    ("publish", "reset", "after", "update 1", 0),
    ("publish", "503", "before", "update 2", 2),
    ("roll back", "502", "after", "update 1", 2),
    ("roll back", "null", "after", "update 2", 0),
    ("roll back", "close", "before", "update 3", 0),
    ("catalogue", "503", "before", "list 1", 0),
    ("catalogue", "reset", "after", "update 1", 0),
    ("catalogue", "503", "after", "update 2", 2),
    ("catalogue", "half", "after", "list 3", 0),
    ("catalogue", "reset", "inside", "upload 1", 0),
    ("catalogue", "502", "before", "update 4", 0),
    ("download", "cut body", "after", "download 1", 0),
    ("download", "redirect", "before", "download 1", 0),
)
KILLED = (
    ("create by name", signal.SIGKILL, "after", "create 1"),
    ("upload", signal.SIGKILL, "inside", "upload 1"),
    ("upload", signal.SIGINT, "inside", "upload 1"),
    ("upload and remember", signal.SIGKILL, "before", "update 1"),
    ("stage and import", signal.SIGKILL, "after", "import 1"),
    ("import from a url", signal.SIGINT, "before", "import 1"),
    ("replace, hide", signal.SIGKILL, "after", "update 1"),
    ("replace, rename", signal.SIGINT, "before", "update 2"),
    ("replace, delete", signal.SIGKILL, "before", "delete 1"),
    ("rotate", signal.SIGKILL, "after", "create 1"),
    ("rotate", signal.SIGKILL, "after", "update 1"),
    ("rotate", signal.SIGKILL, "after", "delete 1"),
    ("prepare", signal.SIGKILL, "after", "upload 1"),
    ("publish", signal.SIGKILL, "before", "update 2"),
    ("publish", signal.SIGKILL, "before", "update 3"),
    ("roll back", signal.SIGKILL, "after", "update 1"),
    ("roll back", signal.SIGKILL, "after", "update 2"),
    ("roll back", signal.SIGKILL, "before", "update 3"),
    ("set members", signal.SIGKILL, "after", "share 1"),
    ("catalogue", signal.SIGKILL, "after", "update 1"),
    ("catalogue", signal.SIGKILL, "inside", "upload 1"),
    ("catalogue", signal.SIGINT, "inside", "upload 1"),
    ("catalogue", signal.SIGKILL, "before", "update 4"),
    ("download", signal.SIGINT, "after", "download 1"),
)


@pytest.fixture(scope="module")
def worker(sandbox: dict[str, Any]) -> Iterator[Worker]:
    server = Server(sandbox)
    before = server.everything()
    with open_worker(sandbox) as worker:
        yield worker
    assert server.everything() == before, "an image was left behind, or one was changed that no case was about"


def case(operation: str, what: str, when: str, request: str, retries: int = 0, kill: int | None = None) -> Case:
    kind, dummy, nth = request.rpartition(" ")
    return Case(BY_NAME[operation], Fault(what, when, kind, int(nth)), retries, kill)


def played(worker: Worker, case: Case) -> Verdict:
    verdict = play(worker, case)
    assert not verdict.wrong, "\n".join([str(case), *verdict.wrong])
    return verdict


@pytest.mark.parametrize("row", PART, ids=lambda row: str(case(*row)))
def test_a_run_reaches_the_desired_state_or_fails_clearly_and_the_next_one_converges(
    worker: Worker, row: tuple[str, str, str, str, int]
) -> None:
    played(worker, case(*row))


@pytest.mark.parametrize("row", KILLED, ids=lambda row: f"{row[0]}: {row[1].name} {row[2]} {row[3]}")
def test_after_a_kill_the_next_run_converges(worker: Worker, row: tuple[str, signal.Signals, str, str]) -> None:
    operation, number, when, request = row
    played(worker, case(operation, "kill", when, request, kill=number))


def test_the_part_has_every_operation_and_every_fault() -> None:
    assert {row[0] for row in PART} == {operation.name for operation in OPERATIONS}
    assert {row[1] for row in PART} == {*REPLACED, *CUT, *INSIDE, INSIDE_DATA, NOBODY}
    assert {row[2] for row in PART} == {"before", "inside", "after"}
    kinds = {row[3].rpartition(" ")[0] for row in PART}
    # Those that only show what is offered, or why an import has failed, are played only in the whole table.
    assert kinds == {kind for kind, dummy, more in KINDS} - {"methods", "stores", "tasks"}


# The proxy itself: a fault that never happens would prove nothing.

Ask = Callable[..., tuple[requests.Response | Exception, Seen]]


@pytest.fixture
def ask(sandbox: Mapping[str, Any]) -> Iterator[Ask]:
    """Ask through the proxy for something that meets this fault: the answer, and what the proxy has seen."""
    server = Server(sandbox)
    session = requests.Session()
    session.trust_env, session.verify = False, sandbox["ca_file"]
    with open_proxy(sandbox) as proxy:

        def ask(fault: Fault, method: str, path: str, **content: Any) -> tuple[requests.Response | Exception, Seen]:
            proxy.arm(fault)
            answer: requests.Response | Exception
            try:
                answer = session.request(
                    method,
                    f"{proxy.url}/glance/v2{path}",
                    headers={"X-Auth-Token": server.token("member")},
                    timeout=2 if fault.what == "stall" else 60,
                    allow_redirects=False,
                    **content,
                )
            except requests.RequestException as error:
                answer = error
            return answer, proxy.seen[0]

        yield ask


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["close", "reset", "cut head", "cut body", "stall"])
def test_a_broken_connection_is_one(ask: Ask, what: str, when: str) -> None:
    answer, seen = ask(Fault(what, when, "list"), "GET", "/images")
    kinds = requests.Timeout if what == "stall" else (requests.ConnectionError, ChunkedEncodingError)
    if what == "cut head":
        # http.client takes what there is of the first line for an answer without a body, or for none.
        assert not isinstance(answer, requests.Response) or not answer.ok or not answer.content
    else:
        assert isinstance(answer, kinds)
    assert seen.status == (200 if when == "after" else None)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", [what for what in REPLACED if what not in ("close", "reset", "stall")])
def test_another_answer_takes_the_place_of_the_service_s(ask: Ask, what: str, when: str) -> None:
    answer, seen = ask(Fault(what, when, "list"), "GET", "/images")
    assert isinstance(answer, requests.Response)
    assert seen.status == (200 if when == "after" else None)
    body = answer.text
    told = {
        "html 200": (200, "<html>"),
        "html 502": (502, "<html>"),
        "empty": (200, ""),
        "null": (200, "null"),
        "half": (200, '{"images": '),
        "redirect": (307, ""),
    }
    status, start = told.get(what) or (int(what), "The proxy")
    assert answer.status_code == status
    assert body.startswith(start)
    if what == "half":
        with pytest.raises(requests.exceptions.JSONDecodeError):
            answer.json()
    if what in ("empty", "null"):
        assert body == start
    assert (answer.headers.get("Retry-After") == "1") == (what == "429")
    assert ("Location" in answer.headers) == (what == "redirect")


@pytest.mark.parametrize(
    ("what", "when", "created"),
    [("503", "before", False), ("503", "after", True), ("cut", "inside", False), ("short", "inside", False)],
)
def test_the_service_gets_as_much_as_the_fault_says(
    ask: Ask, sandbox: Mapping[str, Any], what: str, when: str, created: bool
) -> None:
    server, name = Server(sandbox), unused("fault")
    answer, seen = ask(Fault(what, when, "create"), "POST", "/images", json={"name": name})
    assert (seen.status == 201) == created
    assert seen.passed == (when != "before")
    found = server.pages("member", [("name", f"eq:{name}")])
    assert len(found) == created
    for image in found:
        server.delete(image["id"])
    if what == "short":
        assert isinstance(answer, requests.Response)
        assert answer.status_code == 400


def test_the_nth_request_of_a_kind_is_struck_and_no_other(ask: Ask) -> None:
    answer, seen = ask(Fault("500", "before", "list", nth=2), "GET", "/images")
    assert isinstance(answer, requests.Response)
    assert (answer.status_code, seen.struck) == (200, False)


def test_a_request_is_known_by_its_method_and_path() -> None:
    assert kind_of("GET", "/glance/v2/images/1/file") == "download"
    assert kind_of("PUT", "/glance/v2/images/1/file") == "upload"
    assert kind_of("GET", "/glance/v2/images?limit=1") == "list"
    assert kind_of("POST", "/glance/v2/images/1/actions/deactivate") == "action"
    assert kind_of("GET", "/glance/v2/schemas/image") == "another"
