# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the integration targets on each release of Glance that the sandbox knows, one after the other; print a table.

The exit status is 1 if a target has failed. `make test-matrix` runs it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from stack import releases

from ansible_collections.platform9.pcd.tests.tools import recorded

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tests" / "tools"
TARGETS = ROOT / "tests" / "integration" / "targets"
# What Ansible prints at the end of each target.
RECAP = re.compile(r"^testhost +: ok=(\d+) +changed=\d+ +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


def play(release: releases.Release, targets: list[str]) -> list[str]:
    """The row of a release: its name, Glance, targets that passed, tasks that were done, seconds."""
    print(f"{release.name}: Glance {release.glance}", file=sys.stderr, flush=True)
    log = ROOT / ".build" / f"matrix-{release.name}.log"
    started = time.monotonic()
    with open(log, "w", encoding="utf-8") as output:
        words = [str(TOOLS / "with-sandbox.sh"), f"matrix-{release.name}", str(TOOLS / "integration.sh"), *targets]
        environment = {**os.environ, "PCD_SANDBOX_RELEASE": release.name}
        environment.pop("PCD_SANDBOX_JSON", None)
        status = subprocess.run(words, env=environment, stdout=output, stderr=output, check=False).returncode
    seconds = time.monotonic() - started
    recaps = [[int(number) for number in found] for found in RECAP.findall(log.read_text(encoding="utf-8"))]
    passed = sum(unreachable + failed == 0 for dummy, unreachable, failed in recaps)
    # The first target that fails ends ansible-test.
    good = status == 0 and passed == len(targets)
    outcome = f"{passed} of {len(targets)}" + ("" if good else f", exit status {status}, see {log.relative_to(ROOT)}")
    return [release.name, str(release.glance), outcome, f"{sum(recap[0] for recap in recaps):,}", f"{seconds:.0f}"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="matrix.py", description=__doc__)
    parser.add_argument("releases", nargs="*", choices=[[], *releases.BY_NAME], metavar="RELEASE", help="default: all")
    parser.add_argument("--record", type=Path, action="append", default=[], metavar="GUIDE", help="write it into this")
    options = parser.parse_args()
    targets = sorted(path.name for path in TARGETS.iterdir() if path.name.startswith("pcd_"))
    rows = [play(releases.BY_NAME[name], targets) for name in options.releases or releases.BY_NAME]
    table = [["Release", "Glance", "Targets passed", "Tasks", "Seconds"], *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    good = all(row[2] == f"{len(targets)} of {len(targets)}" for row in rows)
    text = f"Run on {recorded.today()} by {recorded.programs()}.\n\n"
    for guide in options.record if good else ():
        recorded.record(guide, "matrix", text + recorded.rst_table("Integration targets on releases of Glance", table))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
