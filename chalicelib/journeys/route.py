"""A version of a journey made ready for travelling: its stops, each an audience, and the ways between them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .model import Journey, Version


class Way(NamedTuple):
    """From the stop `origin`, after `wait` ms: the sum of the delays in between."""

    origin: str
    wait: int


class Stop(NamedTuple):
    """`id` is that of the step, followed by a slash and the place of the side where the step is a split. `type` is that
    of the step. `place` is the place among the sides of the split `step_id`.

    `ways` lead here from its nearest ancestors that are stops; the entry has none. `conditional`: it has a query, its
    computation's. `low` and `high` bound the draws that lead to a random branch. `ends`: how long after joining a
    path through the journey is complete; None where the way goes on. `leads_on` are the stops that it leads to.
    """

    id: str
    step_id: str
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
    """`stops` are in graph order, the entry first. `cut` is the last of the version's cuts; `first_cut` its publication.

    `bars`: whether those whom the entry condition holds for at the cut, without any event, have to wait until it fails:
    not at the publication of one with history. `opens` says whether anybody may come in.

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
    lineages: Mapping[str, str] = {}


def route_of(journey: Journey, version: Version) -> Route:
    raise NotImplementedError
