# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When something is planned again: after a lost race, and once after a vendor has published."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError, LostRace, PcdError
from ansible_collections.platform9.pcd.plugins.module_utils._replan import MAX_PLANS, _with_kept, planned_again


def outdated(is_outdated: bool) -> DataError:
    error = DataError("other data")
    error.recheck = lambda: is_outdated
    return error


def lost(kept: bool = False) -> LostRace:
    error = LostRace("another run")
    error.kept = kept
    return error


def attempts(*given: PcdError | bool) -> dict[str, Any]:
    left = iter(given)

    def attempt() -> dict[str, Any]:
        answer = next(left)
        if isinstance(answer, PcdError):
            raise answer
        return {"changed": answer}

    result = planned_again(attempt)
    assert not list(left)
    return result


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ((True,), True),
        ((lost(), False), False),
        ((lost(kept=True), False), True),
        ((outdated(True), True), True),
        ((lost(), outdated(True), lost(), False), False),
    ],
)
def test_another_attempt_follows_what_somebody_else_has_caused(
    given: tuple[PcdError | bool, ...], changed: bool
) -> None:
    assert attempts(*given) == {"changed": changed}


@pytest.mark.parametrize("given", [(outdated(False),), (outdated(True), outdated(True)), (lost(),) * MAX_PLANS])
def test_no_attempt_follows_otherwise(given: tuple[PcdError, ...]) -> None:
    with pytest.raises(type(given[-1])):
        attempts(*given)


def test_a_result_that_changed_nothing_itself_may_follow_from_an_image_that_this_run_has_made() -> None:
    assert _with_kept({"changed": False, "action": "unchanged"}) == {"changed": True, "action": "created"}
    assert _with_kept({"changed": True, "action": "updated"}) == {"changed": True, "action": "updated"}
    assert _with_kept({"changed": False}) == {"changed": True}
