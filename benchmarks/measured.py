# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every benchmark has: rounds in which contestants are measured side by side, and the time that is left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


class Time:
    """The minutes that a run may take."""

    def __init__(self, minutes: float) -> None:
        self._end = time.monotonic() + minutes * 60

    def left(self) -> float:
        """In seconds."""
        return self._end - time.monotonic()


@dataclass
class Samples:
    """Seconds of each contestant in each round, and what else was seen of it.

    A ratio is the median of the ratios within a round: what disturbs the machine disturbs neighbours alike.
    """

    rounds: list[dict[str, float]] = field(default_factory=list)
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    def seconds(self, contestant: str) -> list[float]:
        return [values[contestant] for values in self.rounds if contestant in values]

    def median(self, contestant: str) -> float | None:
        seconds = self.seconds(contestant)
        return statistics.median(seconds) if seconds else None

    def ratio(self, contestant: str, other: str, beyond: str | None = None) -> float | None:
        """Of what both take; or of what both take more than a third, `beyond`."""
        ratios = []
        for values in self.rounds:
            if {contestant, other, beyond or other} <= values.keys():
                start = 0.0 if beyond is None else values[beyond]
                ratios.append((values[contestant] - start) / (values[other] - start))
        return statistics.median(ratios) if ratios else None


@dataclass
class Block:
    """Something that is measured in rounds. `play` gives the seconds of each contestant in one round, or of some."""

    name: str
    contestants: Sequence[str]
    play: Callable[[Samples], dict[str, float]]
    max_rounds: int
    samples: Samples = field(default_factory=Samples)
    # Seconds that the last round took, all in all.
    lasted: float = 0.0

    def one_round(self) -> None:
        began = time.monotonic()
        self.samples.rounds.append(self.play(self.samples))
        self.lasted = time.monotonic() - began


def play_all(blocks: list[Block], left: Time, tell: Callable[[str], object]) -> None:
    """One round of each block, and then further ones for as long as there is time for them."""
    for block in blocks:
        if left.left() > 0:
            tell(f"{block.name}, round 1; {left.left() / 60:.1f} minutes left")
            block.one_round()
    again = True
    while again:
        again = False
        for block in blocks:
            if 0 < len(block.samples.rounds) < block.max_rounds and block.lasted * 1.2 < left.left():
                tell(f"{block.name}, round {len(block.samples.rounds) + 1}; {left.left() / 60:.1f} minutes left")
                block.one_round()
                again = True
