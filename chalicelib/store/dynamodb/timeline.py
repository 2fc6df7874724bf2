"""The table `timeline`: the events of one queue message for one profile in one item, several only when large."""

from collections.abc import Sequence

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.models import Model

from ...clock import Clock
from ...profiles.ports import ProfileKey
from ...tracking.event import Event
from .. import codec, expiry
from ..keys import profile_pk
from .table import Table

LARGEST = 350_000  # bytes of events in an item: DynamoDB takes 400 KB with names and keys


class TimelineItem(Model):
    """`sort` is the tag and the number of the part; the first part, written last, knows how many there are."""

    pk = UnicodeAttribute(hash_key=True)
    sort = UnicodeAttribute(range_key=True)
    parts = NumberAttribute()
    events = BinaryAttribute(legacy_encoding=False)
    expires_at = NumberAttribute()


class DynamoTimeline:
    def __init__(self, connection: Connection, table: str, clock: Clock, largest: int = LARGEST) -> None:
        self._table = Table(TimelineItem, connection, table)
        self._clock, self._largest = clock, largest

    def put(self, key: ProfileKey, tag: bytes, events: Sequence[Event], expires_at: int) -> None:
        blobs = _split(events, self._largest)
        for number in reversed(range(len(blobs))):
            item = self._table.model(
                pk=profile_pk(key),
                sort=f"{tag.hex()}#{number}",
                parts=len(blobs),
                events=blobs[number],
                expires_at=expiry.to_seconds(expires_at),
            )
            self._table.put(item)

    def events(self, key: ProfileKey, since: int) -> list[Event]:
        items = self._table.query(profile_pk(key)).items
        return [
            event
            for item in self._current(items)
            for event in codec.decode_events(item.events)
            if event.timestamp >= since
        ]

    def delete(self, key: ProfileKey) -> None:
        for item in self._table.query(profile_pk(key), only=["pk", "sort"]).items:
            self._table.delete(item.pk, item.sort)

    def _current(self, items: Sequence[TimelineItem]) -> list[TimelineItem]:
        """Without the expired ones and without parts left by an earlier, longer put of the same tag."""
        now = self._clock.now()
        alive = [item for item in items if not expiry.is_over(int(item.expires_at), now)]
        parts = {item.sort.removesuffix("#0"): item.parts for item in alive if item.sort.endswith("#0")}
        return [item for item in alive if _number(item) < parts.get(item.sort.partition("#")[0], 0)]


def _number(item: TimelineItem) -> int:
    return int(item.sort.partition("#")[2])


def _split(events: Sequence[Event], largest: int) -> list[bytes]:
    """Blobs that each decode alone."""
    blob = codec.encode_events(events)
    if len(blob) <= largest or len(events) < 2:
        return [blob]
    middle = len(events) // 2
    return _split(events[:middle], largest) + _split(events[middle:], largest)
