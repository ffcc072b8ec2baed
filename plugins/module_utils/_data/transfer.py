# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data on its way into an image: sent, or imported by the service, watched to the end, and verified."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeAlias

from .._client.images import Images
from .._client.meter import Meter
from .._client.progress import Progress
from .._client.retry import SYSTEM_CLOCK, Attempts, Clock, is_transient, poll, settle
from .._errors import (
    Abandoned,
    ApiError,
    Conflict,
    ConnectionFailed,
    DataError,
    LostRace,
    PcdError,
    PlanError,
    RefusedData,
    TimedOut,
    UnsupportedMedia,
    WrongData,
)
from .._image.attributes import (
    FULL_STATUSES,
    IMPORT_LOCK,
    SERVICE_HASH,
    SOURCE,
    Origin,
    origin_property,
    stores_of,
)
from .._image.plan import (
    Image,
    Import,
    Patch,
    Stage,
    Upload,
    attributes_of,
    describe,
    pointer,
)
from .._redact import printable, redacted_text
from .._session import Session
from .compare import difference, is_converted, is_same
from .digest import BLOCK, Content, Digest, hash_of
from .format import QCOW2_MAGIC, compression_of, virtual_size_of
from .locks import BUSY_STATUSES, FAILED_IMPORT, IMPORTING_TO, STALE_LOCK, Locks, has_failed, is_settled, is_unusable
from .methods import COPY, DIRECT, FETCH
from .stream import Body, Stream

LEFT_BEHIND = (
    " An earlier import into this record has failed, too, and may have left data behind that keeps other data out: "
    "if it fails again, delete the image (state: absent) and run the task again."
)

# glance/async_/flows/api_image_import.py: the import reads the file that the process has staged which took the data. A
# failure whose reason is kept from users, above all that this file is not there, leaves the image importing.
UNSHARED = (
    " If it is, and only some runs fail, the processes of the image service share no staging folder and cannot pass "
    "the import on to the one that has the data (worker_self_reference_url): tell its administrator, and use "
    "method: upload."
)

# An import that has left no trace of itself in so many looks has not begun.
LOOKS_FOR_A_TRACE = 5

# Seconds for the service to take note that a connection has ended in the middle of the data.
MAX_CUT_SECONDS = 30.0


# Called with the image once its data is known to be right, or promised to be: what is written then is seen by the look
# at the image that comes anyway.
BeforeLook: TypeAlias = Callable[[Image], object]


class Imported(NamedTuple):
    """An image after an import, and the patch that makes it remember the source; empty if the image has its bytes."""

    image: Image
    memory: Patch


def transfers_of(session: Session) -> Transfers:
    """What brings data into the images of the session's service."""
    repeats, progress = session.transport.retries, session.runtime.progress
    return Transfers(session.images, session.project_id, repeats, session.warn, session.clock, progress)


class Transfers:
    """Brings data into images. `repeats` is how often a transfer is repeated after it broke off.

    `project_id` is that of the credentials, None if it is not known.
    """

    def __init__(
        self,
        images: Images,
        project_id: str | None,
        repeats: int,
        warn: Callable[[str], object],
        clock: Clock = SYSTEM_CLOCK,
        progress: Progress | None = None,
    ) -> None:
        self._images = images
        self._project_id = project_id
        self._repeats = repeats
        self._warn = warn
        self._clock = clock
        self._progress = progress or Progress()

    def upload(self, image: Image, step: Upload, before_look: BeforeLook = lambda dummy: None) -> Image:
        """The image, active with exactly the bytes of the stream. See BeforeLook."""

        def put(body: Body) -> None:
            self._images.upload(image["id"], body, step.store, step.timeout)

        self._send(image, step, put, "active")
        content = _content_of(step)
        before_look({**image, **attributes_of(content)})
        return self.verified(image["id"], step.timeout, content)

    def stage(self, image: Image, step: Stage) -> Image:
        """The image with its data staged."""

        def put(body: Body) -> None:
            self._images.stage(image["id"], body, step.timeout)

        self._send(image, step, put, "uploading")
        return self._images.get(image["id"])

    def run_import(self, image: Image, step: Import, before_look: BeforeLook = lambda dummy: None) -> Imported:
        """The image after the import; if nobody waits for its end, the image as it is at once. See BeforeLook."""
        try:
            self._start_import(image, step)
        except ApiError as error:
            if error.status != 400 or step.method != FETCH:
                raise
            # The import filter, above all (glance/api/v2/images.py, import_image); the record is as it was.
            if not step.fallback:
                raise _not_fetched(step, error) from None
            return self._sent_by_fallback(image, step.fallback, before_look)
        if not step.wait:
            return Imported(self._images.get(image["id"]), [])
        after = self._watched(image, step)
        if step.method == COPY:
            return Imported(after, [])
        try:
            return self._checked(image, after, step, before_look)
        except WrongData as error:
            source = step.fetched if step.stream is None else step.stream
            error.recheck = None if source is None else source.recheck
            raise

    def _checked(self, image: Image, after: Image, step: Import, before_look: BeforeLook) -> Imported:
        """The image whose import has ended, once its data is what it should be."""
        if not after.get("size"):
            raise WrongData(f"{describe(after)} has become active without a single byte.", after["id"])
        content = step.known if step.stream is None else _content_of(step)
        if is_converted(image, after) and (content is None or is_same(after, content) is not True):
            return self._converted(image, after, step)
        if content is None:
            return Imported(after, [])
        is_right = difference(after, content) is None
        if is_right and step.stated is not None and step.stated.algorithm not in ("md5", after.get("os_hash_algo")):
            self._read_back(after, step.stated)
        if is_right:
            before_look(after)
        return Imported(self.verified(image["id"], step.timeout, content), [])

    def warn_of_memory(self, image: Image, error: PcdError, is_converted: bool = True) -> None:
        """That an image will not be known again, or only by reading its source."""
        what = "takes it for other data" if is_converted else "reads the source to compare it"
        self._warn(
            f"{describe(image)} has its data, but its source could not be remembered (in the property {SOURCE}), so "
            f"that the next run {what}: {error}"
        )

    def _sent_by_fallback(
        self, image: Image, steps: tuple[Upload | Stage | Import, ...], before_look: BeforeLook
    ) -> Imported:
        """The image with the data that the task itself brings, because the service does not fetch it."""
        arrived = Imported(image, [])
        for step in steps:
            if isinstance(step, Upload):
                arrived = Imported(self.upload(arrived.image, step, before_look), [])
            elif isinstance(step, Stage):
                arrived = Imported(self.stage(arrived.image, step), [])
            else:
                arrived = self.run_import(arrived.image, step, before_look)
        return arrived

    def _converted(self, before: Image, after: Image, step: Import) -> Imported:
        """The image of which the service has made another format; verified as far as that goes.

        Its bytes are those that the service has made, so that no hash of the source can be compared with them. Known
        are the bytes that went in, and the size of the disk, which no conversion changes.
        """
        source = step.fetched if step.stream is None else step.stream
        content = self._content_before(before, after, step)
        size = None
        if source is not None and content is not None and source.start.startswith(QCOW2_MAGIC):
            size = virtual_size_of(source.start)
        if size is not None and after.get("virtual_size") not in (None, size):
            raise _wrong(after, "virtual_size", size, after["virtual_size"])
        converted = (
            f"The image service has converted {describe(after)} from {before.get('disk_format')} to "
            f"{after.get('disk_format')}."
        )
        if source is None or content is None:
            self._warn(
                f"{converted} Which data it was made from is not known, so that the next run takes it for other data."
            )
            return Imported(after, [])
        value = origin_property(_origin_of(source, content, before), after)
        if value is None:
            self._warn(f"{converted} It reports no hash of the data, so that the next run takes it for other data.")
            return Imported(after, [])
        if after.get("owner") in (None, self._project_id):
            self._warn(f"{converted} The property {SOURCE} stores the source, so that the next run recognises it.")
        else:
            self._warn(
                f"{converted} The property {SOURCE} stores the source, but counts only with credentials of project "
                f"{after['owner']}. With others, the next run needs on_content_change: keep."
            )
        return Imported(after, [{"op": "add", "path": pointer(SOURCE), "value": value}])

    def _content_before(self, before: Image, after: Image, step: Import) -> Content | None:
        """What the service has converted: what was staged, or what lies now at the address that it fetched."""
        if step.stream is not None:
            content = _content_of(step)
            if before.get("size") not in (None, content.size):
                raise _wrong(after, "size", content.size, before["size"])
            return content
        if step.fetched is None:
            return None
        try:
            content = self._read_source(after, step.fetched)
        except DataError as error:
            if step.stated is None:
                self._warn(f"{step.fetched.source} could not be read after the import: {error}")
                return None
            # What was stated is not what has come, or nobody can tell.
            raise WrongData(
                f"The image service has converted {describe(after)}, so that only what lies at the url can be compared "
                f"with the checksum: {error}",
                after["id"],
                **error.facts,
            ) from None
        expected = None if step.known is None else step.known.size
        if expected not in (None, content.size):
            raise WrongData(
                f"{step.fetched.source} had {expected} bytes before the import of {describe(after)}, and has "
                f"{content.size} now: it was changed meanwhile. Run the task again.",
                after["id"],
            )
        return content

    def _read_source(self, image: Image, source: Stream) -> Content:
        about = f"{image.get('name') or image['id']}: comparing with the source"
        while True:
            try:
                with source.open() as body:
                    for dummy in self._progress.meter(about, body.size).counted(body):
                        pass
                break
            except DataError as error:
                source.begin_again(error)
        if source.content is None:
            raise ValueError("a whole pass leaves its content")
        return source.content

    def verified(self, image_id: str, timeout: float, content: Content) -> Image:
        """The image once it is active, and has this content."""
        after = self.settled(image_id, timeout)
        if after["status"] != "active":
            raise PlanError(
                f"{describe(after)} has got its data, but its status is {after['status']} and not active. "
                "Somebody else may work on it at the same moment; run the task again."
            )
        wrong = difference(after, content)
        if wrong is not None:
            raise _wrong(after, *wrong)
        return after

    def settled(self, image_id: str, timeout: float, is_enough: Callable[[Image], bool] = lambda image: False) -> Image:
        """The image once no data is on its way into it any more; or at the end of the timeout, if `is_enough` holds."""
        locks, meter = Locks(self._images, at_once=True), None

        def look() -> Image:
            nonlocal meter
            image = locks.seen(self._images.get(image_id))
            meter = meter or self._progress.meter(f"{image.get('name') or image_id}: waiting", None)
            meter.waits(f"status {image['status']}")
            return image

        after = poll(self._clock, timeout, look, is_settled)
        if not is_settled(after) and not is_enough(after):
            raise TimedOut(
                f"{describe(after)} still has status {after['status']}{_import_of(after)} after {timeout:g} seconds. "
                "Wait until that has ended, or raise wait_timeout; if nothing works on the image any more, delete "
                "it and run the task again.",
                image_status=after["status"],
            )
        return after

    def _start_import(self, image: Image, step: Import) -> None:
        """Ask for the import; once more if a look shows that the service has not begun it."""
        is_lost = False

        def act() -> Image:
            self._images.start_import(image["id"], step.request)
            return image

        def look(error: PcdError) -> Image:
            nonlocal is_lost
            is_lost = is_lost or is_transient(error)
            after = self.after_failure(image, step, error)
            is_others = not is_lost and bool(after.get(IMPORT_LOCK))
            if is_others:
                # It lets no other import begin.
                after = self.settled(image["id"], step.timeout)
            if isinstance(error, Conflict) and not (is_lost or is_others or _has_begun(step, image, after)):
                raise _lost_race(image, error) from None
            return after

        def is_unclear(error: PcdError) -> bool:
            return is_transient(error) or isinstance(error, Conflict)

        settle(
            self.attempts(step.timeout),
            act,
            look,
            lambda after: _has_begun(step, image, after),
            is_unclear,
            is_unclear,
        )

    def _send(self, image: Image, step: Upload | Stage, put: Callable[[Body], None], status: str) -> None:
        """Send the stream, once more from byte 0 if that broke off and has left the image as it was."""
        sending = _Sending(self, image, step, put, status)
        try:
            settle(
                sending.attempts, sending.act, sending.look, sending.is_done, lambda dummy: True, sending.is_repeatable
            )
        except (ApiError, ConnectionFailed) as error:
            sending.add_notes(error)
            raise

    def attempts(self, seconds: float = math.inf) -> Attempts:
        return Attempts(self._repeats, self._clock, seconds)

    def put_once(self, image: Image, step: Upload | Stage, put: Callable[[Body], None]) -> None:
        """Send the stream once."""
        about = f"{image.get('name') or image['id']}: {'staging' if isinstance(step, Stage) else 'uploading'}"
        with step.stream.open() as opened, ExitStack() as answer:
            meter = self._progress.meter(about, opened.size)
            # The service may work for long once it has all data.
            waiting = self._progress.waiting(f"{about}: all data is sent, and there is no answer yet")
            body = Body(meter.counted(opened), opened.size, lambda: answer.enter_context(waiting))
            try:
                put(body)
            except (ApiError, ConnectionFailed, DataError) as error:
                error.is_cut, error.sent = not body.is_sent, body.sent
                raise

    def after_failure(self, image: Image, step: Upload | Stage | Import, error: PcdError) -> Image:
        """What has become of the image whose data was not taken as it should.

        A service that gets no more data takes note of that at once, unless the process that took it has died.
        """
        is_cut = error.is_cut and not isinstance(step, Import)
        seconds = min(step.timeout, MAX_CUT_SECONDS)
        try:
            if not is_cut:
                return self._after_whole(image, step)
            after = poll(self._clock, seconds, lambda: self._images.get(image["id"]), is_settled)
        except PcdError as second:
            raise error.with_note(f"What became of {describe(image)} is not known: {second}") from None
        if is_settled(after):
            return after
        raise Abandoned(
            f"{error} The data of {describe(after)} was not sent to its end, and its status is still "
            f"{after['status']} after {seconds:g} seconds: the process of the service that took the data has probably "
            "ended.",
            image_status=after["status"],
        )

    def _after_whole(self, image: Image, step: Upload | Stage | Import) -> Image:
        """The image once the service has worked on all the data."""
        if isinstance(step, Import):
            return self._images.get(image["id"])
        if isinstance(step, Stage):
            # The size is set once all has come (glance/api/v2/image_data.py, stage).
            return poll(
                self._clock,
                step.timeout,
                lambda: self._images.get(image["id"]),
                lambda after: after["status"] != "uploading" or after.get("size") is not None,
            )
        return self.settled(image["id"], step.timeout)

    def refuse_taken(self, image: Image, step: Upload | Stage, error: DataError) -> Image | None:
        """A source that turned out wrong was not sent to its end; nothing of it may be an active image.

        The image as it is then; None if it was not read.
        """
        if isinstance(step, Stage):
            return None
        try:
            after = self.settled(image["id"], step.timeout)
        except PcdError:
            return None
        if after["status"] in FULL_STATUSES:
            if (after.get("size") or 0) > error.sent:
                raise _of_others(after, step, error)
            raise WrongData(
                f"{describe(after)} has become {after['status']} with a part of {step.stream.source}, which turned out "
                "to be wrong only at its end.",
                after["id"],
            )
        return after

    def _watched(self, image: Image, step: Import) -> Image:
        """The image after its import. TimedOut if that takes longer than the step allows, or cannot be seen."""
        content = step.known if step.stream is None else step.stream.content
        about = f"{image.get('name') or image['id']}: importing by {step.method}"
        meter = self._progress.meter(about, None if content is None else content.size)
        watch = _Watch(step.request.get("stores") or (), meter)
        locks = Locks(self._images)
        try:
            after = poll(self._clock, step.timeout, lambda: locks.seen(self._images.get(image["id"])), watch.is_over)
        except (ConnectionFailed, ApiError) as error:
            if isinstance(error, ApiError) and error.status < 500:
                raise
            raise TimedOut(
                f"The import ({step.method}) of {describe(image)} has begun, but how far it is cannot be seen: {error} "
                "Run the task again to wait on.",
                **error.facts,
            ) from None
        if after.get(STALE_LOCK):
            raise self._failed(image, after, step, [])
        if after.get(IMPORT_LOCK) or not (watch.was_locked or is_settled(after)):
            raise TimedOut(
                f"The import ({step.method}) of {describe(after)} has not ended after {step.timeout:g} seconds; its "
                f"status is {after['status']}{_import_of(after)}.{self._sign_of(after)} Run the task again to wait "
                "on, or raise wait_timeout.",
                image_status=after["status"],
            )
        return self._in_its_stores(image, after, step)

    def _in_its_stores(self, image: Image, after: Image, step: Import) -> Image:
        """The image after an import that has ended. Raises if it is not in the stores that were asked for."""
        lacking = [store for store in step.request.get("stores", ()) if store not in stores_of(after)]
        if after["status"] != "active" or (lacking and step.request.get("all_stores_must_succeed") is not False):
            raise self._failed(image, after, step, lacking)
        if lacking:
            self._warn(
                f"{describe(after)} is in {', '.join(stores_of(after))}, but not in {', '.join(lacking)}: that failed, "
                "and all_stores_must_succeed is false."
            )
        return after

    def _failed(self, before: Image, after: Image, step: Import, lacking: list[str]) -> PcdError:
        stores = [store for store in str(after.get(FAILED_IMPORT) or "").split(",") if store] or lacking
        words = self._task_message(after["id"])
        target = f" into {'store' if len(stores) == 1 else 'stores'} {', '.join(stores)}" if stores else ""
        reason = (
            f" The service says: {words}" if words else " The service does not say why; its administrator can look."
        )
        advice = f" Check that the data is {after.get('disk_format')}, as disk_format says."
        if step.method == FETCH:
            advice = (
                " Check that the image service itself can reach the url, or use method: upload, which streams the data "
                f"through; and that the data is {after.get('disk_format')}, as disk_format says."
            )
        elif step.method == DIRECT and after["status"] == "importing":
            advice += UNSHARED
        elif step.method == COPY:
            advice = " The data is still in the stores that had it before."
        if has_failed(before):
            advice += LEFT_BEHIND
        message = (
            f"The import ({step.method}) of {describe(after)}{target} has failed; its status is {after['status']}."
            f"{reason}{'' if reason.endswith(('.', '!', '?')) else '.'}{advice}"
        )
        facts = {"image_status": after["status"], "stores": stores, "task_message": words}
        if after.get(STALE_LOCK) and is_unusable(after):
            return RefusedData(message, after["id"], **facts)
        return PlanError(message, **facts)

    def _sign_of(self, image: Image) -> str:
        """When the service has last reported on the import of the image, as far as it says so.

        It does so with each block that it copies, and takes a lock for stale whose task was not changed for an hour
        (glance/async_/flows/api_image_import.py, _status_callback; glance/api/v2/images.py, _enforce_import_lock).
        """
        tasks = (task for task in self._tasks(image["id"]) if task.get("id") == image.get(IMPORT_LOCK))
        reported = next((str(task.get("updated_at")) for task in tasks), None)
        if reported is None:
            return " Whether the service goes on with it is not known."
        return (
            f" The service has last reported on it at {printable(reported)}. If that is an hour ago, the process that "
            "worked on it has ended: delete the image (state: absent) and run the task again."
        )

    def _tasks(self, image_id: str) -> Sequence[dict[str, Any]]:
        """The tasks that have worked on the image; none if these credentials may not read them."""
        try:
            return self._images.tasks(image_id)
        except PcdError:
            # What is known without them must be reported all the same.
            return []

    def _task_message(self, image_id: str) -> str:
        """The message of the service about the newest task of the image; empty if there is none."""
        newest = max(self._tasks(image_id), key=lambda task: str(task.get("created_at")), default={})
        return redacted_text(printable(" ".join(str(newest.get("message") or "").split())))

    def _read_back(self, image: Image, stated: Digest) -> None:
        """Compare the data with a digest of an algorithm that the service does not use."""
        digest = hash_of(stated.algorithm)
        try:
            with self._images.download(image["id"]) as response:
                for block in response.iter_content(BLOCK):
                    digest.update(block)
        except OSError as error:
            # What requests raises, too.
            raise self._images.download_broke_off(image["id"], error) from None
        if digest.hexdigest() != stated.value:
            raise _wrong(image, stated.algorithm, stated.value, digest.hexdigest())


class _Watch:
    """What one look after the other shows of an import into these stores."""

    def __init__(self, stores: Sequence[str], meter: Meter) -> None:
        self.was_locked = False
        self._looks = 0
        self._stores = set(stores)
        self._meter = meter

    def is_over(self, image: Image) -> bool:
        self._looks += 1
        present = self._stores & set(stores_of(image))
        self._meter.waits(f"status {image['status']}", len(present), len(self._stores))
        if image.get(STALE_LOCK):
            return True
        if image.get(IMPORT_LOCK):
            self.was_locked = True
            return False
        if self.was_locked or image.get(FAILED_IMPORT):
            return True
        # A service without that lock: only the status shows how far it is.
        if image["status"] in BUSY_STATUSES or image.get(IMPORTING_TO):
            return False
        return image["status"] != "queued" or self._looks >= LOOKS_FOR_A_TRACE


class _Sending:
    """A stream on its way into an image, sent again from byte 0 after it broke off; the parts of `settle`."""

    def __init__(
        self, transfers: Transfers, image: Image, step: Upload | Stage, put: Callable[[Body], None], status: str
    ) -> None:
        self.attempts = transfers.attempts()
        self._transfers = transfers
        self._image = image
        self._step = step
        self._put = put
        self._status = status
        self._has_broken_off = False
        self._seen: Image | None = None

    def act(self) -> Image:
        while True:
            try:
                self._transfers.put_once(self._image, self._step, self._put)
                return self._image
            except DataError as error:
                after = self._transfers.refuse_taken(self._image, self._step, error)
                if is_transient(error) and not _takes_data(after or self._look(error)):
                    raise
                self._step.stream.begin_again(error)
                self._has_broken_off = True

    def look(self, error: PcdError) -> Image:
        """The image after the error; raises if no repetition can help."""
        self._seen = None
        if isinstance(error, Conflict) and not self._is_repetition:
            raise _lost_race(self._image, error) from None
        after = self._look(error)
        if after["status"] in FULL_STATUSES:
            self._refuse_other_data(after, error)
        elif is_unusable(after) and not self._has_arrived(after):
            raise _refused(error, after, self._step) from None
        self._seen = after
        return after

    def is_done(self, after: Image) -> bool:
        """Whether the image has the data; `look` raises if it is full of other data."""
        return after["status"] in FULL_STATUSES or self._has_arrived(after)

    def is_repeatable(self, error: PcdError) -> bool:
        # The service may have noticed only now that the attempt before this one had broken off.
        is_late = self._is_repetition and isinstance(error, Conflict)
        # A failed upload of another run made the image queued, and the service dropped what came meanwhile
        # (glance/api/v2/image_data.py, upload).
        is_dropped = isinstance(error, ApiError) and error.status == 410
        is_empty = self._seen is not None and self._seen["status"] == "queued"
        return is_empty and (is_transient(error) or is_late or is_dropped)

    def _refuse_other_data(self, after: Image, error: PcdError) -> None:
        """Raises if the image is full, of a part of the source or of the data of another run; reads it to know that."""
        is_sent = self._step.stream.content is not None
        content = _whole_content(self._step)
        if content is None:
            raise _half(after, error) from None
        if difference(after, content) is None:
            return
        size = after.get("size") or 0
        if size >= (content.size or 0) or size > error.sent > 0:
            # Not a part, and no answer says that this run has sent it: it stays as it is.
            raise _of_others(after, self._step, error) from None
        if not (is_sent and isinstance(self._step, Upload)):
            raise _half(after, error) from None

    def add_notes(self, error: PcdError) -> None:
        """Say how often it was sent, and what may be in the way; not if nobody knows what became of the image."""
        if self._seen is None:
            return
        if self.attempts.count > 1:
            error.with_note(f"It was sent {self.attempts.count} times.")
        if has_failed(self._image):
            error.with_note(LEFT_BEHIND.strip())

    @property
    def _is_repetition(self) -> bool:
        return self._has_broken_off or self.attempts.count > 1

    def _look(self, error: PcdError) -> Image:
        return self._transfers.after_failure(self._image, self._step, error)

    def _has_arrived(self, after: Image) -> bool:
        # The service has everything, though its response was lost.
        return after["status"] == self._status and _has_all(after, self._step)


def _has_all(image: Image, step: Upload | Stage) -> bool:
    content = step.stream.content
    # An uploaded image is compared afterwards; only its size shows that a staged one is complete.
    return content is not None and (isinstance(step, Upload) or image.get("size") == content.size)


def _takes_data(image: Image) -> bool:
    return image["status"] == "queued" and not is_unusable(image)


def _import_of(image: Image) -> str:
    return f" (it is imported into {image[IMPORTING_TO]})" if image.get(IMPORTING_TO) else ""


def _content_of(step: Upload | Stage | Import) -> Content:
    content = None if step.stream is None else step.stream.content
    if content is None:
        raise ValueError("what was sent to its end has a content")
    return content


def _origin_of(source: Stream, content: Content, before: Image) -> Origin:
    """What is remembered of the bytes that were sent: the vendor's own digest, or else the strongest known one."""
    disk_format = str(before.get("disk_format"))
    if source.stated is not None and not source.decompress:
        return Origin(source.stated.algorithm, source.stated.value, disk_format)
    return Origin(SERVICE_HASH, content.digests[SERVICE_HASH], disk_format)


def _not_fetched(step: Import, error: ApiError) -> ApiError:
    address = "the url" if step.fetched is None else str(step.fetched.source)
    return error.with_message(
        f"method: the image service does not fetch {address} (web-download). Its import filter allows only certain "
        "schemes, hosts and ports, by default the ports 80 and 443. Use method: upload, which streams the data through "
        f"the task, or leave method out. The service says: {error.server_message}"
    )


def _whole_content(step: Upload | Stage) -> Content | None:
    """What the source is, which is read if it was not sent to its end; None if it cannot be read."""
    try:
        return step.stream.content or step.stream.read_through()
    except DataError:
        return None


def _has_begun(step: Import, before: Image, image: Image) -> bool:
    """Whether the import is on its way, or over."""
    if image.get(IMPORT_LOCK) or image.get(FAILED_IMPORT) != before.get(FAILED_IMPORT):
        return True
    if step.method == COPY:
        return not set(step.request.get("stores", ())) - set(stores_of(image))
    return image["status"] in ("importing", *FULL_STATUSES)


def _refused(error: PcdError, image: Image, step: Upload | Stage) -> RefusedData:
    if not isinstance(error, UnsupportedMedia):
        return RefusedData(str(error), image["id"], **error.facts)
    kind = compression_of(step.stream.start)
    hint = f" It looks like {kind}: set decompress: true." if kind else ""
    return RefusedData(
        str(
            error.with_message(
                f"The image service refused {step.stream.source} as the data of {describe(image)}: its content is not "
                f"what disk_format: {image.get('disk_format')} promises.{hint} The service says: {error.server_message}"
            )
        ),
        image["id"],
        **error.facts,
    )


def _lost_race(image: Image, error: PcdError) -> LostRace:
    return LostRace(
        f"Another run brings data into {describe(image)} at the same moment. {error} Run the task once that one has "
        "ended.",
        **error.facts,
    )


def _of_others(image: Image, step: Upload | Stage, error: PcdError) -> LostRace:
    return LostRace(
        f"{describe(image)} has other data than {step.stream.source}, which another run has probably sent at the same "
        f"moment. {error} Run the task again once that one has ended.",
        **error.facts,
    )


def _half(image: Image, error: PcdError) -> PcdError:
    return WrongData(
        f"{describe(image)} has become {image['status']}, though its data was not sent to the end: {error}",
        image["id"],
        **error.facts,
    )


def _wrong(image: Image, algorithm: str, expected: Any, actual: Any) -> WrongData:
    return WrongData(
        f"{describe(image)} has {algorithm} {actual}, but {expected} was expected. The data was changed on its way, or "
        "the checksum is that of another file.",
        image["id"],
        expected=expected,
        actual=actual,
        algorithm=algorithm,
    )
