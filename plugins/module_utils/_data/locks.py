# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data on its way into an image: the lock of an import, and what a failed upload or import has left behind."""

from __future__ import annotations

from typing import Any

from .._client.images import Images
from .._errors import ApiError, PcdError
from .._image.attributes import FULL_STATUSES, IMPORT_LOCK
from .._image.plan import Image

# The statuses of an image into which data is being brought at this moment.
BUSY_STATUSES = ("saving", "uploading", "importing")
FAILED_IMPORT = "os_glance_failed_import"
IMPORTING_TO = "os_glance_importing_to_stores"
# Set here, never by a service: the task that holds the import lock of the image has failed, and nothing works on it.
STALE_LOCK = "os_glance_stale_lock"

# After so many looks without a change, the tasks of the image are read, too: once a minute, if an import takes long.
LOOKS_FOR_A_FAILURE = 6


class Locks:
    """Recognises an import lock that a failed task has left behind; with `at_once` from the first look on.

    The lock is the id of its task. It stays if the service does not finish undoing a failed import (seen after a
    failed conversion with web-download); the task itself has failed by then (glance/async_/taskflow_executor.py,
    _run). The service keeps a task for two days by default (task_time_to_live), and shows it to the project that has
    asked for the import.
    """

    def __init__(self, images: Images, at_once: bool = False) -> None:
        self._images = images
        self._is_due = at_once
        self._seen: tuple[Any, ...] = ()
        self._unchanged = 0
        self._may_ask = True

    def seen(self, image: Image) -> Image:
        """The image; without its lock if the import has succeeded, and with STALE_LOCK if it has failed."""
        if not image.get(IMPORT_LOCK) or not self._may_ask or not self._due(image):
            return image
        ended = self._status_of_task(image)
        if ended == "failure":
            return {**image, STALE_LOCK: True}
        return image if ended != "success" else {key: value for key, value in image.items() if key != IMPORT_LOCK}

    def _due(self, image: Image) -> bool:
        seen = (image["status"], image.get("disk_format"), image.get(IMPORTING_TO), image.get(FAILED_IMPORT))
        self._unchanged = self._unchanged + 1 if seen == self._seen else 0
        self._seen = seen
        is_first, self._is_due = self._is_due, False
        is_undone = image["status"] == "queued" and bool(image.get(FAILED_IMPORT))
        return is_first or is_undone or (self._unchanged > 0 and self._unchanged % LOOKS_FOR_A_FAILURE == 0)

    def _status_of_task(self, image: Image) -> str | None:
        try:
            tasks = self._images.tasks(image["id"])
        except PcdError as error:
            # A service that has no such list, or does not show it, is not asked again: only the timeout ends the wait.
            self._may_ask = not (isinstance(error, ApiError) and error.status < 500)
            return None
        return next((str(task.get("status")) for task in tasks if task.get("id") == image[IMPORT_LOCK]), None)


def is_unusable(image: Image) -> bool:
    """Whether data was refused so that the record cannot take any more.

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
