# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a catalogue gives back: one result for each image, and what they come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._errors import PcdError, quoted
from .._image.plan import Image, Plan, action_of
from .._session import Result

ACTIONS = (
    "unchanged",
    "created",
    "updated",
    "filled",
    "replaced",
    "restored",
    "prepared",
    "deleted",
    "pruned",
    "failed",
    "not_begun",
)
# What the result of one image calls otherwise.
RENAMED = {"uploaded": "filled"}
MAX_NAMED = 10


class CatalogFailed(PcdError):
    """Some images failed. `facts` is the whole result, with what was done to the others."""


def entry_result(name: str | None, action: str, image_id: str | None = None, **given: Any) -> Result:
    """The result of one image."""
    empty: Result = {"changed": False, "image": None, "patch": [], "replaced_id": None, "retired": [], "error": None}
    return {"name": name, "id": image_id, "action": action, **empty, **given}


def result_of(name: str, plan: Plan, result: Mapping[str, Any]) -> Result:
    """The result of an image from that of its change."""
    # If another run has finished what this one has begun, the plan does not know it.
    action = str(result.get("action") or action_of(plan))
    image = result["image"]
    known: Image = image or plan.before or {}
    image_id = known.get("id")
    if not result["changed"]:
        kept = result.get("retired") or []
        return entry_result(name, "unchanged", None if plan.after is None else image_id, retired=kept)
    given = {
        key: result[key] for key in ("changed", "image", "patch", "replaced_id", "retired", "prepared") if key in result
    }
    return entry_result(name, RENAMED.get(action, action), image_id, **given)


def diff_of(name: str | None, diff: Mapping[str, Any]) -> dict[str, Any]:
    """The difference of one image, with its name as the header."""
    return {"before_header": name, "after_header": name, **diff}


def whole_result(
    images: Sequence[Result], diffs: Sequence[Mapping[str, Any]], not_pruned: Sequence[Mapping[str, Any]]
) -> Result:
    """The result of the task."""
    counts = {action: sum(each["action"] == action for each in images) for action in ACTIONS}
    gone = ("deleted", "pruned", "failed", "not_begun")
    there = [each for each in images if each["action"] not in gone and (each["id"] or each["changed"])]
    return {
        "changed": any(each["changed"] for each in images),
        "images": [*images],
        "ids": {each["name"]: each["id"] for each in there},
        "summary": {**counts, "total": len(images)},
        "not_pruned": [*not_pruned],
        "diff": [*diffs],
    }


def checked(result: Result) -> Result:
    """The result; CatalogFailed if an image failed."""
    failed = [each for each in result["images"] if each["action"] == "failed"]
    if not failed:
        return result
    names = ", ".join(quoted(str(each["name"]))[1:-1] for each in failed[:MAX_NAMED])
    more = len(failed) - MAX_NAMED
    others = f" and {more} more" if more > 0 else ""
    left = result["summary"]["not_begun"]
    begun = f" {left} others were not begun (fail_fast)." if left else ""
    first = failed[0]
    raise CatalogFailed(
        f"{len(failed)} of {len(result['images'])} images failed: {names}{others}.{begun} "
        f"{quoted(str(first['name']))[1:-1]}: {first['error']}",
        **result,
    )
