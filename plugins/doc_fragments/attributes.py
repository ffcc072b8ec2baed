# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # The fragment ansible.builtin.action_common_attributes has the same attributes, but it does not say when a task
    # runs in the controller process, what async does then, and what the action group is for. It also adds `platform`,
    # which means nothing here.
    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and predict changes without modifying the target.
  diff_mode:
    support: full
    description: Returns what has changed, or what would change in C(check_mode).
  action:
    support: full
    description: Runs in the controller process if the connection is local and no separate process is required.
  async:
    support: full
    description: Can be used with C(async). The task then runs as a module.
  action_group:
    support: full
    description: Use C(group/platform9.pcd.pcd) in C(module_defaults) to set the connection options once.
    membership:
      - platform9.pcd.pcd
"""

    # A module that only reads: this one before the other, because of two the first one counts.
    INFO = r"""
attributes:
  check_mode:
    support: full
    description: This module only reads.
    details:
      - It does the same in C(check_mode).
  diff_mode:
    support: N/A
    description: This module only reads.
"""
