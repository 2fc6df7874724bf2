"""Moving one person on through one version of a journey: a pure step from one instant to a later one."""

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from .model import AD, RANDOM, TRUE_FALSE
from .passage import COMPLETED, EXITED, Passage
from .route import DRAWS, EXCLUSIVE, Route, Stop


class Conditions(Protocol):
    """Whether the query of a stop holds now, and the next instant at which time alone can change that (None: never)."""

    def __call__(self, stop_id: str, cut: int) -> tuple[bool, int | None]: ...


class Travelled(NamedTuple):
    """`due`: the next instant at which time alone moves the person, None if never."""

    passage: Passage | None
    due: int | None


def travel(
    route: Route,
    passage: Passage | None,
    others: Mapping[str, Passage],
    profile_id: str,
    eligible: bool,
    conditions: Conditions,
    now: int,
) -> Travelled:
    """`others` are the person's passages through all versions by id; `eligible`: has an id that lets it in.
    Doing it again at the same instant, on what it made, changes nothing.

    The exit comes first, at its own instant however late it is noticed, then the entry, then the stops in graph order;
    all that is joined is joined now. To be called again when one of `others` has left a version that blocks this one.
    """
    moment = _Moment(conditions, now)
    if passage is not None and passage.is_inside:
        passage = _leave(route, passage, moment)
    if passage is None or not passage.is_inside:
        passage = _come_in(route, passage, others, eligible, moment)
    if passage is not None and passage.is_inside:
        passage = _move(route, passage, profile_id, moment)
    return Travelled(passage, moment.due)


def meet(route: Route, passage: Passage | None, holds_at_cut: bool) -> Passage | None:
    """The first time that a person is looked at since the route's cut; `holds_at_cut`: whether the entry condition held
    then. Bars those for whom it did, unless they are inside."""
    if not route.bars or not holds_at_cut or (passage is not None and passage.is_inside):
        return passage
    return replace(passage or Passage(), barred=route.cut)


class _Moment:
    """Now, the answers of the conditions asked now, and when time alone may change anything."""

    def __init__(self, conditions: Conditions, now: int) -> None:
        self.now = now
        self.due: int | None = None
        self._conditions = conditions
        self._answers: dict[tuple[str, int], bool] = {}

    def holds(self, stop_id: str, cut: int) -> bool:
        if (stop_id, cut) not in self._answers:
            self._answers[stop_id, cut], edge = self._conditions(stop_id, cut)
            if edge is not None:
                self.has_come(edge)
        return self._answers[stop_id, cut]

    def has_come(self, instant: int) -> bool:
        """Whether it is past; it is due if it is not."""
        if instant <= self.now:
            return True
        self.due = instant if self.due is None else min(self.due, instant)
        return False


def _leave(route: Route, passage: Passage, moment: _Moment) -> Passage:
    if passage.entered_at is None or route.exit_after is None:
        return passage
    exit_at = passage.entered_at + route.exit_after
    if not moment.has_come(exit_at):
        return passage
    done = any(end < exit_at for end in _ends(route, passage.joined))
    outcome = passage.outcome or (COMPLETED if done else EXITED)
    return replace(passage, exited_at=exit_at, outcome=outcome, joined={}, held=[])


def _come_in(
    route: Route, passage: Passage | None, others: Mapping[str, Passage], eligible: bool, moment: _Moment
) -> Passage | None:
    if not route.opens:
        return passage
    entry = route.stops[0].id
    if passage is not None and passage.barred is not None and passage.barred >= route.cut:
        if moment.holds(entry, route.cut):
            return passage
        passage = replace(passage, barred=None) if passage.cycle else None
    if not eligible or _is_kept_out(route, others) or not _is_time(route, passage, moment):
        return passage
    if not moment.holds(entry, route.cut):
        return passage
    if route.exit_after is not None:
        moment.has_come(moment.now + route.exit_after)
    cycle = passage.cycle + 1 if passage is not None else 1
    return Passage(cycle=cycle, entered_at=moment.now, cut=route.cut, joined={entry: moment.now})


def _is_kept_out(route: Route, others: Mapping[str, Passage]) -> bool:
    return any(version in others and others[version].is_inside for version in route.blocking) or any(
        version in others and others[version].cycle > 0 for version in route.excluding
    )


def _is_time(route: Route, passage: Passage | None, moment: _Moment) -> bool:
    """Of the first entry always."""
    if passage is None or passage.exited_at is None:
        return True
    return route.reentry_after is not None and moment.has_come(passage.exited_at + route.reentry_after)


def _move(route: Route, passage: Passage, profile_id: str, moment: _Moment) -> Passage:
    joined = _without_later_sides(route, passage.joined)
    decided = {stop.step_id for stop in route.stops if stop.type in EXCLUSIVE and stop.id in joined}
    for stop in route.stops[1:]:
        if stop.id in joined or stop.step_id in decided or not _is_ready(stop, joined, moment):
            continue
        if _goes(route, stop, profile_id, moment):
            joined[stop.id] = moment.now
            if stop.type in EXCLUSIVE:
                decided.add(stop.step_id)
    held = [stop.id for stop in route.stops if stop.id in joined and _is_live(route, passage, stop, joined, moment)]
    return replace(passage, joined=joined, held=held, outcome=_outcome(route, passage, joined, moment))


def _without_later_sides(route: Route, joined: Mapping[str, int]) -> dict[str, int]:
    """Two people who became one may have gone to different sides of a split."""
    first: dict[str, str] = {}
    for stop in route.stops:
        if stop.type in EXCLUSIVE and stop.id in joined:
            rival = first.setdefault(stop.step_id, stop.id)
            if joined[stop.id] < joined[rival]:
                first[stop.step_id] = stop.id
    lost = {stop.id for stop in route.stops if stop.step_id in first and first[stop.step_id] != stop.id}
    return {stop_id: at for stop_id, at in joined.items() if stop_id not in lost}


def _is_ready(stop: Stop, joined: Mapping[str, int], moment: _Moment) -> bool:
    instants = [joined[way.origin] + way.wait for way in stop.ways if way.origin in joined]
    return bool(instants) and moment.has_come(min(instants))


def _goes(route: Route, stop: Stop, profile_id: str, moment: _Moment) -> bool:
    """Whether somebody who is ready joins it."""
    if stop.type == RANDOM:
        return stop.low <= draw(route.journey_id, stop.lineage, profile_id) < stop.high
    return not stop.conditional or _meets(stop, route.first_cut, moment)


def _is_live(route: Route, passage: Passage, stop: Stop, joined: Mapping[str, int], moment: _Moment) -> bool:
    """Whether somebody who joined it is a member."""
    if stop.type == AD and stop.remove_after is not None:
        return not moment.has_come(joined[stop.id] + stop.remove_after)
    is_entry = stop is route.stops[0]
    return not stop.conditional or _meets(stop, passage.cut if is_entry else route.first_cut, moment)


def _meets(stop: Stop, cut: int, moment: _Moment) -> bool:
    is_false_side = stop.type == TRUE_FALSE and stop.place == 1
    return moment.holds(stop.id, cut) is not is_false_side


def _outcome(route: Route, passage: Passage, joined: Mapping[str, int], moment: _Moment) -> str | None:
    if passage.outcome is not None:
        return passage.outcome
    ends = _ends(route, joined)
    return COMPLETED if ends and moment.has_come(min(ends)) else None


def _ends(route: Route, joined: Mapping[str, int]) -> list[int]:
    """When the paths that the person took to their last stops are complete."""
    return [joined[stop.id] + stop.ends for stop in route.stops if stop.ends is not None and stop.id in joined]


def draw(journey_id: str, lineage: str, profile_id: str) -> int:
    """The same for a person in every cycle and version."""
    digest = sha256(f"{journey_id}:{lineage}:{profile_id}".encode()).digest()
    return int.from_bytes(digest, "big") % DRAWS
