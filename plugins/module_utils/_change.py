# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an image as a change: what check mode shows of it, and what applying it gives back."""

from __future__ import annotations

from typing import NamedTuple

from ._image.attributes import image_shape
from ._image.plan import Image, Plan
from ._session import Result, Session


class ImageChange(NamedTuple):
    """A plan for an image as the change that a task previews or applies."""

    session: Session
    plan: Plan
    returns_patch: bool = False

    def preview(self) -> Result:
        stream = self.plan.stream
        if stream is not None and stream.content is None and stream.is_there:
            stream.read_through()
        return self._result(self.plan.expected)

    def apply(self) -> Result:
        if not self.plan.changed:
            return self._result(self.plan.before)
        # A module that changes nothing does not compile what writes.
        from ._apply import applier_of

        return self._result(applier_of(self.session).apply(self.plan))

    def _result(self, after: Image | None) -> Result:
        result: Result = {
            "changed": self.plan.changed,
            "image": None if after is None else image_shape(after),
            "diff": self.plan.diff,
        }
        return {**result, "patch": self.plan.patch, "retired": self.plan.retired} if self.returns_patch else result
