# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines about several transfers, each one's own and one for all."""

from __future__ import annotations

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._catalog.shared_progress import SharedProgress
from ansible_collections.platform9.pcd.plugins.module_utils._client.progress import Progress
from ansible_collections.platform9.pcd.tests.support.progress import Told

MIB = 1 << 20


def test_several_transfers_have_their_own_lines_and_one_for_all() -> None:
    told = Told(0)
    checked: list[int] = []
    together = SharedProgress(told.progress, 2, lambda: checked.append(1))
    first, second = together.meter("a: uploading", 10 * MIB), together.meter("b: uploading", None)
    told.clock.now += 2
    first.moved(4 * MIB)
    second.moved(2 * MIB)
    # It broke off, and begins again.
    first.moved(MIB)
    together.ended()
    assert told.lines == [
        "a: uploading: 4.0 MiB of 10.0 MiB (40 %), 2.0 MiB/s, 3 s left",
        "all images: 0 of 2 done, 4.0 MiB, 2.0 MiB/s",
        "b: uploading: 2.0 MiB, 1.0 MiB/s",
        "all images: 0 of 2 done, 6.0 MiB, 3.0 MiB/s",
        "a: uploading: 1.0 MiB of 10.0 MiB (10 %), 512.0 KiB/s, 18 s left",
        "all images: 0 of 2 done, 3.0 MiB, 1.5 MiB/s",
        "all images: 1 of 2 done, 3.0 MiB, 1.5 MiB/s",
    ]
    assert len(checked) == 3


def test_what_ends_the_transfers_comes_before_the_next_block() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    meter = SharedProgress(Progress(), 1, stop).meter("a: uploading", None)
    with pytest.raises(KeyboardInterrupt):
        list(meter.counted([b"one", b"two"]))
