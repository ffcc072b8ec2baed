# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each task imports, and how long that takes. It shows whether a task imports something that it does not need.

The collection is imported from an archive, as in a module's process, so each of its modules is compiled again. Each
task really runs on the sandbox, in a new interpreter with `-X importtime`.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.glance_client import Server

LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)")
PLUGINS = "ansible_collections.platform9.pcd.plugins."

# Other people's packages by the name of their first part; the rest is Python's own.
PACKAGES = {
    "requests": ("requests", "urllib3", "charset_normalizer", "idna", "certifi"),
    "jsonpatch": ("jsonpatch", "jsonpointer"),
    "yaml": ("yaml", "_yaml"),
    "ansible-core": ("ansible",),
}
PROBE = Path(__file__).with_name("import_probe.py")
OTHER = "Python's library"

Times = dict[str, float]


def cases(image: Mapping[str, Any], path: str) -> dict[str, tuple[str, dict[str, Any] | None]]:
    """The module and the options of each task that is looked at; without options, it is only imported."""
    named = {"name": image["name"]}
    return {
        "only imported": ("pcd_image", None),
        "unchanged": ("pcd_image", {**named, "tags": ["benchmark"]}),
        "update": ("pcd_image", {**named, "min_ram": 512}),
        "unchanged data": ("pcd_image", {**named, "path": path}),
        "catalogue": ("pcd_image_catalog", {"images": [{**named, "tags": ["benchmark"]}]}),
        "info": ("pcd_image_info", named),
        "state": ("pcd_image_state", {**named, "state": "active"}),
        "member": ("pcd_image_member", {**named, "projects": []}),
        "service_info": ("pcd_image_service_info", {}),
        "download": ("pcd_image_download", {**named, "dest": f"{path}.downloaded"}),
        "info by clouds.yaml": ("pcd_image_info", {**named, "cloud": "member"}),
    }


def measure(server: Server, environ: Mapping[str, str], tree: Path, rounds: int) -> dict[str, Times]:
    """Milliseconds by case, and by room or package."""
    content = b"the data of an image, to compare imports"
    found: dict[str, Times] = {}
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "payload.zip"
        _pack(tree, archive)
        path = Path(folder) / "image"
        path.write_bytes(content)
        image = server.create("benchmark-of-imports", disk_format="raw", container_format="bare", tags=["benchmark"])
        server.upload(image["id"], content)
        for case, (module, options) in cases(image, str(path)).items():
            server.change(image["id"], min_ram=0)
            words = [
                sys.executable,
                "-X",
                "importtime",
                str(PROBE),
                str(archive),
                module,
                "" if options is None else json.dumps(options),
            ]
            runs = []
            for dummy in range(rounds):
                server.change(image["id"], min_ram=0)
                done = subprocess.run(words, capture_output=True, text=True, env=dict(environ), check=False)
                if done.returncode:
                    said = [line for line in done.stderr.splitlines() if not line.startswith("import time")]
                    raise SystemExit(f"{case}: {' '.join(said)}")
                runs.append(_times(done.stderr))
            found[case] = {
                name: round(statistics.median(run.get(name, 0.0) for run in runs), 1)
                for name in dict.fromkeys(name for run in runs for name in run)
            }
        server.delete(image["id"])
    return found


def _pack(tree: Path, archive: Path) -> None:
    root = tree / PLUGINS.replace(".", "/").rstrip("/")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for folder in ("modules", "module_utils"):
            for file in sorted((root / folder).rglob("*.py")):
                packed.write(file, file.relative_to(tree))
        parts = [*PLUGINS.rstrip(".").split("."), ""]
        packages = ["/".join(parts[: count + 1]).rstrip("/") for count in range(len(parts) - 1)]
        base = packages[-1]
        parts_of_utils = [f"{base}/module_utils/{name}" for name in ("_catalog", "_client", "_data", "_image")]
        for package in [*packages, f"{base}/modules", f"{base}/module_utils", *parts_of_utils]:
            packed.writestr(f"{package}/__init__.py", "")


def _times(report: str) -> Times:
    times: Times = {}
    for microseconds, name in LINE.findall(report):
        key = _owner(name)
        if key is not None:
            times[key] = times.get(key, 0.0) + int(microseconds) / 1000
    return times


def _owner(name: str) -> str | None:
    """The module or the package that a name belongs to; None if it is only a folder."""
    if name.startswith(PLUGINS):
        module = name.removeprefix(PLUGINS).partition(".")[2]
        return module or None
    first = name.partition(".")[0]
    if first == "ansible_collections":
        return None
    return next((package for package, parts in PACKAGES.items() if first in parts), OTHER)
