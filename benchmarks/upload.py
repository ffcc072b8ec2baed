# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload one file to the sandbox with pcd_image, curl and openstacksdk in turn; print throughput ratios and memory.

Every program uploads into a record that is already there, logged in with the same token, in a process of its own.
What counts is the time from the first request for the data to its answer, and the peak memory of the process beyond
what it had before the upload. `make bench` runs it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

MEBIBYTE = 1 << 20


def with_collection(url: str, token: str, image_id: str, path: str) -> None:
    from ansible_collections.platform9.pcd.plugins.module_utils import _data, _http, _images, _plan, _transfer

    http = _http.Http(url, _http.Transport(verify=os.environ["PCD_CA"]), headers={"X-Auth-Token": token})
    transfers = _transfer.Transfers(_images.Images(http), 0, print)
    image = transfers.settled(image_id, 0)
    report_base()
    if path:
        started = time.monotonic()
        transfers.upload(image, _plan.Upload(_data.Stream(_data.File(path)), None, 600))
        report(started)


def with_openstacksdk(dummy_url: str, dummy_token: str, image_id: str, path: str) -> None:
    import openstack

    # It finds the service by itself; admin is the interface that the others use.
    connection = openstack.connect(cloud="member", interface="admin")
    image: Any = connection.image.get_image(image_id)
    report_base()
    if path:
        started = time.monotonic()
        with open(path, "rb") as stream:
            image.data = stream
            image.upload(connection.image)
        report(started)


def with_curl(url: str, token: str, image_id: str, path: str) -> None:
    headers = ["-H", f"X-Auth-Token: {token}", "-H", "Content-Type: application/octet-stream"]
    program = ["curl", "-sS", "--fail", "--cacert", os.environ["PCD_CA"], *headers]
    if path:
        address = f"{url}/images/{image_id}/file"
        written = subprocess.run(
            [*program, "-T", path, address, "-o", "/dev/null", "-w", "%{time_total}"],
            check=True,
            capture_output=True,
            text=True,
        )
        print(json.dumps({"seconds": float(written.stdout), "peak": peak(resource.RUSAGE_CHILDREN)}))


PROGRAMS = {"curl": with_curl, "pcd_image": with_collection, "openstacksdk": with_openstacksdk}


def peak(who: int) -> int:
    """KiB"""
    return resource.getrusage(who).ru_maxrss


def report_base() -> None:
    print(json.dumps({"base": peak(resource.RUSAGE_SELF)}))


def report(started: float) -> None:
    print(json.dumps({"seconds": time.monotonic() - started, "peak": peak(resource.RUSAGE_SELF)}))


class Sandbox:
    """The sandbox of the tests, asked as its member."""

    def __init__(self, described: str) -> None:
        self._sandbox: dict[str, Any] = json.loads(Path(described).read_text(encoding="utf-8"))
        self.ca_file = str(self._sandbox["ca_file"])
        self.url = str(self._sandbox["library_url"])
        self.token = self._log_in()

    def _log_in(self) -> str:
        member = self._sandbox["users"]["member"]
        identity = {"methods": ["password"], "password": {"user": {key: member[key] for key in ("id", "password")}}}
        auth = {"identity": identity, "scope": {"project": {"id": member["project_id"]}}}
        url = f"{self._sandbox['keystone_url']}/auth/tokens"
        answer = requests.post(url, json={"auth": auth}, verify=self.ca_file, timeout=60)
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]

    def _call(self, method: str, path: str, **content: Any) -> requests.Response:
        headers = {"X-Auth-Token": self.token}
        answer = requests.request(method, self.url + path, headers=headers, verify=self.ca_file, timeout=60, **content)
        answer.raise_for_status()
        return answer

    def measured(self, program: str, path: str) -> dict[str, float]:
        """Seconds, and peak memory and base in KiB, of one upload into a record that is removed afterwards."""
        record = {"name": "benchmark", "disk_format": "raw", "container_format": "bare"}
        image_id = self._call("POST", "/images", json=record).json()["id"]
        try:
            environ = {**os.environ, "PCD_CA": self.ca_file, "PCD_TOKEN": self.token}
            environ["OS_CLIENT_CONFIG_FILE"] = str(self._sandbox["clouds_file"])
            done = subprocess.run(
                [sys.executable, __file__, "--as", program, self.url, image_id, path],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                env=environ,
            )
            if path:
                image = self._call("GET", f"/images/{image_id}").json()
                if (image["status"], image["size"]) != ("active", os.path.getsize(path)):
                    raise SystemExit(f"{program} left {image}")
        finally:
            self._call("DELETE", f"/images/{image_id}")
        found: dict[str, float] = {}
        for line in done.stdout.splitlines():
            found.update(json.loads(line))
        return found


def compare(sandbox: Sandbox, path: str, rounds: int) -> dict[str, Any]:
    size = os.path.getsize(path) / MEBIBYTE
    speeds: dict[str, list[float]] = {program: [] for program in PROGRAMS}
    memory: dict[str, float] = {}
    for dummy in range(rounds):
        for program in PROGRAMS:
            found = sandbox.measured(program, path)
            speeds[program].append(size / found["seconds"])
            memory[program] = max(memory.get(program, 0), (found["peak"] - found.get("base", 0)) / 1024)
    # Of one round each: what disturbs the machine disturbs neighbours alike.
    ratios = {
        program: statistics.median(own / other for own, other in zip(speeds[program], speeds["curl"], strict=True))
        for program in PROGRAMS
    }
    return {
        "file_mib": size,
        "rounds": rounds,
        "mib_per_second": {program: round(statistics.median(values), 1) for program, values in speeds.items()},
        "ratio_to_curl": {program: round(ratio, 3) for program, ratio in ratios.items()},
        "memory_above_base_mib": {program: round(value, 1) for program, value in memory.items()},
    }


def main() -> None:
    if sys.argv[1:2] == ["--as"]:
        program, url, image_id, path = sys.argv[2:]
        run: Callable[..., None] = PROGRAMS[program]
        run(url, os.environ["PCD_TOKEN"], image_id, path)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the file (1024)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each program uploads it (3)")
    arguments = parser.parse_args()
    sandbox = Sandbox(os.environ["PCD_SANDBOX_JSON"])
    with tempfile.NamedTemporaryFile() as file:
        for dummy in range(arguments.size):
            file.write(os.urandom(MEBIBYTE))
        file.flush()
        print(json.dumps(compare(sandbox, file.name, arguments.rounds), indent=2))


if __name__ == "__main__":
    main()
