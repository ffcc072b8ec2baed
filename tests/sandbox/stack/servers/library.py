# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSGI application of the library: Glance in this process under /glance, and nothing else."""

from __future__ import annotations

from stack.servers.front import front
from stack.servers.glance_app import glance

application = front({"glance": glance})
