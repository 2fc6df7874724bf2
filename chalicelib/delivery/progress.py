"""What a change of a profile means for journeys: who entered, got to a stop, completed and left, and when."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..computations.catalogue import node_of
from ..journeys.passage import COMPLETED, EXITED, Passage
from ..profiles.change import ProfileChange
from ..profiles.profile import Head
from .transitions import taken_in

ENTERED, JOINED = "entered", "joined"
INSIDE = "inside"  # entered, and neither completed nor left yet

NOWHERE = Passage()


class Fact(NamedTuple):
    """One thing that happened to a person at `at` (epoch ms). `kind` is ENTERED, JOINED, COMPLETED or EXITED; of JOINED
    there is the id of the stop."""

    version_id: str
    kind: str
    at: int
    stop_id: str = ""


def facts(change: ProfileChange) -> list[Fact]:
    """The same for the same change. Nothing happens to somebody who is merged away, or deleted."""
    old, new = change.old or Head(), change.new
    if new is None or change.merged_into is not None or new.journeys == old.journeys:
        return []
    taken = taken_in(change.old, new)
    found: list[Fact] = []
    for version_id, passage in new.journeys.items():
        before = old.journeys.get(version_id, NOWHERE)
        if passage == before:
            continue
        others = [merge.journeys[version_id] for merge in taken if version_id in merge.journeys]
        if others:
            found += _of_several(old, version_id, [before, *others], passage)
        else:
            found += (*_joined(version_id, before, passage), *_cycles(old, version_id, passage))
    return found


def inside(head: Head) -> set[str]:
    """The versions that the person is on the way through."""
    return {version_id for version_id, passage in head.journeys.items() if _is_under_way(passage)}


def _joined(version_id: str, before: Passage, passage: Passage) -> Iterator[Fact]:
    """Stops of a new cycle count again."""
    grew = passage.cycle > before.cycle
    for stop_id, at in passage.joined.items():
        if grew or stop_id not in before.joined:
            yield Fact(version_id, JOINED, at, stop_id)


def _cycles(old: Head, version_id: str, passage: Passage) -> Iterator[Fact]:
    """A cycle that began and ended between two looks counts, too: only who left comes in again."""
    before = old.journeys.get(version_id, NOWHERE)
    entered_at = passage.entered_at or 0
    for _ in range(passage.cycle - before.cycle):
        yield Fact(version_id, ENTERED, entered_at)
    ended = _ended(passage) - _ended(before)
    if passage.outcome is not None and ended > 0:
        ended -= 1
        yield _end(old, version_id, [before], passage)
    for _ in range(ended):
        yield Fact(version_id, EXITED, entered_at)


def _ended(passage: Passage) -> int:
    return passage.cycle if passage.outcome is not None else max(passage.cycle - 1, 0)


def _end(old: Head, version_id: str, befores: Sequence[Passage], passage: Passage) -> Fact:
    if passage.outcome == EXITED:
        return Fact(version_id, EXITED, passage.exited_at or 0)
    known = {stop for before in befores for stop in before.joined.items()}
    fresh = [at for stop_id, at in passage.joined.items() if (stop_id, at) not in known]
    # Nothing was joined: a delay at the end of the path is over, and that was what the person was waiting for.
    waited = old.edges.get(node_of(version_id)) or old.updated_at
    return Fact(version_id, COMPLETED, max(fresh, default=waited))


def _of_several(old: Head, version_id: str, befores: Sequence[Passage], passage: Passage) -> Iterator[Fact]:
    """Of people who turn out to be one: what happened to any of them before was counted then. Cycles say nothing here,
    for each had their own."""
    known = {stop for before in befores for stop in before.joined.items()}
    for stop_id, at in passage.joined.items():
        if (stop_id, at) not in known:
            yield Fact(version_id, JOINED, at, stop_id)
    here = [before for before in befores if before.is_inside]
    on_the_way = [before for before in here if _is_under_way(before)]
    entered_at = passage.entered_at
    if entered_at is not None and entered_at not in [before.entered_at for before in befores]:
        yield Fact(version_id, ENTERED, entered_at)
        if on_the_way:
            yield Fact(version_id, EXITED, entered_at)
        here = on_the_way = [passage]
    completes = passage.outcome == COMPLETED and bool(here) and on_the_way == here
    leaves = passage.outcome == EXITED and bool(on_the_way)
    if completes or leaves:
        yield _end(old, version_id, befores, passage)


def _is_under_way(passage: Passage) -> bool:
    return passage.cycle > 0 and passage.outcome is None
