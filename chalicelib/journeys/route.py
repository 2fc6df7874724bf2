"""A version of a journey made ready for travelling: its stops, each an audience, and the ways between them."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

from .model import (
    DELAY,
    DRAINING,
    LIVE,
    MULTI_BRANCH,
    PAUSED,
    RANDOM,
    TRUE_FALSE,
    Journey,
    Side,
    Standing,
    Step,
    Version,
)

DRAWS = 10_000  # of a random split: shares are told apart to the hundredth of a percent
EXCLUSIVE = (TRUE_FALSE, RANDOM)  # one side of them for good
_SPLITS = (*EXCLUSIVE, MULTI_BRANCH)


class Way(NamedTuple):
    """From the stop `origin`, after `wait` ms: the sum of the delays in between."""

    origin: str
    wait: int


class Stop(NamedTuple):
    """`id` is that of the step, followed by a slash and the place of the side where the step is a split. `type` is that
    of the step. `place` is the place among the sides of the split `step_id`, whose draws are those of its `lineage`.

    `ways` lead here from its nearest ancestors that are stops; the entry has none. `conditional`: it has a query, its
    computation's. `low` and `high` bound the draws that lead to a random branch. `ends`: how long after joining a
    path through the journey is complete; None where the way goes on.
    """

    id: str
    step_id: str
    lineage: str
    type: str
    place: int
    key: str
    computation_id: str
    ways: Sequence[Way]
    conditional: bool
    low: int
    high: int
    remove_after: int | None
    ends: int | None


class Route(NamedTuple):
    """`stops` are in graph order, the entry first. `cut` is the last of the version's cuts; `first_cut` its
    publication.

    `bars`: whether those whom the entry condition holds for at the cut, without any event, have to wait until it
    fails: not at the publication of one with history. `opens` says whether anybody may come in.

    `blocking` are ids of versions whose people may not come in while they are inside there, `excluding` those whose
    people may never come in.
    """

    version_id: str
    journey_id: str
    stops: Sequence[Stop]
    cut: int
    first_cut: int
    bars: bool
    opens: bool
    exit_after: int | None
    reentry_after: int | None
    blocking: Sequence[str] = ()
    excluding: Sequence[str] = ()


def route_of(journey: Journey, version: Version) -> Route:
    """Raises ValueError where the version was never published."""
    standing = journey.standing(version.id)
    if standing is None or not standing.cuts:
        raise ValueError(f"version {version.id} of journey {journey.id} is not published")
    earlier = [other for other in journey.versions if other.number < standing.number]
    settings = version.settings
    return Route(
        version_id=version.id,
        journey_id=journey.id,
        stops=tuple(_stops(version.steps)),
        cut=standing.cuts[-1],
        first_cut=standing.cuts[0],
        bars=not settings.history or len(standing.cuts) > 1,
        opens=standing.status == LIVE,
        exit_after=settings.exit_after,
        reentry_after=settings.reentry_after,
        blocking=tuple(other.version_id for other in earlier if _blocks(other)),
        excluding=tuple(other.version_id for other in earlier) if standing.exclusive else (),
    )


def _blocks(earlier: Standing) -> bool:
    """People leave it on their own, and were left to do so; one that was archived before has let go of them."""
    return earlier.exits and (earlier.status in (DRAINING, PAUSED) or earlier.was_drained)


def _stops(steps: Sequence[Step]) -> Iterator[Stop]:
    by_id = {step.id: step for step in steps}
    ways: dict[str, list[Way]] = {step.id: [] for step in steps}
    for step_id in _in_order(steps):
        step, low = by_id[step_id], 0.0
        for place, side in enumerate(step.sides):
            target, wait = _beyond_delays(by_id, side.next)
            stop = _stop(step, place, side, ways[step_id], low, wait if target is None else None)
            if target is not None:
                ways[target].append(Way(stop.id, wait))
            low += side.share or 0
            yield stop


def _stop(step: Step, place: int, side: Side, ways: Sequence[Way], low: float, ends: int | None) -> Stop:
    return Stop(
        id=f"{step.id}/{place}" if step.type in _SPLITS else step.id,
        step_id=step.id,
        lineage=step.lineage,
        type=step.type,
        place=place,
        key=side.key,
        computation_id=side.computation_id,
        ways=tuple(ways),
        conditional=bool(side.query),
        low=_draw(low),
        high=_draw(low + (side.share or 0)),
        remove_after=step.remove_after,
        ends=ends,
    )


def _draw(percent: float) -> int:
    return round(percent * DRAWS / 100)


def _in_order(steps: Sequence[Step]) -> Iterator[str]:
    before: dict[str, list[str]] = {step.id: [] for step in steps}
    for step in steps:
        for following in (step.next, *(side.next for side in step.sides)):
            if following is not None:
                before[following].append(step.id)
    return iter(TopologicalSorter(before).static_order())


def _beyond_delays(by_id: Mapping[str, Step], step_id: str | None) -> tuple[str | None, int]:
    """The next step that has stops, None where the path ends, and the delays up to there."""
    wait = 0
    while step_id is not None and by_id[step_id].type == DELAY:
        wait += by_id[step_id].wait
        step_id = by_id[step_id].next
    return step_id, wait
