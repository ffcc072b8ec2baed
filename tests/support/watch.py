# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a name: a process of its own asks the image service for its active images every 10 ms, as any client does.

One request may take longer than that, so that several connections take turns. They are kept open.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode, urlsplit

from ansible_collections.platform9.pcd.tests.support.glance_client import Server

SECONDS_BETWEEN_LOOKS = 0.01
CONNECTIONS = 4


class Watch:
    """What was seen: `looks` in all, those that found no active image, the most images of one look, and errors."""

    def __init__(self, sandbox: Mapping[str, Any], name: str) -> None:
        self._order = {
            "url": sandbox["library_url"],
            "ca_file": sandbox["ca_file"],
            "token": Server(sandbox).token("member"),
            "name": name,
        }
        self.looks, self.empty, self.most = 0, 0, 0
        self.errors: list[str] = []
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def looking(self) -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"]},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(self._order) + "\n")
            process.stdin.flush()
            # The first look has been made.
            assert process.stdout.readline() == "looking\n"
            yield
            process.stdin.close()
            seen = json.loads(process.stdout.read())
        finally:
            process.kill()
            process.wait()
        self.looks, self.empty, self.most = seen["looks"], seen["empty"], seen["most"]
        self.errors, self.milliseconds = seen["errors"], seen["milliseconds"]

    def __str__(self) -> str:
        told = ", ".join(f"{key} {value:.0f} ms" for key, value in self.milliseconds.items())
        return f"{self.looks} looks, {self.empty} without an active image; between two looks: {told}"


class _Looker:
    """The looks, which several threads make in turn."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        address = urlsplit(order["url"])
        query = urlencode({"name": f"eq:{order['name']}", "status": "active"})
        self._host, self._port = str(address.hostname), address.port
        self._path = f"{address.path}/images?{query}"
        self._headers = {"X-Auth-Token": order["token"]}
        self._context = ssl.create_default_context(cafile=order["ca_file"])
        self._lock = threading.Lock()
        self._due = 0.0
        self._starts: list[float] = []
        self._counts: list[int] = []
        self._errors: list[str] = []
        self.over = threading.Event()
        self.begun = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=60)
        while not self.over.is_set():
            with self._lock:
                self._due = max(time.monotonic(), self._due + SECONDS_BETWEEN_LOOKS)
                due = self._due
            time.sleep(max(0.0, due - time.monotonic()))
            self._look(connection)
            self.begun.set()
        connection.close()

    def _look(self, connection: http.client.HTTPSConnection) -> None:
        start = time.monotonic()
        try:
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            # The service has closed a connection that it had kept: the next request opens another one.
            connection.close()
            return
        with self._lock:
            self._starts.append(start)
            if answer.status == 200:
                self._counts.append(len(json.loads(body)["images"]))
            else:
                self._errors.append(f"{answer.status} {body[:200]!r}")

    def seen(self) -> dict[str, Any]:
        starts = sorted(self._starts)
        between = [1000 * (later - earlier) for earlier, later in pairwise(starts)] or [0.0]
        return {
            "looks": len(self._counts),
            "empty": self._counts.count(0),
            "most": max(self._counts, default=0),
            "errors": self._errors,
            "milliseconds": {"median": statistics.median(between), "most": max(between)},
        }


def main() -> None:
    looker = _Looker(json.loads(sys.stdin.readline()))
    threads = [threading.Thread(target=looker.run) for dummy in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    looker.begun.wait()
    print("looking", flush=True)
    sys.stdin.read()
    looker.over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(looker.seen()))


if __name__ == "__main__":
    main()
