# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images and options to test with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.platform9.pcd.plugins.module_utils._client import retry
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import BOUND_TO

ID = "1714676b-e56d-4171-a072-f919121a9797"
OTHER_ID = "5f7b8fda-9780-47cf-9fad-afd62e0d4a74"
# Ids that this collection could have made.
OUR_ID = "3e90b501-e56d-4171-a072-f919121a9797"
OUR_OTHER_ID = "06b7acd7-9780-47cf-9fad-afd62e0d4a74"
PROJECT = "00a87381ce2243039b053ef7813b4f63"
OTHER_PROJECT = "8b2f4f6f0bbd4b0d9b8d7b1a3c1d5e7f"
TOKEN = "gAAAAABpToken-kept-secret-by-everybody_0123456789"
PASSWORD = "correct-horse-battery-staple-7391"

SHA512, MD5, SHA256 = "5" * 128, "a" * 32, "2" * 64
WITH_DATA: dict[str, Any] = {"size": 100, "checksum": MD5, "os_hash_algo": "sha512", "os_hash_value": SHA512}
WITHOUT_DATA: dict[str, Any] = {
    "status": "queued",
    "size": None,
    "virtual_size": None,
    "checksum": None,
    "os_hash_algo": None,
    "os_hash_value": None,
    "stores": None,
}

# What ansible-core gives to a module for options that nobody has set.
Spec = Mapping[str, Mapping[str, Any]]


def options(spec: Spec, **given: Any) -> dict[str, Any]:
    """The options of a task as the module gets them: each one is there, with its default if it is not given."""
    unknown = given.keys() - spec.keys()
    assert not unknown, f"no such option: {unknown}"
    return {**{name: described.get("default") for name, described in spec.items()}, **given}


def image(**given: Any) -> dict[str, Any]:
    """The document of an active image, as the service gives it."""
    image_id = given.get("id", ID)
    return {
        "id": image_id,
        "name": "ubuntu-24.04",
        "status": "active",
        "visibility": "shared",
        "protected": False,
        "tags": ["ubuntu", "lts"],
        "container_format": "bare",
        "disk_format": "qcow2",
        "min_disk": 10,
        "min_ram": 1024,
        "size": 3145728,
        "virtual_size": 117440512,
        "checksum": "50915ac67e6ea1f0d0f1d4f2a2f9e9b9",
        "os_hash_algo": "sha512",
        "os_hash_value": "b9f2c1",
        "os_hidden": False,
        "owner": PROJECT,
        "created_at": "2026-11-23T07:39:31Z",
        "updated_at": "2026-11-23T07:41:02Z",
        "self": f"/v2/images/{image_id}",
        "file": f"/v2/images/{image_id}/file",
        "schema": "/v2/schemas/image",
        "stores": "library",
        "os_glance_failed_import": "",
        "os_distro": "ubuntu",
        **given,
    }


def full(**given: Any) -> dict[str, Any]:
    """An image with 100 bytes of data."""
    return image(**{**WITH_DATA, **given})


def queued(**given: Any) -> dict[str, Any]:
    """An image without data."""
    return image(**{**WITHOUT_DATA, **given})


def replace(path: str, value: Any) -> dict[str, Any]:
    """An operation of a patch."""
    return {"op": "replace", "path": path, "value": value}


def marked(**given: Any) -> dict[str, Any]:
    """The image that would be there with these attributes, its marks bound to it."""
    return image(**{"id": OUR_ID, **given, BOUND_TO: given.get("id", OUR_ID)})


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0  # as time.sleep has it
        self.slept.append(seconds)
        self.now += seconds

    @property
    def hands(self) -> retry.Clock:
        """The clock as the collection takes it."""
        return retry.Clock(lambda: self.now, self.sleep)
