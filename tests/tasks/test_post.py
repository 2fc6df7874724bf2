"""Messages that call workers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import FixedClock
from chalicelib.queues import COMPUTE
from chalicelib.store.memory import MemoryQueues
from chalicelib.tasks.post import Post, called
from chalicelib.tasks.task import Task

NOON = 1_767_268_800_000


def task(**fields) -> Task:
    return Task(task_id="aud:sync:X:1", kind="sync", space_id="space", slot="1", steps=(), created_at=NOON, **fields)


@given(st.integers(-10_000, 900_000))
def test_nobody_is_called_before_the_time(wait):
    queues, clock = MemoryQueues(), FixedClock(NOON)
    Post(queues, clock).call(task(message_at=NOON + wait))
    (message,) = queues.take(COMPUTE)
    assert max(0, wait) <= message.delay * 1_000 < max(0, wait) + 1_000
    assert (called(message.body), message.group) == ("aud:sync:X:1", "space")


def test_nobody_to_wake_is_no_message():
    queues = MemoryQueues()
    Post(queues, FixedClock(NOON)).wake([], "space")
    assert queues.sent == {}


@pytest.mark.parametrize("body", ["", "7", '{"task": "x"}', '{"task_id": null}'])
def test_other_messages_name_no_task(body):
    with pytest.raises(ValueError):
        called(body)
