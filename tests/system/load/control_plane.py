# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long usual tasks take on a control plane as clouds have it; `make test-production` writes it into a guide.

The same is measured in the same minutes on a sandbox of one process with SQLite, because seconds of two machines cannot
be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.sandbox import running_sandbox
from ansible_collections.platform9.pcd.tests.system.load.load import Run, Stage, run
from ansible_collections.platform9.pcd.tests.tools import recorded

ITEMS, LISTED = 100, 5000
# What a stage of load.py is here, in the order of the table.
STAGES = {
    "create": f"{ITEMS} images created in a loop",
    "keep": f"{ITEMS} unchanged images in a loop",
    "list-named": f"a list of {LISTED:,} images",
    "remove": f"{ITEMS} images removed in a loop",
}


def measured(sandbox: Mapping[str, Any]) -> dict[str, Stage]:
    options = argparse.Namespace(within=900, as_modules=False)
    with run(sandbox, options) as this:
        _play(this)
    return {stage.name: stage for stage in this.stages}


def _play(this: Run) -> None:
    this.play("create", 1, 1, ITEMS)
    this.play("keep", 1, 1, ITEMS, tag="create", load_new=False)
    this.play("remove", 1, 1, ITEMS)
    with this.filled(LISTED):
        this.play("list-named", 1, 1, LISTED)


@contextmanager
def plain_sandbox(folder: Path) -> Iterator[Mapping[str, Any]]:
    """One of a process for each service, with SQLite; stopped at the end."""
    program = [sys.executable, os.environ["PCD_SANDBOX_PROGRAM"]]
    state = ["--state", str(folder / "sandbox")]
    subprocess.run([*program, "up", "--fresh", *state], check=True, stdout=subprocess.DEVNULL)
    try:
        yield json.loads((folder / "sandbox/sandbox.json").read_text(encoding="utf-8"))
    finally:
        subprocess.run([*program, "down", *state], check=True, stdout=subprocess.DEVNULL)


def text(parts: str, production: Mapping[str, Stage], plain: Mapping[str, Stage]) -> str:
    """The section of the guide."""
    ran = [line.split("\t") for line in parts.splitlines()]
    results = recorded.rst_table("make test-production", [["Part", "Result", "Seconds"], *ran]) if ran else ""
    rows = [["Tasks", "Requests", "Seconds", "Seconds with SQLite"]]
    for name, what in STAGES.items():
        stage = production[name]
        sent = stage.requests.total() + stage.tokens
        rows.append([what, f"{sent:,}", f"{stage.seconds:.1f}", f"{plain[name].seconds:.1f}"])
    title = "Whole commands on this control plane, and on one process with SQLite"
    return f"""Run on {recorded.today()} on a machine with {recorded.machine()}, by {recorded.programs()}.

{results}

{recorded.rst_table(title, rows)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="control_plane.py", description=__doc__)
    parser.add_argument(
        "--parts", default="", help="a line for each part of the tests: name, result, seconds, with tabs"
    )
    parser.add_argument("--record", type=Path, metavar="GUIDE", help="write the figures into this guide")
    options = parser.parse_args()
    # As an exception, so that a terminated run also stops the second sandbox.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    production = measured(running_sandbox())
    with tempfile.TemporaryDirectory(prefix="control-plane-") as folder, plain_sandbox(Path(folder)) as plain:
        figures = text(options.parts, production, measured(plain))
    print(figures)
    if options.record:
        recorded.record(options.record, "production", figures)


if __name__ == "__main__":
    main()
