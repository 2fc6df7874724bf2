"""Which events get into a space: none that a filter of the space leaves out.

What was received before a filter was made is not touched by it, however late it is resolved. So it does not depend on
redeliveries whether an event counts, and what was counted once is not missing in history.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..filters.condition import Condition, condition
from ..tracking.decode import wire
from ..tracking.event import Event
from ..workspace.model import SpaceFilter
from .batches import Batch


class Admitted(NamedTuple):
    """The batches with those events that get in, and how many of each source do not, by queue message."""

    batches: Sequence[Batch]
    dropped: dict[str, Counter[str]]


class _Rule(NamedTuple):
    since: int
    meets: Condition


def admitted(batches: Sequence[Batch], filters: Sequence[SpaceFilter]) -> Admitted:
    """Raises QueryError for a filter that cannot be read: then the events wait for somebody who can."""
    rules = [_Rule(one.since, condition(one.when)) for one in filters if one.enabled and one.drop]
    if not rules:
        return Admitted(batches, {})
    left, dropped = [], {}
    for batch in batches:
        out = [event for event in batch.events if _is_dropped(event, rules)]
        if out:
            dropped[batch.queue_id] = Counter(event.source_id for event in out)
            gone = {id(event) for event in out}
            batch = batch._replace(events=[event for event in batch.events if id(event) not in gone])
        left.append(batch)
    return Admitted(left, dropped)


def _is_dropped(event: Event, rules: Sequence[_Rule]) -> bool:
    told = wire(event)
    return any(event.received_at >= rule.since and rule.meets(told) for rule in rules)
