# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided about the data of an image: whether it is the same, how it comes, and what replaces what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .._errors import PlanError, quoted
from .._image.attributes import (
    BOUND_TO,
    CREATED,
    FIXED_BY_DATA,
    FULL_STATUSES,
    IMPORT_LOCK,
    MAX_TEXT_LENGTH,
    REPLACES,
    RETIRED,
    SETTABLE,
    SHOWN,
    is_custom,
    origin_of,
    stores_of,
)
from .._image.marks import foreign_marks, is_retired, unmarking
from .._image.plan import (
    Create,
    Discard,
    Image,
    Import,
    Plan,
    Resume,
    Retire,
    SetStatus,
    Stage,
    Step,
    Stores,
    Update,
    Upload,
    attributes_of,
    describe,
    plan_absent,
    plan_present,
    pointer,
)
from .digest import Content, Digest
from .methods import COPY, METHODS
from .stream import Stream

# Properties that describe the very bytes: openstacksdk's hashes, and signatures.
ABOUT_OLD_DATA = (
    "owner_specified.openstack.md5",
    "owner_specified.openstack.sha256",
    "img_signature",
)

# The statuses of an image that somebody works on at this moment.
BUSY_STATUSES = ("saving", "uploading", "importing")
FAILED_IMPORT = "os_glance_failed_import"
IMPORTING_TO = "os_glance_importing_to_stores"
# Set here, never by a service: the task that holds the import lock of the image has failed, and nothing works on it.
STALE_LOCK = "os_glance_stale_lock"


class Delivery(NamedTuple):
    """How the data comes.

    `stream` are the bytes that the task sends; with web-download there is none, the service fetches `address`, and
    `known` is what can be said of it. `source` are the bytes there, which the task can read, too; `otherwise` is the
    method if the service refuses to fetch them. `patience` is in seconds.
    """

    method: str
    stores: Stores
    patience: float
    wait: bool = True
    stream: Stream | None = None
    address: str | None = None
    known: Content | None = None
    stated: Digest | None = None
    source: Stream | None = None
    otherwise: str | None = None

    @property
    def steps(self) -> tuple[Upload | Stage | Import, ...]:
        if self.stream is not None and not METHODS[self.method].is_import:
            return (Upload(self.stream, next(iter(self.stores.names), None), self.patience),)
        method = {"name": self.method}
        if self.address is not None:
            method["uri"] = self.address
        instead: tuple[Upload | Stage | Import, ...] = ()
        if self.otherwise is not None and self.source is not None:
            instead = Delivery(self.otherwise, self.stores, self.patience, self.wait, stream=self.source).steps
        bring = Import(
            {"method": method, **self.stores.request},
            self.patience,
            self.wait,
            self.known,
            self.stream,
            self.stated,
            self.source,
            instead,
        )
        return (bring,) if self.stream is None else (Stage(self.stream, self.patience), bring)


def is_same(image: Image, content: Content) -> bool | None:
    """Whether the image has this content; None where what is known of both cannot be compared.

    A digest decides where there is one that the service has, too; otherwise sizes that differ do.
    """
    compared = [actual == expected for dummy, expected, actual in _comparable(image, content)]
    if compared:
        return all(compared)
    if content.size is not None and image.get("size") is not None and content.size != image["size"]:
        return False
    return None


def as_sent(image: Image, project_id: str | None) -> Image:
    """The image as if it had the very bytes that were sent, if a conversion by the service is remembered."""
    origin = origin_of(image, project_id)
    if origin is None or origin.disk_format is None:
        return image
    is_md5 = origin.algorithm == "md5"
    hashes = {"os_hash_algo": origin.algorithm, "os_hash_value": None if is_md5 else origin.value}
    return {**image, **hashes, "checksum": origin.value if is_md5 else None, "size": None}


def is_converted(before: Image, after: Image) -> bool:
    """Whether the service has made other data of what it has got: it then changes a format, which nobody else can."""
    return any(before.get(key) != after.get(key) for key in FIXED_BY_DATA)


def difference(image: Image, content: Content) -> tuple[str, Any, Any] | None:
    """Of what is known of both, the first that differs: algorithm or "size", what was expected, what is there."""
    pairs = _comparable(image, content)
    if content.size is not None and image.get("size") is not None:
        pairs.append(("size", content.size, image["size"]))
    return next((pair for pair in pairs if pair[1] != pair[2]), None)


def _comparable(image: Image, content: Content) -> list[tuple[str, Any, Any]]:
    there = {str(image.get("os_hash_algo")): image.get("os_hash_value"), "md5": image.get("checksum")}
    return [
        (algorithm, content.digests[algorithm], value)
        for algorithm, value in there.items()
        if value and algorithm in content.digests
    ]


def is_unusable(image: Image) -> bool:
    """Whether data was refused so that the record can take none any more.

    After an upload it is left queued with a checksum, and another upload is a 500 (glance/api/v2/image_data.py, upload:
    InvalidImageData comes after the location has been set). After an import it may be left importing, though nothing
    works on it any more, or locked by a task that has failed.
    """
    if image.get(STALE_LOCK):
        return image["status"] not in FULL_STATUSES
    if image["status"] == "importing":
        return bool(image.get(FAILED_IMPORT)) and not image.get(IMPORT_LOCK)
    return image["status"] == "queued" and bool(image.get("checksum"))


def is_settled(image: Image) -> bool:
    """Whether no data is on its way into the image."""
    if image.get(STALE_LOCK):
        return True
    return not image.get(IMPORT_LOCK) and (image["status"] not in BUSY_STATUSES or is_unusable(image))


def has_failed(image: Image) -> bool:
    """Whether an import into the record has failed, which may have left data behind that keeps other data out."""
    return image["status"] == "queued" and bool(image.get(FAILED_IMPORT)) and not image.get(IMPORT_LOCK)


def check_stores(stores: Stores, offered: Sequence[Mapping[str, Any]]) -> None:
    """Raises PlanError unless the service has the stores that are named and they can be written."""
    for name in stores.names:
        found = next((store for store in offered if store.get("id") == name), None)
        if found is None or found.get("read-only") == "true":
            what = "has no store" if found is None else "cannot write the store"
            raise PlanError(
                f"stores: the image service {what} {quoted(name)}. It has {', '.join(_writable(offered)) or 'none'}."
            )


def missing_stores(image: Image, stores: Stores, offered: Sequence[Mapping[str, Any]]) -> list[str]:
    """The stores that are wanted and do not hold the data yet."""
    wanted = _writable(offered) if stores.every else list(stores.names)
    return [store for store in dict.fromkeys(wanted) if store not in stores_of(image)]


def _writable(offered: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(store.get("id")) for store in offered if store.get("read-only") != "true"]


def with_copies(plan: Plan, stores: Sequence[str], must_succeed: bool | None, patience: float, wait: bool) -> Plan:
    """The plan, and then copies of the active image into further stores."""
    if not stores or plan.after is None:
        return plan
    _refuse_without_data(plan.after)
    request = {"method": {"name": COPY}, **Stores(tuple(stores), must_succeed=must_succeed).request}
    everywhere = ",".join(sorted({*stores_of(plan.after), *stores}))
    after = {**plan.after, "stores": everywhere, "updated_at": None}
    return plan._replace(after=after, steps=(*plan.steps, Import(request, patience, wait)))


def with_delivery(plan: Plan, delivery: Delivery) -> Plan:
    """The plan of a record, and then its data."""
    after = plan.after
    if after is None:
        raise ValueError("data needs a record")
    lacking = [key for key in FIXED_BY_DATA if not after.get(key)]
    if lacking:
        raise PlanError(
            f"{' and '.join(lacking)}: an image without {'them' if len(lacking) > 1 else 'it'} takes no data. "
            "Say what the data is, such as disk_format: qcow2 and container_format: bare."
        )
    filled = {
        **after,
        **({} if delivery.known is None else attributes_of(delivery.known)),
        # Nobody can foretell how far an import is that nobody waits for.
        "status": "active" if delivery.wait or not METHODS[delivery.method].is_import else None,
        "updated_at": None,
    }
    if delivery.stores.names:
        filled["stores"] = ",".join(delivery.stores.names)
    return plan._replace(after=filled, steps=(*plan.steps, *delivery.steps), stream=delivery.stream)


def refuse_change(image: Image, content: Content, declared: str | None = None) -> PlanError:
    """The error for an image whose data is not that of the source, where nothing else is asked for.

    `declared` is the disk format of the source.
    """
    found = difference(image, content)
    algorithm, expected, actual = found or ("size", content.size, image.get("size"))
    hint = ""
    if declared not in (None, image.get("disk_format")):
        hint = (
            f" Its disk_format is {image.get('disk_format')}, and {declared} is declared: if the image service "
            "converts what it imports, the two cannot be compared, because the image does not remember its source. An "
            "image does whose import a task has waited for (on_content_change: replace makes one)."
        )
    return PlanError(
        f"{describe(image)} has other data than the source: its {algorithm} is {actual} (size "
        f"{_told(image.get('size'))}), that of the source is {expected} (size {_told(content.size)}). "
        "The data of an image cannot be changed. Set on_content_change: replace to put a new image in its place, or "
        f"on_content_change: keep to leave it as it is; or correct the source or the checksum.{hint}",
        expected=expected,
        actual=actual,
        algorithm=algorithm,
    )


def _told(size: int | None) -> int | str:
    return "unknown" if size is None else size


def plan_replacement(
    old: Image,
    attributes: Mapping[str, Any],
    delivery: Delivery,
    retirements: Sequence[Retire],
    leftovers: Sequence[Discard] = (),
) -> Plan:
    """A new image with these attributes (see `succession`) and the new data, which then takes the old one's place.

    It is hidden until its data is verified, and says which image it replaces until that one is retired: so a run that
    breaks off can be continued, and at every moment one of both is there to be used. `leftovers` of such runs go first.
    """
    record = plan_present(attributes, None)
    hidden = {key: value for key, value in attributes.items() if value is not None}
    hidden.update({"os_hidden": True, REPLACES: old["id"]})
    plan = with_delivery(record._replace(before=old, steps=(*leftovers, Create(hidden))), delivery)
    return _published(plan, hidden, bool(attributes.get("os_hidden")), retirements)


def plan_continuation(
    old: Image,
    attributes: Mapping[str, Any],
    unfinished: Image,
    delivery: Delivery | None,
    retirements: Sequence[Retire],
    leftovers: Sequence[Discard] = (),
    kept: Sequence[str] = (),
) -> Plan:
    """What is left to do for a replacement that an earlier run has begun; no `delivery` where it has its data.

    Everything that a new replacement would not have is taken off it before its data comes and before it is shown: who
    else can write it (the members of its project) may have added to it. `kept` are properties of ours that count.
    """
    desired = begun_with(attributes)
    desired.update(dict.fromkeys(foreign_marks(unfinished, (REPLACES, BOUND_TO, *kept))))
    record = plan_present(desired, unfinished, purge=True)
    plan = record._replace(before=old, steps=(*leftovers, Resume(unfinished), *record.steps))
    if delivery is not None:
        plan = with_delivery(plan, delivery)
    return _published(plan, record.after or {}, bool(attributes.get("os_hidden")), retirements)


def begun_with(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a replacement with these attributes has before it is shown, without its marks."""
    given = {key: value for key, value in attributes.items() if value is not None}
    return {**{key: value for key, value in CREATED.items() if key != "status"}, **given, "os_hidden": True}


def can_continue(unfinished: Image, attributes: Mapping[str, Any]) -> bool:
    """Whether a patch can turn an unfinished replacement into what a new one with these attributes would be.

    Who could see the image meanwhile is not undone by a patch, and formats are fixed by the data.
    """
    wanted = begun_with(attributes)
    if unfinished.get("visibility") != wanted["visibility"]:
        return False
    if unfinished["status"] in FULL_STATUSES:
        return all(wanted.get(key, unfinished.get(key)) == unfinished.get(key) for key in FIXED_BY_DATA)
    return all(key in wanted or not unfinished.get(key) for key in FIXED_BY_DATA)


def with_ending(plan: Plan, shall_be_hidden: bool, retirements: Sequence[Retire]) -> Plan:
    """The plan for an image that replaces others, and then what is left to do until it stands in their place."""
    if plan.after is None:
        return plan
    return _published(plan, plan.after, shall_be_hidden, retirements)


def _published(plan: Plan, marked: Image, shall_be_hidden: bool, retirements: Sequence[Retire]) -> Plan:
    """The plan, and then what puts the image in its place; `marked` is what it is before, with its marks."""
    steps: list[Step] = []
    if marked.get("os_hidden") and not shall_be_hidden:
        shown = {"op": "add", "path": pointer(SHOWN), "value": "true"}
        steps.append(Update([{"op": "replace", "path": "/os_hidden", "value": False}, shown]))
        marked = {**marked, SHOWN: "true"}
    steps += retirements
    # A new image is bound to its id, which is chosen later.
    gone = unmarking({BOUND_TO: "", **marked}, REPLACES, SHOWN)
    steps.append(Update(removal(gone)))
    after = {key: value for key, value in (plan.after or {}).items() if key not in gone}
    after.update({"os_hidden": shall_be_hidden, "updated_at": None})
    return plan._replace(after=after, steps=(*plan.steps, *steps))


def removal(keys: Iterable[str]) -> list[dict[str, Any]]:
    """The operations of a patch that takes these properties off."""
    return [{"op": "remove", "path": pointer(key)} for key in keys]


def succession(old: Image, desired: Mapping[str, Any], purge: bool, project_id: str | None) -> dict[str, Any]:
    """The attributes of the image that replaces the old one; None for a property that shall not be there."""
    return {**inheritance(old, purge, project_id), **desired}


def inheritance(old: Image, purge: bool, project_id: str | None) -> dict[str, Any]:
    """The attributes that a replacement takes over; with `purge` no custom property.

    `project_id` is that of the login: its own images need no owner, which nobody but an administrator may set.
    """
    kept = {
        key: value
        for key, value in old.items()
        if value is not None
        and (key in SETTABLE or (is_custom(key) and not purge))
        and not key.startswith(ABOUT_OLD_DATA)
    }
    if project_id in (None, kept.get("owner")):
        kept.pop("owner", None)
    origin = origin_of(old, project_id)
    if origin is not None and origin.disk_format is not None:
        # What was declared before the service has converted it.
        kept["disk_format"] = origin.disk_format
    return kept


def retirement_of(
    old: Image, how: str, suffix: str | None, force: bool, name: str | None, new_is_hidden: bool
) -> Retire:
    """The steps that take the old image out of use, where another one takes its name."""
    if how == "delete":
        return Retire(old, plan_absent(old, force).steps, "deleted", old.get("name"))
    # It may be a replacement itself, of a run that broke off.
    gone = removal(unmarking(old, REPLACES, SHOWN))
    steps: list[Step] = [Update(gone)] if gone else []
    if how == "rename":
        return _renamed(old, suffix, name, steps)
    if is_retired(old):
        status = _deactivation(old, how)
        return Retire(old, (*steps, *status), "deactivated" if status else "hidden", old.get("name"))
    if new_is_hidden:
        raise PlanError(
            f"retired: {describe(old)} and the image that replaces it would both be hidden and have one name, so that "
            "nobody could tell them apart by it. Use retired: rename or retired: delete."
        )
    hiding = [] if old.get("os_hidden") else [{"op": "replace", "path": "/os_hidden", "value": True}]
    # So it differs from an image that is hidden and meant.
    steps.append(Update([*hiding, *_addition({RETIRED: "true", BOUND_TO: old["id"]})]))
    status = _deactivation(old, how)
    return Retire(old, (*steps, *status), "deactivated" if status else "hidden", old.get("name"))


def _renamed(old: Image, suffix: str | None, name: str | None, steps: Sequence[Step]) -> Retire:
    if old.get("name") != name:
        return Retire(old, tuple(steps), "renamed", old.get("name"))
    retired = f"{name}{suffix if suffix is not None else default_suffix(old)}"
    if len(retired) > MAX_TEXT_LENGTH:
        raise PlanError(
            f"retired_suffix: with it, the name of {describe(old)} would have {len(retired)} characters; the image "
            f"service takes {MAX_TEXT_LENGTH} at the most. Give a shorter one, or retire the image in another way."
        )
    renaming = Update([{"op": "replace", "path": "/name", "value": retired}])
    return Retire(old, (*steps, renaming), "renamed", retired)


def _deactivation(old: Image, how: str) -> tuple[Step, ...]:
    return (SetStatus("deactivate"),) if how == "deactivate" and old["status"] == "active" else ()


def _addition(properties: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"op": "add", "path": pointer(key), "value": value} for key, value in properties.items()]


def default_suffix(old: Image) -> str:
    """Tells retired images of one name apart: when each was created."""
    return "-" + "".join(character for character in str(old.get("created_at")) if character not in "-:")


def _refuse_without_data(image: Image) -> None:
    if image["status"] != "active":
        raise PlanError(
            f"stores: {describe(image)} has status {image['status']}; only an active image can be copied into further "
            "stores. Give its data with path or url, or make it active first."
        )
