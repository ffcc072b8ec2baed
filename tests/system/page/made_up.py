# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up cloud of any size, the same in each run, some of whose images have hostile names."""

from __future__ import annotations

import hashlib
import random
from datetime import datetime, timedelta, timezone
from typing import Any

TIME = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
OWNERS = {
    hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(): name for name in ("web", "build", "<b>lab</b>")
}
NAMES = ("debian-13", "ubuntu-24.04", "rocky-10", "windows-2025", "golden", "appliance")

# A name, and what a reader sees of it.
HOSTILE = {
    "</script><script>document.title = 'taken over'</script>": None,
    "<img src=x onerror=\"document.title = 'taken over'\">": None,
    "<!--<script>": None,
    "]]><svg onload=alert(1)>": None,
    "'\"`${alert(1)}": None,
    "&lt;b&gt; &amp; {{ 7 * 7 }} {% raw %}": None,
    "\\u003cb\\u003e": None,
    "__proto__": None,
    "constructor": None,
    "\u202egnp.exe": "U+202Egnp.exe",
    "nobody\u200bsees\u2066it": "nobodyU+200BseesU+2066it",
    "a\x00b\x07\x1b[31mred\x85": "aU+0000bU+0007U+001B[31mredU+0085",
    "two\nlines\u2028more": "twoU+000AlinesU+2028more",
    " blank ": "U+0020blankU+0020",
    "debian-13\ufe0f\u034f": "debian-13U+FE0FU+034F",
    "\u05e2\u05d1\u05e8\u05d9\u05ea": None,
    "e" + "\u0301" * 200: None,
    "N" * 255: None,
    "\U0001f427" * 255: None,
}


def image(number: int, **more: Any) -> dict[str, Any]:
    """An image as pcd_image_info returns it."""
    dice = random.Random(number)
    name = f"{dice.choice(NAMES)}-{number}"
    data = hashlib.sha512(str(dice.randrange(20) if dice.random() < 0.1 else number).encode()).hexdigest()
    created = TIME - timedelta(days=int(dice.expovariate(1 / 300)), hours=1)
    made = {
        "id": f"{number:08x}-0000-4000-8000-{number:012x}",
        "name": name,
        "status": dice.choices(("active", "deactivated", "queued"), (90, 5, 5))[0],
        "visibility": dice.choice(("public", "private", "shared", "community")),
        "protected": number % 9 == 0,
        "tags": ["lts", f"team-{number % 5}"],
        "container_format": "bare",
        "disk_format": "qcow2",
        "min_disk": number % 40,
        "min_ram": 1024,
        "size": dice.randrange(10**8, 10**10),
        "virtual_size": None,
        "checksum": data[:32],
        "os_hash_algo": "sha512",
        "os_hash_value": data,
        "os_hidden": number % 11 == 0,
        "owner": dice.choices(list(OWNERS), (6, 3, 1))[0],
        "created_at": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "updated_at": "2026-01-30T10:00:00Z",
        "self": f"/v2/images/{number}",
        "file": f"/v2/images/{number}/file",
        "schema": "/v2/schemas/image",
        "direct_url": None,
        "locations": None,
        "stores": None,
        "properties": {"os_distro": "debian", "hw_disk_bus": "virtio", "note": "a-Passw0rd-in-a-property"},
        "retired": None if number % 22 else "golden",
        "replaces": None,
    }
    if made["status"] == "queued":
        made |= {"size": None, "checksum": None, "os_hash_algo": None, "os_hash_value": None}
    return {**made, **more}


def cloud(images: int) -> list[dict[str, Any]]:
    hostile = [image(number, name=name) for number, name in enumerate(HOSTILE, start=1)]
    return [*hostile, *(image(number) for number in range(len(hostile) + 1, images + 1))]


# A result of pcd_image_catalog in check mode.
DRIFT: dict[str, Any] = {
    "changed": True,
    "images": [
        {"name": "golden", "id": image(1)["id"], "action": "unchanged", "changed": False, "patch": []},
        {
            "name": "debian-13",
            "id": image(2)["id"],
            "action": "updated",
            "changed": True,
            "patch": [
                {"op": "replace", "path": "/min_disk", "value": 20},
                {"op": "remove", "path": "/hw_disk_bus"},
                {"op": "add", "path": "/note", "value": "</script><b>"},
            ],
        },
        {"name": "rocky-11", "id": None, "action": "created", "changed": True, "patch": []},
        {"name": "windows", "id": None, "action": "failed", "changed": False, "error": {"msg": "windows: <no> file."}},
        {
            "name": "appliance",
            "id": None,
            "action": "replaced",
            "changed": True,
            "patch": [{"op": "add", "path": "/pcd_shown", "value": "x"}],
            "replaced_id": image(3)["id"],
            "retired": [
                {"id": image(3)["id"], "name": "appliance", "action": "hidden", "reason": None},
                {"id": image(4)["id"], "name": "appliance", "action": "deleted", "reason": None},
                {"id": image(6)["id"], "name": "appliance", "action": "deleted", "reason": None},
            ],
        },
    ],
    "not_pruned": [{"id": image(5)["id"], "name": "adopted", "reason": "this collection has not made it"}],
}
