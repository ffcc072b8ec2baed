# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When something is planned again: after a lost race, and once after a vendor has published."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError, LostRace, PcdError
from ansible_collections.platform9.pcd.plugins.module_utils._replan import MAX_PLANS, planned_again


def outdated(is_outdated: bool) -> DataError:
    error = DataError("other data")
    error.recheck = lambda: is_outdated
    return error


def lost(**done: Any) -> LostRace:
    error = LostRace("another run")
    error.done = done
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
        ((lost(changed=True), lost(), False), True),
        ((outdated(True), True), True),
        ((lost(), outdated(True), lost(), False), False),
        ((*[lost()] * (MAX_PLANS - 1), outdated(True), True), True),
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


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"changed": False, "action": "unchanged"}, {"changed": True, "action": "created"}),
        ({"changed": True, "action": "updated"}, {"changed": True, "action": "updated"}),
    ],
)
def test_what_was_done_before_counts_if_the_next_plan_changes_nothing(
    answer: dict[str, Any], result: dict[str, Any]
) -> None:
    left: list[Any] = [lost(changed=True, action="created"), answer]

    def attempt() -> dict[str, Any]:
        if isinstance(left[0], LostRace):
            raise left.pop(0)
        return dict(left[0])

    assert planned_again(attempt) == result
