# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All images of a catalogue as one change: planned before the first write, then applied in threads.

Changes of records come first, then data in the order of the list, and at last what is not declared any more is retired.
A failure stops no other image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._apply import MAX_REST_SECONDS, MIN_REST_SECONDS, applier_of
from .._change import ImageChange
from .._client.retry import Clock
from .._data.stream import File
from .._errors import ConfigurationError, DataError, LostRace, NotFound, NotReady, PcdError, PlanError
from .._image.attributes import image_shape
from .._image.plan import Image, Plan, Update
from .._replan import IN_CHECK_MODE, planned_again
from .._session import Result, Session
from .listing import Listings, own_images
from .options import CatalogRequest, Entry
from .plan import (
    Pruning,
    images_of,
    is_of_catalog,
    kept_entry,
    plan_entry,
    plan_prune,
    plan_pruning,
)
from .results import checked, diff_of, entry_result, result_of, whole_result
from .shared_progress import SharedProgress
from .threads import Crew, Stop

# Seconds after which a plan is made again before it is applied, because the images may have been changed since they
# were listed; and those after which changes of attributes, which are verified afterwards, are planned from a new list.
MAX_PLAN_AGE = 5.0
MAX_PATCH_AGE = 20.0
# Up to so many images, one look at each costs no more than a list.
MAX_SINGLE_LOOKS = 2

NOT_PRUNED = "prune: nothing was retired, because not all images of the catalogue are as declared. Run the task again."


class _Deferred(Exception):
    """A plan would have to wait for somebody else; it is made once it is the turn of its image."""


@dataclass
class _Item:
    """One image on its way. `plan` is None if it is made later; `sent` are changes of the record still to be verified.

    `seen_at` is when the clock showed the images as the plan knows them, `took` the seconds that sending changes took.
    """

    entry: Entry
    plan: Plan | None = None
    seen_at: float = 0.0
    result: Result | None = None
    diff: dict[str, Any] | None = None
    error: PcdError | None = None
    sent: Plan | None = None
    took: float = 0.0

    @property
    def name(self) -> str:
        return self.entry.name

    def fail(self, error: PcdError, **given: Any) -> None:
        before = None if self.plan is None or self.plan.before is None else self.plan.before["id"]
        self.error = error
        self.result = entry_result(self.name, "failed", before, error=str(error), **given)

    def end(self, plan: Plan, result: Result) -> None:
        self.result = result_of(self.name, plan, result)
        if result["changed"]:
            self.diff = diff_of(self.name, result["diff"])


def change_catalog(request: CatalogRequest, session: Session) -> CatalogChange:
    """The whole catalogue as a change. Nothing has been written by then; what can be planned is planned."""
    return CatalogChange(request, session)


class CatalogChange:
    """The images of a catalogue, which a task previews or applies."""

    def __init__(self, request: CatalogRequest, session: Session) -> None:
        self._request = request
        self._stop = Stop()
        heard: set[str] = set()

        def warn(text: str) -> None:
            # Several images may say the same.
            if text not in heard:
                heard.add(text)
                session.warn(text)

        self._session = replace(session, warn=warn, clock=self._stop.clock(session.clock))
        self._crew = Crew(self._session, request.workers, self._stop)
        self._listings = Listings(session.images, session.project_id)
        self._listed_at = self._session.clock.now()
        self._items = [_Item(entry) for entry in request.entries]
        self._plan()
        self._pruning = self._planned_pruning()

    # --- the plan

    def _plan(self) -> None:
        # What is about data may read files, which takes its time.
        records = [item for item in self._items if not item.entry.request.data.is_about_data]
        others = [item for item in self._items if item.entry.request.data.is_about_data]
        if self._session.project_id is not None and self._items:
            # If this fails, nothing can be planned.
            self._listings.listed(False)
        for item in records:
            self._plan_item(self._session, item)
        self._crew.work(others, self._plan_item, lambda: True)
        self._refuse_same_image()
        self._end_unchanged(self._items)

    def _end_unchanged(self, items: Sequence[_Item]) -> None:
        for item in items:
            if item.plan is not None and not item.plan.changed:
                item.end(item.plan, ImageChange(self._session, item.plan, returns_patch=True).predicted())

    def _is_older(self, item: _Item, seconds: float) -> bool:
        return self._session.clock.now() - item.seen_at > seconds

    def _plan_again(self, items: Sequence[_Item]) -> None:
        """Plan changes of records from new lists; those of data are planned again one by one."""
        if not items:
            return
        self._listings = Listings(self._session.images, self._session.project_id)
        self._listed_at = self._session.clock.now()
        for item in items:
            self._plan_item(self._session, item)
        self._end_unchanged(items)

    def _plan_item(self, session: Session, item: _Item) -> None:
        def wait(dummy_seconds: float) -> None:
            raise _Deferred

        planning = replace(self._listings.of(session), clock=Clock(session.clock.now, wait))
        item.seen_at = self._listed_at
        try:
            item.plan = plan_entry(item.entry.request, planning, self._request.catalog)
        except (_Deferred, LostRace):
            item.plan = None
        except PcdError as error:
            if isinstance(error, DataError) and error.is_outdated():
                # The vendor has published meanwhile: the checksum is read again.
                item.plan = None
            else:
                item.fail(error)

    def _refuse_same_image(self) -> None:
        """Raises if two entries mean the same image, one of them by its id."""
        first: dict[str, _Item] = {}
        for item in self._items:
            for image_id in {image["id"] for image in images_of(item.plan)} if item.plan else ():
                other = first.setdefault(image_id, item)
                if other is not item:
                    raise ConfigurationError(
                        f"images[{item.entry.number}] ({item.name}): images[{other.entry.number}] ({other.name}) "
                        f"declares the same image, {image_id}. Leave one of the two out."
                    )

    def _planned_pruning(self) -> Pruning:
        request = self._request
        if not request.prune or request.catalog is None:
            return Pruning((), ())
        if self._session.project_id is None:
            raise ConfigurationError(
                "project_id: the project of the token is not known, so that prune cannot tell which images are "
                "its own. Give project_id."
            )
        names = {entry.name for entry in request.declared}
        plans = [item.plan for item in self._items if item.plan is not None]
        ids = {image["id"] for plan in plans for image in images_of(plan)}
        ids |= {entry.request.target.id for entry in request.declared}
        images = self._listings.all()
        return plan_pruning(images, request.catalog, self._session.project_id, names, ids, request.prune_limit)

    @property
    def _waits(self) -> list[_Item]:
        """The images about which nothing is known yet."""
        return [item for item in self._items if item.result is None]

    @property
    def _has_failed(self) -> bool:
        return any(item.error is not None for item in self._items)

    def _may_begin(self) -> bool:
        return not (self._request.fail_fast and self._has_failed)

    # --- check mode

    def preview(self) -> Result:
        self._crew.work(self._waits, self._preview_item, self._may_begin)
        pruned: list[tuple[Result, dict[str, Any] | None]] = []
        kept = list(self._pruning.kept)
        for image in self._pruned_images():
            plan = self._plan_of_pruned(image, kept)
            if plan is not None:
                pruned.append(_pruned_result(plan, ImageChange(self._session, plan).predicted()))
        return self._result(pruned, kept)

    def _preview_item(self, session: Session, item: _Item) -> None:
        def preview(plan: Plan) -> Result:
            change = ImageChange(session, plan, returns_patch=True)
            return change.predicted() if _is_known(plan) else change.preview()

        try:
            self._end(session, item, item.plan, preview)
        except NotReady as error:
            item.fail(error.with_note(IN_CHECK_MODE))
        except PcdError as error:
            item.fail(error)

    # --- the real run

    def apply(self) -> Result:
        records = [item for item in self._waits if item.plan is not None and not item.plan.sends_data]
        if any(self._is_older(item, MAX_PLAN_AGE) for item in records):
            self._plan_again(records)
            self._refuse_same_image()
        self._apply_records(records)
        self._verify([item for item in records if item.sent is not None])
        others = [item for item in self._waits if item not in records]
        shared = SharedProgress(self._session.runtime.progress, len(others), self._stop.check)

        def apply(session: Session, item: _Item) -> None:
            self._apply_item(replace(session, runtime=session.runtime._replace(progress=shared)), item)
            shared.ended()

        self._crew.work(others, apply, self._may_begin)
        return self._result(*self._apply_pruning())

    def _apply_records(self, records: Sequence[_Item]) -> None:
        """Apply what is planned from lists; what has not begun when they are old is planned again from new ones."""
        while left := [item for item in records if item.result is None and item.sent is None]:
            first = left[0]

            def may_begin(first: _Item = first) -> bool:
                is_begun = first.result is not None or first.sent is not None
                return self._may_begin() and not (is_begun and self._is_older(first, MAX_PATCH_AGE))

            self._crew.work(left, self._apply_record, may_begin)
            if not self._may_begin():
                return
            self._plan_again([item for item in left if item.result is None and item.sent is None])

    def _apply_record(self, session: Session, item: _Item) -> None:
        if item.plan is not None and _is_only_patch(item.plan):
            try:
                self._send(session, item, item.plan)
                return
            except LostRace:
                item.plan = None
            except PcdError as error:
                item.fail(error)
                return
        self._apply_item(session, item)

    def _send(self, session: Session, item: _Item, plan: Plan) -> None:
        """Send changes of a record without a look at each of them."""
        begun = session.clock.now()
        steps = tuple(replace(step, verify=False) for step in plan.steps if isinstance(step, Update))
        applier_of(session).apply(plan._replace(steps=steps))
        item.sent, item.took = plan, session.clock.now() - begun

    def _apply_item(self, session: Session, item: _Item) -> None:
        """Apply the plan as a task for this image would; the image is planned again if another run was first."""
        plan = None if self._is_older(item, MAX_PLAN_AGE) else item.plan
        try:
            self._end(session, item, plan, lambda plan: ImageChange(session, plan, returns_patch=True).apply())
        except PcdError as error:
            item.fail(error)

    def _end(self, session: Session, item: _Item, plan: Plan | None, do: Callable[[Plan], Result]) -> None:
        """End with what is done by the plan; by a new one if there is none, or if another run was first."""
        plans = [] if plan is None else [plan]

        def attempt() -> Result:
            item.plan = plans.pop() if plans else plan_entry(item.entry.request, session, self._request.catalog)
            return do(item.plan)

        result = planned_again(attempt)
        if item.plan is not None:
            item.end(item.plan, result)

    # --- what was sent is looked at

    def _verify(self, items: Sequence[_Item]) -> None:
        if not items:
            return
        # See Applier._patched: a write of the same moment has ended by then.
        longest = max(item.took for item in items)
        self._session.clock.sleep(min(max(2 * longest, MIN_REST_SECONDS), MAX_REST_SECONDS))
        try:
            seen = self._looked_at(items)
        except PcdError as error:
            for item in items:
                patch = [] if item.sent is None else item.sent.patch
                unverified = PcdError(f"The change was sent, and could not be verified: {error}")
                item.fail(unverified, changed=True, patch=patch)
            return
        again = []
        for item in items:
            image = seen.get(_id_of(item))
            if not self._is_verified(item, image):
                again.append(item)
        self._crew.work(again, self._apply_item, lambda: True)

    def _looked_at(self, items: Sequence[_Item]) -> dict[str, Image]:
        """The images as they are now, by their ids."""
        wanted = {_id_of(item) for item in items}
        seen: dict[str, Image] = {}
        if len(items) > MAX_SINGLE_LOOKS and self._session.project_id is not None:
            for hidden in (False, True):
                if wanted - seen.keys() and (not hidden or any(_is_hidden(item) for item in items)):
                    found = own_images(self._session.images, self._session.project_id, hidden)
                    seen.update({image["id"]: image for image in found if image["id"] in wanted})
        for image_id in sorted(wanted - seen.keys()):
            try:
                seen[image_id] = self._session.images.get(image_id)
            except NotFound:
                continue
        return seen

    def _is_verified(self, item: _Item, image: Image | None) -> bool:
        """Whether the image is as it was to become; otherwise its plan says what is left to do."""
        plan, item.sent = item.sent, None
        if plan is None or image is None:
            # Somebody else has deleted it.
            item.plan = None
            return False
        steps = [(step, step.patch_of(image)) for step in plan.steps if isinstance(step, Update)]
        left = tuple(Update(patch, step.desired, step.purge) for step, patch in steps if patch)
        if left:
            item.plan, item.seen_at = Plan(image, plan.after, left), self._session.clock.now()
            return False
        result = {"changed": True, "image": image_shape(image), "diff": plan.diff}
        item.end(plan, {**result, "patch": plan.patch, "retired": plan.retired})
        return True

    # --- what is not declared any more

    def _pruned_images(self) -> Iterable[Image]:
        """The images to retire, if all others are as declared."""
        if not self._pruning.images:
            return ()
        if self._has_failed or self._waits:
            self._session.warn(NOT_PRUNED)
            return ()
        return self._pruning.images

    def _plan_of_pruned(self, image: Image, kept: list[dict[str, Any]]) -> Plan | None:
        request = self._request
        try:
            return plan_prune(image, request.retired, request.retired_suffix, request.force)
        except PlanError as error:
            kept.append(kept_entry(image, str(error)))
            return None

    def _apply_pruning(self) -> tuple[list[tuple[Result, dict[str, Any] | None]], list[dict[str, Any]]]:
        kept = list(self._pruning.kept)
        done: dict[str, tuple[Result, dict[str, Any] | None]] = {}
        images = list(self._pruned_images())

        def prune(session: Session, image: Image) -> None:
            try:
                found = self._prune(session, image, kept)
            except PcdError as error:
                found = (entry_result(image.get("name"), "failed", image["id"], error=str(error)), None)
            if found is not None:
                done[image["id"]] = found

        self._crew.work(images, prune, lambda: True)
        return [done[image["id"]] for image in images if image["id"] in done], kept

    def _prune(
        self, session: Session, image: Image, kept: list[dict[str, Any]]
    ) -> tuple[Result, dict[str, Any] | None] | None:
        """Retire one image, if it is still what it was when the run began."""
        try:
            seen = session.images.get(image["id"])
        except NotFound:
            return None
        catalog = str(self._request.catalog)
        if not is_of_catalog(seen, catalog, session.project_id) or seen.get("name") != image.get("name"):
            kept.append(kept_entry(seen, "somebody else has changed it since the run began"))
            return None
        plan = self._plan_of_pruned(seen, kept)
        return None if plan is None else _pruned_result(plan, ImageChange(session, plan).apply())

    def _result(self, pruned: Sequence[tuple[Result, dict[str, Any] | None]], kept: Sequence[dict[str, Any]]) -> Result:
        images = [item.result or entry_result(item.name, "not_begun") for item in self._items]
        diffs = [item.diff for item in self._items if item.diff is not None]
        diffs += [diff for dummy, diff in pruned if diff is not None]
        return checked(whole_result([*images, *(result for result, dummy in pruned)], diffs, kept))


def _pruned_result(plan: Plan, result: Result) -> tuple[Result, dict[str, Any] | None]:
    before: Image = plan.before or {}
    given = {key: result[key] for key in ("changed", "image")}
    pruned = entry_result(before.get("name"), "pruned", before.get("id"), patch=plan.patch, **given)
    return pruned, diff_of(before.get("name"), result["diff"])


def _is_known(plan: Plan) -> bool:
    """Whether nothing has to be read to predict what comes of the plan."""
    stream = plan.stream
    return stream is None or (stream.stated is not None and not isinstance(stream.source, File))


def _is_only_patch(plan: Plan) -> bool:
    return plan.changed and plan.after is not None and all(isinstance(step, Update) for step in plan.steps)


def _id_of(item: _Item) -> str:
    plan = item.sent
    return "" if plan is None or plan.before is None else str(plan.before["id"])


def _is_hidden(item: _Item) -> bool:
    return item.sent is not None and bool((item.sent.after or {}).get("os_hidden"))
