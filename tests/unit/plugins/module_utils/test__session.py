# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image service that a task works on. test__task.py tests how a task comes to it."""

from __future__ import annotations

from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, session_with


def test_data_on_another_way_than_to_the_library_is_warned_of() -> None:
    warned: list[str] = []
    session_with(Glance(), warned, library_endpoint="https://library.example.com:9494/v2").warn_wrong_endpoint()
    session_with(Glance(), warned).warn_wrong_endpoint()
    (warning,) = warned
    for part in ("http://glance.invalid/v2", "https://library.example.com:9494/v2", "OS_INTERFACE"):
        assert part in warning
