"""A journey lived through minute by minute, as its rules are told: nothing is foreseen and nothing is remembered but
what was joined when."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from chalicelib.journeys.model import AD, CONDITION, DELAY, MULTI_BRANCH, RANDOM, TRUE_FALSE, Settings, Step
from chalicelib.journeys.passage import Passage

Holds = Callable[[str, int, int], bool]  # stop, cut, now


class Life:
    """`holds` says whether a condition holds over what happened since a cut."""

    def __init__(self, steps: Sequence[Step], settings: Settings, profile_id: str, holds: Holds) -> None:
        self.steps = {step.id: step for step in steps}
        self.settings, self.profile_id, self.holds = settings, profile_id, holds
        self.entry = next(step.id for step in steps if step.type == "entry")
        self.first_cut: int | None = None
        self.cut = self.cycle = self.cut_of_entry = 0
        self.barred = False
        self.entered_at: int | None = None
        self.exited_at: int | None = None
        self.outcome: str | None = None
        self.joined: dict[str, int] = {}

    @property
    def is_inside(self) -> bool:
        return self.entered_at is not None and self.exited_at is None

    def open(self, now: int) -> None:
        """Published or resumed."""
        is_first = self.first_cut is None
        self.first_cut, self.cut = (now, now) if self.first_cut is None else (self.first_cut, now)
        if not self.is_inside:
            self.barred = self.holds(self.entry, now, now) and not (is_first and self.settings.history)

    def minute(self, now: int, is_open: bool, eligible: bool, kept_out: bool) -> None:
        self._exit(now)
        if is_open and not self.is_inside:
            self._enter(now, eligible and not kept_out)
        if not self.is_inside:
            return
        while self._join_one(now):
            pass
        if self.outcome is None and any(at + wait <= now for at, wait in self._ends()):
            self.outcome = "completed"

    def _exit(self, now: int) -> None:
        settings = self.settings
        if self.is_inside and settings.exit_after is not None and now == (self.entered_at or 0) + settings.exit_after:
            self.exited_at, self.outcome, self.joined = now, self.outcome or "exited", {}

    def _enter(self, now: int, may_enter: bool) -> None:
        holds = self.holds(self.entry, self.cut, now)
        self.barred = self.barred and holds
        if not may_enter or not holds or self.barred:
            return
        if self.exited_at is not None:
            reentry_after = self.settings.reentry_after
            if reentry_after is None or now < self.exited_at + reentry_after:
                return
        self.cycle += 1
        self.entered_at, self.exited_at, self.outcome, self.cut_of_entry = now, None, None, self.cut
        self.joined = {self.entry: now}

    def _join_one(self, now: int) -> bool:
        """Stops in any order: the rules do not depend on it."""
        for step in reversed(self.steps.values()):
            for place, stop_id in enumerate(stops_of(step)):
                if stop_id not in self.joined and self._is_ready(step.id, now) and self._joins(step, place, now):
                    self.joined[stop_id] = now
                    return True
        return False

    def _is_ready(self, step_id: str, now: int) -> bool:
        return any(
            now >= self.joined[origin] + wait
            for origin, target, wait in self._ways()
            if target == step_id and origin in self.joined
        )

    def _joins(self, step: Step, place: int, now: int) -> bool:
        is_decided = any(stop_id in self.joined for stop_id in stops_of(step))
        if step.type == TRUE_FALSE:
            return not is_decided and self._holds_later(f"{step.id}/0", now) == (place == 0)
        if step.type == RANDOM:
            return not is_decided and self._branch(step) == place
        return step.type not in (CONDITION, MULTI_BRANCH) or self._holds_later(stops_of(step)[place], now)

    def _holds_later(self, stop_id: str, now: int) -> bool:
        assert self.first_cut is not None
        return self.holds(stop_id, self.first_cut, now)

    def _branch(self, step: Step) -> int:
        drawn = int(sha256(f"jou_1:{step.lineage}:{self.profile_id}".encode()).hexdigest(), 16) % 10_000
        return next(
            place
            for place in range(len(step.sides))
            if drawn < sum(100 * (side.share or 0) for side in step.sides[: place + 1])
        )

    def _ways(self) -> Iterator[tuple[str, str | None, int]]:
        for start in self.steps.values():
            for side, stop_id in zip(start.sides, stops_of(start), strict=True):
                target, wait = side.next, 0
                while target is not None and (step := self.steps[target]).type == DELAY:
                    target, wait = step.next, wait + step.wait
                yield stop_id, target, wait

    def _ends(self) -> Iterator[tuple[int, int]]:
        return (
            (self.joined[origin], wait) for origin, target, wait in self._ways() if not target and origin in self.joined
        )

    def live(self, now: int) -> set[str]:
        return {
            stop_id
            for step in self.steps.values()
            for place, stop_id in enumerate(stops_of(step))
            if stop_id in self.joined and self._is_live(step, place, now)
        }

    def _is_live(self, step: Step, place: int, now: int) -> bool:
        stop_id = stops_of(step)[place]
        if stop_id == self.entry:
            return self.holds(stop_id, self.cut_of_entry, now)
        if step.type == TRUE_FALSE:
            return self._holds_later(stop_id, now) == (place == 0)
        if step.type in (CONDITION, MULTI_BRANCH):
            return self._holds_later(stop_id, now)
        return step.type != AD or step.remove_after is None or now < self.joined[stop_id] + step.remove_after

    def is_as(self, passage: Passage | None, now: int) -> bool:
        there = passage or Passage()
        return (
            (there.cycle, there.entered_at, there.exited_at) == (self.cycle, self.entered_at, self.exited_at)
            and (there.outcome, there.joined) == (self.outcome, self.joined)
            and set(there.held) == self.live(now)
        )


def stops_of(step: Step) -> list[str]:
    if step.type in (TRUE_FALSE, MULTI_BRANCH, RANDOM):
        return [f"{step.id}/{place}" for place in range(len(step.sides))]
    return [step.id] if step.sides else []
