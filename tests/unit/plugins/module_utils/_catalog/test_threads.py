# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in threads: how many at a time, in which order, and what ends them."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._catalog.threads import Crew, Stop
from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import SYSTEM_CLOCK
from ansible_collections.platform9.pcd.plugins.module_utils._session import Session
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, session_with
from ansible_collections.platform9.pcd.tests.support.samples import Clock


def always() -> bool:
    return True


def test_each_thread_has_a_client_of_its_own_and_keeps_it() -> None:
    made: list[Glance] = []

    def more() -> Glance:
        made.append(Glance())
        return made[-1]

    barrier = threading.Barrier(3)
    used: list[int] = []

    def do(session: Session, job: int) -> None:
        barrier.wait(10)
        used.append(id(session.images))

    crew = Crew(replace(session_with(Glance()), more_images=more), 3, Stop())
    for dummy in range(2):
        crew.work([1, 2, 3], do, always)
    assert len(made) == 3
    assert set(used[:3]) == set(used[3:]) == {id(each) for each in made}


def test_jobs_begin_in_their_order_as_long_as_they_may() -> None:
    done: list[int] = []

    def do(dummy_session: Session, job: int) -> None:
        done.append(job)

    crew = Crew(session_with(Glance()), 1, Stop())
    crew.work(list(range(10)), do, lambda: len(done) < 4)
    assert done == [0, 1, 2, 3]
    crew.work([], do, always)


def test_a_bug_comes_out_once_the_others_have_ended() -> None:
    ended = []

    def do(dummy_session: Session, job: int) -> None:
        if job == 0:
            raise ZeroDivisionError
        ended.append(job)

    with pytest.raises(ZeroDivisionError):
        Crew(session_with(Glance()), 2, Stop()).work(list(range(100)), do, always)
    assert len(ended) < 100


def test_an_interrupted_job_ends_as_the_task_for_one_image_does() -> None:
    stop = Stop()
    stop.check()
    begun = []

    def do(dummy_session: Session, job: int) -> None:
        begun.append(job)
        stop.set()
        stop.check()

    Crew(session_with(Glance()), 1, stop).work([1, 2], do, always)
    assert begun == [1]
    with pytest.raises(KeyboardInterrupt):
        stop.check()


def test_waiting_ends_with_the_run() -> None:
    stop, clock = Stop(), Clock()
    stop.clock(clock.hands).sleep(5)
    assert clock.slept == [5]
    stop.set()
    for hands in (SYSTEM_CLOCK, clock.hands):
        with pytest.raises(KeyboardInterrupt):
            stop.clock(hands).sleep(60)
