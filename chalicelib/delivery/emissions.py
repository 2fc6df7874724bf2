"""What was made for destinations: counted, shown in the debugger, and kept for two weeks to be sent again.

One object of the archive holds what one call of the emitter made, for whichever destinations. A call that is repeated
leaves a second object with the same message ids in it; readers tell by these.
"""

import gzip
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from ..clock import HOUR, Clock
from ..errors import MusterError, place_of
from ..instants import to_iso
from ..profiles.ports import Archive
from .counters import CREATED, Counters, counter
from .debugger import Debugger
from .message import Delivery, decode, encode

logger = logging.getLogger(__name__)

FOLDER = "emitted/"


class Emitted(NamedTuple):
    """An object of the archive, and the instant (epoch ms) its deliveries were made."""

    key: str
    at: int


class Emissions:
    def __init__(self, archive: Archive, counters: Counters, debugger: Debugger, clock: Clock) -> None:
        self._archive, self._counters, self._debugger, self._clock = archive, counters, debugger, clock

    def note(self, deliveries: Sequence[Delivery]) -> None:
        """To be called once the queue has them. Failing must not hold up what is delivered."""
        self._debugger.note(deliveries)
        try:
            self._land(deliveries)
            self._count(deliveries)
        except MusterError as error:
            logger.error("%d deliveries cannot be replayed or are uncounted: %s", len(deliveries), place_of(error))

    def between(self, since: int, until: int, after: str = "") -> Iterator[Emitted]:
        """What was made at `since` or later and before `until` (epoch ms), from behind the object `after` on."""
        start = max(since, _at(after)) if after else since
        for hour in range(start // HOUR * HOUR, until, HOUR):
            for key in self._archive.list(_folder(hour)):
                if key > after and since <= _at(key) < until:
                    yield Emitted(key, _at(key))

    def read(self, emitted: Emitted) -> list[Delivery]:
        return [decode(line) for line in gzip.decompress(self._archive.get(emitted.key)).decode().splitlines()]

    def _land(self, deliveries: Sequence[Delivery]) -> None:
        now, digest = self._clock.now(), blake2b(digest_size=12)
        for delivery in deliveries:
            digest.update(delivery.message_id.encode())
        lines = "\n".join(_line(delivery) for delivery in deliveries).encode()
        self._archive.put(f"{_folder(now)}{now:013d}-{digest.hexdigest()}.ndjson.gz", gzip.compress(lines, 6, mtime=0))

    def _count(self, deliveries: Sequence[Delivery]) -> None:
        made: dict[str, Counter[str]] = {}
        for delivery in deliveries:
            made.setdefault(delivery.destination_id, Counter())[counter(delivery, CREATED)] += 1
        for destination_id, amounts in made.items():
            self._counters.add(destination_id, amounts, self._clock.now())


def _folder(at: int) -> str:
    text = to_iso(at)
    return f"{FOLDER}dt={text[:10]}/hour={text[11:13]}/"


def _at(key: str) -> int:
    return int(key.rpartition("/")[2].partition("-")[0])


def _line(delivery: Delivery) -> str:
    """JSON escapes line ends of its own, but not those of other alphabets, at which `splitlines` would cut."""
    text = encode(delivery)
    for end in ("\x85", "\u2028", "\u2029"):
        text = text.replace(end, f"\\u{ord(end):04x}")
    return text
