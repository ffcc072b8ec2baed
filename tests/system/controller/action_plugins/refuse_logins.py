# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes each token that the run keeps one that the service does not accept, as one that was revoked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase

from ansible_collections.platform9.pcd.plugins.plugin_utils._in_process import TOKEN_CACHE


class ActionModule(ActionBase):
    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        files = Path(C.DEFAULT_LOCAL_TMP).glob("pcd-login-*")
        keys = [path.name.removeprefix("pcd-login-") for path in files if path.suffix != ".lock"]
        for key in keys:
            access = TOKEN_CACHE._read(key)
            assert access is not None
            TOKEN_CACHE._write(key, access._replace(token="gone"))
        return {"changed": bool(keys)}
