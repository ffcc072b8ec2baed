# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan, applied so that nothing is lost and nothing is doubled.

A write is never simply sent again: after a response that does not say what was done, a look at the image decides. And
what was written is looked at, because Glance lets two writes of the same moment undo each other without an error.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from ._client.images import Images, Query, name_filter
from ._client.retry import SYSTEM_CLOCK, Attempts, Clock, is_transient, poll, settle
from ._client.transport import Transport, attempts_of
from ._errors import (
    Abandoned,
    ApiError,
    Conflict,
    Forbidden,
    LostRace,
    NotFound,
    OutOfReach,
    PcdError,
    PlanError,
    RefusedData,
    TimedOut,
    WrongData,
    quoted,
)
from ._image.attributes import (
    BOUND_TO,
    GOING,
    IMPORT_LOCK,
    OPTION_OF_ATTRIBUTE,
    REPLACES,
    is_ours,
    new_id,
)
from ._image.marks import (
    bound,
    is_retired,
    is_rival,
    is_unfinished,
    replaced_id,
)
from ._image.plan import (
    STATUS_AFTER,
    UNPROTECT,
    Create,
    Delete,
    Discard,
    Follow,
    Image,
    Import,
    Patch,
    Plan,
    Prune,
    Resume,
    Retire,
    SetStatus,
    Stage,
    Step,
    Update,
    Upload,
    describe,
    desired_by,
    has_other_changes,
    in_parts,
    unmet,
)
from ._image.rotation import is_still_retired
from ._session import Session

if TYPE_CHECKING:
    from ._data.transfer import Transfers

# How often a change is made again that others undo.
MAX_ROUNDS = 10

# Seconds before a change is looked at, at the least and at the most; see Applier._patched.
MIN_REST_SECONDS = 0.1
MAX_REST_SECONDS = 3.0

# If others write at the same moment: the seconds between two looks, and how many there are at the most.
QUIET_SECONDS = 1.5
MAX_QUIET_LOOKS = 5

# Seconds that a run gets which was first, to see that it is; and then, to begin with its data.
MAX_CONTEST_SECONDS = 5.0
MAX_WAIT_FOR_WINNER_SECONDS = 30.0


def applier_of(session: Session) -> Applier:
    """What applies plans to the images of the session's service."""

    def transfers() -> Transfers:
        # Most changes are about attributes only.
        from ._data.transfer import transfers_of

        return transfers_of(session)

    def follow(old: Image, new: Image) -> None:
        from ._sharing import follow_members

        follow_members(session, old, new)

    return Applier(session.images, transfers, session.transport, session.clock, follow)


class Applier:
    """Applies plans. Errors are those of the service; `clock` is that of the time module, or of a test."""

    def __init__(
        self,
        images: Images,
        transfers: Callable[[], Transfers],
        transport: Transport,
        clock: Clock = SYSTEM_CLOCK,
        follow: Callable[[Image, Image], None] = lambda old, new: None,
    ) -> None:
        self._images = images
        self._transfers = transfers
        self._transport = transport
        self._clock = clock
        self._follow = follow
        # Why retired images and unfinished replacements, by their ids, were not deleted.
        self.refused: dict[str, str] = {}
        # The id that the task gave, if an image has it but no answer says that this run has made it.
        self._unclear_id = ""

    def apply(self, plan: Plan) -> Image | None:
        """What the service says of the image after every step of the plan; None once it is gone.

        An image that the plan itself has made is removed again if its data does not come as it should; from the moment
        on that it replaces another one, it stays. LostRace: another run was first, and the task has to look again.
        """
        with ExitStack() as stack:
            if plan.stream is not None and any(isinstance(step, Create) for step in plan.steps):
                # If there is nothing to send, no record is made for it.
                stack.enter_context(plan.stream.prepared())
            return self._applied_all(plan)

    def _applied_all(self, plan: Plan) -> Image | None:
        current, made = plan.before, None
        memory: Patch = []
        for number, step in enumerate(plan.steps, 1):
            if isinstance(step, Retire):
                made = None
            try:
                later = plan.steps[number:]
                try:
                    current, memory = self._next(current, step, later, memory)
                except Abandoned as error:
                    made = self._made_again(plan, made, error)
                    current, memory = self._next(made, step, later, memory)
                if isinstance(step, Create) and current is not None and current["id"] != self._unclear_id:
                    made = current
                    self._give_way(made, plan.sends_data)
            except NotFound as error:
                if plan.after is None:
                    # Somebody else was faster.
                    return None
                raise self._failed(error, current, made) from None
            except _GaveWay as error:
                raise self._failed(error, current, None) from None
            except PcdError as error:
                raise self._failed(error, current, made) from None
        return current

    def _made_again(self, plan: Plan, made: Image | None, error: Abandoned) -> Image:
        """Another new record instead of the one that this run has made, whose data nobody will bring to its end.

        The error, if the run has not made it, or its id was given: no id is given twice.
        """
        create = next((step for step in plan.steps if isinstance(step, Create)), None)
        if made is None or create is None or "id" in create.attributes:
            raise error
        self._remove_made(made)
        again = self._created(create)
        try:
            self._give_way(again, plan.sends_data)
        except _GaveWay:
            raise
        except PcdError as second:
            raise self._without_made(second, again) from None
        return again

    def _next(
        self, current: Image | None, step: Step, later: Sequence[Step], memory: Patch
    ) -> tuple[Image | None, Patch]:
        """The image after a step, and the part of its memory that goes into the next patch."""
        if current is not None and isinstance(step, (Upload, Import)):
            return self._filled(current, step, is_last=not any(isinstance(each, Update) for each in later))
        if isinstance(step, Update) and memory:
            return self._applied(current, step.with_memory(memory)), []
        return self._applied(current, step), memory

    def _applied(self, current: Image | None, step: Step) -> Image | None:
        match step:
            case Create():
                return self._created(step)
            case Resume():
                return step.image
        if current is None:
            raise ValueError(f"{step} needs an image")
        match step:
            case Update():
                return self._remembering(current, step) if step.is_memory else self._updated(current, step)
            case SetStatus():
                return self._with_status(current, step)
            case Upload() | Import():
                return self._filled(current, step, is_last=True)[0]
            case Stage():
                return self._transfers().stage(current, step)
            case Delete():
                self._delete(current, step)
                return None
            case Follow() | Retire() | Discard() | Prune():
                self._change_others(current, step)
                return current

    def _change_others(self, current: Image, step: Follow | Retire | Discard | Prune) -> None:
        """Apply a step that leaves the image itself as it is."""
        match step:
            case Follow():
                self._follow(step.image, current)
            case Retire():
                self._retire(current, step)
            case Discard():
                self._discard(step)
            case Prune():
                self._prune(current, step)

    def _failed(self, error: PcdError, current: Image | None, made: Image | None) -> PcdError:
        """The error of a step, or that of a lost race if the image has disappeared for that reason."""
        if made is None and current is not None and self._has_given_way(current):
            return LostRace(
                f"{describe(current)}, which another run had made, is gone, again and again. Run the task once the "
                "others have ended."
            )
        if made is not None and _may_mean_gone(error) and self._is_gone(made):
            return _deleted_meanwhile(made, error)
        return self._cleared(error, made)

    def _attempts(self) -> Attempts:
        return attempts_of(self._transport, self._clock)

    # --- a new record

    def _created(self, step: Create) -> Image:
        """The new record. Its id is chosen here, so that an answer that was lost does not make a second one.

        If the task gave the id, and the answer was lost, another run of the task may have made the record: it is used,
        but it stays if something fails.
        """
        attributes = bound({"id": new_id(), **step.attributes})
        desired = {key: value for key, value in attributes.items() if key in step.attributes or key == BOUND_TO}
        attempts = self._attempts()

        def is_unclear(error: PcdError) -> bool:
            # The id that the task gave may belong to another image, as long as this task has not sent it.
            is_spent = "id" in step.attributes and attempts.count == 1
            return is_transient(error) or (isinstance(error, Conflict) and not is_spent)

        def look(error: PcdError) -> Image | None:
            seen = self._looked_up(attributes["id"], error)
            if seen is not None and "id" in step.attributes:
                self._unclear_id = seen["id"]
            return seen

        try:
            made = settle(
                attempts,
                lambda: self._images.create(attributes),
                look,
                lambda seen: seen is not None,
                is_unclear,
            )
        except Conflict as error:
            if is_unclear(error):
                raise
            raise self._taken(attributes["id"], error) from None
        if made is None:
            raise ValueError("only what is there is reached")
        return _verified(desired, made)

    def _taken(self, image_id: str, error: ApiError) -> PcdError:
        """The error that an id is not free: that of a lost race if another run has made this image meanwhile."""
        made = self._looked_up(image_id, error)
        if made is None:
            return _spent(error, image_id)
        return LostRace(
            f"{describe(made)} was made and deleted by others at the same moment, again and again. Run the task once "
            "they have ended."
        )

    # --- changes of the record

    def _filled(self, current: Image, step: Upload | Import, is_last: bool) -> tuple[Image, Patch]:
        """The image with its data, and the patch after which it remembers the source of it.

        If no other patch follows (`is_last`), it is written before the look that verifies the data, which then verifies
        both. It is bound to the data, so that it is void if the data is wrong.
        """
        from ._data.memory import memory_patch

        transfers = self._transfers()
        source = step.stream or (step.fetched if isinstance(step, Import) else None)
        if isinstance(step, Import) and not step.wait:
            # Nobody has verified the data.
            source = None

        def memory_of(image: Image) -> Patch:
            return [] if source is None or image["status"] != "active" else memory_patch(source, image)

        def before_look(image: Image) -> None:
            patch = memory_of({**image, "status": "active"}) if is_last else []
            # If this fails, it is tried once more below.
            with suppress(PcdError):
                if patch:
                    self._images.update(current["id"], patch)

        if isinstance(step, Upload):
            after = transfers.upload(current, step, before_look)
        else:
            after, memory = transfers.run_import(current, step, before_look)
            if memory:
                # At once: a run that goes on with it could not compare it.
                return self._remembering(after, Update(memory), is_converted=True), []
        memory = memory_of(after)
        if memory and is_last:
            return self._remembering(after, Update(memory)), []
        return after, memory

    def _remembering(self, current: Image, step: Update, is_converted: bool = False) -> Image:
        """The image that remembers its source; or as it is, with a warning: its data is right all the same."""
        try:
            return self._updated(current, step)
        except NotFound:
            raise
        except PcdError as error:
            self._transfers().warn_of_memory(current, error, is_converted)
            return current

    def _updated(self, current: Image, step: Update) -> Image:
        """The image in the desired state: read again, and planned again if somebody else has written meanwhile."""
        patch, attempts = step.patch, self._attempts()
        for dummy in range(MAX_ROUNDS):
            after = self._written(current, patch, step, attempts)
            current, patch = after, step.patch_of(after)
            if not patch:
                return after
        raise PlanError(
            f"Another client keeps overwriting {describe(after)}: {_describe_rest(patch, after)}. It was changed "
            f"{MAX_ROUNDS} times. Find out who that is, and run the task again."
        )

    def _written(self, current: Image, patch: Patch, step: Update, attempts: Attempts) -> Image:
        """The image after the patch, planned again each time that a look shows that it was not written."""

        def write() -> Image:
            *first, last = in_parts(patch, current)
            for part in first:
                self._images.update(current["id"], part)
            return self._patched(current, last, step.verify)

        def look(error: PcdError) -> Image:
            nonlocal current, patch
            current = self._seen(current["id"], error)
            patch = step.patch_of(current)
            return current

        def is_unclear(error: PcdError) -> bool:
            return is_transient(error) or isinstance(error, Conflict)

        return settle(attempts, write, look, lambda dummy: not patch, is_unclear, is_unclear)

    def _patched(self, before: Image, patch: Patch, verify: bool) -> Image:
        """The image after the patch, and after what was written at the same moment.

        Glance answers with what it has just written, and a write that began before may undo it afterwards: it writes
        all properties as it has read them (glance/db/sqlalchemy/api.py, _set_properties_for_image). That one ends about
        as soon as this one, so that a look after twice that time sees what it has done.

        With several writers in one Galera cluster it may end later: Glance repeats a transaction that was refused,
        after half a second and with the properties of before (glance/db/sqlalchemy/api.py, image_update). So if others
        change the image, too, nothing may change any more before it is believed.
        """
        image_id, begun = before["id"], self._clock.now()
        answer = _verified(desired_by(patch), self._images.update(image_id, patch))
        if not verify:
            return answer
        took = self._clock.now() - begun
        self._clock.sleep(random.uniform(1, 1.5) * min(max(2 * took, MIN_REST_SECONDS), MAX_REST_SECONDS))
        seen, written = self._images.get(image_id), desired_by(patch)
        if has_other_changes(before, answer, written) or has_other_changes(answer, seen, written):
            return self._once_quiet(seen)
        return seen

    def _once_quiet(self, seen: Image) -> Image:
        """The image once two looks at it show the same, or as it is after some of them."""
        for dummy in range(MAX_QUIET_LOOKS):
            self._clock.sleep(random.uniform(1, 1.5) * QUIET_SECONDS)
            last, seen = seen, self._images.get(seen["id"])
            if not has_other_changes(last, seen, {}):
                break
        return seen

    def _with_status(self, current: Image, step: SetStatus) -> Image:
        image_id = current["id"]

        def act() -> Image:
            {"deactivate": self._images.deactivate, "reactivate": self._images.reactivate}[step.action](image_id)
            return self._images.get(image_id)

        after = settle(
            self._attempts(),
            act,
            lambda error: self._seen(image_id, error),
            lambda seen: bool(seen["status"] == STATUS_AFTER[step.action]),
        )
        if after["status"] != STATUS_AFTER[step.action]:
            raise PlanError(
                f"The service agreed to {step.action} {describe(current)}, but its status is {after['status']}. "
                "Somebody else may have changed it at the same moment; run the task again."
            )
        return after

    def _looked_up(self, image_id: str, error: PcdError) -> Image | None:
        """The image as it is after an error that does not say what was done; None if it does not exist."""
        try:
            return self._images.get(image_id)
        except NotFound:
            return None
        except PcdError as second:
            raise error.with_note(f"Whether it was done is not known: {second}") from None

    def _seen(self, image_id: str, error: PcdError) -> Image:
        """The image as it is after an error that does not say what was done; that error if it does not exist."""
        seen = self._looked_up(image_id, error)
        if seen is None:
            raise error
        return seen

    # --- the end of an image

    def _delete(self, current: Image, step: Delete) -> None:
        try:
            self._remove(current["id"])
        except PcdError as error:
            if not step.undo:
                raise
            try:
                self._updated(current, Update(step.undo))
            except NotFound:
                return
            except PcdError as second:
                raise PlanError(
                    f"{error} Its protection was taken off for this and could not be put back: {second}", **error.facts
                ) from None
            raise

    def _remove(self, image_id: str) -> None:
        """The image is gone, whoever has deleted it."""

        def delete() -> None:
            with suppress(NotFound):
                self._images.delete(image_id)

        def look(error: PcdError) -> Image | None:
            left = self._looked_up(image_id, error)
            if left is not None:
                self._refuse_unreachable(left, error)
            return left

        def is_repeatable(error: PcdError) -> bool:
            # Glance says 400 if another deletion is under way (glance/api/v2/images.py, delete).
            return is_transient(error) or (isinstance(error, ApiError) and error.status == 400)

        settle(
            self._attempts(),
            delete,
            look,
            lambda left: left is None,
            lambda error: not isinstance(error, Forbidden),
            is_repeatable,
        )

    def _refuse_unreachable(self, image: Image, error: PcdError) -> None:
        """Raises if the service cannot delete the data, because it does not know its store: it answers 500, always."""
        if not isinstance(error, ApiError) or error.status != 500:
            return
        from ._data.stores import unreadable_here

        reason = unreadable_here(self._images, image)
        if reason is not None:
            raise error.out_of_reach(
                f"Could not delete image {image['id']} here. {reason} Only that one deletes the image; here it can be "
                f"hidden (hidden: true). (The service answered {error.status}.)"
            ) from None

    def _retire(self, replacement: Image, step: Retire) -> None:
        old: Image | None = step.image
        try:
            for part in step.steps:
                old = self._applied(old, part)
        except NotFound:
            # Gone all the same: somebody else deleted it meanwhile.
            return
        except PcdError as error:
            raise error.with_note(
                f"{describe(replacement)} is active with the new data and stands in its place, but "
                f"{describe(step.image)} could not be retired. Run the task again to try that once more."
            ) from None

    def _discard(self, step: Discard) -> None:
        """The unfinished replacement is gone, or stays if the service refuses that.

        LostRace if another run has gone on with it since it was planned.
        """
        planned = step.image
        try:
            seen = self._images.get(planned["id"])
            is_same = (seen["status"], replaced_id(seen)) == (planned["status"], replaced_id(planned))
            if not is_unfinished(seen) or not is_same:
                raise LostRace(
                    f"{describe(planned)}, which an earlier run has left unfinished, is changed by another run at the "
                    "same moment. Run the task again once that one has ended."
                )
            for part in step.steps:
                self._applied(seen, part)
        except NotFound:
            return
        except (Conflict, Forbidden, OutOfReach) as error:
            # In use: somebody has created an instance from what was prepared.
            self.refused[planned["id"]] = str(error)

    def _prune(self, current: Image, step: Prune) -> None:
        """The retired image is gone; unless the service refuses that, or it is in use again since it was planned."""
        image_id = step.image["id"]
        try:
            seen = self._images.get(image_id)
            if not is_still_retired(seen, step.image):
                self.refused[image_id] = "it was shown or renamed by somebody else, so that it is not retired any more"
                return
            for part in step.steps:
                self._applied(seen, part)
        except NotFound:
            return
        except ApiError as error:
            if not isinstance(error, (Conflict, Forbidden, OutOfReach)):
                raise self._pruning_failed(error, current, step) from None
            # In use, above all: Ceph keeps the data that instances were cloned from (409).
            self.refused[image_id] = str(error)
        except PcdError as error:
            raise self._pruning_failed(error, current, step) from None

    def _pruning_failed(self, error: PcdError, current: Image, step: Prune) -> PcdError:
        return error.with_note(
            f"{describe(current)} is as declared, but the retired {describe(step.image)} could not be deleted (option "
            "keep). Run the task again to try that once more."
        )

    def _remove_made(self, made: Image) -> None:
        """What this run has made is gone again."""
        if made.get("protected"):
            self._updated(made, Update(UNPROTECT, verify=False))
        self._remove(made["id"])

    def _cleared(self, error: PcdError, made: Image | None) -> PcdError:
        """The error, and what was done about the image that should not stay as it is now."""
        if isinstance(error, LostRace):
            is_kept = made is not None and not self._is_gone(made)
            error.done = {"changed": True, "action": "created"} if is_kept else {}
        if isinstance(error, (TimedOut, LostRace)) and not isinstance(error, Abandoned):
            return error
        if made is not None:
            return self._without_made(error, made)
        match error:
            case Abandoned():
                return error.with_note("Delete the image (state: absent) and run the task again.")
            case RefusedData() if is_ours(error.image_id):
                return error.with_note(
                    "Its record takes no other data after this; the next run, by its name, makes another one."
                )
            case RefusedData():
                return error.with_note(
                    "Its record takes no other data after this: delete it (state: absent) and run again."
                )
            case WrongData():
                return self._without_wrong(error)
        return error

    def _without_made(self, error: PcdError, made: Image) -> PcdError:
        try:
            self._remove_made(made)
        except NotFound:
            pass
        except PcdError as second:
            return error.with_note(
                f"The image that was made for it, {made['id']}, could not be removed again: {second}"
            )
        return error.with_note(f"The image that was made for it, {made['id']}, has been removed again.")

    def _without_wrong(self, error: WrongData) -> PcdError:
        try:
            self._with_status(self._images.get(error.image_id), SetStatus("deactivate"))
        except PcdError as second:
            return error.with_note(f"It is active and could not be deactivated, delete it: {second}")
        return error.with_note("It was there before, so that it was deactivated and not removed; delete it.")

    # --- several runs at the same moment

    def _give_way(self, made: Image, sends_data: bool) -> None:
        """Raises _GaveWay if another run makes the same image and was first; then the image of this run is gone again.

        All runs see the images in one order, and the first image stays. A run that has looked before all others has
        seen no other image, and its image stays, too. So the first run that sees others gives them a moment to remove
        their images, and removes its own one if they do not.
        """
        if not is_ours(made["id"]) or not (made.get("name") or replaced_id(made)):
            return
        rivals = self._rivals(made)
        if len(rivals) > 1 and rivals[0]["id"] == made["id"]:
            rivals = poll(self._clock, MAX_CONTEST_SECONDS, lambda: self._rivals(made), lambda seen: len(seen) < 2)
        if all(image["id"] == made["id"] for image in rivals):
            return
        self._remove_made(made)
        self._clock.sleep(random.uniform(0, MIN_REST_SECONDS))

        def is_decided(seen: list[Image]) -> bool:
            return len(seen) < 2 and not (sends_data and any(_waits_for_data(image) for image in seen))

        poll(self._clock, MAX_WAIT_FOR_WINNER_SECONDS, lambda: self._rivals(made), is_decided)
        raise _GaveWay(
            f"Other runs make the image {quoted(str(made.get('name')))} at the same moment, again and again, so that "
            "this one has removed its own. Run the task once they have ended."
        )

    def _has_given_way(self, image: Image) -> bool:
        """Whether another run has removed what it had made itself, and what this one has taken for the image."""
        return is_ours(image["id"]) and self._is_gone(image)

    def _is_gone(self, image: Image) -> bool:
        try:
            return self._images.get(image["id"])["status"] in GOING
        except NotFound:
            return True
        except PcdError:
            # What went wrong before is what there is to tell.
            return False

    def _rivals(self, made: Image) -> list[Image]:
        """The images that stand in the same place as this one, or shall, the first one first.

        Those that this collection has not made go before, because nobody removes them. Images of other owners are none.
        """
        replaced, owner = replaced_id(made), ("owner", str(made.get("owner")))
        found: list[Image] = []
        if made.get("name"):
            hidden = bool(made.get("os_hidden")) and replaced is None
            found += self._listed([("name", name_filter(str(made["name"]))), owner], hidden, made)
        if replaced is not None:
            found += [
                image for image in self._listed([(REPLACES, replaced), owner], True, made) if is_rival(image, made)
            ]
        gone = {replaced, *self.refused, *(replaced_id(image) for image in found)}
        return sorted((image for image in found if image["id"] not in gone), key=lambda image: is_ours(image["id"]))

    def _listed(self, query: Query, hidden: bool, made: Image) -> list[Image]:
        """Of the images that the query finds, those that compete with `made`."""
        order = ("sort", "created_at:asc,id:asc")
        found = self._images.list([*query, *([("os_hidden", "true")] if hidden else []), order])
        return [
            image
            for image in found
            if image.get("name") == made.get("name")
            and image.get("owner") == made.get("owner")
            and not is_retired(image)
            and (not hidden or replaced_id(image) == replaced_id(made))
        ]


class _GaveWay(LostRace):
    """This run has removed the image that it had made."""


def _may_mean_gone(error: PcdError) -> bool:
    """Whether an image that has been deleted meanwhile can be the reason for the error."""
    return isinstance(error, (NotFound, Conflict, PlanError)) or (isinstance(error, ApiError) and error.status == 410)


def _deleted_meanwhile(made: Image, error: PcdError) -> PcdError:
    said = f"{describe(made)}, which this run had made, was deleted by another client before it was finished"
    if is_ours(made["id"]):
        # With other data for the same image, for example.
        return LostRace(f"{said}, again and again. Find out who that is, and run the task once that has ended.")
    return PlanError(
        f"{said}. The service never reuses an image id: run the task with another one. ({error})", **error.facts
    )


def _waits_for_data(image: Image) -> bool:
    return image["status"] == "queued" and not image.get(IMPORT_LOCK)


def _verified(desired: Image, answer: Image) -> Image:
    """The answer, once it has the desired attributes: Glance accepts some names of properties and forgets them."""
    lost = unmet(desired, answer)
    if lost:
        raise PlanError(
            f"The service accepted the change of {describe(answer)}, but does not have it: {', '.join(lost)}. Somebody "
            "else may have changed the image at the same moment, or this is a name that the service does not keep."
        )
    return answer


def _describe_rest(patch: Patch, image: Image) -> str:
    """What the patch would still have to change, and what is there."""
    return "; ".join(
        f"{OPTION_OF_ATTRIBUTE.get(key, key)} is {json.dumps(image.get(key), ensure_ascii=False)} instead of "
        f"{json.dumps(value, ensure_ascii=False)}"
        for key, value in desired_by(patch).items()
    )


def _spent(error: ApiError, image_id: str) -> ApiError:
    return error.with_message(
        f"id: {image_id} cannot be the id of a new image. The service says: {error.server_message} "
        "The service never reuses an image id, not even after deletion or in another project. Choose another id."
    )
