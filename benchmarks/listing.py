# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List many images with pcd_image_info's own code, with a bare requests loop and with openstacksdk.

Each runs in a process of its own with the same token. What counts is the time from the first request to the list of
images in memory (of pcd_image_info: to the module's result), and the peak memory of the process.
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
from urllib.parse import urljoin

from ansible_collections.platform9.pcd.benchmarks.measured import Block, Samples
from ansible_collections.platform9.pcd.tests.support.glance_client import Server

COLLECTION = "pcd_image_info"
BARE = "bare requests loop"
OPENSTACKSDK = "openstacksdk"


def with_collection(url: str, token: str) -> Callable[[], int]:
    from ansible_collections.platform9.pcd.plugins.module_utils._task import perform
    from ansible_collections.platform9.pcd.plugins.modules.pcd_image_info import TASK

    options = {name: option.get("default") for name, option in TASK.argument_spec.items()}
    options.update(token=token, image_endpoint_override=url, ca_cert=os.environ["PCD_CA"])
    return lambda: len(perform(TASK, options, False, print, {})["images"])


def with_bare_loop(url: str, token: str) -> Callable[[], int]:
    import requests

    def listed() -> int:
        images: list[dict[str, Any]] = []
        with requests.Session() as session:
            session.headers["X-Auth-Token"] = token
            session.verify = os.environ["PCD_CA"]
            page: str | None = "/v2/images?limit=1000"
            while page:
                # Its addresses begin at /v2, wherever that is.
                answer = session.get(urljoin(url, url.rpartition("/v2")[0] + page), timeout=600)
                answer.raise_for_status()
                document = answer.json()
                images += document["images"]
                page = document.get("next")
        return len(images)

    return listed


def with_openstacksdk(dummy_url: str, dummy_token: str) -> Callable[[], int]:
    import openstack

    # It finds the service by itself; admin is the interface that the others use.
    connection = openstack.connect(cloud="member", interface="admin")
    service = connection.image
    service.get_endpoint()
    return lambda: len(list(service.images(limit=1000)))


PROGRAMS = {BARE: with_bare_loop, COLLECTION: with_collection, OPENSTACKSDK: with_openstacksdk}


def blocks(server: Server, environ: Mapping[str, str], sizes: tuple[int, ...], max_rounds: int) -> list[Block]:
    return [
        Block(f"list of {size:,} images", list(PROGRAMS), partial(_round, server, environ, size), max_rounds)
        for size in sizes
    ]


def _round(server: Server, environ: Mapping[str, str], size: int, samples: Samples) -> dict[str, float]:
    ids = server.fill(size, "benchmark-of-lists")
    try:
        found = {program: _listed(server, environ, program, size) for program in PROGRAMS}
    finally:
        server.empty(ids)
    for program, told in found.items():
        known = samples.seen.setdefault(program, {"memory_mib": 0.0})
        known["memory_mib"] = max(known["memory_mib"], round(told["peak"] / 1024, 1))
    return {program: told["seconds"] for program, told in found.items()}


def _listed(server: Server, environ: Mapping[str, str], program: str, size: int) -> dict[str, float]:
    secret = {"PCD_TOKEN": server.token(), "PCD_CA": str(server.sandbox["ca_file"])}
    done = subprocess.run(
        [sys.executable, __file__, program, str(server.sandbox["library_url"])],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**environ, **secret},
    )
    told: dict[str, float] = json.loads(done.stdout)
    if told["count"] < size:
        raise SystemExit(f"{program} listed {told['count']} of {size} images")
    return told


def main() -> None:
    program, url = sys.argv[1:]
    listed = PROGRAMS[program](url, os.environ["PCD_TOKEN"])
    began = time.monotonic()
    count = listed()
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "count": count, "peak": peak}))


if __name__ == "__main__":
    main()
