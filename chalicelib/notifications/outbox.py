"""What is still to be told, whoever waits for it: written in the moment it happens, worked off by the tick.

    posted ──► claimed ──► told to all of them? ── yes ──► remembered as told, then removed
                  ▲                │ no
                  └── its time ◄───┴─ after the last attempt: given up

Claiming is one conditional write that counts the attempt and puts the next one off: two ticks never tell the same
notice, and one that dies leaves it to a later one. What was told is remembered: posting it again tells nobody twice.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from ..audit.row import Row
from ..clock import DAY, MINUTE, Clock
from ..errors import Conflict, VersionConflict
from ..records import Key, Record, Records
from .notice import Notice

# After each attempt but the last. A channel that is down for longer misses what it was to be told; the in-app list and
# the audit trail still have it.
DELAYS = (MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)
ATTEMPTS = len(DELAYS) + 1

KEPT = DAY  # more than all attempts take
TOLD_FOR = 7 * DAY  # longer than anybody reports the same thing again

_PARTITION = "outbox"


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """`waiting` are the channels that were not told yet; None until somebody looked who wants to know.

    `row` is what the notice is made of, and itself wanted where the audit trail is forwarded.
    """

    notice: Notice
    row: Row | None = None
    waiting: tuple[str, ...] | None = None
    attempts: int = 0
    next_at: int = 0


class Claim:
    """A notice that this worker alone may tell now."""

    def __init__(self, record: Record, posted: Posted) -> None:
        self.record, self.posted = record, posted

    @property
    def is_last(self) -> bool:
        return self.posted.attempts >= ATTEMPTS


_decoder = msgspec.msgpack.Decoder(Posted)


class Outbox:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def post(self, notice: Notice, row: Row | None = None) -> None:
        """A second call for the same notice changes nothing."""
        if self._work.get(_told(notice.id)) is not None:
            return
        posted = Posted(notice=notice, row=row, next_at=self._clock.now())
        try:
            self._work.create(_key(notice.id), msgspec.msgpack.encode(posted), expires_at=self._clock.now() + KEPT)
        except Conflict:
            return

    def due(self) -> Iterator[tuple[Record, Posted]]:
        now, cursor = self._clock.now(), None
        while True:
            page = self._work.page(_PARTITION, limit=100, cursor=cursor)
            for record in page.records:
                posted = _decoder.decode(record.data)
                if posted.next_at <= now:
                    yield record, posted
            cursor = page.cursor
            if cursor is None:
                return

    def claim(self, record: Record, posted: Posted) -> Claim | None:
        """None when another worker was first."""
        now, attempts = self._clock.now(), posted.attempts + 1
        # Past the last attempt it is still looked at once, by whoever comes after a worker that died over it.
        delay = DELAYS[min(attempts, len(DELAYS)) - 1]
        claimed = replace(posted, attempts=attempts, next_at=now + delay)
        try:
            return Claim(self._replace(record, claimed), claimed)
        except VersionConflict:
            return None

    def keep(self, claim: Claim, waiting: tuple[str, ...] | None) -> None:
        """For those that are to be tried again. Raises VersionConflict when its time came meanwhile."""
        if waiting != claim.posted.waiting:
            self._replace(claim.record, replace(claim.posted, waiting=waiting))

    def remove(self, claim: Claim) -> None:
        id = claim.posted.notice.id
        self._work.put(_told(id), b"", expires_at=self._clock.now() + TOLD_FOR)
        self._work.delete(_key(id))

    def _replace(self, record: Record, posted: Posted) -> Record:
        return self._work.replace(record, msgspec.msgpack.encode(posted), expires_at=self._clock.now() + KEPT)


def _key(id: str) -> Key:
    return Key(_PARTITION, id)


def _told(id: str) -> Key:
    return Key(f"told#{id}", "told")
