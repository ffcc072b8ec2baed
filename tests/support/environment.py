# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the processes that tests start."""

from __future__ import annotations

import os
import re

# What a caller's shell may hold and what would change the outcome of a module.
FOREIGN = re.compile(
    r"OS_.*|ANSIBLE_.*|(https?|all|no)_proxy|(REQUESTS|CURL)_CA_BUNDLE|SSL_CERT_.*|XDG_CONFIG_HOME"
    r"|PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|PYTHONWARNINGS",
    re.IGNORECASE,
)


def inherited_environ() -> dict[str, str]:
    """The variables of this process that change no outcome."""
    return {name: value for name, value in os.environ.items() if not FOREIGN.fullmatch(name)}
