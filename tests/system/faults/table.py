# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases of the table: each request that an operation makes, as a rehearsal has shown it, with each fault."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.platform9.pcd.tests.support.fault_proxy import (
    CUT,
    DATA,
    INSIDE,
    INSIDE_DATA,
    NOBODY,
    REPLACED,
    WITH_BODY,
    WRITES,
    Fault,
    Seen,
)
from ansible_collections.platform9.pcd.tests.system.faults.cases import TRANSIENT, Case
from ansible_collections.platform9.pcd.tests.system.faults.operations import Operation

KILLS = (signal.SIGKILL, signal.SIGINT)
# The operation in which a kind of request meets every fault. The same request of another operation meets some.
HOME = {
    "login": "login",
    "methods": "login",
    "look-up": "look-up by id",
    "list": "list of two pages",
    "create": "create by name",
    "update": "update",
    "delete": "delete",
    "action": "deactivate",
    "upload": "upload",
    "stage": "stage and import",
    "import": "import from a url",
    "download": "download",
    **dict.fromkeys(("share", "unshare", "members", "projects"), "set members"),
    "answer": "answer an offer",
}
# Before anything was written.
FEW = (("503", "before"), ("401", "before"), ("cut body", "after"))
# A write, or a request after one.
SOME = (
    *FEW,
    ("reset", "before"),
    ("reset", "after"),
    ("stall", "before"),
    ("stall", "after"),
    ("500", "before"),
    ("502", "after"),
    ("html 200", "after"),
    ("null", "after"),
)
# Repeated until the task gives up.
PERSISTENT = ("reset", "429", "503")
# Whose answer is clear, so that retries change nothing.
CLEAR = ("413", "html 200", "empty", "null", "half", "redirect")


def positions(operation: Operation, rehearsal: Iterable[Seen]) -> list[Seen]:
    """The requests that are the same in every run: of those that watch an import, only the first.

    Replacements differ from one another only once the new image is shown, which is the first update.
    """
    found: list[Seen] = []
    for seen in rehearsal:
        if any(earlier.kind == "import" for earlier in found[:-1]):
            break
        found.append(seen)
    if operation.name.startswith("replace,") and operation.name != "replace, hide":
        shown = next(number for number, seen in enumerate(found) if seen.kind == "update")
        return found[shown + 1 :]
    return found


def faults_at(operation: Operation, seen: Seen, after_write: bool) -> Iterator[tuple[str, str]]:
    """What can happen to this request, and when."""
    if operation.name != HOME.get(seen.kind):
        yield from SOME if after_write or seen.kind in WRITES else FEW
        return
    for what in REPLACED:
        yield what, "before"
        yield what, "after"
    for what in CUT:
        yield what, "after"
    if seen.kind in WITH_BODY and seen.kind != "login":
        for what in INSIDE:
            yield what, "inside"
    if seen.kind in DATA:
        yield INSIDE_DATA, "inside"


def cases_of(operation: Operation, rehearsal: Iterable[Seen]) -> Iterator[Case]:
    """Every case of an operation in which a request meets a fault."""
    after_write = operation.name.startswith("replace,") and operation.name != "replace, hide"
    for seen in positions(operation, rehearsal):
        for what, when in faults_at(operation, seen, after_write):
            fault = Fault(what, when, seen.kind, seen.nth)
            yield Case(operation, fault)
            is_home = operation.name == HOME.get(seen.kind)
            if (seen.kind in WRITES and what not in CLEAR) or (is_home and what in TRANSIENT and when == "before"):
                yield Case(operation, fault, retries=2)
            if seen.kind in WRITES and what in PERSISTENT and when == "after":
                yield Case(operation, Fault(what, when, seen.kind, seen.nth, times=99), retries=2)
        after_write = after_write or seen.kind in WRITES
    yield Case(operation, Fault(NOBODY, "after", "login"))


def kills_of(operation: Operation, rehearsal: Iterable[Seen]) -> Iterator[Case]:
    """Every case of an operation in which its process is killed."""
    if not operation.changes:
        return
    after_write = False
    for seen in positions(operation, rehearsal):
        after_write = after_write or seen.kind in WRITES
        moments = ("before", *(("inside",) if seen.kind in WITH_BODY else ()), "after")
        # Before the first write there is nothing that could be left half done.
        for when in moments if after_write else ("before",):
            for number in KILLS:
                yield Case(operation, Fault("kill", when, seen.kind, seen.nth), kill=number)


def all_cases(rehearsals: Mapping[Operation, list[Seen]]) -> list[Case]:
    return [
        case
        for operation, rehearsal in rehearsals.items()
        for case in (*cases_of(operation, rehearsal), *kills_of(operation, rehearsal))
    ]
