# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an image together with its data: look at what must be known for it, and decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._client.retry import poll
from .._errors import (
    DataError,
    Forbidden,
    LostRace,
    NotFound,
    NotReady,
    PlanError,
    TimedOut,
)
from .._image.attributes import (
    FIXED_BY_DATA,
    FULL_STATUSES,
    GOING,
    IMPORT_LOCK,
    REPLACES,
    SOURCE,
    UNPACKED,
    is_ours,
    origin_of,
    stores_of,
    without_converted,
)
from .._image.find import UPDATED, RetiredImages, find_by_id, missing
from .._image.marks import is_unfinished, replaced_id, replaces
from .._image.plan import (
    Discard,
    Image,
    Plan,
    Retire,
    Update,
    describe,
    desired_by,
    plan_absent,
    plan_present,
)
from .._session import Session
from .address import Address
from .compare import as_sent, is_same, refuse_change
from .delivery import Delivery, check_stores, missing_stores, with_copies, with_delivery
from .digest import Content, Digest, digest_of_image
from .format import MAX_START_BYTES
from .formats import with_formats
from .locks import has_failed, is_settled, is_unusable
from .memory import memory_patch, remembers, remembers_another
from .methods import METHODS, choose_method, needs_offered, streamed_method
from .options import DataRequest, ImageRequest
from .replacement import (
    can_continue,
    may_be_shown,
    plan_continuation,
    plan_replacement,
    plan_return,
    replacement_attributes,
    retirement_of,
    with_ending,
)
from .source import stream_of
from .stores import unreadable_here
from .stream import File, Stream
from .transfer import transfers_of
from .url import Url

# Seconds for which data may lie staged before it is taken for left behind.
MAX_STAGED_SECONDS = 30

# Seconds that a run of the same moment gets to publish the replacement whose data has come.
MAX_PUBLISH_SECONDS = 5

# Seconds that a run of the same moment gets to write down what the service has converted.
MAX_REMEMBER_SECONDS = 5

# More runs than this do not break off one after the other.
MAX_REPLACED = 10

# The order in which runs of the same moment see what they have made; see Applier.
OLDEST_FIRST = ("sort", "created_at:asc,id:asc")

# What an address answers whose file is not there, whoever asks.
GONE = (404, 410)

# Facts of an answer that would be the same for the service: packed for the way, a redirect to plain http, a web page.
DECISIVE = {"content_encoding", "redirect", "document"}


def plan_with_data(request: ImageRequest, session: Session, current: Image | None, retired: RetiredImages) -> Plan:
    """The plan for an image with its desired attributes, if the request is also about its data or stores."""
    if current is not None:
        current = _settled(request.data, session, current)
        if current is None and not request.create:
            raise missing(session, request.target, UPDATED)
    planner = _Planner(request, session, retired)
    plan = planner.plan_record_only(current) if request.data.source is None else planner.plan(current)
    if plan.sends_data:
        session.warn_wrong_endpoint()
    return plan


def plan_absent_replacement(request: ImageRequest, session: Session, current: Image) -> Plan:
    """The image is gone, and what an earlier run has begun to replace with it is retired, as that run would have done.

    Otherwise the old image would be what the name means again, and the next run would delete it, too.
    """
    plan = plan_absent(current, request.force)
    return plan._replace(steps=(*_Planner(request, session, None).retirements_of(current), *plan.steps))


class _Planner:
    def __init__(self, request: ImageRequest, session: Session, retired: RetiredImages | None) -> None:
        self._request = request
        self._retired = retired
        self._data = request.data
        self._session = session
        self._desired = request.desired
        self._is_compared = False

    def plan(self, current: Image | None) -> Plan:
        stream = stream_of(self._data, self._session.transport, self._session.once)
        if current is not None and current["status"] not in FULL_STATUSES:
            self._refuse_record_of_another_project(current)
        if current is not None and self._needs_new_record(current):
            return self._recreated(current, stream)
        if current is None:
            return self._created(stream)
        if current["status"] == "queued":
            return self._filled(current, stream)
        if current["status"] not in FULL_STATUSES:
            raise PlanError(
                f"{describe(current)} has status {current['status']} and takes no data. Delete it (state: absent), "
                "and run the task again."
            )
        different = self._difference(current, stream)
        if different is not None and self._replaces:
            returned = self._put_back(current, stream, different)
            if returned is not None:
                return returned
        if self._lies_elsewhere(current, different is None):
            return self._replaced(current, stream)
        if different is None:
            return self._copied(current, stream)
        if self._may_be_converted(current):
            seen = self._once_remembered(current)
            if seen is None or SOURCE in seen:
                return self.plan(seen)
        return self._with_other_data(current, stream, different)

    def _created(self, stream: Stream) -> Plan:
        is_declared_file = isinstance(stream.source, File) and stream.stated is not None and stream.is_there
        if self._request.target.id is not None and is_declared_file:
            # An id is spent by a record that has to be removed again, so that the file is read beforehand.
            stream.read_through()
        returned = self._put_back(None, stream, Content(None, {}))
        return self._filled(None, stream) if returned is None else returned

    def _filled(self, record: Image | None, stream: Stream) -> Plan:
        """The record, a new one if there is none, gets the data."""
        delivery = self._delivery(stream)
        self._add_formats(record, delivery)
        return self._ended(record, with_delivery(self._record(record), delivery))

    def _add_formats(self, record: Image | None, delivery: Delivery) -> None:
        """Declare the formats that the data shows, as far as neither the task nor the record says them."""
        desired = {**{key: (record or {}).get(key) for key in FIXED_BY_DATA}, **self._desired}
        formats = with_formats(desired, desired, delivery, self._session.warn)
        self._desired = {**self._desired, **{key: formats[key] for key in FIXED_BY_DATA if formats.get(key)}}

    @property
    def _replaces(self) -> bool:
        return self._data.on_content_change in ("prepare", "replace")

    @property
    def _prepares(self) -> bool:
        return self._data.on_content_change == "prepare"

    def _refuse_record_of_another_project(self, record: Image) -> None:
        """Everybody can choose the id of a record, so that an administrator may find one that a tenant has prepared."""
        own, owner = self._session.project_id, record.get("owner")
        if owner is None:
            raise PlanError(
                f"{describe(record)} has no data and belongs to no project. Data is only put into a record of the "
                "project of the credentials, or of the project that owner names. Choose another id."
            )
        if owner in (own, self._desired.get("owner")):
            return
        if own is None:
            raise PlanError(
                f"{describe(record)} has no data and belongs to project {owner}, and the project of the "
                "token is not known. Data is not put into a record that another project has made. Give project_id; "
                f"or, if that project's record is meant, give owner: {owner}."
            )
        raise PlanError(
            f"{describe(record)} has no data and belongs to project {owner}, not to project {own} of the "
            "credentials. Data is not put into a record that another project has made. Choose another id; or, if that "
            f"project's record is meant, give owner: {owner}."
        )

    def _with_other_data(self, current: Image, stream: Stream, different: Content) -> Plan:
        if self._data.on_content_change == "keep":
            self._session.warn(
                f"{describe(current)} has other data than {stream.source} and keeps it (on_content_change: keep)."
            )
            # The formats belong to the data.
            self._desired = {key: value for key, value in self._desired.items() if key not in FIXED_BY_DATA}
            return self._copied(current)
        self._refuse_unbelieved(current)
        if self._data.on_content_change == "fail":
            sent = self._sent(current)
            if is_same(sent, Content(None, different.digests)) is None:
                # The sizes have decided; the user should see both hashes all the same.
                different = self._read(sent, stream)
            raise refuse_change(sent, different, self._desired.get("disk_format") if sent is current else None)
        return self._replaced(current, stream)

    def _lies_elsewhere(self, image: Image, is_same_data: bool) -> bool:
        """Whether this service cannot read the data and the task is to bring it over. A warning says if it stays there.

        An image that this collection has made has its data at the endpoint to which the task sent it, with a warning if
        that was not the library endpoint. So an unchanged one is not checked, which would cost a request in every run.
        """
        # A task that uses another endpoint than the library endpoint does not ask to bring data over from there.
        if image["status"] != "active" or self._session.library_endpoint is not None:
            return False
        if is_same_data and is_ours(image["id"]):
            return False
        reason = unreadable_here(self._session.images, image)
        if reason is None:
            return False
        if not self._replaces:
            self._session.warn(
                f"{reason} No instance boots from it here. Set on_content_change: replace to bring the data over: a "
                "new image takes the place of this one."
            )
            return False
        if self._data.retired == "delete":
            raise PlanError(
                f"retired: {reason} Only that one deletes the old image. Use retired: hide or rename, or delete it "
                "there first (state: absent)."
            )
        return True

    def _may_be_converted(self, image: Image) -> bool:
        """Whether a run of the same moment may be about to write down what the service has converted."""
        declared = self._desired.get("disk_format")
        is_other = declared is not None and declared != image.get("disk_format")
        keeps = self._data.on_content_change == "keep"
        return is_other and is_ours(image["id"]) and SOURCE not in image and not keeps

    def _once_remembered(self, image: Image) -> Image | None:
        def look() -> Image | None:
            return find_by_id(self._session, image["id"])

        return poll(self._session.clock, MAX_REMEMBER_SECONDS, look, lambda seen: seen is None or SOURCE in seen)

    def _sent(self, image: Image) -> Image:
        return as_sent(image, self._session.project_id)

    def _refuse_unbelieved(self, image: Image) -> None:
        """Another project's converted image is not replaced in each run because what it remembers counts only there."""
        origin = origin_of(image, image.get("owner"))
        is_own = image.get("owner") == self._session.project_id
        if is_own or origin is None or origin.disk_format in (None, image.get("disk_format")):
            return
        raise PlanError(
            f"{describe(image)} belongs to project {image.get('owner')}, and the image service has converted it. What "
            f"it was made from stands in its property {SOURCE}, which is believed only of an image of the own project, "
            "so that it cannot be compared with the source. Log in to that project (with a token: give project_id), or "
            "set on_content_change: keep."
        )

    def _needs_new_record(self, image: Image) -> bool:
        """Whether another record is to be made instead of filling this one."""
        if is_unusable(image) or _is_staged(image):
            return True
        return has_failed(image) and is_ours(image["id"]) and self._request.target.id is None

    def plan_record_only(self, current: Image | None) -> Plan:
        """If no data is given, an image that has some may still be copied into more stores."""
        if current is None or current["status"] != "active":
            found = (
                "there is no such image" if current is None else f"{describe(current)} has status {current['status']}"
            )
            raise NotReady(
                f"stores: {found}, so that there is no data to copy into other stores. Give path or url, too; or make "
                "a deactivated image active first."
            )
        return self._copied(current)

    def _record(self, current: Image | None) -> Plan:
        return plan_present(self._desired_for(current), current, self._request.purge, self._request.target.id)

    def _desired_for(self, image: Image | None) -> Mapping[str, Any]:
        return without_converted(self._desired, image, self._session.project_id)

    def _with_memory(self, current: Image, plan: Plan, stream: Stream) -> Plan:
        """The plan, and what spares the next run a whole comparison like the one that this run has made."""
        is_own = self._session.project_id is not None and current.get("owner") == self._session.project_id
        origin = origin_of(current, self._session.project_id)
        is_converted = origin is not None and origin.disk_format is not None
        memory = memory_patch(stream, current) if is_own and self._is_compared and not is_converted else []
        if not memory or plan.after is None:
            return plan
        after = {**plan.after, **desired_by(memory), "updated_at": None}
        return plan._replace(after=after, steps=(*plan.steps, Update(memory, is_memory=True)))

    def _copied(self, current: Image, stream: Stream | None = None) -> Plan:
        plan = self._record(current)
        if stream is not None:
            plan = self._with_memory(current, plan, stream)
        missing: Sequence[str] = ()
        held = stores_of(current)
        wanted = held if self._data.stores.every else self._data.stores.names
        # A deactivated image shows no stores, and is copied into none. If not all must succeed, one is enough.
        is_enough = self._data.stores.must_succeed is False and bool(set(wanted) & set(held))
        if current["status"] == "active" and not is_enough and (self._data.stores.every or set(wanted) - set(held)):
            offered = self._offered_stores()
            check_stores(self._data.stores, offered)
            missing = missing_stores(current, self._data.stores, offered)
        copied = with_copies(plan, missing, self._data.stores.must_succeed, self._data.wait_timeout, self._data.wait)
        return self._ended(current, copied)

    def _ended(self, current: Image | None, plan: Plan) -> Plan:
        """The plan, and then the end of a replacement that an earlier run has begun with this image.

        Only if the task says its name: an id means this very image, and no other.
        """
        if current is None or self._request.target.id is not None or replaced_id(current) is None:
            return plan
        hidden = bool(self._desired.get("os_hidden", current.get("os_hidden")))
        return with_ending(plan, hidden, self._retirements(self._replaced_by(current), current.get("name"), hidden))

    def _replaced_by(self, image: Image) -> list[Image]:
        """What an image replaces, the oldest first: there may be several if more than one run broke off."""
        found: list[Image] = []
        declared = self._request.target.visibility
        while len(found) < MAX_REPLACED:
            old_id = replaced_id(image)
            old = None if old_id is None else find_by_id(self._session, old_id)
            if old is None or not replaces(image, old, declared) or old["id"] in [each["id"] for each in found]:
                break
            found.insert(0, old)
            image = old
        return found

    def retirements_of(self, image: Image) -> list[Retire]:
        return self._retirements(self._replaced_by(image), image.get("name"), False)

    def _retirements(self, images: Sequence[Image], name: str | None, new_is_hidden: bool) -> list[Retire]:
        retired = self._data.retired
        retirements = [
            retirement_of(
                old,
                # A record without its data that another tool has made may be waited for by somebody.
                "delete" if old["status"] not in FULL_STATUSES and is_ours(old["id"]) else retired,
                self._data.retired_suffix,
                self._request.force,
                name,
                new_is_hidden,
            )
            for old in images
        ]
        return [each for each in retirements if each.steps]

    def _replaced(self, old: Image, stream: Stream) -> Plan:
        if self._request.target.id is not None:
            raise PlanError(
                f"on_content_change: {describe(old)} is named by its id, and the image that replaces it has another "
                "one. Give its name without id."
            )
        attributes = replacement_attributes(old, self._desired, self._request.purge, self._session.project_id)
        hidden = bool(attributes.get("os_hidden"))
        retirement = self._retirements([*self._replaced_by(old), old], old.get("name"), hidden)
        prepares = self._prepares and old["status"] in FULL_STATUSES
        unfinished, leftovers = self._unfinished(old, attributes, stream)
        delivery = None
        if unfinished is None or unfinished["status"] == "queued":
            delivery = self._delivery(stream)
            attributes = with_formats(attributes, self._desired, delivery, self._session.warn)
            if unfinished is None:
                return plan_replacement(old, attributes, delivery, retirement, leftovers, prepares)
        else:
            attributes = self._as_continued(attributes)
        kept = () if origin_of(unfinished, self._session.project_id) is None else (SOURCE, UNPACKED)
        wanted = without_converted(attributes, unfinished, self._session.project_id)
        return plan_continuation(old, wanted, unfinished, delivery, retirement, leftovers, kept, prepares)

    def _put_back(self, old: Image | None, stream: Stream, known: Content) -> Plan | None:
        """The plan that puts a retired image of the name with this data back, so that nothing is sent; None if none is.

        `known` is what is known of the data without reading it once more.
        """
        if self._retired is None or self._request.target.id is not None or not self._is_about_own(old):
            return None
        for image in reversed(self._retired.listed()):
            wanted = self._desired_for(image)
            is_other = any(wanted.get(key, image.get(key)) != image.get(key) for key in FIXED_BY_DATA)
            if is_other or image["status"] not in FULL_STATUSES or not self._may_be_shown(image, old):
                continue
            if not self._has_data(image, stream, known):
                continue
            if self._prepares and old is not None:
                return Plan(old, image, prepares=True)
            hidden = bool(self._desired.get("os_hidden"))
            retirements = [] if old is None else self._retirements([*self._replaced_by(old), old], old["name"], hidden)
            return plan_return(old, image, wanted, self._request.purge, retirements)
        return None

    def _may_be_shown(self, image: Image, old: Image | None) -> bool:
        """Whether the retired image may get the visibility that the task or the current image says."""
        return may_be_shown(image, self._desired.get("visibility") or (old or {}).get("visibility"))

    def _is_about_own(self, old: Image | None) -> bool:
        """Whether the image, or a new one, belongs to the project of the credentials, as retired ones do."""
        own = self._session.project_id
        owners = (self._request.target.owner, None if old is None else old.get("owner"))
        return all(owner in (None, own) for owner in owners)

    def _has_data(self, image: Image, stream: Stream, known: Content) -> bool:
        """Whether the image is known to have the data of the stream; a file is read if nothing else shows it."""
        if remembers(image, stream, self._session.project_id):
            return True
        sent = self._sent(image)
        same = is_same(sent, Content(None, {**known.digests, **stream.stated_content.digests}))
        if same is None and isinstance(stream.source, File) and stream.is_there:
            same = is_same(sent, self._read(sent, stream))
        return same is True

    def _recreated(self, unusable: Image, stream: Stream) -> Plan:
        why = (
            f"{describe(unusable)} has status {unusable['status']}, but nothing works on it any more: the service has "
            "refused data for it before, or an import was never begun, or failed and left it locked. Its record takes "
            "no other data."
        )
        if not is_ours(unusable["id"]):
            raise PlanError(
                f"{why} Its id does not show that this collection has made it, so that no new one is made "
                "for it: delete it (state: absent) and run the task again."
            )
        if self._request.target.id is not None:
            raise PlanError(
                f"{why} The service never reuses an image id: delete the image, and run the task with its name or "
                "another id."
            )
        return self._replaced(unusable, stream)

    def _unfinished(
        self, old: Image, attributes: Mapping[str, Any], stream: Stream
    ) -> tuple[Image | None, list[Discard]]:
        """The replacement of this image that an earlier run has left and that can be continued; and those that cannot.

        An image of another project, or a mark that does not count, is none.
        """
        query = [(REPLACES, str(old["id"])), ("owner", str(old.get("owner"))), ("os_hidden", "true"), OLDEST_FIRST]
        leftovers: list[Discard] = []
        declared = self._request.target.visibility
        for image in self._session.images.list(query):
            if not (replaces(image, old, declared) and is_unfinished(image)):
                continue
            settled = _settled(self._data, self._session, image)
            if settled is None or not (replaces(settled, old, declared) and is_unfinished(settled)):
                continue
            if self._can_continue(settled, old, attributes, stream):
                return settled, leftovers
            if settled is not image:
                # Its data has just come, so that a run is at work, which is about to publish it.
                self._give_time_to_publish(settled)
            self._refuse_protected(settled, attributes)
            leftovers.append(Discard(settled, plan_absent(settled, force=True).steps))
        return None, leftovers

    def _give_time_to_publish(self, prepared: Image) -> None:
        """Raises LostRace once another run has published its replacement, which then stands in the old one's place."""

        def look() -> Image | None:
            return find_by_id(self._session, prepared["id"])

        def is_over(seen: Image | None) -> bool:
            return seen is None or not is_unfinished(seen)

        if is_over(poll(self._session.clock, MAX_PUBLISH_SECONDS, look, is_over)):
            raise LostRace(
                f"{describe(prepared)} has replaced the image at the same moment, with other data. Run the task once "
                "the others have ended."
            )

    def _refuse_protected(self, prepared: Image, attributes: Mapping[str, Any]) -> None:
        """Somebody else than the task has protected what an earlier run has prepared."""
        is_full = prepared["status"] in FULL_STATUSES
        if prepared.get("protected") and is_full and not attributes.get("protected") and not self._request.force:
            raise PlanError(
                f"{describe(prepared)} was prepared by an earlier run with other data, and somebody has protected it, "
                "so that it is not deleted. Set force: true to delete it all the same, or take its protection off."
            )

    def _as_continued(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes of a replacement that has its data: its format was found in it, unless the task says one."""
        return {key: value for key, value in attributes.items() if key != "disk_format" or key in self._desired}

    def _can_continue(self, unfinished: Image, old: Image, attributes: Mapping[str, Any], stream: Stream) -> bool:
        if unfinished["status"] in FULL_STATUSES:
            attributes = self._as_continued(attributes)
        attributes = without_converted(attributes, unfinished, self._session.project_id)
        if not can_continue(unfinished, attributes) or self._is_shared_with_others(unfinished, old):
            return False
        if unfinished["status"] == "queued":
            return not is_unusable(unfinished)
        return unfinished["status"] == "active" and self._difference(unfinished, stream) is None

    def _is_shared_with_others(self, unfinished: Image, old: Image) -> bool:
        """Whether projects see the unfinished image that do not see the old one, so that no run has added them."""
        members = self._members_of(unfinished)
        return bool(members) and not members <= self._members_of(old)

    def _members_of(self, image: Image) -> set[str]:
        if image.get("visibility") != "shared":
            return set()
        try:
            return {member["member_id"] for member in self._session.images.members(image["id"])}
        except NotFound:
            # Another run has removed it meanwhile, which the next step notices.
            return set()
        except Forbidden:
            # Nobody knows, so that it is taken for somebody.
            return {f"somebody who sees {image['id']}"}

    def _difference(self, image: Image, stream: Stream) -> Content | None:
        """What is known of the stream, if that differs from the image's data; None if both are the same."""
        self._is_compared = False
        is_claim = not may_be_shown(image, self._desired.get("visibility"))
        if is_claim:
            # Any member of the project can have written what it remembers, and must not get its data published by that.
            image = {key: value for key, value in image.items() if key != SOURCE}
        if remembers(image, stream, self._session.project_id):
            return None
        known = stream.stated_content
        if self._replaces and remembers_another(image, stream, self._session.project_id):
            return known
        image = self._sent(image)
        same = is_same(image, known)
        if same is None:
            known = stream.known()
            same = is_same(image, known)
        if same is None and not is_claim:
            told = self._told_by_others(image, stream)
            known, same = (known, None) if told is None else (told, is_same(image, told))
        if same is None and not stream.is_there:
            self._session.warn(
                f"Whether {describe(image)} has the data of {stream.source} is not known, because that is not there in "
                "check mode. It is predicted to have it."
            )
            return None
        if same is None:
            known = self._read(image, stream)
            same = is_same(image, known)
            self._is_compared = same is True
        if same is None:
            self._session.warn(
                f"The service reports no hash of {describe(image)} that can be compared; that it has the data of "
                f"{stream.source} is only as certain as their size."
            )
        return known if same is False else None

    def _told_by_others(self, image: Image, stream: Stream) -> Content | None:
        """What the data of the stream is, if another image of the name remembers that its data was made from it."""
        if self._retired is None or stream.stated is None or not self._replaces or not self._is_about_own(image):
            return None
        query = [(REPLACES, str(image["id"])), ("owner", str(image.get("owner"))), ("os_hidden", "true")]
        unfinished = (each for each in self._session.images.list(query) if replaces(each, image))
        for other in (*self._retired.listed(), *unfinished):
            if other["id"] != image["id"] and remembers(other, stream, self._session.project_id):
                digest = digest_of_image(other)
                return None if digest is None else Content(None, {digest.algorithm: digest.value})
        return None

    def _read(self, image: Image, stream: Stream) -> Content:
        digest = digest_of_image(image)
        algorithms = ["md5" if digest is None else digest.algorithm]
        return stream.hashed(algorithms).read_through()

    def _delivery(self, stream: Stream) -> Delivery:
        source, asked = self._data.source, self._data.method
        is_file = isinstance(source, File)
        # Only the task itself can unpack.
        is_open = isinstance(source, Address) and source.is_public and not stream.decompress
        offered: Sequence[str] = ()
        if needs_offered(asked, is_file, is_open, self._data.stores):
            offered = self._session.images.import_methods()
        method = choose_method(asked, is_file, is_open, self._data.stores, offered)
        if self._data.stores.names:
            check_stores(self._data.stores, self._offered_stores())
        wait = self._data.wait or not METHODS[method].is_import
        delivery = Delivery(method, self._data.stores, self._data.wait_timeout, wait, stream=stream)
        if not stream.is_there:
            return delivery._replace(known=stream.known())
        if isinstance(stream.source, Url) and isinstance(source, Address) and METHODS[method].needs_url:
            known, start = _asked_for(stream.source, stream.stated, asked is not None, self._session.warn)
            return delivery._replace(
                stream=None,
                address=source.url,
                known=known,
                start=start,
                stated=stream.stated,
                fetched=stream,
                fallback=streamed_method(self._data.stores, offered) if asked is None else None,
            )
        return delivery

    def _offered_stores(self) -> Sequence[Mapping[str, Any]]:
        try:
            return self._session.images.stores()
        except NotFound:
            raise PlanError(
                "stores: the image service has no stores to choose from. Leave stores and all_stores out."
            ) from None


def _asked_for(
    source: Url, stated: Digest | None, is_chosen: bool, warn: Callable[[str], object]
) -> tuple[Content, bytes | None]:
    """What can be known of an address without fetching all of it, and its first bytes, None if they are not known.

    It may be an address that only the service can reach. `is_chosen` says whether the user has chosen web-download. An
    answer that the service cannot get any better is an error, before a record is made: the service does not say why it
    could not fetch a file.
    """
    try:
        size, start = source.beginning(MAX_START_BYTES)
    except DataError as error:
        status = error.facts.get("status")
        if status in GONE or status == 401 or DECISIVE & set(error.facts) or (status == 403 and not is_chosen):
            raise
        if status is not None:
            warn(f"{error} The image service tries it all the same (method: web-download).")
        size, start = None, None
    if size == 0:
        raise DataError(f"url: there is nothing at {source}. An image without data boots nothing.")
    return Content(size, {} if stated is None else {stated.algorithm: stated.value}), start


def _is_staged(image: Image) -> bool:
    """Whether data lies in the staging area, complete, for an import that nobody has asked for yet."""
    return image["status"] == "uploading" and image.get("size") is not None and not image.get(IMPORT_LOCK)


def _settled(data: DataRequest, session: Session, image: Image) -> Image | None:
    """The image once nobody else's data is on its way into it; None if it is gone by then, or about to be."""
    settled = _without_others_data(data, session, image)
    return None if settled is None or settled["status"] in GOING else settled


def _without_others_data(data: DataRequest, session: Session, image: Image) -> Image | None:
    if is_settled(image):
        return image
    timeout = data.wait_timeout if data.wait else 0
    try:
        if _is_staged(image) and is_ours(image["id"]) and timeout >= MAX_STAGED_SECONDS:
            # Whoever has staged data asks for the import at once.
            image = transfers_of(session).settled(image["id"], MAX_STAGED_SECONDS, lambda dummy: True)
            if _is_staged(image):
                return image
            timeout -= MAX_STAGED_SECONDS
        return transfers_of(session).settled(image["id"], timeout)
    except NotFound:
        return None
    except TimedOut as error:
        raise error.with_note("Its data was not sent by this run.") from None
