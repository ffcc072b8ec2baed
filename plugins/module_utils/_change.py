# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an image as a change: what check mode shows of it, and what applying it gives back."""

from __future__ import annotations

from ._image.attributes import image_shape
from ._image.plan import Image, Plan, action_of, replaced_id_of, without_refused
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
        return self.predicted()

    def predicted(self) -> Result:
        """The preview as far as it is known without reading the data."""
        return self._result(self._plan, self._plan.expected)

    def apply(self) -> Result:
        if not self._plan.changed:
            return self._result(self._plan, self._plan.after)
        # A module that changes nothing does not compile what writes.
        from ._apply import applier_of

        applier = applier_of(self._session)
        after = applier.apply(self._plan)
        return self._result(without_refused(self._plan, applier.refused), after)

    def _result(self, plan: Plan, after: Image | None) -> Result:
        image = plan.before if plan.prepares else after
        result: Result = {
            "changed": plan.changed,
            "action": action_of(plan),
            "image": None if image is None else image_shape(image),
            "diff": plan.diff,
        }
        if plan.prepares:
            result["prepared"] = None if after is None else image_shape(after)
        if not self._returns_patch:
            return result
        return {**result, "patch": plan.patch, "replaced_id": replaced_id_of(plan), "retired": plan.retired}
