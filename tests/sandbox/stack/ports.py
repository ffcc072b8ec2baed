# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports on 127.0.0.1 that stay the same from one start to the next, if they can."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

from stack import layout
from stack.folders import SandboxError


def reserve(names: Iterable[str], remembered: Mapping[str, int], port: int | None) -> dict[str, socket.socket]:
    """A listening socket for each server: on the port asked for, else as last time, else on any free one.

    The servers inherit the sockets, so that a port cannot be lost to another sandbox that starts
    at the same moment.
    """
    sockets: dict[str, socket.socket] = {}
    try:
        for name in names:
            wanted = port if port and name == layout.GATEWAY.name else remembered.get(name, 0)
            try:
                sockets[name] = listen(wanted)
            except OSError as error:
                if wanted == port:
                    raise SandboxError(f"cannot listen on port {port}: {error.strerror}") from error
                sockets[name] = listen(0)
    except BaseException:
        for listener in sockets.values():
            listener.close()
        raise
    return sockets


def listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener
