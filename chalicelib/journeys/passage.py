"""Where one person is in one version of a journey."""

from collections.abc import Iterable

import msgspec

COMPLETED, EXITED = "completed", "exited"


class Passage(msgspec.Struct, array_like=True, frozen=True):
    """`cycle` counts entries, 0 before the first one. `joined` is by stop when it was joined in this cycle (epoch ms).
    `held` are the stops whose live member the person is. `outcome` is COMPLETED or EXITED, whichever came first in
    this cycle.

    `cut` is the one the person came in under. `barred` is the cut at which the entry condition held already, without
    any event: it has to fail first.
    """

    cycle: int = 0
    entered_at: int | None = None
    exited_at: int | None = None
    outcome: str | None = None
    cut: int = 0
    barred: int | None = None
    joined: dict[str, int] = msgspec.field(default_factory=dict)
    held: list[str] = msgspec.field(default_factory=list)

    @property
    def is_inside(self) -> bool:
        return self.entered_at is not None and self.exited_at is None


def united(kept: Passage, gone: Passage) -> Passage:
    """Of two people who turn out to be one: all that either joined, at the earlier time.

    Whoever is inside stays inside. Of two who exited it is the later exit that counts. Sides of a split that exclude
    each other may both be in the result: only `travel` knows them, and it keeps the one that was joined earlier.
    """
    both = (kept, gone)
    inside = [passage for passage in both if passage.is_inside]
    cycle = max(passage.cycle for passage in both)
    if len(inside) == 2:
        return _both_inside(kept, gone, cycle)
    if inside:
        return msgspec.structs.replace(inside[0], cycle=cycle)
    last = max(both, key=lambda passage: (passage.exited_at is not None, passage.exited_at or 0))
    return msgspec.structs.replace(last, cycle=cycle, barred=_latest(passage.barred for passage in both))


def _both_inside(kept: Passage, gone: Passage, cycle: int) -> Passage:
    first = min(kept, gone, key=lambda passage: passage.entered_at or 0)
    joined = dict(kept.joined)
    for stop_id, at in gone.joined.items():
        joined[stop_id] = min(at, joined.get(stop_id, at))
    held = list(dict.fromkeys([*kept.held, *gone.held]))
    return msgspec.structs.replace(first, cycle=cycle, outcome=kept.outcome or gone.outcome, joined=joined, held=held)


def _latest(instants: Iterable[int | None]) -> int | None:
    return max((instant for instant in instants if instant is not None), default=None)
