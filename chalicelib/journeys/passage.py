"""Where one person is in one version of a journey."""

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
    """Of two people who turn out to be one: all that either joined, at the earlier time, with that one's branch."""
    raise NotImplementedError
