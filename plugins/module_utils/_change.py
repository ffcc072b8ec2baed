# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an image as a change: what check mode shows of it, and what applying it gives back."""

from __future__ import annotations

from ._image.attributes import image_shape
from ._image.plan import Image, Plan
from ._session import Result, Session


class ImageChange:
    """A plan for an image as the change that a task previews or applies."""

    def __init__(self, session: Session, plan: Plan, returns_patch: bool = False) -> None:
        self._session = session
        self._plan = plan
        self._returns_patch = returns_patch

    def preview(self) -> Result:
        stream = self._plan.stream
        if stream is not None and stream.content is None and stream.is_there:
            stream.read_through()
        if stream is not None:
            stream.close()
        return self._result(self._plan.expected)

    def apply(self) -> Result:
        if not self._plan.changed:
            return self._result(self._plan.before)
        # A module that changes nothing does not compile what writes.
        from ._apply import applier_of

        return self._result(applier_of(self._session).apply(self._plan))

    def _result(self, after: Image | None) -> Result:
        result: Result = {
            "changed": self._plan.changed,
            "image": None if after is None else image_shape(after),
            "diff": self._plan.diff,
        }
        return {**result, "patch": self._plan.patch, "retired": self._plan.retired} if self._returns_patch else result
