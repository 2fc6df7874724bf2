"""From messages of the past to the ingest queue, paced so that live traffic is not drowned.

What is fed is received at the instant it is fed and dated when it happened. Should it count as received when it was
received first, a computation that is just reading history back in would find it there and meet it live as well.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..clock import HOUR, MINUTE, SECOND
from ..ids import derived
from ..queues import INGEST, Outgoing, Queues
from ..tracking.envelope import Accepted, pack

RATE = 1_000  # messages per second: as many as a space takes in before senders are slowed down
MOST_AHEAD = MINUTE  # how far the queue may be filled in advance; SQS could hold messages back for 15 minutes
MOST_MESSAGES = 500  # in one batch: repeated after a crash, it must fit into what a profile remembers of its last 2,000
MOST_BYTES = 256 * 1024  # of JSON: packed it fits into one queue message however badly it compresses
REMEMBERED = 20 * HOUR  # profiles remember for a day what they counted: sent again until then, it counts once


class Inlet(NamedTuple):
    """Through which source the messages come into a space."""

    workspace_id: str
    space_id: str
    source_id: str


class Pacing(NamedTuple):
    """When a batch is to be resolved, and when the one after it (epoch ms)."""

    due: int
    following: int


class Feed:
    """`rate` is in messages per second; 0 for as fast as it goes."""

    def __init__(self, queues: Queues, rate: int = RATE) -> None:
        self._queues, self._rate = queues, rate

    def pacing(self, planned: int, now: int, count: int) -> Pacing:
        """Of a batch of `count` messages that was planned for an instant."""
        due = max(planned, now)
        return Pacing(due, due + count * SECOND // self._rate if self._rate else due)

    def send(
        self, inlet: Inlet, name: str, messages: Sequence[dict[str, Any]], received_at: int, now: int, due: int
    ) -> None:
        """One batch, resolved not before `due`. The same name makes it the same batch, whoever sends it again."""
        envelope = Accepted(
            batch_id=derived("bat_", 0, *inlet, name),
            workspace_id=inlet.workspace_id,
            space_id=inlet.space_id,
            source_id=inlet.source_id,
            received_at=received_at,
            messages=list(messages),
        )
        # A group of its own: in a fair queue the backlog of one group holds up no other.
        group = f"{inlet.space_id}/fed"
        self._queues.send(INGEST, [Outgoing(pack(envelope), group=group, delay=max(0, due - now) // SECOND)])


def is_far_ahead(planned: int, now: int) -> bool:
    return planned - now > MOST_AHEAD
