"""Draining several triggers at once ends exactly when nothing is left, fails or is stopped."""

from collections.abc import Callable

import pytest

from infra.local.effort import InTurn, Stopping, Together
from infra.local.triggers import Tally

BOTH = pytest.mark.parametrize("effort", [InTurn, Together])


class Stage:
    """Takes one record at a time from its own list and hands it to the next stage."""

    def __init__(self, name: str, follower: "Stage | None" = None) -> None:
        self.name, self.tally = name, Tally()
        self.follower, self.waiting = follower, 0
        self.on_step: Callable[[], None] = lambda: None

    def step(self) -> int:
        self.on_step()
        if not self.waiting:
            return 0
        self.waiting -= 1
        if self.follower:
            self.follower.waiting += 1
        return 1


def pipeline() -> list[Stage]:
    last = Stage("deliver")
    middle = Stage("emit", last)
    return [last, middle, Stage("resolve", middle)]


@BOTH
def test_records_travel_through_all_stages(effort: type[InTurn] | type[Together]) -> None:
    stages = pipeline()
    stages[2].waiting = 50
    assert effort(stages).exhaust() == 150
    assert [stage.waiting for stage in stages] == [0, 0, 0]


@BOTH
def test_nothing_to_do_ends_at_once(effort: type[InTurn] | type[Together]) -> None:
    assert effort(pipeline()).exhaust() == 0


@BOTH
def test_an_error_of_one_trigger_ends_all_of_them(effort: type[InTurn] | type[Together]) -> None:
    stages = pipeline()
    stages[2].waiting = 50

    def fail() -> None:
        raise RuntimeError("no queue")

    stages[0].on_step = fail
    with pytest.raises(RuntimeError, match="no queue"):
        effort(stages).exhaust()


@BOTH
def test_an_endless_effort_can_be_aborted(effort: type[InTurn] | type[Together]) -> None:
    endless = Stage("endless")
    endless.waiting = 1
    endless.follower = endless
    idle = Stage("idle")
    started = effort([endless, idle])
    steps = iter(range(1_000_000))

    def abort_after_a_while() -> None:
        if next(steps) == 100:
            started.abort()

    endless.on_step = abort_after_a_while
    with pytest.raises(Stopping):
        started.exhaust()
