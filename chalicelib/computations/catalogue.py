"""The live computations of a space, compiled and indexed by what can change them."""

from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

from .. import query
from .computation import AUDIENCE, USERS, Computation


class Compiled(NamedTuple):
    """A computation with its plan; `plan.streams` say what a profile must remember for it."""

    computation: Computation
    plan: query.Plan


class Catalogue:
    """`version` grows with every change of the space. `order` lists computations after the ones they refer to."""

    def __init__(self, version: int, compiled: Iterable[Compiled] = ()) -> None:
        by_key = {c.computation.key: c for c in compiled}
        self.version = version
        self.by_key = by_key
        self.by_id = {c.computation.id: c for c in by_key.values()}
        self.order: Sequence[str] = tuple(
            TopologicalSorter({k: c.plan.references & by_key.keys() for k, c in by_key.items()}).static_order()
        )
        self.rank = {key: place for place, key in enumerate(self.order)}
        self.streams: dict[str, query.Stream] = {}
        self.streams_of_event: dict[str, list[query.Stream]] = {}
        self.readers_of_stream: dict[str, set[str]] = {}
        self.readers_of_trait: dict[str, set[str]] = {}
        for key, item in by_key.items():
            self._index(key, item.plan)

    def _index(self, key: str, plan: query.Plan) -> None:
        for stream in plan.streams:
            if stream.key not in self.streams:
                self.streams[stream.key] = stream
                self.streams_of_event.setdefault(stream.event, []).append(stream)
            self.readers_of_stream.setdefault(stream.key, set()).add(key)
        for trait in plan.traits:
            self.readers_of_trait.setdefault(trait, set()).add(key)


def compile_computation(computation: Computation) -> Compiled:
    """Raises query.QueryError. Events received before the computation was created are not counted."""
    definition = query.parse(computation.query, kind=computation.kind, scope=computation.scope)
    return Compiled(computation, query.compile(definition, received_from=computation.created_at))


def is_eligible(computation: Computation, external_id_types: Iterable[str]) -> bool:
    """Whether a profile with these types of external id may be a member or hold the trait."""
    if computation.scope != USERS:
        return True
    return not set(computation.external_ids).isdisjoint(external_id_types)


def is_audience(computation: Computation) -> bool:
    return computation.kind == AUDIENCE
