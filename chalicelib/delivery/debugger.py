"""The newest events made for a destination, as Muster emits them: for looking at, never for counting.

One record holds what one call of the emitter made for a destination. Older ones expire; what is shown stops at the
newest 500.
"""

import logging
import zlib
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from ..clock import DAY, Clock
from ..errors import MusterError, place_of
from ..records import Key, Records
from .message import Delivery

logger = logging.getLogger(__name__)

NEWEST = 500
PER_RECORD = 100  # events: compressed far below the size of an item
KEPT = DAY
_AFTER_ALL = 10**15  # epoch ms, far from now: counting down from it makes the newest the first

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Delivery])


class Notes(Protocol):
    """Whoever wants to know what was made. Implementations: `Debugger`, `delivery.emissions`."""

    def note(self, deliveries: Sequence[Delivery]) -> None:
        """Raises nothing, and may be told the same twice."""
        ...


class Debugger:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def note(self, deliveries: Sequence[Delivery]) -> None:
        """Remember them; noting the same again changes nothing. Failing must not hold up what is delivered."""
        for destination_id, made in _by_destination(deliveries).items():
            for start in range(0, len(made), PER_RECORD):
                try:
                    self._keep(destination_id, made[start : start + PER_RECORD])
                except MusterError as error:
                    logger.warning("Events are missing in the debugger: %s", place_of(error))

    def newest(self, destination_id: str, search: str = "") -> list[dict[str, Any]]:
        """The newest first, at most 500 before `search` (a part of the payload's text, in any case) chooses."""
        found: list[Delivery] = []
        cursor: str | None = None
        while len(found) < NEWEST:
            page = self._work.page(_partition(destination_id), limit=10, cursor=cursor)
            for record in page.records:
                found += reversed(_decoder.decode(zlib.decompress(record.data)))
            cursor = page.cursor
            if cursor is None:
                break
        wanted = search.lower()
        return [d.payload for d in found[:NEWEST] if wanted in _encoder.encode(d.payload).decode().lower()]

    def _keep(self, destination_id: str, made: Sequence[Delivery]) -> None:
        newest = max(delivery.created_at for delivery in made)
        name = blake2b("\n".join(d.message_id for d in made).encode(), digest_size=8).hexdigest()
        key = Key(_partition(destination_id), f"{_AFTER_ALL - newest:015d}#{name}")
        self._work.put(key, zlib.compress(_encoder.encode(made)), expires_at=self._clock.now() + KEPT)


def _by_destination(deliveries: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    """In order of time; of very many only the newest."""
    found: dict[str, list[Delivery]] = {}
    for delivery in sorted(deliveries, key=lambda d: d.created_at):
        found.setdefault(delivery.destination_id, []).append(delivery)
    return {destination_id: made[-NEWEST:] for destination_id, made in found.items()}


def _partition(destination_id: str) -> str:
    return f"debugger#{destination_id}"
