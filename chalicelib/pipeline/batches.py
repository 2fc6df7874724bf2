"""Queue messages, read: the events of one request, or the profiles that are due."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ..queues import Received
from ..tracking.decode import events as decode_events
from ..tracking.envelope import Accepted, unpack
from ..tracking.event import Event

EVENTS_PER_PASS = 1_000  # bounds memory and the time between two looks at the deadline


class Batch(NamedTuple):
    """One queue message, decoded. `due` are profile ids to look at because time has passed."""

    queue_id: str
    batch_id: str
    space_id: str
    events: Sequence[Event]
    due: Sequence[str]


def batch_of(message: Received) -> Batch:
    """Raises Malformed for what is no envelope."""
    envelope = unpack(message.body)
    if isinstance(envelope, Accepted):
        return Batch(message.id, envelope.batch_id, envelope.space_id, decode_events(envelope), ())
    return Batch(message.id, envelope.batch_id, envelope.space_id, (), envelope.profile_ids)


def groups(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Batches of one space, in order of arrival, together up to EVENTS_PER_PASS events."""
    for _, of_space in groupby(sorted(batches, key=lambda b: b.space_id), key=lambda b: b.space_id):
        group: list[Batch] = []
        for batch in of_space:
            if group and sum(len(b.events) for b in group) + len(batch.events) > EVENTS_PER_PASS:
                yield group
                group = []
            group.append(batch)
        yield group
