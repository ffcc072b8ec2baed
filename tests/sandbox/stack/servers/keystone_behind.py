# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSGI application of Keystone behind HAProxy: it writes the request log itself."""

from __future__ import annotations

from stack.servers.front import front
from stack.servers.keystone_app import keystone

application = front({"keystone": keystone})
