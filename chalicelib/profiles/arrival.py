"""Events on their way into a profile."""

from collections.abc import Sequence
from typing import NamedTuple

from ..tracking.event import Event
from .profile import Profile, Sighting


class Arrival(NamedTuple):
    """Events of one queue message for one profile, in the order they were sent. `tag` names the queue message."""

    tag: bytes
    events: Sequence[Event]


def sight(profile: Profile, event: Event) -> None:
    """Remember by which messages the profile was touched first and last."""
    head = profile.head
    sighting = Sighting(event.received_at, event.message_id, event.source_id)
    if head.first is None:
        head.first, head.created_at = sighting, event.received_at
    if head.last is None or head.last.at <= event.received_at:
        head.last = sighting
        head.updated_at = event.received_at
