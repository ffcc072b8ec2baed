# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file of plugins/filter, plugins/module_utils and plugins/plugin_utils has the unit tests of its name, and no
others are there.

modules and action are tested as a whole, by modules/test_modules.py and the tests of real services.
"""

from __future__ import annotations

from pathlib import Path

import pytest

UNIT = Path(__file__).absolute().parent
PLUGINS = UNIT.parents[1] / "plugins"


@pytest.mark.parametrize("folder", ["filter", "module_utils", "plugin_utils"])
def test_the_unit_tests_mirror_the_plugins(folder: str) -> None:
    plugins = [path.relative_to(PLUGINS) for path in (PLUGINS / folder).rglob("*.py")]
    wanted = {str(path.with_name(f"test_{path.name}")) for path in plugins}
    tests = {str(path.relative_to(UNIT / "plugins")) for path in (UNIT / "plugins" / folder).rglob("test_*.py")}
    assert tests == wanted
