"""Timelines in memory."""

from collections.abc import Sequence
from typing import NamedTuple

from ...clock import Clock
from ...profiles.ports import ProfileKey
from ...tracking.event import Event
from .. import codec, expiry


class _Stored(NamedTuple):
    events: bytes
    ends: int | None


class MemoryTimeline:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: dict[ProfileKey, dict[bytes, _Stored]] = {}

    def put(self, key: ProfileKey, tag: bytes, events: Sequence[Event], expires_at: int) -> None:
        stored = _Stored(codec.encode_events(events), expiry.to_seconds(expires_at))
        self._items.setdefault(key, {})[tag] = stored

    def delete(self, key: ProfileKey) -> None:
        self._items.pop(key, None)

    def events(self, key: ProfileKey, since: int) -> list[Event]:
        now = self._clock.now()
        alive = [item.events for item in self._items.get(key, {}).values() if not expiry.is_over(item.ends, now)]
        return [event for blob in alive for event in codec.decode_events(blob) if event.timestamp >= since]
