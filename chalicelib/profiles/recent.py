"""Which messages a profile has counted: what makes counting exactly once without a ledger or a transaction."""

from hashlib import blake2b
from struct import unpack

from ..clock import DAY, MINUTE
from .profile import Counted

# At least this many message ids are remembered even within the window's 24 h; the oldest go first.
MOST = 2_000
WINDOW = DAY
SKEW = MINUTE  # by which the clocks of those who receive and those who count may differ
_WIDTH = 8  # bytes per message id: a collision among 2,000 ids has odds of one in 10^13


def tag_of(batch_id: str) -> bytes:
    """Short name of a queue message."""
    return blake2b(batch_id.encode(), digest_size=4).digest()


def hash_of(message_id: str) -> bytes:
    return blake2b(message_id.encode(), digest_size=_WIDTH).digest()


def is_among(hashes: bytes, digest: bytes) -> bool:
    """Whether it is one of the hashes that are written one after the other."""
    place = hashes.find(digest)
    while place % _WIDTH and place >= 0:
        place = hashes.find(digest, place + 1)
    return place >= 0


class Recent:
    """The counted messages of one profile while events are applied to it."""

    def __init__(self, counted: list[Counted]) -> None:
        self._kept = counted
        self._added: dict[bytes, list[bytes]] = {}
        hashes = b"".join(group.hashes for group in counted)
        # As numbers, all at once: slicing two thousand hashes out one by one would cost more than applying events.
        self._known = set(unpack(f"<{len(hashes) // _WIDTH}Q", hashes))

    def counted_by(self, digest: bytes) -> bytes | None:
        """The tag of the queue message that counted this message id, if any did."""
        if _number(digest) not in self._known:
            return None
        for tag, digests in self._added.items():
            if digest in digests:
                return tag
        return next((group.tag for group in reversed(self._kept) if is_among(group.hashes, digest)), None)

    def may_have_counted(self, digest: bytes, received_at: int, now: int) -> bool:
        """False only if the message id would be remembered, had a message received then been counted before `now`."""
        return _number(digest) in self._known or received_at <= self._reaches_back_to(now) + SKEW

    def _reaches_back_to(self, now: int) -> int:
        """Whatever was counted later than that is remembered."""
        room = MOST * _WIDTH
        for group in reversed(self._kept):
            room -= len(group.hashes)
            if room <= 0:
                return max(group.at, now - WINDOW)
        return now - WINDOW

    def add(self, digest: bytes, tag: bytes) -> None:
        self._known.add(_number(digest))
        self._added.setdefault(tag, []).append(digest)

    def entries(self, now: int) -> list[Counted]:
        """What to keep: the last 24 h, at most MOST ids, the newest last."""
        groups = [g for g in self._kept if g.at > now - WINDOW]
        groups += [Counted(tag, now, b"".join(digests)) for tag, digests in self._added.items()]
        room = MOST * _WIDTH
        kept: list[Counted] = []
        for group in reversed(groups):
            if room <= 0:
                break
            hashes = group.hashes[-room:]
            kept.append(Counted(group.tag, group.at, hashes))
            room -= len(hashes)
        return kept[::-1]


def _number(digest: bytes) -> int:
    return int.from_bytes(digest, "little")
