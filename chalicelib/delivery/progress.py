"""What a change of a profile means for journeys: who entered, got to a stop, completed and left, and when."""

from collections.abc import Iterator
from typing import NamedTuple

from ..computations.catalogue import node_of
from ..instants import parse_iso
from ..journeys.model import HIDDEN_ENTRY, JOINED_AT
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
    merges = bool(taken_in(change.old, new))
    brought = _brought(change.old, new) if merges else frozenset()
    found: list[Fact] = []
    for version_id, passage in new.journeys.items():
        before = old.journeys.get(version_id, NOWHERE)
        if passage != before:
            joined = list(_joined(version_id, before, passage, brought, merges))
            found += joined
            found += _after_merge(version_id, before, passage, joined) if merges else _cycles(old, version_id, passage)
    return found


def inside(head: Head) -> set[str]:
    """The versions that the person is on the way through."""
    return {version_id for version_id, passage in head.journeys.items() if _is_under_way(passage)}


def _joined(
    version_id: str, before: Passage, passage: Passage, brought: frozenset[int], merges: bool
) -> Iterator[Fact]:
    """Stops of a new cycle count again. What somebody who is taken in had joined was counted then."""
    grew = passage.cycle > before.cycle and not merges
    for stop_id, at in passage.joined.items():
        known = before.joined.get(stop_id)
        if (grew or known is None or at > known) and at not in brought:
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
        yield _end(old, version_id, before, passage)
    for _ in range(ended):
        yield Fact(version_id, EXITED, entered_at)


def _ended(passage: Passage) -> int:
    return passage.cycle if passage.outcome is not None else max(passage.cycle - 1, 0)


def _end(old: Head, version_id: str, before: Passage, passage: Passage) -> Fact:
    if passage.outcome == EXITED:
        return Fact(version_id, EXITED, passage.exited_at or 0)
    fresh = [at for stop_id, at in passage.joined.items() if at != before.joined.get(stop_id)]
    # Nothing was joined: a delay at the end of the path is over, and that was what the person was waiting for.
    waited = old.edges.get(node_of(version_id)) or old.updated_at
    return Fact(version_id, COMPLETED, max(fresh, default=waited))


def _after_merge(version_id: str, before: Passage, passage: Passage, joined: list[Fact]) -> Iterator[Fact]:
    """What happened to either of two people until they became one was counted then. New is what the very write that
    made them one brought: an entry or a completion has its join, and whoever was inside stays so, unless it is time to
    leave."""
    instants = {fact.at for fact in joined}
    if passage.entered_at in instants:
        yield Fact(version_id, ENTERED, passage.entered_at or 0)
    if passage.outcome == COMPLETED and instants:
        yield Fact(version_id, COMPLETED, max(instants))
    elif passage.outcome == EXITED and _is_under_way(before):
        yield Fact(version_id, EXITED, passage.exited_at or 0)


def _is_under_way(passage: Passage) -> bool:
    return passage.cycle > 0 and passage.outcome is None


def _brought(old: Head | None, new: Head) -> frozenset[int]:
    """When those who are taken in had joined stops: a survivor who had not shows the instants that came with them."""
    shown = [
        new.outcomes.get(key.removesuffix(HIDDEN_ENTRY) + JOINED_AT)
        for merge in taken_in(old, new)
        for key in merge.members
        if key.endswith(HIDDEN_ENTRY)
    ]
    instants = (parse_iso(str(outcome.value)) for outcome in shown if outcome is not None)
    return frozenset(at for at in instants if at is not None)
