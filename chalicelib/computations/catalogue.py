"""The live computations of a space, compiled and indexed by what can change them.

Equal streams of different computations are stored once. A stream is complete when it has seen every event that was
ever accepted; those of an edition are, at the latest, when the edition becomes active. A new edition takes over
complete streams of others as they are. All that it has to fill itself are of a generation of its own, so that a
profile never mistakes the remains of an earlier attempt for them. Streams that only see what is received after the
creation of their computation are complete from the start.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import NamedTuple

from .. import query
from ..clock import DAY
from .computation import AUDIENCE, FAILED, USERS, Computation, Edition, generation_of


class Compiled(NamedTuple):
    """A computation with its plan, and with that of the edition being taken in; the streams of both say what a
    profile must remember for it."""

    computation: Computation
    plan: query.Plan
    upcoming: query.Plan | None = None

    @property
    def is_evaluated(self) -> bool:
        """Whether its value changes with what happens."""
        return self.computation.enabled and self.computation.ready

    @property
    def is_taken_in(self) -> bool:
        """Whether anybody is about to complete its streams; otherwise it begins anew later on."""
        return self.computation.enabled and self.computation.stage != FAILED

    @property
    def streams(self) -> Iterator[query.Stream]:
        """Those worth keeping."""
        begun = set() if self.is_taken_in else self._begun
        for plan in (self.plan, self.upcoming):
            yield from (stream for stream in (plan.streams if plan else ()) if stream.key not in begun)

    @property
    def filling(self) -> set[str]:
        """Keys of the streams that it has yet to complete."""
        return self._begun if self.is_taken_in else set()

    @property
    def _begun(self) -> set[str]:
        computation, upcoming = self.computation, self.computation.upcoming
        keys = set[str]()
        if not computation.ready:
            keys |= _begun(self.plan, computation.generations, generation_of(computation.id, computation.begun_at))
        if upcoming is not None and self.upcoming is not None:
            keys |= _begun(self.upcoming, upcoming.generations, generation_of(computation.id, upcoming.at))
        return keys


class Catalogue:
    """`version` grows with every change of the space. `order` lists computations after the ones they refer to.

    `by_key` are those of users. `accounts`, by key too, are evaluated on accounts, in runs, over what the profiles
    of their users remember. `by_id` has all. `filling` are the keys of streams that are not complete.
    """

    def __init__(self, version: int, compiled: Iterable[Compiled] = ()) -> None:
        items = list(compiled)
        by_key = {c.computation.key: c for c in items if c.computation.scope == USERS}
        self.version = version
        self.by_key = by_key
        self.accounts = {c.computation.key: c for c in items if c.computation.scope != USERS}
        self.by_id = {c.computation.id: c for c in items}
        self.order: Sequence[str] = tuple(
            TopologicalSorter({k: c.plan.references & by_key.keys() for k, c in by_key.items()}).static_order()
        )
        self.rank = {key: place for place, key in enumerate(self.order)}
        self.streams: dict[str, query.Stream] = {}
        self.streams_of_event: dict[str, list[query.Stream]] = {}
        self.readers_of_stream: dict[str, set[str]] = {}
        self.readers_of_trait: dict[str, set[str]] = {}
        self.filling: set[str] = set()
        for item in items:
            self._remember(item)
        for key, item in by_key.items():
            self._index(key, item.plan)

    def is_computed(self, key: str) -> bool:
        """Whether the trait of this name belongs to a computation."""
        return key in self.by_key or key in self.accounts

    def find(self, key: str) -> Compiled | None:
        """Of users or of accounts."""
        return self.by_key.get(key) or self.accounts.get(key)

    def beside_users(self) -> "Catalogue":
        """What a profile of an account has to know: which traits are computed. Events change nothing of it."""
        found = Catalogue(self.version)
        found.accounts = self.accounts
        return found

    def _remember(self, item: Compiled) -> None:
        self.filling |= item.filling
        for stream in item.streams:
            if stream.key not in self.streams:
                self.streams[stream.key] = stream
                self.streams_of_event.setdefault(stream.event, []).append(stream)
                self.readers_of_stream[stream.key] = set()

    def _index(self, key: str, plan: query.Plan) -> None:
        for stream in plan.streams:
            if stream.key in self.streams:
                self.readers_of_stream[stream.key].add(key)
        for trait in plan.traits:
            self.readers_of_trait.setdefault(trait, set()).add(key)


def compile_computation(computation: Computation) -> Compiled:
    """Raises query.QueryError."""
    upcoming = computation.upcoming
    return Compiled(
        computation,
        compile_query(computation, computation.query, computation.generations),
        compile_edition(computation, upcoming) if upcoming else None,
    )


def compile_edition(computation: Computation, edition: Edition) -> query.Plan:
    """Raises query.QueryError."""
    return compile_query(computation, edition.query, edition.generations)


def compile_query(computation: Computation, text: str, generations: Mapping[str, str]) -> query.Plan:
    """With the bounds that the computation keeps in all its editions. Raises query.QueryError."""
    definition = query.parse(text, kind=computation.kind, scope=computation.scope)
    if not computation.history:
        return query.compile(definition, received_from=computation.created_at, generations=generations)
    days = computation.lookback_days
    earliest = None if days is None else computation.created_at - days * DAY
    return query.compile(definition, timestamp_from=earliest, generations=generations)


def is_eligible(computation: Computation, external_id_types: Iterable[str]) -> bool:
    """Whether a profile with these types of external id may be a member or hold the trait."""
    if computation.scope != USERS:
        return True
    return not set(computation.external_ids).isdisjoint(external_id_types)


def is_audience(computation: Computation) -> bool:
    return computation.kind == AUDIENCE


def _begun(plan: query.Plan, generations: Mapping[str, str], own: str) -> set[str]:
    return {stream.key for stream in plan.streams if generations.get(stream.base) == own}
