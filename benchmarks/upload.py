# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload one file with pcd_image's own code, with curl and with openstacksdk.

Every program uploads to an existing record, with the same token, in a process of its own. Only the time of the upload
is measured. For pcd_image, it is the time of the whole task, which checks the image before and after, and hashes it.
Peak memory is what the process needs in addition to its peak before the upload.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ansible_collections.platform9.pcd.benchmarks.measured import Block, Samples
from ansible_collections.platform9.pcd.tests.support.glance_client import Server

MEBIBYTE = 1 << 20


def with_collection(url: str, token: str, image_id: str, path: str) -> None:
    from ansible_collections.platform9.pcd.plugins.module_utils._data import url as _url  # noqa: F401
    from ansible_collections.platform9.pcd.plugins.module_utils._task import perform
    from ansible_collections.platform9.pcd.plugins.modules.pcd_image import TASK

    options = {name: option.get("default") for name, option in TASK.argument_spec.items()}
    options.update(token=token, image_endpoint_override=url, ca_cert=os.environ["PCD_CA"], id=image_id, path=path)
    # Data is put only into a record of the project that the token is known to have.
    options.update(project_id=os.environ["PCD_PROJECT"])
    report_base()
    started = time.monotonic()
    perform(TASK, options, False, print, {})
    report(started)


def with_openstacksdk(dummy_url: str, dummy_token: str, image_id: str, path: str) -> None:
    import openstack

    # It finds the service by itself; admin is the interface that the others use.
    connection = openstack.connect(cloud="member", interface="admin")
    image: Any = connection.image.get_image(image_id)
    report_base()
    started = time.monotonic()
    with open(path, "rb") as stream:
        image.data = stream
        image.upload(connection.image)
    report(started)


def with_curl(url: str, token: str, image_id: str, path: str) -> None:
    headers = ["-H", f"X-Auth-Token: {token}", "-H", "Content-Type: application/octet-stream"]
    program = ["curl", "-sS", "--fail", "--cacert", os.environ["PCD_CA"], *headers]
    address = f"{url}/images/{image_id}/file"
    written = subprocess.run(
        [*program, "-T", path, address, "-o", "/dev/null", "-w", "%{time_total}"],
        check=True,
        capture_output=True,
        text=True,
    )
    print(json.dumps({"seconds": float(written.stdout), "peak": peak(resource.RUSAGE_CHILDREN)}))


COLLECTION = "pcd_image"
CURL = "curl"
PROGRAMS = {CURL: with_curl, COLLECTION: with_collection, "openstacksdk": with_openstacksdk}


def peak(who: int) -> int:
    """KiB"""
    return resource.getrusage(who).ru_maxrss


def report_base() -> None:
    print(json.dumps({"base": peak(resource.RUSAGE_SELF)}))


def report(started: float) -> None:
    print(json.dumps({"seconds": time.monotonic() - started, "peak": peak(resource.RUSAGE_SELF)}))


def block(server: Server, environ: Mapping[str, str], path: str, max_rounds: int) -> Block:
    size = os.path.getsize(path) / MEBIBYTE
    return Block(f"upload of {size:,.0f} MiB", list(PROGRAMS), partial(_round, server, environ, path), max_rounds)


def _round(server: Server, environ: Mapping[str, str], path: str, samples: Samples) -> dict[str, float]:
    seconds = {}
    for program in PROGRAMS:
        found = _measured(server, environ, program, path)
        seconds[program] = found["seconds"]
        known = samples.seen.setdefault(program, {"memory_mib": 0.0})
        memory = (found["peak"] - found.get("base", 0)) / 1024
        known["memory_mib"] = max(known["memory_mib"], round(memory, 1))
    return seconds


def _measured(server: Server, environ: Mapping[str, str], program: str, path: str) -> dict[str, float]:
    """Seconds, and peak memory and base in KiB, of one upload into a record that is removed afterwards."""
    image_id = server.create("benchmark-of-uploads", disk_format="raw", container_format="bare")["id"]
    access = {
        "PCD_TOKEN": server.token(),
        "PCD_CA": str(server.sandbox["ca_file"]),
        "PCD_PROJECT": server.project_id(),
    }
    try:
        done = subprocess.run(
            [sys.executable, __file__, program, str(server.sandbox["library_url"]), image_id, path],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={**environ, **access},
        )
        image = server.get(image_id)
        if (image["status"], image["size"]) != ("active", os.path.getsize(path)):
            raise SystemExit(f"{program} left {image}")
    finally:
        server.delete(image_id)
    found: dict[str, float] = {}
    for line in done.stdout.splitlines():
        found.update(json.loads(line))
    return found


def main() -> None:
    program, url, image_id, path = sys.argv[1:]
    run: Callable[..., None] = PROGRAMS[program]
    run(url, os.environ["PCD_TOKEN"], image_id, path)


if __name__ == "__main__":
    main()
