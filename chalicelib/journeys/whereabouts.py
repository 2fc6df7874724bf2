"""Where somebody is in a version of a journey, and what keeps them from going on: for those who look on."""

from collections.abc import Iterator
from typing import NamedTuple

from .passage import Passage
from .route import EXCLUSIVE, Route, Stop

DELAY, CONDITION = "delay", "condition"


class Place(NamedTuple):
    """`waits_for` is DELAY, over at `ready_at` (epoch ms), or CONDITION; None of a stop that was joined, that is not
    next, or that nobody gets to any more."""

    stop: Stop
    joined_at: int | None = None
    is_member: bool = False
    waits_for: str | None = None
    ready_at: int | None = None


def places(route: Route, passage: Passage, moves: bool, now: int) -> Iterator[Place]:
    """All of them, in the order of the route. `moves`: whether anybody of the version still moves."""
    taken = {stop.step_id for stop in route.stops if stop.type in EXCLUSIVE and stop.id in passage.joined}
    for stop in route.stops:
        if stop.id in passage.joined:
            yield Place(stop, passage.joined[stop.id], stop.id in passage.held)
        elif not moves or stop.step_id in taken:
            yield Place(stop)
        else:
            yield _waiting(stop, _opens_at(route, stop, passage), now)


def exits_at(route: Route, passage: Passage) -> int | None:
    """When somebody inside has to leave; None: never."""
    if not passage.is_inside or route.exit_after is None:
        return None
    return (passage.entered_at or 0) + route.exit_after


def reenters_at(route: Route, passage: Passage) -> int | None:
    """When somebody who left may come in again; None: never."""
    if passage.exited_at is None or route.reentry_after is None:
        return None
    return passage.exited_at + route.reentry_after


def _opens_at(route: Route, stop: Stop, passage: Passage) -> int | None:
    """When nothing but its condition is, or was, between the person and the stop; None: who knows."""
    if stop is not route.stops[0]:
        return min(
            (passage.joined[way.origin] + way.wait for way in stop.ways if way.origin in passage.joined), default=None
        )
    if not route.opens:
        return None
    return 0 if passage.exited_at is None else reenters_at(route, passage)


def _waiting(stop: Stop, opens_at: int | None, now: int) -> Place:
    if opens_at is None or (opens_at <= now and not _asks(stop)):
        return Place(stop)
    if opens_at <= now:
        return Place(stop, waits_for=CONDITION)
    return Place(stop, waits_for=DELAY, ready_at=opens_at)


def _asks(stop: Stop) -> bool:
    """A split asks only once, and takes one side whatever the answer; others wait until it is yes."""
    return stop.conditional and stop.type not in EXCLUSIVE
