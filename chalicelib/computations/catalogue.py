"""The live computations of a space, compiled and indexed by what can change them.

Equal streams of different computations are stored once. A stream is complete when it has seen every event that was
ever accepted; those of an edition are, at the latest, when the edition becomes active. A new edition takes over
complete streams of others as they are. All that it has to fill itself are of a generation of its own, so that a
profile never mistakes the remains of an earlier attempt for them. Streams that only see what is received after the
creation of their computation are complete from the start.

A version of a journey is one node among the computations: it decides about all of its stops at once. The
computations of the stops say what their conditions are and under which keys everybody reads them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import chain
from typing import NamedTuple

from .. import query
from ..clock import DAY
from ..journeys.model import HIDDEN_ENTRY, JOINED_AT
from ..journeys.route import Route
from .computation import AUDIENCE, FAILED, USERS, Computation, Edition, generation_of


class Compiled(NamedTuple):
    """A computation with its plan, and with that of the edition being taken in; the streams of both say what a
    profile must remember for it. `waits`: it never was counted and reads another one that is not either. Its values
    would be those of a world in which nobody has that one, and be told before they are right."""

    computation: Computation
    plan: query.Plan
    upcoming: query.Plan | None = None
    waits: bool = False

    @property
    def is_evaluated(self) -> bool:
        """Whether its value changes with what happens."""
        return self.computation.enabled and self.computation.ready and not self.waits

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


class Itinerary(NamedTuple):
    """A version that people move through. `stops` has the computations by stop id, but for those that do not compile.
    `entries` are the plans of the entry by the cuts after the first one."""

    route: Route
    stops: Mapping[str, Compiled]
    entries: Mapping[int, query.Plan]

    @property
    def node(self) -> str:
        return node_of(self.route.version_id)

    @property
    def plans(self) -> Iterator[query.Plan]:
        """Of the conditions that people have to meet."""
        yield from self.entries.values()
        yield from (self.stops[stop.id].plan for stop in self.route.stops if stop.conditional and stop.id in self.stops)

    @property
    def names(self) -> Iterator[str]:
        """Of the traits it decides."""
        for stop in self.route.stops:
            yield from (stop.key, stop.key + HIDDEN_ENTRY, stop.key + JOINED_AT)


class Catalogue:
    """`version` grows with every change of the space. `order` lists nodes after the ones they refer to: computations
    by their keys and journeys by `node_of`.

    `by_key` are the computations of users, those of stops included. `accounts`, by key too, are evaluated on accounts,
    in runs, over what the profiles of their users remember. `by_id` has all. `filling` are the keys of streams that
    are not complete. `itineraries` are by node. `versions` are the ids of all versions of journeys there are.
    """

    def __init__(
        self,
        version: int,
        compiled: Iterable[Compiled] = (),
        itineraries: Iterable[Itinerary] = (),
        versions: Iterable[str] = (),
    ) -> None:
        items = _with_waiting(list(compiled))
        self.version = version
        self.by_key = {c.computation.key: c for c in items if c.computation.scope == USERS}
        self.accounts = {c.computation.key: c for c in items if c.computation.scope != USERS}
        self.by_id = {c.computation.id: c for c in items}
        self.itineraries = {itinerary.node: itinerary for itinerary in itineraries}
        self.versions = frozenset(versions)
        self._deciders = {key: key for key, item in self.by_key.items() if item.computation.journey_id is None}
        self._deciders |= {name: node for node, itinerary in self.itineraries.items() for name in itinerary.names}
        self.order: Sequence[str] = tuple(TopologicalSorter(self._graph()).static_order())
        self.rank = {node: place for place, node in enumerate(self.order)}
        self.streams: dict[str, query.Stream] = {}
        self.streams_of_event: dict[str, list[query.Stream]] = {}
        self.readers_of_stream: dict[str, set[str]] = {}
        self.readers_of_trait: dict[str, set[str]] = {}
        self.filling: set[str] = set()
        for item in items:
            self.filling |= item.filling
            self._remember(item.streams)
        for itinerary in self.itineraries.values():
            self._remember(chain.from_iterable(plan.streams for plan in itinerary.entries.values()))
        for node in self.order:
            for plan in self.plans(node):
                self._index(node, plan)
        for node, itinerary in self.itineraries.items():
            for earlier in self._before(itinerary):
                self.readers_of_trait.setdefault(earlier, set()).add(node)

    @cached_property
    def newest_cut(self) -> int:
        return max((itinerary.route.cut for itinerary in self.itineraries.values()), default=0)

    def plans(self, node: str) -> Iterator[query.Plan]:
        """What its value comes from."""
        if node in self.itineraries:
            yield from self.itineraries[node].plans
        else:
            yield self.by_key[node].plan

    def is_computed(self, key: str) -> bool:
        """Whether the trait of this name belongs to a computation."""
        return key in self._deciders or key in self.accounts

    def find(self, key: str) -> Compiled | None:
        """Of users or of accounts."""
        return self.by_key.get(key) or self.accounts.get(key)

    def beside_users(self) -> "Catalogue":
        """What a profile of an account has to know: which traits are computed. Events change nothing of it."""
        found = Catalogue(self.version)
        found.accounts = self.accounts
        return found

    def _graph(self) -> dict[str, set[str]]:
        """The nodes that each node has to wait for."""
        graph = {node: self._references(node) for node in self._deciders.values()}
        for node, itinerary in self.itineraries.items():
            graph[node] = (graph[node] | self._before(itinerary)) - {node}
        return graph

    def _references(self, node: str) -> set[str]:
        names = {name for plan in self.plans(node) for name in plan.references}
        return {self._deciders[name] for name in names & self._deciders.keys()}

    def _before(self, itinerary: Itinerary) -> set[str]:
        """Nodes of the versions whose people may have to leave them first."""
        return {node_of(version_id) for version_id in itinerary.route.blocking} & self.itineraries.keys()

    def _remember(self, streams: Iterable[query.Stream]) -> None:
        for stream in streams:
            if stream.key not in self.streams:
                self.streams[stream.key] = stream
                self.streams_of_event.setdefault(stream.event, []).append(stream)
                self.readers_of_stream[stream.key] = set()

    def _index(self, node: str, plan: query.Plan) -> None:
        for stream in plan.streams:
            if stream.key in self.streams:
                self.readers_of_stream[stream.key].add(node)
        for trait in plan.traits:
            self.readers_of_trait.setdefault(trait, set()).add(node)


def _with_waiting(items: list[Compiled]) -> list[Compiled]:
    """A journey does not wait: who met its entry when it was opened has to be known from then on."""
    awaited = {item.computation.key for item in items if item.computation.is_awaited}

    def waits(item: Compiled) -> bool:
        is_first = not item.computation.counted and item.computation.journey_id is None
        return is_first and not awaited.isdisjoint(item.plan.references)

    return [item._replace(waits=waits(item)) for item in items]


def node_of(version_id: str) -> str:
    """Unlike any key of a computation."""
    return f"~{version_id}"


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
    if computation.journey_id is not None and not computation.history:
        return compile_condition(computation, computation.created_at)
    definition = query.parse(text, kind=computation.kind, scope=computation.scope)
    if not computation.history:
        return query.compile(definition, received_from=computation.created_at, generations=generations)
    days = computation.lookback_days
    earliest = None if days is None else computation.created_at - days * DAY
    return query.compile(definition, timestamp_from=earliest, generations=generations)


def compile_condition(computation: Computation, cut: int) -> query.Plan:
    """Of a step of a journey: over the events dated since the cut. A step without a condition is met by whoever joined
    it. Raises query.QueryError."""
    text = computation.query or f"trait('{computation.key}{HIDDEN_ENTRY}') = 'true'"
    definition = query.parse(text, kind=computation.kind, scope=computation.scope)
    return query.compile(definition, timestamp_from=cut)


def is_eligible(computation: Computation, external_id_types: Iterable[str]) -> bool:
    """Whether a profile with these types of external id may be a member or hold the trait."""
    if computation.scope != USERS:
        return True
    return not set(computation.external_ids).isdisjoint(external_id_types)


def is_audience(computation: Computation) -> bool:
    return computation.kind == AUDIENCE


def _begun(plan: query.Plan, generations: Mapping[str, str], own: str) -> set[str]:
    return {stream.key for stream in plan.streams if generations.get(stream.base) == own}
