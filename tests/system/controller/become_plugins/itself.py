# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Becomes the user that it is already, which needs no rights and no password."""

from __future__ import annotations

from ansible.plugins.become import BecomeBase

DOCUMENTATION = """
name: itself
short_description: Becomes the user that it is already
description: For tests of what happens if a task is to become somebody.
options:
  become_user:
    description: Is not used.
    default: root
  become_exe:
    description: Is not used.
  become_flags:
    description: Is not used.
    default: ""
  become_pass:
    description: Is not used.
"""


class BecomeModule(BecomeBase):
    name = "itself"

    def build_become_command(self, cmd: str, shell: object) -> str:
        super().build_become_command(cmd, shell)
        built: str = self._build_success_command(cmd, shell)
        return built
