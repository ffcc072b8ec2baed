# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..modules import pcd_image_catalog
from ..plugin_utils._in_process import InProcess


class ActionModule(InProcess):
    task = pcd_image_catalog.TASK
