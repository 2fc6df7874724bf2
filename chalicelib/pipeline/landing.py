"""Landing events in the archive before any profile counts them, so that history is never behind the profiles.

Landing is at least once: readers let one of the rows of a message stand, see `archive.duplicates`.
"""

import gzip
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from ..clock import DAY
from ..profiles.landing_place import EVENTS, landing_key
from ..profiles.ports import Archive
from ..tracking.decode import wire
from ..tracking.event import Event

_encoder = msgspec.json.Encoder()


class Landed(NamedTuple):
    """An event with the ids of the profiles it was resolved to; None where it names nobody."""

    event: Event
    profile_id: str | None
    account_id: str | None


def land(archive: Archive, space_id: str, batch_ids: Iterable[str], rows: Sequence[Landed], now: int) -> None:
    """Write one object per day of arrival. The same batches, resolved to the same profiles, write the same objects
    again within a minute, and later the same rows; resolved to others, they write objects beside them: a slow worker
    that knew less must not overwrite what one that knew more has counted meanwhile. `now` tells which of two rows was
    resolved later."""
    by_day: dict[int, list[Landed]] = {}
    for row in rows:
        by_day.setdefault(row.event.received_at // DAY, []).append(row)
    placed = sorted(f"{row.event.message_id} {row.profile_id} {row.account_id}" for row in rows)
    name = blake2b("\n".join([*sorted(batch_ids), *placed]).encode(), digest_size=16).hexdigest()
    for day, landed in by_day.items():
        archive.put(landing_key(EVENTS, space_id, now, day * DAY, name), _compressed(landed, now))


def _compressed(rows: Sequence[Landed], now: int) -> bytes:
    lines = _encoder.encode_lines([_line(row, now) for row in rows])
    return gzip.compress(lines, compresslevel=6, mtime=0)  # no time inside: the same rows make the same bytes


def _line(row: Landed, now: int) -> dict[str, Any]:
    return {"profileId": row.profile_id, "accountId": row.account_id, "landedAt": now, **wire(row.event)}
