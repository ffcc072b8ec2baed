# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small load run; `make test-load` does the large one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.sandbox import RequestLog

TESTS = Path(__file__).resolve().parents[2]
TREE = TESTS.parents[3]


def test_ten_forks_create_change_list_and_remove_images_and_upload_at_the_same_time(server: Server) -> None:
    environment = {**os.environ, "PYTHONPATH": str(TREE), "ANSIBLE_COLLECTIONS_PATH": str(TREE)}
    log = RequestLog(Path(server.sandbox["request_log"]))
    position, before = log.position(), server.everything().keys()
    words = [
        sys.executable,
        str(TESTS / "system" / "load" / "load.py"),
        "--images",
        "20",
        "--uploads",
        "5",
        "--size",
        "1",
    ]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    seen = Counter(request["method"] for request in log.since(position) if request["service"] == "glance")
    assert (seen["POST"], seen["PUT"]) == (45, 5)
    assert min(seen["PATCH"], seen["DELETE"]) >= 40
    assert server.everything().keys() == before
