# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The download of an image into a file, which gets its name only once it is complete and verified."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from .._arguments import FuturePath
from .._client.http import announced_length, count_in
from .._client.meter import Meter
from .._client.retry import SYSTEM_CLOCK, Clock, pause
from .._errors import (
    ApiError,
    ConfigurationError,
    DataError,
    Forbidden,
    NotReady,
    PcdError,
    PlanError,
)
from .._image.attributes import FULL_STATUSES, image_shape
from .._image.find import find_existing
from .._image.plan import Image, describe, header_of
from .._redact import printable
from .._session import Result, Session
from .digest import BLOCK, Digest, digest_of_image, hash_of, hash_of_file
from .file_attributes import (
    FileAttributes,
    about_file,
    mode_of_new_files,
)
from .folder import (
    Folder,
    NewFile,
    copy_extended,
    identity_of,
    new_file,
    open_folder,
    remove_leftovers,
)
from .options import DownloadRequest
from .stores import UNREADABLE, elsewhere

try:
    import requests
    import urllib3
except ImportError:  # the module says so with missing_required_lib before anything is sent
    requests = None  # type: ignore[assignment]

# Characters that a file name cannot or should not have; Ansible takes a dollar sign for the beginning of a variable.
# A dot at the beginning hides a file or makes it the settings of a program, and a dash makes it an option of commands.
UNSAFE = re.compile(r"^[.-]|[/$\x00-\x1f\x7f-\x9f]")
MAX_FILE_NAME_BYTES = 255  # the limit of the usual file systems
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def plan_download(request: DownloadRequest, session: Session) -> Download:
    """What is to be done so that the file at `dest` has the data of the image."""
    image = find_existing(session, request.target, "downloaded")
    if image["status"] not in FULL_STATUSES:
        raise NotReady(
            f"{describe(image)} has status {image['status']}, so that there is no data to download. Upload its data "
            "first, or wait until a running upload or import has ended, and run the task again."
        )
    digest = digest_of_image(image)
    if digest is None:
        session.warn(
            f"The service reports no hash of {describe(image)}, so only the size shows whether a file has its data."
        )
    path = path_of(request.dest, image)
    if isinstance(request.dest, FuturePath):
        return Download(session, image, path, _File(None, None), digest, request.attributes, (0, 0))
    with _folder_of(path) as folder:
        _refuse_by_path(request.by_path, folder)
        before = _File.at(folder, path, image.get("size"), digest)
        download = Download(session, image, path, before, digest, request.attributes, folder.identity)
        if download.lacks_data and not folder.is_writable:
            raise ConfigurationError(
                f"dest: the user of this task may not write into {folder.path}, in which the file first "
                "gets a temporary name. Give the folder other permissions, use become, or give another dest."
            )
    return download


@contextmanager
def _folder_of(path: str) -> Iterator[Folder]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(open_folder(os.path.dirname(path)))
        except OSError as error:
            raise DataError(
                f"dest: the folder {os.path.dirname(path)} cannot be entered: {error.strerror}. It must be there, and "
                "accessible to the user of this task."
            ) from None
        yield folder


def _refuse_by_path(given: Sequence[str], folder: Folder) -> None:
    """Raises for options that Ansible applies by the path, if somebody else could put another file there."""
    if given and folder.open_to is not None:
        raise ConfigurationError(
            f"{given[0]}: Ansible does this by the path of the file, and other users may write into {folder.open_to}, "
            "so that they could put another file there meanwhile. Leave it out, run the task as the owner of the "
            "folder (become_user), or give a dest in a folder that only this user may write into."
        )


def path_of(dest: str, image: Image) -> str:
    """The absolute path of the file: `dest`, or in the folder `dest` the name of the image made safe."""
    path = os.path.abspath(dest)
    is_folder = os.path.isdir(path) or (dest.endswith("/") and not os.path.exists(path))
    return os.path.join(path, file_name(image)) if is_folder else path


def file_name(image: Image) -> str:
    """The name of the image with `_` for slashes and the like; its id if that cannot be the name of a file."""
    called = image.get("name") or ""
    name = UNSAFE.sub("_", called) if called.strip(".-") else ""
    try:
        length = len(os.fsencode(name))
    except UnicodeEncodeError:
        length = 0
    return name if 0 < length <= MAX_FILE_NAME_BYTES else str(image["id"])


@dataclass(frozen=True)
class _File:
    """What is known of a file. All are None if it is not there; the checksum also if nobody has computed it."""

    size: int | None
    digest: Digest | None
    found: os.stat_result | None = None

    @classmethod
    def at(cls, folder: Folder, path: str, size: int | None, digest: Digest | None) -> _File:
        """The file that is there, with a digest if its size does not show that it differs from the desired one.

        A link does not count as a file: it is replaced, as by ansible.builtin.copy, and its target stays as it is.
        """
        name = os.path.basename(path)
        try:
            found = folder.look(name)
            if found is None or stat.S_ISLNK(found.st_mode):
                return cls(None, None)
            _refuse_no_file(path, found)
            if digest is None or size not in (None, found.st_size):
                return cls(found.st_size, None, found)
            with folder.opened(name) as descriptor:
                found = os.fstat(descriptor)
                _refuse_no_file(path, found)
                hexdigest = hash_of_file(descriptor, digest.algorithm)
        except OSError as error:
            raise _unreadable(path, error) from None
        return cls(found.st_size, Digest(digest.algorithm, hexdigest), found)

    def as_diff(self, path: str) -> dict[str, Any]:
        """What the diff shows of it."""
        return {"path": path, "size": self.size, "checksum": _checksum(self.digest)}


@dataclass(frozen=True)
class Download:
    """A change: the file at `path` has the image's data. `before` is what is there now, in the folder `identity`."""

    session: Session
    image: Image
    path: str
    before: _File
    digest: Digest | None
    wanted: FileAttributes
    identity: tuple[int, int]
    clock: Clock = SYSTEM_CLOCK

    @property
    def size(self) -> int | None:
        size: int | None = self.image.get("size")
        return size

    @property
    def lacks_data(self) -> bool:
        known = [
            pair
            for pair in ((self.before.size, self.size), (self.before.digest, self.digest))
            # An image of which nothing is known is like no file.
            if pair[1] is not None
        ]
        return not known or any(there != wanted for there, wanted in known)

    @property
    def attribute_changes(self) -> dict[str, tuple[Any, Any]]:
        """What changes of the attributes of the file that is there; what a new file begins with is not known before."""
        return {} if self.before.found is None else self.wanted.changes(self.before.found)

    def preview(self) -> Result:
        if self.lacks_data:
            # What the service would refuse is refused here, too; none of the data is read.
            with self._opened(0):
                pass
            self.wanted.check(None)
        elif self.before.found is not None:
            with _folder_of(self.path) as folder:
                self.wanted.check(self.before.found, folder.is_read_only)
        return self._result()

    def apply(self) -> Result:
        if self.lacks_data or self.attribute_changes:
            with _folder_of(self.path) as folder:
                if folder.identity != self.identity:
                    raise self._exchanged()
                if self.lacks_data:
                    self._replace(folder)
                else:
                    self._adjust(folder, self.before.found)
        return self._result()

    def _result(self) -> Result:
        before = self.before.as_diff(self.path)
        after = _File(self.size, self.digest).as_diff(self.path)
        for option, (old, new) in self.attribute_changes.items():
            before[option], after[option] = old, new
        return {
            "changed": self.lacks_data or bool(self.attribute_changes),
            "dest": self.path,
            "checksum": _checksum(self.digest),
            "image": image_shape(self.image),
            "diff": {
                "before": before,
                "after": after,
                "before_header": printable(self.path),
                "after_header": f"{printable(self.path)}, the data of {header_of(self.image)}",
            },
            "size": self.size,
            **about_file(self.path),
        }

    def _replace(self, folder: Folder) -> None:
        remove_leftovers(folder)
        with _ending_cleanly():
            try:
                with new_file(folder) as made:
                    self.wanted.try_ownership(made.descriptor)
                    self._fill(made)
                    self._place(folder, made)
            except OSError as error:
                raise self._unwritten(error, 0) from None

    def _adjust(self, folder: Folder, expected: os.stat_result | None) -> None:
        """The file that is there gets its attributes. DataError unless it is the one that is expected, if one is."""
        name = os.path.basename(self.path)
        try:
            with folder.opened(name) as descriptor:
                found = os.fstat(descriptor)
                _refuse_no_file(self.path, found)
                if expected is not None and identity_of(expected) != identity_of(found):
                    raise self._exchanged()
                if found.st_nlink > 1 and folder.open_to is not None:
                    raise DataError(
                        f"dest: {self.path} has several names (hard links), and other users may write into "
                        f"{folder.open_to}, so that it may be a file of somebody else. Its owner, group and mode were "
                        "not changed. Remove it, and run the task again."
                    )
                self.wanted.apply(descriptor, stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))
                if not folder.holds(name, identity_of(found)):
                    raise self._exchanged()
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _exchanged(self) -> DataError:
        return DataError(
            f"dest: {self.path}, or its folder, is not the one any more that was looked at: somebody who may write "
            "there has exchanged it meanwhile. It was not changed. Run the task again, and use a folder that only the "
            "user of this task may write into."
        )

    def _fill(self, made: NewFile) -> None:
        arrival = None
        try:
            with open(made.descriptor, "wb", buffering=0, closefd=False) as stream:
                arrival = _Arrival(stream, self.size, self.digest, self._meter())
                self._receive(arrival)
        except OSError as error:
            # What the network raises is another error by now.
            raise self._unwritten(error, arrival.count if arrival else 0) from None
        self._verify(arrival)

    def _meter(self) -> Meter:
        about = f"{self.image.get('name') or self.image['id']}: downloading"
        return self.session.runtime.progress.meter(about, self.size)

    def _place(self, folder: Folder, made: NewFile) -> None:
        place = self.session.runtime.place
        try:
            if place is None:
                self._dress(folder, made)
                made.put(os.path.basename(self.path))
            else:
                place(made.path, self.path)
        except OSError as error:
            raise DataError(
                f"dest: the data of {describe(self.image)} is complete, but {self.path} could not be replaced by it: "
                f"{error.strerror}. The new file has been removed. If dest can be written but not replaced, such as "
                "a file that is a mount of its own, set unsafe_writes: true."
            ) from None
        if place is not None:
            self._adjust(folder, None)

    def _dress(self, folder: Folder, made: NewFile) -> None:
        """The new file gets what the file that is there has, or a new one would have, and what the options ask for."""
        name = os.path.basename(self.path)
        found = folder.look(name)
        if found is None or not stat.S_ISREG(found.st_mode):
            self.wanted.apply(made.descriptor, mode_of_new_files())
            return
        with suppress(OSError), folder.opened(name) as there:
            copy_extended(there, made.descriptor)
        mode = stat.S_IMODE(found.st_mode)
        if folder.open_to is not None:
            # Somebody may have put it there so that the new file becomes a program that runs as another user.
            mode &= 0o777
        self.wanted.apply(made.descriptor, mode, (found.st_uid, found.st_gid))

    def _receive(self, arrival: _Arrival) -> None:
        """Receive all data; continue after a break as long as each attempt brings more than all before it."""
        furthest = breaks = 0
        while True:
            try:
                self._receive_on(arrival)
                return
            except _BrokeOff as broken:
                if arrival.count > furthest:
                    furthest, breaks = arrival.count, 0
                if breaks >= self.session.transport.retries:
                    raise self._broke_off(broken, furthest) from None
                self.clock.sleep(pause(breaks, None))
                breaks += 1

    def _receive_on(self, arrival: _Arrival) -> None:
        """Receive what follows the bytes that have arrived, or everything if the service does not support Range."""
        start = arrival.count
        with self._opened(start) as response:
            length = announced_length(response.headers)
            if response.status_code == 206:
                if not _begins_at(start, response):
                    # The next request asks for the whole of it.
                    arrival.restart()
                    raise _BrokeOff("the service sent another part than the one that was asked for")
            else:
                arrival.restart()
                if length is not None:
                    self._announced(arrival, length)
            for block in _blocks(response):
                arrival.add(block)
                if arrival.size is not None and arrival.count > arrival.size:
                    raise self._other_size("sent more", arrival.size, arrival.count)
        if arrival.size is not None and arrival.count < arrival.size:
            # Old releases of requests and urllib3 do not notice it.
            raise _BrokeOff(f"{arrival.count} of {arrival.size} bytes came")

    @contextmanager
    def _opened(self, start: int) -> Iterator[requests.Response]:
        """The answer that brings the data."""
        try:
            with self.session.images.download(self.image["id"], start) as response:
                if response.status_code == 204 and self.size != 0:
                    raise self._without_data()
                yield response
        except ApiError as error:
            raise self._refused(error) from None

    def _announced(self, arrival: _Arrival, length: int) -> None:
        if arrival.size is None:
            arrival.size = length
        elif length != arrival.size:
            raise self._other_size(f"announced {length}", arrival.size, length)

    def _verify(self, arrival: _Arrival) -> None:
        actual = arrival.hexdigest()
        if self.digest is not None and actual != self.digest.value:
            raise DataError(
                f"The data of {describe(self.image)} has arrived with {self.digest.algorithm} {actual}, but its record "
                f"says {self.digest.value}. {self._untouched()} Run the task again; if it stays, the data in the store "
                "of the service is not what was uploaded.",
                expected=self.digest.value,
                actual=actual,
                algorithm=self.digest.algorithm,
            )

    def _other_size(self, what: str, expected: int, actual: int) -> DataError:
        return DataError(
            f"{describe(self.image)} has {expected} bytes, but {self.session.images.base_url} {what}. "
            f"{self._untouched()} Check that no proxy answers instead of the service.",
            expected=expected,
            actual=actual,
            algorithm="size",
        )

    def _without_data(self) -> PcdError:
        message = (
            f"The service at {self.session.images.base_url} has no data of {describe(self.image)}, whose status is "
            f"{self.image['status']}: it answered 204. Its store may have lost it."
        )
        return PlanError(elsewhere(self.session.images, self.image) or message, status=204)

    def _refused(self, error: ApiError) -> PcdError:
        if isinstance(error, Forbidden) and self.image["status"] == "deactivated":
            return error.with_message(
                f"{describe(self.image)} is deactivated, so that nobody but an administrator can download its data. "
                "Make it active again (pcd_image_state with state: active), or log in as an administrator. "
                f"The service says: {error.server_message}"
            )
        # Glance answers 500 if it does not know the store; a response that says "busy" has been retried already.
        reason = elsewhere(self.session.images, self.image) if error.status in UNREADABLE else None
        return error if reason is None else error.with_message(f"{reason} (The service answered {error.status}.)")

    def _broke_off(self, broken: _BrokeOff, furthest: int) -> Exception:
        error = self.session.images.download_broke_off(self.image["id"], requests.ConnectionError(broken.reason))
        if isinstance(error, PcdError):
            of_all = "" if self.size is None else f" of {self.size}"
            return error.with_note(f"{furthest}{of_all} bytes had come. {self._untouched()}")
        return error

    def _unwritten(self, error: OSError, count: int) -> DataError:
        of_all = "" if self.size is None else f" of {self.size}"
        if error.errno in NO_ROOM:
            advice = "Make room there, or give a dest on another file system."
        else:
            advice = "Check the file system, or give another dest."
        return DataError(
            f"dest: the data of {describe(self.image)} could not be written into {os.path.dirname(self.path)}: "
            f"{error.strerror}, after {count}{of_all} bytes. {self._untouched()} {advice}",
            errno=error.errno,
        )

    def _untouched(self) -> str:
        kept = "" if self.before.size is None else f"; {self.path} is as it was"
        return f"What had come of it has been removed{kept}."


class _BrokeOff(Exception):
    """The response ended early. `reason` is what the exceptions of requests take."""

    def __init__(self, reason: object) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Arrival:
    """A file that grows while the data comes, and its hash. `size` is the size that it is to have, None if unknown."""

    def __init__(self, stream: BinaryIO, size: int | None, digest: Digest | None, meter: Meter) -> None:
        self.size = size
        self._meter = meter
        self.count = 0
        self._stream = stream
        self._algorithm = None if digest is None else digest.algorithm
        self._hash = self._new_hash()

    def restart(self) -> None:
        if self.count:
            self._stream.seek(0)
            self._stream.truncate()
        self._hash = self._new_hash()
        self.count = 0

    def add(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            # On a full file system, a part of the block is written before the error comes.
            rest = rest[self._stream.write(rest) :]
        if self._hash is not None:
            self._hash.update(block)
        self.count += len(block)
        self._meter.moved(self.count)

    def hexdigest(self) -> str | None:
        return None if self._hash is None else str(self._hash.hexdigest())

    def _new_hash(self) -> Any:
        return None if self._algorithm is None else hash_of(self._algorithm)


def _blocks(response: requests.Response) -> Iterator[bytes]:
    while True:
        try:
            block = response.raw.read(BLOCK, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _BrokeOff(error) from error
        if not block:
            return
        yield block


def _begins_at(start: int, response: requests.Response) -> bool:
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return found is not None and count_in(found[1]) == start


def _checksum(digest: Digest | None) -> str | None:
    return None if digest is None else f"{digest.algorithm}:{digest.value}"


def _refuse_no_file(path: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise ConfigurationError(f"dest: {path} is {kind}, which is not replaced by a file. Give another dest.")


def _unreadable(path: str, error: OSError) -> DataError:
    return DataError(
        f"dest: {path} cannot be read to compare it with the image: {error.strerror}. It must be readable for the user "
        "of this task; use become, or give another dest.",
        errno=error.errno,
    )


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Within it, signals that would end the process raise an exception first, so that nothing is left behind.

    The workers of ansible-core 2.19 and later end at once in handlers of their own (WorkerProcess._term in
    executor/process/worker.py); these get the signal afterwards.
    """
    handlers: dict[int, Any] = {}
    got: list[int] = []

    def end(number: int, dummy_frame: Any) -> None:
        # A second one must not interrupt what removes the file.
        if not got:
            got.append(number)
            raise KeyboardInterrupt if handlers.get(number) is signal.default_int_handler else SystemExit(128 + number)

    try:
        if threading.current_thread() is threading.main_thread():
            for each in ENDING:
                handler = signal.getsignal(each)
                if handler not in (signal.SIG_IGN, None):
                    handlers[each] = handler
                    signal.signal(each, end)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in got:
            if callable(handlers[number]) and handlers[number] is not signal.default_int_handler:
                signal.raise_signal(number)
