# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image service as somebody sees it who asks it without the collection."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import requests

PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
BYTES = b"the bytes of an image"
# The formats with which any bytes are an image.
RAW: dict[str, Any] = {"disk_format": "raw", "container_format": "bare"}


# The attributes of an image in the specification of the API; everything else is a custom property.
SPECIFIED = (
    "id name status visibility protected tags container_format disk_format min_disk min_ram size virtual_size checksum"
    " os_hash_algo os_hash_value os_hidden owner created_at updated_at self file schema direct_url locations"
).split()

# The two Glances: their entries in sandbox.json by the name that the witness has for them.
ADDRESSES = {"library": "library_url", "public": "images_url"}

Image = dict[str, Any]

# The statuses of an image that is being deleted (glance/domain/__init__.py, Image).
GOING = ("deleted", "pending_delete")


class Server:
    """The image service as somebody sees it who does not use the collection.

    He asks the library, as the modules do. ``through="public"`` asks the other Glance, whose data the library cannot
    read.
    """

    def __init__(self, sandbox: Mapping[str, Any]) -> None:
        self.sandbox = sandbox
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.verify = sandbox["ca_file"]
        self._tokens: dict[str, str] = {}
        self._ours: set[str] = set()
        self._half_made: set[str] = set()

    def project_id(self, user: str = "member") -> str:
        return str(self.sandbox["users"][user]["project_id"])

    def login(self, user: str) -> dict[str, Any]:
        """The options that log a user in by password."""
        account = self.sandbox["users"][user]
        return {
            "auth_url": self.sandbox["keystone_url"],
            "ca_cert": self.sandbox["ca_file"],
            "region_name": self.sandbox["region"],
            "username": user,
            "password": account["password"],
            "user_domain_name": self.sandbox["domain_name"],
            "project_name": account["project"],
            "project_domain_name": self.sandbox["domain_name"],
        }

    def access(self, user: str) -> dict[str, Any]:
        """The options that lead a user to the library with the token of this session, so that nothing logs in."""
        return {
            "token": self.token(user),
            "image_endpoint_override": self.sandbox["library_url"],
            "ca_cert": self.sandbox["ca_file"],
            "project_id": self.project_id(user),
        }

    def token(self, user: str = "member") -> str:
        """A token of the user's project. It is the same one for the whole session."""
        if user not in self._tokens:
            account = self.sandbox["users"][user]
            identity = {"methods": ["password"], "password": {"user": {k: account[k] for k in ("id", "password")}}}
            auth = {"identity": identity, "scope": {"project": {"id": account["project_id"]}}}
            url = f"{self.sandbox['keystone_url']}/auth/tokens"
            answer = self._http.post(url, json={"auth": auth}, timeout=60)
            answer.raise_for_status()
            self._tokens[user] = answer.headers["X-Subject-Token"]
        return self._tokens[user]

    def call(
        self, method: str, path: str, user: str = "admin", through: str = "library", **content: Any
    ) -> requests.Response:
        headers = {"X-Auth-Token": self.token(user), **content.pop("headers", {})}
        url = self.sandbox[ADDRESSES[through]] + path
        return self._http.request(method, url, headers=headers, timeout=60, **content)

    def ask(self, method: str, path: str, user: str = "admin", through: str = "library", **content: Any) -> Any:
        """The answer's JSON; an error if the service refuses."""
        answer = self.call(method, path, user, through, **content)
        assert answer.status_code < 400, f"{method} {path} as {user}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def create(self, name: str | None = None, user: str = "member", active: bool = False, **attributes: Any) -> Image:
        """The document of a new image; an active one has BYTES as its data."""
        if active:
            attributes = {"disk_format": "raw", "container_format": "bare", **attributes}
        if name is not None:
            attributes["name"] = name
        image: Image = self.ask("POST", "/images", user, json=attributes)
        self.remember(image["id"])
        if active:
            self.upload(image["id"], user=user)
        return self.get(image["id"])

    def upload(self, image_id: str, content: bytes = BYTES, user: str = "member", through: str = "library") -> None:
        headers = {"Content-Type": "application/octet-stream"}
        self.ask("PUT", f"/images/{image_id}/file", user, through, data=content, headers=headers)

    def change(self, image_id: str, user: str = "admin", **attributes: Any) -> Image:
        patch = [{"op": "add", "path": f"/{key}", "value": value} for key, value in attributes.items()]
        changed: Image = self.ask(
            "PATCH", f"/images/{image_id}", user, data=json.dumps(patch), headers={"Content-Type": PATCH_TYPE}
        )
        return changed

    def act(self, image_id: str, action: str) -> None:
        self.ask("POST", f"/images/{image_id}/actions/{action}")

    def share(self, image_id: str, owner: str, with_user: str, status: str = "accepted") -> None:
        member = self.project_id(with_user)
        self.ask("POST", f"/images/{image_id}/members", owner, json={"member": member})
        if status != "pending":
            self.ask("PUT", f"/images/{image_id}/members/{member}", with_user, json={"status": status})

    def get(self, image_id: str) -> Image:
        image: Image = self.ask("GET", f"/images/{image_id}")
        # A set: each worker of the service has an order of its own.
        return {**image, "tags": sorted(image["tags"])}

    def is_there(self, image_id: str) -> bool:
        status = self.call("GET", f"/images/{image_id}").status_code
        assert status in (200, 404), f"GET {image_id}: {status}"
        return status == 200

    def pages(self, user: str, query: Iterable[tuple[str, str]] = ()) -> list[Image]:
        """All images that the query finds for the user, in the service's order."""
        images: list[Image] = []
        path: str | None = "/images"
        parameters: list[tuple[str, str]] | None = [*query, ("limit", "1000")]
        while path:
            page = self.ask("GET", path, user, params=parameters)
            images += page["images"]
            path = page["next"].removeprefix("/v2") if "next" in page else None
            parameters = None
        return images

    def everything(self) -> dict[str, Image]:
        """Every image of the service by its id, hidden ones and those of all projects too."""
        found = {}
        for hidden in ("false", "true"):
            query = [("visibility", "all"), ("member_status", "all"), ("os_hidden", hidden)]
            found.update({image["id"]: image for image in self.pages("admin", query)})
        return {image_id: {**image, "tags": sorted(image["tags"])} for image_id, image in found.items()}

    def named(self, name: str) -> list[Image]:
        """Every image of exactly this name."""
        return [image for image in self.everything().values() if image["name"] == name]

    def fill(self, count: int, name: str, user: str = "member") -> list[str]:
        """The ids of many new private images of this name, the oldest first; a second lies between any two of them.

        They are written into Glance's database, since the service itself takes a minute for 2,000.
        """
        ids = [str(uuid.uuid4()) for dummy in range(count)]
        now = datetime.now(timezone.utc)
        times = [f"{now - timedelta(seconds=count - number):%Y-%m-%d %H:%M:%S.%f}" for number in range(count)]
        insert = (
            "INSERT INTO images (id, name, status, created_at, updated_at, owner, visibility, deleted, min_disk,"
            " min_ram) VALUES (?, ?, 'queued', ?, ?, ?, 'private', 0, 0, 0)"
        )
        project = self.project_id(user)
        rows = [(image_id, name, at, at, project) for image_id, at in zip(ids, times, strict=True)]
        self.write([(insert, rows)])
        return ids

    def plant(self, images: Sequence[Image], members: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write whole images into Glance's database; `members` are the projects that have accepted one, by its id.

        Hundreds take a moment so, and what only an administrator or an upload could give is there as well.
        """
        now = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S.%f}"
        statements = []
        for image in images:
            times = dict.fromkeys(("created_at", "updated_at"), now)
            statements.append(_insertion("images", {**times, **_columns(image)}))
            for key in sorted(image.keys() - {*SPECIFIED, "stores"}):
                row = {"image_id": image["id"], "name": key, "value": image[key], "created_at": now, "deleted": 0}
                statements.append(_insertion("image_properties", row))
        for image_id, member in members.items():
            row = {"image_id": image_id, "member": member, "can_share": 0, "created_at": now, "deleted": 0}
            statements.append(_insertion("image_members", {**row, "status": "accepted"}))
        self.write(statements)

    def uproot(self, ids: Iterable[str]) -> None:
        """Undo `plant`."""
        rows = [(image_id,) for image_id in ids]
        places = (("image_properties", "image_id"), ("image_members", "image_id"), ("images", "id"))
        self.write([(f"DELETE FROM {table} WHERE {column} = ?", rows) for table, column in places])

    def space_out(self, ids: Sequence[str]) -> None:
        """Let these images have been created a minute after each other, the last one just now."""
        now = datetime.now(timezone.utc)
        times = [f"{now - timedelta(minutes=number):%Y-%m-%d %H:%M:%S.%f}" for number in reversed(range(len(ids)))]
        self.write([("UPDATE images SET created_at = ? WHERE id = ?", list(zip(times, ids, strict=True)))])

    def empty(self, ids: Iterable[str]) -> None:
        """Undo `fill`."""
        self.write([("DELETE FROM images WHERE id = ?", [(image_id,) for image_id in ids])])

    def write(self, statements: Sequence[tuple[str, Sequence[Sequence[Any]]]]) -> None:
        """Statements for Glance's database, as one transaction; the sandbox knows what it is."""
        order = json.dumps({"database": self.sandbox["databases"]["glance"], "statements": statements})
        command = [self.sandbox["python"], self.sandbox["sql_program"]]
        done = subprocess.run(command, input=order, capture_output=True, encoding="utf-8", check=False)
        assert not done.returncode, done.stderr

    def remember(self, image_id: str) -> None:
        """This image goes at the end of the test."""
        self._ours.add(image_id)

    def remember_name(self, name: str) -> None:
        """An image of this name may be there, though the service answered its creation with an error."""
        self._half_made.add(name)

    def new_id(self) -> str:
        """A UUID for an image that a module will create."""
        new = str(uuid.uuid4())
        self.remember(new)
        return new

    def clean_up(self) -> None:
        """Delete what this test has made."""
        while self._half_made:
            self._ours.update(image["id"] for image in self.named(self._half_made.pop()))
        while self._ours:
            self.delete(self._ours.pop())

    def delete(self, image_id: str) -> None:
        status = self.call("DELETE", f"/images/{image_id}").status_code
        if status == 403:
            self.change(image_id, protected=False)
            status = self.call("DELETE", f"/images/{image_id}").status_code
        if status == 500:  # only a Glance that knows the data's store deletes it
            status = self.call("DELETE", f"/images/{image_id}", through="public").status_code
        # If Glance fails in the middle of a deletion, it leaves an image that counts as deleted, and never deletes it.
        is_gone = status == 400 and self.get(image_id)["status"] in GOING
        assert is_gone or status in (204, 404), f"DELETE {image_id}: {status}"

    def passcode(self) -> str:
        """The one-time passcode of this moment (RFC 6238)."""
        secret = base64.b32decode(self.sandbox["totp_secret"])
        digest = hmac.new(secret, int(time.time() // 30).to_bytes(8, "big"), hashlib.sha1).digest()
        offset = digest[-1] & 15
        number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


def _insertion(table: str, row: Mapping[str, Any]) -> tuple[str, list[list[Any]]]:
    places = ", ".join("?" * len(row))
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", [[*row.values()]]


def _columns(image: Image) -> dict[str, Any]:
    """The row of an image in Glance's database."""
    row = {key: image[key] for key in SPECIFIED if key in image and key != "tags"}
    return {"deleted": 0, "min_disk": 0, "min_ram": 0, **row}


def shape_of(document: Image) -> Image:
    """What a module should show of a document of the service: all that it says, custom properties apart."""
    shape = {key: document.get(key) for key in SPECIFIED}
    shape["tags"] = sorted(document["tags"])
    # The service shows the stores of a deactivated image only to administrators.
    shape["stores"] = document["stores"].split(",") if "stores" in document and document["status"] == "active" else None
    shape["properties"] = {
        key: value
        for key, value in document.items()
        if key not in SPECIFIED and key != "stores" and not key.startswith("os_glance")
    }
    return shape


def unused(name: str) -> str:
    """A name or tag that no other test and no other run uses."""
    return f"{name}-{uuid.uuid4().hex[:12]}"


def names_of(images: Iterable[Image]) -> list[str]:
    return [image["name"] for image in images]
