# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock that the image service holds on an image during an import, and what a failed import has left of it."""

from __future__ import annotations

from typing import Any

from .._client.images import Images
from .._errors import ApiError, PcdError
from .._image.attributes import IMPORT_LOCK
from .._image.plan import Image
from .compare import FAILED_IMPORT, IMPORTING_TO, STALE_LOCK

# After so many looks without a change, the tasks of the image are read, too: once a minute, if an import takes long.
LOOKS_FOR_A_FAILURE = 6


class Locks:
    """Tells an import lock that a failed task has left behind; `at_once` already at the first look.

    The lock is the id of its task. Where undoing a failed import breaks off, it stays (seen where a conversion fails
    after web-download); the task itself is failed after that (glance/async_/taskflow_executor.py, _run). The service
    keeps a task for two days by default (task_time_to_live), and shows it to the project that has asked for the import.
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
            # A service that has no such list, or does not show it, is not asked again: then the patience decides.
            self._may_ask = not (isinstance(error, ApiError) and error.status < 500)
            return None
        return next((str(task.get("status")) for task in tasks if task.get("id") == image[IMPORT_LOCK]), None)
