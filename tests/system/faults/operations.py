# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules are asked to do while something fails, and how to see on the service whether that was reached."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import new_id
from ansible_collections.platform9.pcd.tests.support.glance_client import Image, Server, unused
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor

FORMATS = {"disk_format": "raw", "container_format": "bare"}
REPLACES = "pcd_replaces"
OLDEST, OLD, NEW = os.urandom(50_000), os.urandom(100_000), os.urandom(200_000)
# More than one page of the service's largest.
MANY = 1001


def hash_of(content: bytes) -> str:
    return hashlib.sha512(content).hexdigest()


@dataclass
class Subject:
    """What one case is about: images of this name, or of names that begin so, and files in this folder.

    `more` are the endings of the other names.
    """

    server: Server
    vendor: Vendor
    folder: Path
    name: str = field(default_factory=lambda: unused("fault"))
    id: str = ""
    many: list[str] = field(default_factory=list)
    more: tuple[str, ...] = ()

    @property
    def images(self) -> list[Image]:
        """The project's images of the name, or of all names, hidden ones too."""
        names = (self.name, *(f"{self.name}{ending}" for ending in self.more))
        return [image for name in names for hidden in ("false", "true") for image in self._listed(name, hidden)]

    @property
    def everything(self) -> list[Image]:
        """The images of everybody whose names begin with the name."""
        return [image for image in self.server.everything().values() if str(image["name"]).startswith(self.name)]

    def _listed(self, name: str, hidden: str) -> list[Image]:
        return self.server.pages("member", [("name", f"eq:{name}"), ("os_hidden", hidden)])

    @property
    def old(self) -> Image | None:
        """The image that was there before."""
        return self.server.get(self.id) if self.server.is_there(self.id) else None

    def create(self, content: bytes | None = None, **attributes: Any) -> None:
        image = self.server.create(self.name, **{**FORMATS, **attributes})
        self.id = image["id"]
        if content is not None:
            self.server.upload(self.id, content)

    def file(self, content: bytes = NEW) -> str:
        path = self.folder / "image.raw"
        path.write_bytes(content)
        return str(path)

    @property
    def dest(self) -> Path:
        return self.folder / "downloaded" / "image.raw"

    def clean_up(self) -> None:
        self.server.empty(self.many)
        for image in self.images:
            self.server.remember(image["id"])
        if self.id:
            self.server.remember(self.id)
        self.server.clean_up()


class Operation:
    """One desired state. `module` and `options` declare it, `wrong` lists the differences."""

    name = ""
    module = "pcd_image"
    # How many writes it takes without a fault.
    writes = 1
    # The content that an active image of the name may have, at any moment.
    contents: Sequence[bytes] = ()
    most_images = 1

    @property
    def changes(self) -> bool:
        return self.writes > 0 or self.module == "pcd_image_download"

    def prepare(self, subject: Subject) -> None:
        """What is there before."""

    def options(self, subject: Subject) -> dict[str, Any]:
        raise NotImplementedError

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        raise NotImplementedError

    def leftovers(self, subject: Subject) -> list[str]:
        """What a run that could come to its end has left lying about on this machine."""
        return []

    def damage(self, subject: Subject) -> list[str]:
        """What must not be at any moment, however a run ends: wrong data, two images, something lost."""
        images = subject.images
        replaced = {image.get(REPLACES) for image in images}
        shown = [image for image in images if not image["os_hidden"] and image["id"] not in replaced]
        found = []
        if len(shown) > 1 or len(images) > self.most_images:
            found.append(f"images of the name: {[(i['id'], i['status'], i['os_hidden']) for i in images]}")
        hashes = [hash_of(content) for content in self.contents]
        found += [
            f"{image['id']} is {image['status']} with other data"
            for image in images
            if image["status"] in ("active", "deactivated") and image["os_hash_value"] not in hashes
        ]
        return found


def differing(image: Image, **expected: Any) -> list[str]:
    got = {**image, "tags": sorted(image["tags"])}
    return [f"{key} is {got.get(key)!r}, not {value!r}" for key, value in expected.items() if got.get(key) != value]


def only(images: Sequence[Image], **expected: Any) -> list[str]:
    """What is not as expected of the one image."""
    if len(images) != 1:
        return [f"{len(images)} images of the name: {[(image['id'], image['status']) for image in images]}"]
    return differing(images[0], **expected)


class LogIn(Operation):
    name, module, writes = "login", "pcd_image_service_info", 0

    def options(self, subject: Subject) -> dict[str, Any]:
        return {}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        stores = sorted(store["id"] for store in result["stores"])
        return [] if stores == ["fast", "slow"] else [f"stores {stores}"]


class LookUp(Operation):
    """By id or by name."""

    module, writes = "pcd_image_info", 0

    def __init__(self, by: str) -> None:
        self.by = by
        self.name = f"look-up by {by}"

    def prepare(self, subject: Subject) -> None:
        subject.create()

    def options(self, subject: Subject) -> dict[str, Any]:
        return {self.by: getattr(subject, self.by)}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        ids = [image["id"] for image in result["images"]]
        return [] if ids == [subject.id] else [f"found {ids}"]


class ListPages(Operation):
    name, module, writes = "list of two pages", "pcd_image_info", 0

    def prepare(self, subject: Subject) -> None:
        subject.many = subject.server.fill(MANY, subject.name)

    def options(self, subject: Subject) -> dict[str, Any]:
        return {"name": subject.name}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        ids = {image["id"] for image in result["images"]}
        return [] if len(ids) == len(result["images"]) == MANY else [f"found {len(ids)} of {MANY}"]

    def damage(self, subject: Subject) -> list[str]:
        return []


class Create(Operation):
    DESIRED: Mapping[str, Any] = {"min_disk": 3, "tags": ["a", "b"], "properties": {"os_distro": "debian"}}

    def __init__(self, by: str) -> None:
        self.by = by
        self.name = f"create by {by}"

    def prepare(self, subject: Subject) -> None:
        if self.by == "id":
            subject.id = subject.server.new_id()

    def options(self, subject: Subject) -> dict[str, Any]:
        identity = {"id": subject.id} if self.by == "id" else {}
        return {"name": subject.name, **identity, **self.DESIRED, **FORMATS}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        identity = {"id": subject.id} if self.by == "id" else {}
        return only(
            subject.images, status="queued", min_disk=3, tags=["a", "b"], os_distro="debian", **identity, **FORMATS
        )


class Update(Operation):
    name = "update"
    contents = (OLD,)

    def prepare(self, subject: Subject) -> None:
        subject.create(OLD, tags=["old"], os_distro="debian", kept="as it was")

    def options(self, subject: Subject) -> dict[str, Any]:
        properties = {"os_distro": None, "os_version": "13"}
        return {"name": subject.name, "min_ram": 512, "tags": ["new"], "properties": properties}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        desired = {"min_ram": 512, "tags": ["new"], "os_version": "13", "os_distro": None}
        return only(subject.images, id=subject.id, status="active", kept="as it was", **desired)

    def damage(self, subject: Subject) -> list[str]:
        return [*super().damage(subject), *only(subject.images, id=subject.id, status="active", kept="as it was")]


class Delete(Operation):
    contents = (OLD,)

    def __init__(self, protected: bool) -> None:
        self.protected = protected
        self.writes = 2 if protected else 1
        self.name = "delete a protected image" if protected else "delete"

    def prepare(self, subject: Subject) -> None:
        subject.create(OLD, protected=self.protected)

    def options(self, subject: Subject) -> dict[str, Any]:
        return {"name": subject.name, "state": "absent", **({"force": True} if self.protected else {})}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        return [f"{image['id']} is still there" for image in subject.images]


class SetState(Operation):
    module = "pcd_image_state"
    contents = (OLD,)

    def __init__(self, state: str) -> None:
        self.state = state
        self.name = "reactivate" if state == "active" else "deactivate"

    def prepare(self, subject: Subject) -> None:
        subject.create(OLD)
        if self.state == "active":
            subject.server.act(subject.id, "deactivate")

    def options(self, subject: Subject) -> dict[str, Any]:
        return {"name": subject.name, "state": self.state}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        return only(subject.images, id=subject.id, status=self.state)


class SetMembers(Operation):
    """An image is shared with one project and no longer with another; the status of a third stays."""

    name, module, writes = "set members", "pcd_image_member", 3
    contents = (OLD,)
    ADDED, REMOVED, KEPT = (f"{number:032x}" for number in (1, 2, 3))

    def prepare(self, subject: Subject) -> None:
        subject.create(OLD)
        for project in (self.REMOVED, self.KEPT):
            subject.server.ask("POST", f"/images/{subject.id}/members", json={"member": project})
        subject.server.ask("PUT", f"/images/{subject.id}/members/{self.KEPT}", json={"status": "accepted"})

    def options(self, subject: Subject) -> dict[str, Any]:
        own = subject.server.project_id()
        return {"name": subject.name, "projects": [self.ADDED, own, self.KEPT], "purge": True}

    def members(self, subject: Subject) -> dict[str, str]:
        listed = subject.server.ask("GET", f"/images/{subject.id}/members")["members"]
        return {member["member_id"]: member["status"] for member in listed}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        added = dict.fromkeys((self.ADDED, subject.server.project_id()), "pending")
        found = self.members(subject)
        return [] if found == {**added, self.KEPT: "accepted"} else [f"members {found}"]

    def damage(self, subject: Subject) -> list[str]:
        kept = self.members(subject).get(self.KEPT)
        return [*super().damage(subject), *([] if kept == "accepted" else [f"another member is {kept}"])]


class AnswerOffer(Operation):
    """An image that another project shares is accepted."""

    name, module = "answer an offer", "pcd_image_member"

    def prepare(self, subject: Subject) -> None:
        subject.id = subject.server.create(subject.name, "other")["id"]
        subject.server.share(subject.id, "other", "member", "pending")

    def options(self, subject: Subject) -> dict[str, Any]:
        return {"name": subject.name, "status": "accepted"}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        listed = subject.server.ask("GET", f"/images/{subject.id}/members")["members"]
        return [] if [member["status"] for member in listed] == ["accepted"] else [f"members {listed}"]


class Send(Operation):
    """A new image with data: uploaded, staged and imported, or fetched by the service."""

    contents = (NEW,)
    DESIRED: Mapping[str, Any] = {"min_disk": 1, "properties": {"os_distro": "debian"}}

    def __init__(self, method: str, name: str) -> None:
        self.method = method
        self.name = name
        self.writes = 3 if method == "glance-direct" else 2

    def options(self, subject: Subject) -> dict[str, Any]:
        if self.method == "web-download":
            source = {"url": subject.vendor.file(f"{subject.name}.raw", NEW)}
        else:
            source = {"path": subject.file()}
        return {"name": subject.name, "method": self.method, **source, **self.DESIRED, **FORMATS}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        desired = {"min_disk": 1, "os_distro": "debian"}
        return only(subject.images, status="active", size=len(NEW), os_hash_value=hash_of(NEW), **desired)


class Fill(Send):
    """Data for a record that somebody else has made."""

    def __init__(self) -> None:
        super().__init__("upload", "upload into a record")
        self.writes = 1

    def prepare(self, subject: Subject) -> None:
        subject.create(min_disk=1, os_distro="debian")

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        return [*super().wrong(subject, result), *only(subject.images, id=subject.id)]


class Remember(Send):
    """Data whose stated checksum the service does not compute, so that the image remembers it."""

    SOURCE = f"sha256:{hashlib.sha256(NEW).hexdigest()}=sha512:{hash_of(NEW)}"

    def __init__(self) -> None:
        super().__init__("upload", "upload and remember")
        self.writes = 3

    def options(self, subject: Subject) -> dict[str, Any]:
        return {**super().options(subject), "checksum": f"sha256:{hashlib.sha256(NEW).hexdigest()}"}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        return [*super().wrong(subject, result), *only(subject.images, pcd_source=self.SOURCE)]


class Replace(Operation):
    contents = (OLD, NEW)
    most_images = 2

    def __init__(self, retired: str) -> None:
        self.retired = retired
        self.name = f"replace, {retired}"
        # Created, filled, shown, the old one retired, and the mark taken off.
        self.writes = 6 if retired == "deactivate" else 5

    def prepare(self, subject: Subject) -> None:
        subject.create(OLD, tags=["kept"], os_distro="debian")

    def options(self, subject: Subject) -> dict[str, Any]:
        return {
            "name": subject.name,
            "path": subject.file(),
            "on_content_change": "replace",
            "retired": self.retired,
            **FORMATS,
        }

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        images = {image["id"]: image for image in subject.images}
        retired = images.pop(subject.id, None) or subject.old
        found = only(
            list(images.values()),
            status="active",
            os_hash_value=hash_of(NEW),
            os_hidden=False,
            tags=["kept"],
            os_distro="debian",
            **{REPLACES: None},
        )
        if self.retired == "delete":
            return found if retired is None else [*found, "the old image is still there"]
        if retired is None:
            return [*found, "the old image is gone"]
        hidden, status = self.retired != "rename", "deactivated" if self.retired == "deactivate" else "active"
        found += differing(retired, os_hidden=hidden, status=status, os_hash_value=hash_of(OLD))
        if self.retired == "rename" and not str(retired["name"]).startswith(f"{subject.name}-"):
            found.append(f"the old image is named {retired['name']}")
        return found

    def damage(self, subject: Subject) -> list[str]:
        shown = [image for image in subject.images if image["status"] == "active" and not image["os_hidden"]]
        lost = [] if shown else ["no image of the name can be used"]
        if self.retired != "delete" and subject.old is None:
            lost.append("the old image is gone")
        return [*super().damage(subject), *lost]


class Rotation(Operation):
    """A name with a current image and one that was retired; both were made by this collection, and so is a third."""

    contents = (OLDEST, OLD, NEW)
    most_images = 3
    how = "replace"
    # The content of the retired image, and of one that was prepared.
    retired: bytes | None = None
    prepared: bytes | None = None
    # Whether the retired image may be deleted.
    deletes = False

    def prepare(self, subject: Subject) -> None:
        made = []
        if self.retired is not None:
            self._make(subject, self.retired, os_hidden=True, pcd_retired=subject.name)
            made.append(subject.id)
        self._make(subject, OLD)
        current = subject.id
        # The service gives whole seconds only, and the older one of two goes first.
        subject.server.space_out([*made, current])
        if self.prepared is not None:
            self._make(subject, self.prepared, os_hidden=True, **{REPLACES: current})
        subject.id = current

    def _make(self, subject: Subject, content: bytes, **attributes: Any) -> None:
        image_id = new_id()
        bound = {"pcd_bound_to": image_id} if attributes else {}
        subject.create(content, id=image_id, **bound, **attributes)

    def options(self, subject: Subject) -> dict[str, Any]:
        source = {"path": subject.file(), "on_content_change": self.how}
        return {"name": subject.name, **source, "keep": 1, **FORMATS}

    def states(self, subject: Subject) -> dict[bytes, tuple[bool, bool]]:
        """Of each image that there shall be, by its content: whether it is hidden, and whether it counts as retired."""
        raise NotImplementedError

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        wanted = sorted((hash_of(content), *state) for content, state in self.states(subject).items())
        found = sorted(
            (str(image["os_hash_value"]), image["os_hidden"], image.get("pcd_retired") == subject.name)
            for image in subject.images
        )
        return [] if found == wanted else [f"(hash, hidden, retired): {found}, not {wanted}"]

    def damage(self, subject: Subject) -> list[str]:
        images = subject.images
        found = super().damage(subject)
        if not any(image["status"] == "active" and not image["os_hidden"] for image in images):
            found.append("no image of the name can be used")
        if subject.old is None:
            found.append("the current image is gone")
        hashes = [image["os_hash_value"] for image in images]
        if self.retired is not None and not self.deletes and hash_of(self.retired) not in hashes:
            found.append("the retired image is gone")
        return found


class Rotate(Rotation):
    """A new version; of the two retired images, the older one is deleted."""

    name, writes, retired, deletes = "rotate", 6, OLDEST, True

    def states(self, subject: Subject) -> dict[bytes, tuple[bool, bool]]:
        return {NEW: (False, False), OLD: (True, True)}


class Prepare(Rotation):
    name, writes, retired, how = "prepare", 2, OLDEST, "prepare"

    def states(self, subject: Subject) -> dict[bytes, tuple[bool, bool]]:
        return {NEW: (True, False), OLD: (False, False), OLDEST: (True, True)}


class Publish(Rotation):
    name, writes, prepared = "publish", 3, NEW

    def states(self, subject: Subject) -> dict[bytes, tuple[bool, bool]]:
        return {NEW: (False, False), OLD: (True, True)}


class RollBack(Rotation):
    name, writes, retired = "roll back", 3, NEW

    def states(self, subject: Subject) -> dict[bytes, tuple[bool, bool]]:
        return {NEW: (False, False), OLD: (True, True)}


class Catalogue(Operation):
    """Three images are changed, so many that one list verifies them; one is created, and one is declared no more."""

    name, module, writes = "catalogue", "pcd_image_catalog", 6
    contents = (OLD, NEW)
    CHANGED, NEW_ONE, LEFT_OUT = ("-a", "-b", "-c"), "-new", "-left-out"

    def prepare(self, subject: Subject) -> None:
        subject.more = (*self.CHANGED, self.NEW_ONE, self.LEFT_OUT)
        for ending in (*self.CHANGED, self.LEFT_OUT):
            image_id = new_id()
            marks: dict[str, Any] = {"pcd_catalog": subject.name, "pcd_bound_to": image_id}
            attributes: dict[str, Any] = {**FORMATS, **marks, "id": image_id, "kept": "as it was"}
            image = subject.server.create(f"{subject.name}{ending}", **attributes)
            subject.server.upload(image["id"], OLD)

    def options(self, subject: Subject) -> dict[str, Any]:
        images: list[dict[str, Any]] = [
            {"name": f"{subject.name}{ending}", "properties": {"os_distro": "debian"}} for ending in self.CHANGED
        ]
        images.append({"name": f"{subject.name}{self.NEW_ONE}", "path": subject.file()})
        # One after the other, so that the requests of each run have the same order.
        common = {"defaults": {**FORMATS, "min_disk": 1}, "images": images, "workers": 1}
        return {"catalog": subject.name, "prune": True, **common}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        images = self._by_ending(subject)
        found = []
        for ending in self.CHANGED:
            found += only(images[ending], os_distro="debian", min_disk=1, kept="as it was", os_hidden=False)
        found += only(images[self.NEW_ONE], status="active", os_hash_value=hash_of(NEW), pcd_catalog=subject.name)
        found += only(images[self.LEFT_OUT], os_hidden=True, status="active")
        errors = [image["error"] for image in result.get("images", ()) if image["error"] is not None]
        return [*found, *errors]

    def damage(self, subject: Subject) -> list[str]:
        hashes = [hash_of(content) for content in self.contents]
        images = self._by_ending(subject)
        found = [
            f"{image['name']} is {image['status']} with other data"
            for same in images.values()
            for image in same
            if image["status"] == "active" and image["os_hash_value"] not in hashes
        ]
        for ending in (*self.CHANGED, self.LEFT_OUT):
            found += only(images[ending], status="active", kept="as it was", os_hash_value=hash_of(OLD))
        if len(images[self.NEW_ONE]) > 1:
            found.append(f"{len(images[self.NEW_ONE])} new images")
        # What is not declared any more is retired last, and only if nothing has failed.
        hidden = any(image["os_hidden"] for image in images[self.LEFT_OUT])
        if hidden and [image["status"] for image in images[self.NEW_ONE]] != ["active"]:
            found.append("pruned before everything else was as declared")
        return found

    @staticmethod
    def _by_ending(subject: Subject) -> dict[str, list[Image]]:
        images = subject.images
        return {
            ending: [image for image in images if image["name"] == f"{subject.name}{ending}"] for ending in subject.more
        }


class Download(Operation):
    name, module, writes = "download", "pcd_image_download", 0
    contents = (OLD,)

    def prepare(self, subject: Subject) -> None:
        subject.create(OLD)
        subject.dest.parent.mkdir(exist_ok=True)
        subject.dest.write_bytes(NEW)

    def options(self, subject: Subject) -> dict[str, Any]:
        return {"name": subject.name, "dest": str(subject.dest)}

    def wrong(self, subject: Subject, result: Mapping[str, Any]) -> list[str]:
        return [] if subject.dest.read_bytes() == OLD else ["the file has other bytes"]

    def leftovers(self, subject: Subject) -> list[str]:
        return [f"left {path}" for path in subject.dest.parent.iterdir() if path != subject.dest]

    def damage(self, subject: Subject) -> list[str]:
        found = super().damage(subject)
        if subject.dest.read_bytes() not in (OLD, NEW):
            found.append("the file is neither the old one nor the new one")
        return [*found, *only(subject.images, id=subject.id, status="active")]


RETIRED = ("hide", "rename", "deactivate", "delete")
OPERATIONS: tuple[Operation, ...] = (
    LogIn(),
    LookUp("id"),
    LookUp("name"),
    ListPages(),
    Create("name"),
    Create("id"),
    Update(),
    Delete(protected=False),
    Delete(protected=True),
    SetState("deactivated"),
    SetState("active"),
    SetMembers(),
    AnswerOffer(),
    Send("upload", "upload"),
    Fill(),
    Remember(),
    Send("glance-direct", "stage and import"),
    Send("web-download", "import from a url"),
    *(Replace(retired) for retired in RETIRED),
    Rotate(),
    Prepare(),
    Publish(),
    RollBack(),
    Catalogue(),
    Download(),
)
BY_NAME = {operation.name: operation for operation in OPERATIONS}
