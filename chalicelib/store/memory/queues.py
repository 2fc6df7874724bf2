"""Queues in memory: what was sent stays until a test takes it."""

from collections.abc import Sequence
from typing import NamedTuple

from ...queues import Outgoing


class Hidden(NamedTuple):
    queue: str
    receipt: str
    seconds: int


class MemoryQueues:
    """`sent` maps a queue to its messages in order; `hidden` records every call of `hide`."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Outgoing]] = {}
        self.hidden: list[Hidden] = []

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        self.sent.setdefault(queue, []).extend(messages)

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        self.hidden.append(Hidden(queue, receipt, seconds))

    def take(self, queue: str) -> list[Outgoing]:
        """All messages of a queue, which is empty afterwards."""
        return self.sent.pop(queue, [])

    def bodies(self, queue: str) -> list[str]:
        return [message.body for message in self.sent.get(queue, [])]
