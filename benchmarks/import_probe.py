# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task out of an archive of the collection, for imports.py: ARCHIVE MODULE OPTIONS.

If the options are an empty text, the module is only imported. The probe itself imports as little as possible, because
what is already imported is not counted.
"""

import json
import os
import sys
from importlib import import_module

PLUGINS = "ansible_collections.platform9.pcd.plugins."

archive, module, options = sys.argv[1:]
sys.path.insert(0, archive)
task = import_module(f"{PLUGINS}modules.{module}").TASK
if options:
    perform = import_module(f"{PLUGINS}module_utils._task").perform
    defaults = {name: option.get("default") for name, option in task.argument_spec.items()}
    perform(task, {**defaults, **json.loads(options)}, False, lambda dummy: None, os.environ)
