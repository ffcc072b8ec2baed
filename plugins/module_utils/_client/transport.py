# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach a service: verification, timeouts, retries; and how to read its JSON."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .progress import Progress
from .retry import Attempts, Clock, Outages

# A service that can be reached takes a connection in far less, however long it then works on an answer.
MAX_CONNECT_SECONDS = 10.0


class Transport(NamedTuple):
    """How to reach a service. `verify` is a CA file, True or False; `timeout` is seconds without a byte.

    What fails is tried again `retries` times at the most, and no more once `deadline` seconds have gone by. `progress`
    gets a line if an answer takes long. `outages` are kept from task to task; None keeps nothing.
    """

    verify: bool | str = True
    client_cert: str | tuple[str, str] | None = None
    timeout: float = 60
    retries: int = 4
    deadline: float = 120
    progress: Progress = Progress()
    outages: Outages | None = None

    @property
    def timeouts(self) -> tuple[float, float]:
        """The seconds for a connection, TLS included, and those without a byte of an answer."""
        return min(self.timeout, MAX_CONNECT_SECONDS), self.timeout


def attempts_of(transport: Transport, clock: Clock) -> Attempts:
    """Counts the attempts of one request."""
    return Attempts(transport.retries, clock, transport.deadline)


def decoded(text: str | bytes) -> Any:
    """The JSON document. ValueError if it is not JSON, or is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
