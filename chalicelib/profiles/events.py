"""The events of a profile as the Profile API shows them: those of the last two weeks, in the order of their times."""

import base64
import binascii
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from ..clock import DAY, Clock
from ..identity.external_id import Identifier
from ..instants import to_iso
from ..tracking.event import Event
from .pages import FIRST_PAGE, Slice, not_a_cursor, slice_of
from .ports import ProfileKey, Timeline
from .profile import Profile

HORIZON = 14 * DAY  # the timeline keeps no more

_NANOSECONDS = 1_000_000  # in a millisecond: cursors count in the former
_CURSOR = re.compile(r"(-?[0-9]{1,20})::(.*)", re.DOTALL)


class Position(NamedTuple):
    """The place of an event in the list. Times can be equal, message ids cannot."""

    at: int
    message_id: str


class Choice(NamedTuple):
    """Which events are asked for: between two instants, both left out, and by name."""

    ascending: bool = False
    after: int | None = None
    before: int | None = None
    include: Collection[str] | None = None
    exclude: Collection[str] = ()

    def takes(self, event: Event) -> bool:
        name = name_of(event)
        return (
            (self.after is None or event.timestamp > self.after)
            and (self.before is None or event.timestamp < self.before)
            and (self.include is None or name in self.include)
            and name not in self.exclude
        )


class Events:
    def __init__(self, timeline: Timeline, clock: Clock) -> None:
        self._timeline, self._clock = timeline, clock

    def page(self, profile: Profile, choice: Choice, limit: int, start: Position | None) -> Slice:
        """Of the profile and of all that were merged into it."""
        shown = sorted((event for event in self._each_once(profile) if choice.takes(event)), key=_position)
        if choice.ascending:
            shown = shown[bisect_left(shown, start, key=_position) if start else 0 :]
        else:
            shown = shown[: bisect_right(shown, start, key=_position) if start else None][::-1]
        return slice_of(shown, 0, limit, token_of)

    def _each_once(self, profile: Profile) -> Iterable[Event]:
        """A message that a client sent again is shown as it came first."""
        found: dict[str, Event] = {}
        for profile_id in profile.ids:
            key = ProfileKey(profile.space_id, profile_id)
            for event in self._timeline.events(key, self._clock.now() - HORIZON + 1):
                known = found.get(event.message_id)
                if known is None or event.received_at < known.received_at:
                    found[event.message_id] = event
        return found.values()


def name_of(event: Event) -> str:
    """A page or screen goes by the name its call gave it; one without a name by what all of them are."""
    return (event.name if event.type != "track" else None) or event.event or ""


def token_of(event: Event) -> str:
    return base64.b64encode(f"{event.timestamp * _NANOSECONDS}::{event.message_id}".encode()).decode()


def _position(event: Event) -> Position:
    return Position(event.timestamp, event.message_id)


def position_of(token: str) -> Position | None:
    """None for the first page. Raises Invalid."""
    if token in FIRST_PAGE:
        return None
    try:
        match = _CURSOR.fullmatch(base64.b64decode(token, validate=True).decode())
    except (binascii.Error, ValueError):
        match = None
    if match is None:
        raise not_a_cursor()
    return Position(int(match[1]) // _NANOSECONDS, match[2])


def item(event: Event, profile: Profile, identifiers: Sequence[Identifier], account_id: str | None) -> dict[str, Any]:
    """`identifiers` are those the event named; only the ones that the profile has were promoted."""
    held = {(e.type, e.value) for e in profile.head.external_ids}
    related = {profile.head.collection: profile.profile_id}
    if account_id is not None:
        related["accounts"] = account_id
    return {
        "type": "track",  # pages and screens are events like any other here
        "event": name_of(event),
        "properties": event.properties,
        "context": event.context,
        "timestamp": to_iso(event.timestamp),
        "message_id": event.message_id,
        "source_id": event.source_id,
        "external_ids": [_promoted(i) for i in identifiers if (i.type, i.value) in held],
        "related": related,
    }


def _promoted(identifier: Identifier) -> dict[str, str]:
    return {
        "collection": identifier.collection,
        "type": identifier.type,
        "id": identifier.value,
        "encoding": "none",
    }
