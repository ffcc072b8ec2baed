# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a database of weaknesses about every package that a lock file pins; more arguments go to pip-audit.

Exit status 0: each package was looked up, and none has a known weakness. 1: some have one. 2: not every package could
be looked up, for example because the database cannot be reached from here; pip-audit itself calls that a success.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Not every text here is a list of packages.
LOCKS = sorted(
    path
    for path in (*ROOT.glob("tests/tools/*.txt"), *ROOT.glob("tests/**/*.lock"))
    if "==" in path.read_text(encoding="utf-8")
)
COMMAND = ["pip-audit", "--progress-spinner=off", "--disable-pip", "--no-deps", "--format=json"]


def main(arguments: list[str]) -> int:
    answers = {lock.relative_to(ROOT): audited(lock, arguments) for lock in LOCKS}
    weak, unknown = 0, 0
    for lock, packages in answers.items():
        left_out = [package for package in packages if "skip_reason" in package]
        unknown += len(left_out) or not packages
        print(f"{lock}: {len(packages) - len(left_out)} of {len(packages)} packages looked up")
        if left_out:
            print(f"  {left_out[0]['skip_reason']}")
        for package in packages:
            for found in package.get("vulns", ()):
                weak += 1
                better = ", ".join(found["fix_versions"]) or "no version yet"
                print(f"  {package['name']} {package['version']}: {found['id']}, mended in {better}")
    if weak:
        print(f"{weak} known weaknesses")
        return 1
    if unknown:
        print("Nothing is known of the packages that were not looked up. Run this on a host that reaches the database.")
        return 2
    print("No known weakness")
    return 0


def audited(lock: Path, arguments: list[str]) -> list[dict[str, Any]]:
    """What pip-audit says of each package; nothing if it could not say anything."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        command = [*COMMAND, f"--output={answer}", f"--requirement={lock}", *arguments]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if not answer.exists():
            print(ended.stderr.strip(), file=sys.stderr)
            return []
        packages: list[dict[str, Any]] = json.loads(answer.read_text(encoding="utf-8"))["dependencies"]
        return packages


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
