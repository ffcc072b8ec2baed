# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a whole table, as its guide shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.platform9.pcd.tests.system.faults.cases import Verdict
from ansible_collections.platform9.pcd.tests.system.faults.operations import OPERATIONS
from ansible_collections.platform9.pcd.tests.tools import recorded


@dataclass
class Count:
    """How a group of cases went."""

    cases: int = 0
    reached: int = 0
    failed: int = 0
    held: int = 0
    writes: int = 0

    def add(self, verdict: Verdict) -> None:
        self.cases += 1
        self.reached += verdict.reached
        self.failed += not verdict.reached
        self.held += not verdict.wrong
        self.writes = max(self.writes, verdict.writes)


def figures(verdicts: Sequence[Verdict], unplayed: int, seconds: float, versions: Mapping[str, str]) -> str:
    verdicts = sorted(verdicts, key=in_order)
    met = [verdict for verdict in verdicts if verdict.case.kill is None]
    killed = [verdict for verdict in verdicts if verdict.case.kill is not None]
    every = sum_of(verdicts)
    run = sum_of(met)
    services = " and ".join(f"{name} {version}" for name, version in versions.items())
    late = f"; {unplayed} were not run because the time was over" if unplayed else ""
    parts = [
        f"Run on {recorded.today()} with {services} in {seconds / 60:.0f} minutes: **{every.cases} cases, of which "
        f"{every.held} passed**{late}. {run.cases} runs met a fault: {run.reached} still reached the desired state, "
        f"{run.failed} failed with a clear error. {len(killed)} runs were killed. In a case that passed, nothing was "
        "lost or duplicated, and the next run reached the desired state.",
        "Cases in which a request meets a fault, by operation:",
        table(
            ("Operation", "Cases", "Reached desired state", "Failed clearly", "Passed", "Max. writes"),
            (
                (name, count.cases, count.reached, count.failed, count.held, count.writes)
                for name, count in grouped(met, lambda verdict: verdict.case.operation.name).items()
            ),
        ),
        "The same cases, by fault:",
        table(
            ("Fault", "Cases", "Reached desired state", "Failed clearly", "Passed"),
            (
                (name, count.cases, count.reached, count.failed, count.held)
                for name, count in grouped(sorted(met, key=lambda verdict: in_order(verdict)[1:]), words_for).items()
            ),
        ),
        "Cases in which the process is killed by SIGKILL or SIGINT during one of its requests:",
        table(
            ("Operation", "Kills", "Passed"),
            (
                (name, count.cases, count.held)
                for name, count in grouped(killed, lambda verdict: verdict.case.operation.name).items()
            ),
        ),
    ]
    wrong = [verdict for verdict in verdicts if verdict.wrong]
    if wrong:
        parts.append("Cases that failed:")
        parts.append("\n".join(f"* {verdict.case}: {plain(verdict.wrong[0])}" for verdict in wrong))
    return "\n\n".join(parts) + "\n"


def in_order(verdict: Verdict) -> tuple[int, int, str]:
    """By operation, as they stand in their list, and by fault."""
    fault = verdict.case.strike.what
    number = list(FAULTS).index(fault) if fault in FAULTS else len(FAULTS)
    return OPERATIONS.index(verdict.case.operation), number, str(verdict.case)


def sum_of(verdicts: Iterable[Verdict]) -> Count:
    count = Count()
    for verdict in verdicts:
        count.add(verdict)
    return count


def grouped(verdicts: Iterable[Verdict], key: Callable[[Verdict], str]) -> dict[str, Count]:
    groups: dict[str, Count] = {}
    for verdict in verdicts:
        groups.setdefault(key(verdict), Count()).add(verdict)
    return groups


FAULTS = {
    "close": "connection closed without an answer",
    "reset": "connection reset",
    "stall": "no answer within timeout",
    "nobody": "nobody listens at the address of the catalogue",
    "html 200": "HTML with the status of success",
    "html 502": "HTML with 502",
    "empty": "an empty answer",
    "null": "null as the answer",
    "half": "half a JSON document",
    "redirect": "a redirect to another host",
    "cut head": "the answer ends within its first line",
    "cut body": "the answer ends before its last byte",
    "cut": "the request breaks off within its body",
    "short": "half of the body is passed on as all of it",
    "short unannounced": "the same, and the announced size is hidden",
    "429": "429 with Retry-After",
}


def words_for(verdict: Verdict) -> str:
    fault = verdict.case.strike
    when = {"before": ", before the service receives it", "after": ", after the service has processed it", "inside": ""}
    if fault.what in ("nobody", "cut head", "cut body"):
        return FAULTS[fault.what]
    if fault.what == "reset" and fault.when == "inside":
        return "connection reset, within the body"
    return FAULTS.get(fault.what, fault.what) + when[fault.when]


def plain(text: str) -> str:
    """Text without what reStructuredText reads as markup, on one line."""
    return re.sub(r"[*`|_\\]", " ", " ".join(text.split()))[:300]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The first column has room for words, in a narrow window, too."""
    others = [12] * (len(head) - 1)
    return recorded.rst_table("", (head, *rows), widths=" ".join(map(str, (100 - sum(others), *others))))
