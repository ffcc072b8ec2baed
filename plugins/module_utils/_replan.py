# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often something is planned: once more if another run, or a vendor, was faster."""

from __future__ import annotations

from collections.abc import Callable

from ._errors import DataError, LostRace
from ._session import Result

# How often a task is planned if other runs are faster each time.
MAX_PLANS = 10

IN_CHECK_MODE = (
    "This is check mode, in which tasks before this one change nothing. If one of them provides what is missing, this "
    "task finds it in a real run."
)


def planned_again(attempt: Callable[[], Result]) -> Result:
    """What an attempt answers, which plans something and does it; another one, if another run was first.

    Or if a vendor has published between the checksum and the data. For that, once is enough: it is not done every
    minute.
    """
    done: Result = {}
    is_repeated, lost = False, 0
    while True:
        try:
            result = attempt()
        except DataError as error:
            if is_repeated or not error.is_outdated():
                raise
            is_repeated = True
        except LostRace as error:
            # What this run has made is gone again, and another image took its place; or another run goes on with it.
            done = done or {**error.done}
            lost += 1
            if lost == MAX_PLANS:
                raise
        else:
            return result if result["changed"] else {**result, **done}
