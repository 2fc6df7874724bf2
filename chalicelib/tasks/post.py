"""Messages that call workers to tasks. The task is the truth, a message only says where to look."""

from collections.abc import Iterable

import msgspec

from ..clock import SECOND, Clock
from ..queues import COMPUTE, Outgoing, Queues
from .task import Task


class Call(msgspec.Struct, frozen=True):
    task_id: str


_decoder = msgspec.json.Decoder(Call)


class Post:
    def __init__(self, queues: Queues, clock: Clock) -> None:
        self._queues, self._clock = queues, clock

    def call(self, *tasks: Task) -> None:
        """One worker for each, not before its `message_at`."""
        now = self._clock.now()
        self._queues.send(COMPUTE, [_message(task.task_id, task.space_id, task.message_at - now) for task in tasks])

    def wake(self, task_ids: Iterable[str], space_id: str) -> None:
        messages = [_message(task_id, space_id, 0) for task_id in task_ids]
        if messages:
            self._queues.send(COMPUTE, messages)


def called(body: str) -> str:
    """The id of the task a worker is called to. Raises msgspec.MsgspecError (a ValueError) for any other message."""
    return _decoder.decode(body).task_id


def _message(task_id: str, space_id: str, wait: int) -> Outgoing:
    # Rounded up: a worker that comes too early finds the task not due and leaves it to the sweeper.
    seconds = -(-max(0, wait) // SECOND)
    return Outgoing(msgspec.json.encode(Call(task_id)).decode(), group=space_id, delay=seconds)
