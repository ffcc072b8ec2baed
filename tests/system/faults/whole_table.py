# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays the whole table of faults on a running sandbox, and writes down its figures."""

from __future__ import annotations

import argparse
import queue
import random
import re
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Seen
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.sandbox import running_sandbox
from ansible_collections.platform9.pcd.tests.system.faults.cases import Case, Verdict, open_worker, play, rehearse
from ansible_collections.platform9.pcd.tests.system.faults.figures import figures
from ansible_collections.platform9.pcd.tests.system.faults.operations import OPERATIONS, Operation
from ansible_collections.platform9.pcd.tests.system.faults.table import all_cases
from ansible_collections.platform9.pcd.tests.tools import recorded


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="play only the cases whose name has this in it")
    parser.add_argument("--workers", type=int, default=4, help="how many cases are played side by side")
    parser.add_argument("--minutes", type=float, default=90, help="begin no case after so many minutes")
    parser.add_argument("--list", action="store_true", help="name the cases and play none")
    parser.add_argument("--figures", type=Path, help="write the figures of the whole table into this guide")
    parser.add_argument("--lock", type=Path, help="the lock of the sandbox, which names the release of Glance")
    arguments = parser.parse_args()
    sandbox = running_sandbox()
    began = time.monotonic()
    server = Server(sandbox)
    before = server.everything()
    chosen = [operation for operation in OPERATIONS if arguments.only.startswith(operation.name)]
    rehearsals = rehearse_all(sandbox, chosen or OPERATIONS)
    cases = [case for case in all_cases(rehearsals) if arguments.only in str(case)]
    if arguments.list:
        print("\n".join(map(str, cases)))
        return 0
    # In no order, so that whatever is played until the time is over is a sample of all.
    random.Random(len(cases)).shuffle(cases)
    verdicts = play_all(sandbox, cases, arguments.workers, began + 60 * arguments.minutes)
    left = [image for image in server.everything().values() if image != before.get(image["id"])]
    seconds = time.monotonic() - began
    wrong = [verdict for verdict in verdicts if verdict.wrong]
    if left:
        print(f"\nleft behind, or changed though no case was about it: {left}")
    slowest = sorted(verdicts, key=lambda verdict: -verdict.seconds)[:20]
    print("\nThe slowest cases:", *(f"{verdict.seconds:.0f} s  {verdict.case}" for verdict in slowest), sep="\n    ")
    unplayed = len(cases) - len(verdicts)
    print(f"\n{len(verdicts)} cases, {len(wrong)} not as promised, {unplayed} not played, {seconds / 60:.0f} minutes")
    if arguments.figures and not arguments.only:
        told = figures(verdicts, unplayed, seconds, releases(arguments.lock))
        recorded.record(arguments.figures, "faults", told)
    return 1 if wrong or left or unplayed else 0


def releases(lock: Path) -> dict[str, str]:
    """The releases of the services that the sandbox runs."""
    pins = re.findall(r"^(glance|keystone)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {name.capitalize(): version for name, version in pins}


def rehearse_all(sandbox: Mapping[str, Any], chosen: Sequence[Operation]) -> dict[Operation, list[Seen]]:
    """The requests of each operation without a fault."""
    with open_worker(sandbox) as worker:
        return {operation: list(rehearse(worker, operation).seen) for operation in chosen}


def play_all(sandbox: Mapping[str, Any], cases: Sequence[Case], workers: int, deadline: float) -> list[Verdict]:
    todo: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases:
        todo.put(case)
    verdicts: list[Verdict] = []

    def work() -> None:
        with open_worker(sandbox) as worker:
            while time.monotonic() < deadline:
                try:
                    case = todo.get_nowait()
                except queue.Empty:
                    return
                verdict = play(worker, case)
                if verdict.wrong:
                    print(f"\n{case}\n    " + "\n    ".join(verdict.wrong), flush=True)
                verdicts.append(verdict)
                if len(verdicts) % 100 == 0:
                    print(f"{len(verdicts)} of {len(cases)}", flush=True)

    threads = [threading.Thread(target=work) for dummy in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
