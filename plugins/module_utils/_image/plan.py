# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Desired attributes and current image in, plan out. Pure: no HTTP, no Ansible, no clock.

An image here is the service's own document: a flat dictionary of attributes and custom properties.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .._errors import NotReady, PlanError, quoted
from .._redact import printable
from .attributes import (
    ATTRIBUTES,
    BOUND_TO,
    CATALOG,
    CREATED,
    FIXED_BY_DATA,
    OUR_PREFIX,
    SERVICE_HASH,
    SETTABLE,
    folded,
    image_shape,
    is_custom,
    with_tags_of,
)
from .marks import with_needed_binding

if TYPE_CHECKING:
    from .._data.digest import Content, Digest
    from .._data.stream import Stream

Image = Mapping[str, Any]
Patch = list[dict[str, Any]]

STATUS_AFTER = {"deactivate": "deactivated", "reactivate": "active"}
RETURNED_ACTIONS = {"deactivate": "deactivated", "reactivate": "reactivated"}
ACTION_FOR = {status: action for action, status in STATUS_AFTER.items()}

# The service sets these on every write, so nobody can predict them.
UNKNOWN_AFTER_WRITE = ("updated_at",)

UNPROTECT: Patch = [{"op": "replace", "path": "/protected", "value": False}]
PROTECT: Patch = [{"op": "replace", "path": "/protected", "value": True}]

# In a diff: only the service knows it, once the plan is applied.
KNOWN_LATER = "(known after apply)"
NO_IMAGE = "(no image)"
# What a new record gets, and what data brings with it.
OF_RECORD = ("id", "created_at")
OF_DATA = ("size", "checksum", "os_hash_value")

# What says nothing about the image to the reader of a diff.
NOT_IN_DIFF = (*UNKNOWN_AFTER_WRITE, "self", "file", "schema", "direct_url", "locations")


class Create(NamedTuple):
    """A new record: `attributes` is the whole body."""

    attributes: Image


@dataclass(frozen=True)
class Update:
    """A JSON patch of the image that is there.

    `desired` and `purge` are what it was made from, None if the patch says all that is desired. Without `verify`, it
    only serves the step after it. One that `is_memory` spares the next run work, and may fail.
    """

    patch: Patch
    desired: Image | None = field(default=None, compare=False)
    purge: bool = field(default=False, compare=False)
    verify: bool = field(default=True, compare=False)
    is_memory: bool = field(default=False, compare=False)

    def with_memory(self, memory: Patch) -> Update:
        """The same, and the memory beside it in one patch."""
        desired = None if self.desired is None else {**self.desired, **desired_by(memory)}
        return replace(self, patch=[*self.patch, *memory], desired=desired)

    def patch_of(self, image: Image) -> Patch:
        """What is left to change in an image that is not as it was."""
        desired = desired_by(self.patch) if self.desired is None else self.desired
        return make_patch(with_needed_binding(desired, image), image, self.purge)


class SetStatus(NamedTuple):
    """`action` is deactivate or reactivate."""

    action: str


class Delete(NamedTuple):
    """The record and its data are deleted; `undo` reverts the step before if the service refuses."""

    undo: Patch


class Upload(NamedTuple):
    """The data goes straight into the image, into this store or the default one."""

    stream: Stream
    store: str | None
    timeout: float


class Stage(NamedTuple):
    """The data goes into the staging area, from which the service takes it for an import."""

    stream: Stream
    timeout: float


class Import(NamedTuple):
    """The service itself brings the data into its stores; `request` is the body that asks for it.

    `known` is what the data is known to be beforehand; `stream` has shown it, if it was staged. `stated` can be
    compared only by reading the data back. `wait` says whether the task waits for the end.

    `fetched` is what the service itself fetches; `fallback` are the steps to take if it refuses to fetch it.
    """

    request: Mapping[str, Any]
    timeout: float
    wait: bool = True
    known: Content | None = None
    stream: Stream | None = None
    stated: Digest | None = None
    fetched: Stream | None = None
    fallback: tuple[Upload | Stage | Import, ...] = ()

    @property
    def method(self) -> str:
        return str(self.request["method"]["name"])


class Stores(NamedTuple):
    """The stores that are to hold the data: these, or all; neither means the default one of the service."""

    names: tuple[str, ...] = ()
    every: bool = False
    must_succeed: bool | None = None

    @property
    def are_chosen(self) -> bool:
        return self.every or bool(self.names)

    @property
    def are_several(self) -> bool:
        return self.every or len(self.names) > 1

    @property
    def request(self) -> dict[str, Any]:
        """What an import request says of them."""
        request: dict[str, Any] = {"all_stores": True} if self.every else {}
        if self.names:
            request["stores"] = list(self.names)
        if self.must_succeed is not None:
            request["all_stores_must_succeed"] = self.must_succeed
        return request


class Resume(NamedTuple):
    """What follows is done to this image, which an earlier run has left unfinished, or retired (`is_return`)."""

    image: Image
    is_return: bool = False


class Retire(NamedTuple):
    """These steps are taken on the image that has been replaced.

    `action` says what they come to: hidden, deactivated, renamed or deleted; `name` is the one it has then.
    """

    image: Image
    steps: tuple[Step, ...]
    action: str
    name: str | None

    @property
    def as_result(self) -> dict[str, Any]:
        return {"id": self.image["id"], "name": self.name, "action": self.action, "reason": None}


class Follow(NamedTuple):
    """The members of the image that is being replaced become members of its replacement."""

    image: Image


class Discard(NamedTuple):
    """An unfinished replacement that is of no use is deleted; nobody has ever found it in a list.

    It stays if the service refuses that, for example because an instance was created from what was prepared.
    """

    image: Image
    steps: tuple[Step, ...]

    @property
    def as_result(self) -> dict[str, Any]:
        reason = "an earlier run has left it unfinished, and it cannot become what is declared now"
        return retired_entry(self.image, "deleted", reason)


@dataclass(frozen=True)
class Prune:
    """A retired image that is one too many is deleted; it stays if the service refuses that, for example in use."""

    image: Image
    steps: tuple[Step, ...]

    @property
    def as_result(self) -> dict[str, Any]:
        created = str(self.image.get("created_at"))
        reason = f"only the newest retired images stay (option keep); it was created at {created}"
        return retired_entry(self.image, "deleted", reason)


Step: TypeAlias = (
    "Create | Update | SetStatus | Delete | Upload | Stage | Import | Resume | Follow | Retire | Discard | Prune"
)


class Plan(NamedTuple):
    """From `before` to `after` (None: no image) by `steps`; what cannot be predicted is None in `after`.

    `stream` is the data that the steps send: what it turns out to be belongs to `after`, too. If the plan only
    `prepares`, `before` stays what its name means, and `after` is the hidden image that can replace it. `kept` are
    retired images that stay, as entries of `retired`.
    """

    before: Image | None
    after: Image | None
    steps: tuple[Step, ...] = ()
    stream: Stream | None = None
    prepares: bool = False
    kept: tuple[dict[str, Any], ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.steps)

    @property
    def sends_data(self) -> bool:
        return any(isinstance(step, (Upload, Stage, Import)) for step in self.steps)

    @property
    def patch(self) -> Patch:
        """The operations that the steps send."""
        return [operation for step in self.steps if isinstance(step, Update) for operation in step.patch]

    @property
    def retired(self) -> list[dict[str, Any]]:
        """The other images that the steps take out of use or delete, and how; one entry for each image."""
        taken = [step for step in self.steps if isinstance(step, (Retire, Discard, Prune)) and step.steps]
        entries = {step.image["id"]: step.as_result for step in taken} | {entry["id"]: entry for entry in self.kept}
        return [*entries.values()]

    @property
    def expected(self) -> Image | None:
        """`after`, with what is known of the data by now."""
        content = None if self.stream is None else self.stream.content
        return self.after if self.after is None or content is None else {**self.after, **attributes_of(content)}

    @property
    def diff(self) -> dict[str, Any]:
        """Before and after as Ansible shows them; what only a real run can know is KNOWN_LATER."""
        before, after = _visible(self.before), self._after_in_diff
        if after and "owner" not in after:
            # The new image belongs to the project of the credentials, as one that inherits no owner has done before it.
            before.pop("owner", None)
        for step in self.steps:
            # Not shown otherwise: the properties of this collection are not returned, either.
            if isinstance(step, Update):
                written = desired_by(step.patch).items()
                for key, value in written if step.is_memory else [item for item in written if item[0] == CATALOG]:
                    if self.before is not None and key in self.before:
                        before[key] = self.before[key]
                    if value is not None:
                        after[key] = value
        if after:
            after.update(
                {key: KNOWN_LATER for key in before if key not in after and (key in ATTRIBUTES or key == "stores")}
            )
        header = _header_beside(self.before, self.expected)
        return {
            "before": before,
            "after": after,
            "before_header": header,
            "after_header": header if self.prepares else _header_beside(self.expected, self.before),
        }

    @property
    def _after_in_diff(self) -> dict[str, Any]:
        expected = _visible(self.expected)
        is_new = any(isinstance(step, Create) for step in self.steps)
        for key in (*(OF_RECORD if is_new else ()), *(OF_DATA if self.sends_data else ())):
            expected.setdefault(key, KNOWN_LATER)
        after = {**_visible(self.before), "prepared": expected} if self.prepares else expected
        if self.retired:
            after["retired"] = [_line(entry) for entry in self.retired]
        return after


def action_of(plan: Plan) -> str:
    """What the plan does to the image that the task is about, in one word."""
    if not plan.changed:
        return "unchanged"
    if plan.after is None:
        return "deleted"
    if plan.prepares:
        return "prepared"
    if any(isinstance(step, Resume) and step.is_return for step in plan.steps):
        return "restored"
    if plan.before is None:
        return "created"
    if any(isinstance(step, (Create, Resume, Retire)) for step in plan.steps):
        return "replaced"
    if isinstance(plan.steps[0], SetStatus):
        return RETURNED_ACTIONS[plan.steps[0].action]
    is_filled = plan.before.get("status") == "queued" and plan.sends_data
    return "uploaded" if is_filled else "updated"


def without_refused(plan: Plan, refused: Mapping[str, str]) -> Plan:
    """The plan as it was applied: these other images, by their ids, stay for a reason that the service gave."""
    ends = [step for step in plan.steps if isinstance(step, (Discard, Prune)) and step.image["id"] in refused]
    kept = (retired_entry(step.image, "kept", refused[step.image["id"]]) for step in ends)
    steps = tuple(step for step in plan.steps if step not in ends)
    if all(isinstance(step, Resume) for step in steps):
        # To go on with an image changes nothing, if nothing follows.
        steps = ()
    return plan._replace(steps=steps, kept=(*plan.kept, *kept))


def replaced_id_of(plan: Plan) -> str | None:
    """The id of the image whose place another one takes by this plan; None if the image stays the same."""
    if plan.before is None or action_of(plan) not in ("replaced", "restored"):
        return None
    return str(plan.before["id"])


def retired_entry(image: Image, action: str, reason: str) -> dict[str, Any]:
    """The entry of `retired` for an image that keeps its name: `deleted`, or `kept`, though it is one too many."""
    return {"id": image["id"], "name": image.get("name"), "action": action, "reason": reason}


def header_of(image: Image | None) -> str:
    """The image in the header of a diff, which is one line whatever its name holds."""
    if image is None:
        return NO_IMAGE
    called = str(image.get("id") or "new image")
    return f"{printable(image['name'])} ({called})" if image.get("name") else called


def _header_beside(image: Image | None, other: Image | None) -> str:
    """The header of one side of a diff; without an image, with the name of the other side."""
    named = image is None and other is not None and other.get("name")
    return f"{printable(named)} {NO_IMAGE}" if named else header_of(image)


def _line(entry: Mapping[str, Any]) -> str:
    reason = f" ({entry['reason']})" if entry["reason"] else ""
    return f"{entry['name']} ({entry['id']}): {entry['action']}{reason}"


def plan_present(desired: Image, current: Image | None, purge: bool = False, new_id: str | None = None) -> Plan:
    """The image exists and has all desired attributes; with `purge`, it has no other custom properties.

    `new_id` is the id that a new record gets; None leaves it to the service.
    """
    if current is None:
        attributes = {key: value for key, value in with_tags_of(desired, {}).items() if value is not None}
        if new_id is not None:
            attributes["id"] = new_id.lower()
        _refuse_twins(attributes, {})
        return Plan(None, {**CREATED, **attributes}, (Create(attributes),))
    if desired.get(CATALOG) is not None:
        # A new record is bound once its id is known.
        desired = {**desired, BOUND_TO: current["id"]}
    patch = make_patch(desired, current, purge)
    if not patch:
        return Plan(current, current)
    _refuse_fixed(desired, current)
    after = apply_patch(patch, current)
    _refuse_twins(after, current)
    return Plan(current, _written(after), (Update(patch, desired, purge),))


def _refuse_twins(image: Image, current: Image) -> None:
    """Raises if the image gets a property or a tag that another one has but for case and accents.

    A property counts although the same change removes it: the database keeps its name (ImageProperty is deleted softly,
    glance/db/sqlalchemy/api.py), so that the new one could never be written.
    """
    properties = [key for key in {**current, **image} if is_custom(key)]
    _refuse_twins_in("properties", properties, current)
    _refuse_twins_in("tags", image.get("tags") or (), current.get("tags") or ())


def _refuse_twins_in(option: str, names: Iterable[str], current: Container[str]) -> None:
    first: dict[str, str] = {}
    for name in sorted(names, key=lambda each: (each not in current, each)):
        other = first.setdefault(folded(name), name)
        if other != name and name not in current:
            raise PlanError(
                f"{option}: {quoted(other)} and {quoted(name)} differ in case or accents only. The database of the "
                f"image service takes them for one. Use {quoted(other)}."
            )


def in_parts(patch: Patch, current: Image) -> list[Patch]:
    """The patch as one or two that a database can take which compares tags without case and accents.

    Such a one refuses a tag while another of nearly the same name is there, though the same patch removes it (500), and
    keeps what it has written before (glance/db/sqlalchemy/api.py, image_tag_set_all).
    """
    tags = next((each["value"] for each in patch if each["path"] == "/tags" and each["op"] != "remove"), None)
    there = current.get("tags") or ()
    if tags is None:
        return [patch]
    kept = [tag for tag in there if tag in tags or folded(tag) not in set(map(folded, tags))]
    return [patch] if len(kept) == len(there) else [[{"op": "replace", "path": "/tags", "value": kept}], patch]


def plan_absent(current: Image | None, force: bool = False) -> Plan:
    """The image is gone. `force` takes the protection off first."""
    if current is None:
        return Plan(None, None)
    if not current.get("protected"):
        return Plan(current, None, (Delete([]),))
    if not force:
        raise PlanError(
            f"{describe(current)} is protected and is not deleted. "
            "Set force: true to delete it all the same, or protected: false to take the protection off first."
        )
    return Plan(current, None, (Update(UNPROTECT, verify=False), Delete(PROTECT)))


def plan_status(wanted: str, current: Image) -> Plan:
    """The image is active, or deactivated."""
    status = current["status"]
    if status == wanted:
        return Plan(current, current)
    if status not in ACTION_FOR:
        raise NotReady(
            f"{describe(current)} should be {wanted}, but its status is {status}. "
            "Only an image that has its data can be deactivated or reactivated: upload the data first, "
            "or wait until a running upload or import has ended."
        )
    # Whether the service names the stores depends on the status; a difference there does not change the image.
    before = {key: value for key, value in current.items() if key != "stores"}
    return Plan(before, _written({**before, "status": wanted}), (SetStatus(ACTION_FOR[wanted]),))


def attributes_of(content: Content) -> dict[str, Any]:
    """The attributes that the service gives to an image of this content, as far as it is known."""
    attributes: dict[str, Any] = {}
    if content.size is not None:
        attributes["size"] = content.size
    if "md5" in content.digests:
        attributes["checksum"] = content.digests["md5"]
    if SERVICE_HASH in content.digests:
        attributes.update(os_hash_algo=SERVICE_HASH, os_hash_value=content.digests[SERVICE_HASH])
    return attributes


def make_patch(desired: Image, current: Image, purge: bool = False) -> Patch:
    """The fewest operations that turn the current image into the desired one: whole attributes, sorted by path.

    `jsonpatch.make_patch` would descend into lists and use `move`; Glance takes neither (RFC 6902 sections 4.1 to 4.3
    with paths of one segment only: glance/api/v2/images.py, _validate_path).
    """
    patch = []
    for key, value in with_tags_of(desired, current).items():
        if value is None:
            if key in current:
                patch.append({"op": "remove", "path": pointer(key)})
        elif key not in current:
            patch.append({"op": "add", "path": pointer(key), "value": value})
        elif not _same(key, current.get(key), value):
            patch.append({"op": "replace", "path": pointer(key), "value": value})
    if purge:
        surplus = [key for key in current if is_custom(key) and key not in desired]
        patch += [{"op": "remove", "path": pointer(key)} for key in surplus]
    return sorted(patch, key=lambda operation: operation["path"])


def apply_patch(patch: Patch, image: Image) -> dict[str, Any]:
    """The image as the patch leaves it; the image itself stays as it is."""
    # Imported here, because reading modules and unchanged images need no jsonpatch.
    import jsonpatch

    applied: dict[str, Any] = jsonpatch.apply_patch(dict(image), patch)
    return applied


def desired_by(patch: Patch) -> dict[str, Any]:
    """The attributes that a patch sets; None for those that it removes."""
    return {_key(operation["path"]): operation.get("value") for operation in patch}


def has_other_changes(before: Image, after: Image, written: Container[str]) -> bool:
    """Whether somebody has changed an attribute or property that is not among those `written` by this run."""
    keys = [key for key in {**before, **after} if key not in written and _is_only_written_by_clients(key)]
    return any(
        set(before.get(key) or ()) != set(after.get(key) or ()) if key == "tags" else before.get(key) != after.get(key)
        for key in keys
    )


def _is_only_written_by_clients(key: str) -> bool:
    # The service changes formats by itself (image_conversion).
    return key not in FIXED_BY_DATA and (key in SETTABLE or key.startswith(OUR_PREFIX) or is_custom(key))


def unmet(desired: Image, image: Image) -> list[str]:
    """The names of the desired attributes that the image does not have."""
    return sorted(
        key
        for key, value in desired.items()
        if (key in image if value is None else not _same(key, image.get(key), value))
    )


def pointer(key: str) -> str:
    """The JSON pointer of a key (RFC 6901)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _key(pointed: str) -> str:
    return pointed[1:].replace("~1", "/").replace("~0", "~")


def describe(image: Image) -> str:
    """An image in a sentence: its name and id."""
    return f"Image {quoted(image['name'])} ({image['id']})" if image.get("name") else f"Image {image['id']}"


def _same(key: str, current: Any, desired: Any) -> bool:
    if key == "tags":
        return set(current or ()) == set(desired)
    return bool(current == desired)


def _refuse_fixed(desired: Image, current: Image) -> None:
    if current["status"] == "queued":
        return
    for key in FIXED_BY_DATA:
        if key in desired and desired[key] != current.get(key):
            raise PlanError(
                f"{describe(current)} has {key} {current.get(key)} and status {current['status']}; {desired[key]} is "
                "wanted, but a format cannot change any more once an image has data. Create a new image with the "
                f"right {key}, or declare {key}: {current.get(key)}."
            )


def _written(image: Image) -> dict[str, Any]:
    return {key: None if key in UNKNOWN_AFTER_WRITE else value for key, value in image.items()}


def _visible(image: Image | None) -> dict[str, Any]:
    if image is None:
        return {}
    shape = image_shape(image)
    return {key: value for key, value in shape.items() if value is not None and key not in NOT_IN_DIFF}
