"""Questions wait in turn: nobody's second comes before anybody's first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chat_app.errors import ModelError
from chat_app.models.local.queue import MOST_OF_ONE, Job, Queue


def job(owner: str) -> Job:
    row: Any = SimpleNamespace()
    return Job(row, owner, "", 1)


def test_owners_take_turns() -> None:
    queue = Queue()
    jobs = [job("ann"), job("ann"), job("ann"), job("bob"), job("cid")]
    for each in jobs:
        queue.put(each)
    assert [queue.before(each) for each in jobs] == [0, 3, 4, 1, 2]
    assert [queue.get() for _ in jobs] == [jobs[0], jobs[3], jobs[4], jobs[1], jobs[2]]
    assert not queue


def test_a_newcomer_waits_for_one_turn_of_everybody_at_most() -> None:
    queue = Queue()
    for _ in range(MOST_OF_ONE):
        queue.put(job("ann"))
    first = queue.get()
    late = job("bob")
    queue.put(late)
    assert first.owner == "ann" and queue.before(late) == 1


def test_a_full_queue_says_so() -> None:
    queue = Queue(most=2)
    queue.put(job("ann"))
    queue.put(job("bob"))
    with pytest.raises(ModelError, match="Too many questions"):
        queue.put(job("cid"))


def test_one_person_cannot_fill_it() -> None:
    queue = Queue()
    for _ in range(MOST_OF_ONE):
        queue.put(job("ann"))
    with pytest.raises(ModelError, match="of yours"):
        queue.put(job("ann"))
    queue.put(job("bob"))


def test_cancelled_jobs_leave_their_place() -> None:
    queue = Queue()
    jobs = [job("ann"), job("bob"), job("cid")]
    for each in jobs:
        queue.put(each)
    jobs[0].cancelled.set()
    queue.drop()
    assert queue.before(jobs[1]) == 0 and len(queue) == 2
    assert jobs[0].said.get_nowait() is None and jobs[1].said.empty()
