# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Foretells the result of a real run and writes nothing.
  diff_mode:
    support: full
    description: Returns what has changed, or would change in check mode.
  action:
    support: full
    description: Runs within the controller where the connection is local and nothing asks for a process of its own.
  async:
    support: full
    description: Can be used with C(async), and runs as a module then.
  action_group:
    support: full
    description: Use C(group/platform9.pcd.pcd) in C(module_defaults) to give the connection options once.
    membership:
      - platform9.pcd.pcd
"""

    # A module that only reads.
    INFO = r"""
attributes:
  check_mode:
    support: full
    description: This module only reads.
    details:
      - It does the same in check mode.
  diff_mode:
    support: N/A
    description: This module only reads.
  action:
    support: full
    description: Runs within the controller where the connection is local and nothing asks for a process of its own.
  async:
    support: full
    description: Can be used with C(async), and runs as a module then.
  action_group:
    support: full
    description: Use C(group/platform9.pcd.pcd) in C(module_defaults) to give the connection options once.
    membership:
      - platform9.pcd.pcd
"""
