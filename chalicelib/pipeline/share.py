"""What one profile gets in a pass."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..identity.external_id import ExternalId, Identifier
from ..profiles.arrival import Arrival
from ..profiles.profile import Merge, Profile, Trigger
from ..tracking.event import Event


def time_of(event: Event) -> int:
    """When it happened; a clock in the future must not make anything last longer."""
    return min(event.timestamp, event.received_at)


LONGEST_NAME = 100  # characters of an event's name that go into the story of a profile


class Cause(NamedTuple):
    """What an event brought about: `at` is when it happened, `kept` the identifiers that counted."""

    at: int
    message_id: str
    source_id: str
    kept: Sequence[Identifier]
    trigger: Trigger | None = None

    @classmethod
    def of(cls, event: Event, kept: Sequence[Identifier]) -> "Cause":
        trigger = Trigger(event.type, (event.event or "")[:LONGEST_NAME], event.received_at)
        return cls(time_of(event), event.message_id, event.source_id, kept, trigger)

    def merge(self, profile_id: str) -> Merge:
        kept = [(identifier.type, identifier.value) for identifier in self.kept]
        return Merge(profile_id, self.at, self.message_id, self.source_id, [], kept, self.trigger)


@dataclass
class Share:
    """`arrivals` are numbered in order of sending. `links` are by account id, with the times of the calls that say so.
    `freezes` are the stored profiles that are merged into this one, and what joined them. `triggers` are the events
    behind the external ids, by message id."""

    arrivals: list[tuple[int, bytes, Event]] = field(default_factory=list)
    external_ids: list[ExternalId] = field(default_factory=list)
    links: dict[str, list[int]] = field(default_factory=dict)
    freezes: list[tuple[Profile, Cause]] = field(default_factory=list)
    triggers: dict[str, Trigger] = field(default_factory=dict)

    def absorb(self, other: "Share") -> None:
        self.arrivals += other.arrivals
        self.external_ids += other.external_ids
        for account_id, times in other.links.items():
            self.links.setdefault(account_id, []).extend(times)
        self.freezes += other.freezes
        self.triggers |= other.triggers

    def batches(self) -> list[Arrival]:
        """In order of sending, by queue message."""
        by_tag: dict[bytes, list[Event]] = {}
        for _, tag, event in sorted(self.arrivals, key=lambda arrival: arrival[0]):
            by_tag.setdefault(tag, []).append(event)
        return [Arrival(tag, events) for tag, events in by_tag.items()]
