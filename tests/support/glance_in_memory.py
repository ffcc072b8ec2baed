# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image services in memory: one that keeps records and data, and one that notes what is done to its records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image, Images, Items, Names, Query
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Body
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    PcdError,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import CREATED, REPLACES
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import apply_patch, desired_by
from ansible_collections.platform9.pcd.plugins.module_utils._session import Session
from ansible_collections.platform9.pcd.tests.support.samples import PROJECT, Clock, image

STORES: Items = [{"id": "fast", "default": "true"}, {"id": "slow"}, {"id": "http", "read-only": "true"}]
METHODS: Names = ["glance-direct", "web-download", "copy-image"]
NO_DATA = ("size", "checksum", "os_hash_algo", "os_hash_value", "stores")


def error(kind: type[ApiError], status: int, words: str = "said so") -> ApiError:
    return kind(words, method="X", url="http://x", status=status, server_message=words, request_id="req-1")


def hashed(data: bytes) -> dict[str, Any]:
    """What the service says of the data of an image."""
    return {
        "size": len(data),
        "checksum": hashlib.md5(data).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(data).hexdigest(),
    }


class Glance(Images):
    """`before` is called with the name of each operation that writes, before it is done; what it raises comes out.

    `afterwards` is called with those of the record, once they are done and before anybody gets an answer.

    `arrives` is what becomes of data on its way; `remote` is what the service finds at an address.
    """

    def __init__(self, *images: Image) -> None:
        self.base_url = "http://glance.invalid/v2"
        self.images: dict[str, Image] = {each["id"]: dict(each) for each in images}
        self.done: list[str] = []
        self.before: Callable[[str], object] = lambda operation: None
        self.afterwards: Callable[[str], object] = lambda operation: None
        self.arrives: Callable[[bytes], bytes] = lambda data: data
        self.remote: Mapping[str, bytes] = {}
        self.shared: Mapping[str, Sequence[str]] = {}
        self.offered_stores: Items | None = STORES
        self.offered_methods = METHODS
        self.staged: dict[str, bytes] = {}
        self.is_readable = True
        self._created = 0

    def named(self, name: str, **given: Any) -> list[Image]:
        wanted = {"name": name, **given}
        return [each for each in self.images.values() if all(each.get(key) == wanted[key] for key in wanted)]

    def _do(self, operation: str) -> None:
        self.before(operation)
        self.done.append(operation)

    def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
        asked = dict(query)
        hidden = asked.get("os_hidden") == "true"
        for each in list(self.images.values()):
            if each["os_hidden"] != hidden or asked.get(REPLACES) not in (None, each.get(REPLACES)):
                continue
            if asked.get("name") in (None, f"eq:{each['name']}") and asked.get("owner") in (None, each["owner"]):
                yield dict(each)

    def get(self, image_id: str) -> Image:
        if image_id not in self.images:
            raise error(NotFound, 404)
        return dict(self.images[image_id])

    def create(self, attributes: Image) -> Image:
        self._do("create")
        if attributes["id"] in self.images:
            raise error(Conflict, 409)
        self._created += 1
        self.images[attributes["id"]] = {
            **CREATED,
            **dict.fromkeys(NO_DATA),
            "owner": PROJECT,
            "created_at": f"2026-11-23T09:00:{self._created:02}Z",
            "updated_at": f"2026-11-23T09:00:{self._created:02}Z",
            **attributes,
        }
        self.afterwards("create")
        return self.get(attributes["id"])

    def update(self, image_id: str, patch: Sequence[dict[str, Any]]) -> Image:
        self._do("update")
        self.images[image_id] = {**apply_patch([*patch], self.get(image_id)), "updated_at": "2026-11-23T10:00:00Z"}
        self.afterwards("update")
        return self.get(image_id)

    def delete(self, image_id: str) -> None:
        self._do("delete")
        if self.get(image_id)["protected"]:
            raise error(Forbidden, 403)
        del self.images[image_id]
        self.afterwards("delete")

    def deactivate(self, image_id: str) -> None:
        self._do("deactivate")
        self.images[image_id]["status"] = "deactivated"
        self.afterwards("deactivate")

    def reactivate(self, image_id: str) -> None:
        self._do("reactivate")
        self.images[image_id]["status"] = "active"
        self.afterwards("reactivate")

    def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
        self._do("upload")
        self._fill(image_id, b"".join(body), [store or "fast"])

    def stage(self, image_id: str, body: Body, timeout: float) -> None:
        self._do("stage")
        self.staged[image_id] = b"".join(body)
        self.images[image_id].update(status="uploading", size=len(self.staged[image_id]))

    def start_import(self, image_id: str, request: Mapping[str, Any]) -> None:
        method = request["method"]["name"]
        self._do(method)
        writable = [store["id"] for store in STORES if "read-only" not in store]
        stores = writable if request.get("all_stores") else request.get("stores", ["fast"])
        if method == "copy-image":
            there = str(self.images[image_id]["stores"] or "").split(",")
            self.images[image_id]["stores"] = ",".join(sorted({*there, *stores}))
            return
        data = self.staged.pop(image_id) if method == "glance-direct" else self.remote[request["method"]["uri"]]
        self._fill(image_id, data, stores)

    def _fill(self, image_id: str, data: bytes, stores: Sequence[str]) -> None:
        document = self.images[image_id]
        assert document["status"] in ("queued", "uploading")
        arrived = self.arrives(data)
        document.update(hashed(arrived), status="active", stores=",".join(sorted(stores)))

    @contextmanager
    def download(self, image_id: str, start: int = 0) -> Iterator[Any]:
        """No data: whether there is some decides here."""
        if not self.is_readable:
            raise error(ApiError, 500)
        yield None

    def tasks(self, image_id: str) -> Items:
        return []

    def members(self, image_id: str) -> Items:
        return [{"member_id": member} for member in self.shared.get(image_id, ())]

    def import_methods(self) -> Names:
        return self.offered_methods

    def stores(self, detail: bool = False) -> Items:
        if self.offered_stores is None:
            raise error(NotFound, 404)
        return self.offered_stores


class RecordingImages(Images):
    """It notes each operation in `done`. What `failures` has under the name of one is raised instead of it."""

    def __init__(self, *images: Image, **failures: PcdError) -> None:
        self.images = {each["id"]: each for each in images}
        self.failures = failures
        self.done: list[Any] = []
        self.queries: list[list[tuple[str, str]]] = []

    def _do(self, operation: str, *content: Any) -> None:
        self.done.append((operation, *content))
        if operation in self.failures:
            raise self.failures[operation]

    def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
        """As a database that ignores the case of names."""
        self.queries.append([*query])
        asked = dict(query)
        hidden = asked.get("os_hidden") == "true"
        for each in self.images.values():
            if str(each["name"]).lower() != asked["name"].removeprefix("eq:").lower() or each["os_hidden"] != hidden:
                continue
            if asked.get("owner") in (None, each["owner"]):
                yield each

    def get(self, image_id: str) -> Image:
        self._do("get", image_id)
        if image_id not in self.images:
            raise error(NotFound, 404)
        return self.images[image_id]

    def create(self, attributes: Image) -> Image:
        self._do("create", attributes)
        self.images[attributes["id"]] = image(**attributes)
        return self.images[attributes["id"]]

    def update(self, image_id: str, patch: Sequence[dict[str, Any]]) -> Image:
        self._do("update", image_id, [*patch])
        self.images[image_id] = {**self.images[image_id], "updated_at": "2026-11-23T08:00:00Z", **desired_by([*patch])}
        return self.images[image_id]

    def delete(self, image_id: str) -> None:
        self._do("delete", image_id)
        del self.images[image_id]

    def deactivate(self, image_id: str) -> None:
        self._do("deactivate", image_id)

    def reactivate(self, image_id: str) -> None:
        self._do("reactivate", image_id)

    def stores(self, detail: bool = False) -> Items:
        raise error(NotFound, 404)


def session_with(
    images: Images,
    warned: list[str] | None = None,
    library_endpoint: str | None = None,
    retries: int = 0,
    clock: Clock | None = None,
) -> Session:
    """Warnings are gathered in `warned`; waiting moves the hands of `clock`."""
    heard = [] if warned is None else warned
    transport = Transport(timeout=30, retries=retries)
    return Session(images, PROJECT, transport, heard.append, library_endpoint, clock=(clock or Clock()).hands)
