"""The read side of the workspace, cached for the workers and for the authentication of every request."""

import logging
from collections.abc import Callable, Hashable, Iterable, Mapping
from graphlib import CycleError
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec.structs import replace

from .. import query
from ..clock import SECOND, Clock
from ..computations.catalogue import Catalogue, Compiled, compile_computation
from ..computations.computation import Computation
from ..errors import Unavailable
from ..identity.rules import DEFAULT_RULES
from ..records import Records, every
from ..secrecy import Secrets
from .body import LONGEST
from .destinations import open_values, opened
from .itineraries import Itineraries, itineraries_of
from .model import Activation, Connection, Destination, DestinationMapping, Source, Space, Token
from .ports import SPACE_PREFIX, SpaceView
from .storage import (
    Storage,
    destination_key,
    identity_rules_key,
    index_key,
    is_journey_version,
    source_key,
    space_filters_key,
    space_key,
    space_partition,
    token_key,
    write_key_key,
)
from .tokens import digest

logger = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

FOUND_FOR = 30 * SECOND
MISSING_FOR = 2 * SECOND  # what somebody has just set up must not stay unknown for long
LOADS = 5  # of one view: each lost one is a change that somebody made meanwhile
MOST = 10_000  # answers held of one kind: guessed write keys must not fill the memory


class _Answer(NamedTuple, Generic[V]):
    value: V | None
    at: int


class _Cache(Generic[K, V]):
    """Answers of one lookup, for a while. Two threads may look up the same thing twice; that does no harm."""

    def __init__(self, clock: Clock, look_up: Callable[[K], V | None]) -> None:
        self._clock, self._look_up = clock, look_up
        self._answers: dict[K, _Answer[V]] = {}

    def get(self, key: K) -> V | None:
        now, answers = self._clock.now(), self._answers
        answer = answers.get(key)
        if answer is not None and _is_fresh(answer.at, now, MISSING_FOR if answer.value is None else FOUND_FOR):
            return answer.value
        value = self._look_up(key)
        if len(answers) >= MOST:
            answers = self._answers = {}
        # Into the dictionary seen at the start: what was looked up before a `clear` must not outlive it.
        answers[key] = _Answer(value, now)
        return value

    def forget(self, key: K) -> None:
        self._answers.pop(key, None)

    def clear(self) -> None:
        self._answers = {}


class _Loaded(NamedTuple):
    """A view, when it was loaded or checked, and what tells the stored content from any other."""

    view: SpaceView
    content: frozenset[tuple[str, int]]
    at: int


class StoredDirectory:
    """`Directory` over the `workspace` table. Safe to share between threads."""

    def __init__(self, records: Records, secrets: Secrets, clock: Clock) -> None:
        self._storage = Storage(records, clock)
        self._secrets, self._clock = secrets, clock
        self._sources = _Cache(clock, self._find_source)
        self._tokens = _Cache(clock, self._find_token)
        self._spaces = _Cache(clock, self._find_space)
        self._destinations = _Cache(clock, self._find_destination)
        self._opened = _Cache(clock, self._open)
        self._views: dict[str, _Loaded] = {}

    def source_of_write_key(self, write_key: str) -> Source | None:
        return self._sources.get(write_key) if _can_be_id(write_key) else None

    def token(self, secret: str) -> Token | None:
        return self._tokens.get(digest(secret))

    def space(self, space_id: str) -> Space | None:
        bare = space_id.removeprefix(SPACE_PREFIX)
        return self._spaces.get(bare) if _can_be_id(bare) else None

    def destination(self, destination_id: str, *, fresh: bool = False) -> Destination | None:
        if fresh:
            self._destinations.forget(destination_id)
        return self._destinations.get(destination_id)

    def mapping(self, activation: Activation) -> DestinationMapping | None:
        found = activation.destination_mapping
        if found is None or not found.secrets:
            return found
        opened = self._opened.get((activation.id, tuple(sorted(found.secrets.items())))) or {}
        return replace(found, settings={**found.settings, **opened}, secrets={})

    def view(self, space_id: str) -> SpaceView:
        version = self._storage.version(space_id)
        for _ in range(LOADS):
            loaded = self._views.get(space_id)
            if loaded and loaded.view.version == version and _is_fresh(loaded.at, self._clock.now(), FOUND_FOR):
                return loaded.view
            # The version was read first: content can be newer than its label, never older. But what was read while
            # others wrote may be neither before nor after them, as when one takes over what another leaves.
            loaded = self._load(space_id, version, loaded)
            version = self._storage.version(space_id)
            if loaded.view.version == version:
                self._views[space_id] = loaded
                return loaded.view
        raise Unavailable(f"the computations of space {space_id} change all the time")

    def refresh(self) -> None:
        """Forget all answers. Views need no forgetting, they are checked on every call."""
        for cache in (self._sources, self._tokens, self._spaces, self._destinations, self._opened):
            cache.clear()

    def _find_source(self, write_key: str) -> Source | None:
        place = self._storage.places.find(write_key_key(write_key))
        source = self._storage.sources.find(source_key(place.workspace_id, place.id)) if place else None
        return source if source and write_key in source.write_keys else None

    def _find_token(self, hashed: str) -> Token | None:
        return self._storage.tokens.find(token_key(hashed))

    def _find_space(self, space_id: str) -> Space | None:
        place = self._storage.places.find(index_key("space", space_id))
        return self._storage.spaces.find(space_key(place.workspace_id, place.id)) if place else None

    def _find_destination(self, destination_id: str) -> Destination | None:
        place = self._storage.places.find(index_key("destination", destination_id))
        if place is None:
            return None
        destination = self._storage.destinations.find(destination_key(place.workspace_id, place.id))
        return destination and opened(destination, self._secrets)

    def _open(self, sealed: tuple[str, tuple[tuple[str, str], ...]]) -> dict[str, Any]:
        context, values = sealed
        return open_values(dict(values), context, self._secrets)

    def _load(self, space_id: str, version: int, before: _Loaded | None) -> _Loaded:
        partition = space_partition(space_id)
        records = every(self._storage.records, partition, "computation#")
        connections = every(self._storage.records, partition, "connection#")
        activations = every(self._storage.records, partition, "activation#")
        journeys = every(self._storage.records, partition, "journey")  # and their versions
        single = self._storage.records.get_many([identity_rules_key(space_id), space_filters_key(space_id)])
        content = frozenset(
            (record.key.sort, record.version)
            for record in (*records, *connections, *activations, *journeys, *single.values())
        )
        now = self._clock.now()
        if before and before.view.version == version:
            if before.content == content:
                return before._replace(at=now)
            # Whoever changed this died before counting the change. Counting it now makes every worker see it.
            version = self._storage.bump(space_id)
        plans, computations = _plans(before), map(self._storage.computations.read, records)
        compiled = [_compile(computation, plans) for computation in computations if computation.is_computed]
        rules, filters = single.get(identity_rules_key(space_id)), single.get(space_filters_key(space_id))
        found = itineraries_of(
            (item for item in compiled if item),
            [self._storage.journeys.read(record) for record in journeys if not is_journey_version(record.key)],
            [self._storage.journey_versions.read(record) for record in journeys if is_journey_version(record.key)],
            before.view.catalogue.itineraries if before else {},
        )
        view = SpaceView(
            version,
            _catalogue(version, found),
            _by_computation(self._storage.connections.read(record) for record in connections),
            self._storage.identity_rules.read(rules) if rules else DEFAULT_RULES,
            _by_connection(self._storage.activations.read(record) for record in activations),
            self._storage.space_filters.read(filters).filters if filters else (),
        )
        return _Loaded(view, content, now)


def _is_fresh(at: int, now: int, age: int) -> bool:
    return 0 <= now - at < age  # a clock that was moved back makes nothing fresh for longer


def _can_be_id(text: str) -> bool:
    """What could not be stored as a key need not be looked up."""
    return 0 < len(text) <= LONGEST and text.isascii()


def _plans(loaded: _Loaded | None) -> dict[Hashable, Compiled]:
    """What was compiled before: that is the dear part of loading."""
    items = loaded.view.catalogue.by_id.values() if loaded else ()
    return {_compiled_from(item.computation): item for item in items}


def _compiled_from(computation: Computation) -> Hashable:
    """All that plans depend on and that changes."""
    upcoming = computation.upcoming
    editions = [(computation.query, computation.generations)]
    editions += [(upcoming.query, upcoming.generations)] if upcoming else []
    return (
        computation.id,
        computation.created_at,
        tuple((query, tuple(sorted(generations.items()))) for query, generations in editions),
    )


def _compile(computation: Computation, plans: Mapping[Hashable, Compiled]) -> Compiled | None:
    known = plans.get(_compiled_from(computation))
    if known is not None:
        return known._replace(computation=computation)
    try:
        return compile_computation(computation)
    except query.QueryError as error:
        logger.error("Computation %s is left out: %s", computation.id, error.code)
        return None


def _catalogue(version: int, found: Itineraries) -> Catalogue:
    """Two that were created at the same moment may refer to each other; the newest of a circle is left out."""
    kept = {item.computation.key: item for item in found.compiled}
    itineraries = {itinerary.node: itinerary for itinerary in found.moving}

    def age(node: str) -> tuple[int, str]:
        return (itineraries[node].route.first_cut if node in itineraries else kept[node].computation.created_at), node

    while True:
        try:
            return Catalogue(version, kept.values(), itineraries.values(), found.versions)
        except CycleError as error:
            newest = max(error.args[1], key=age)
            if newest not in itineraries:
                logger.error("Computation %s is left out: cycle", kept.pop(newest).computation.id)
                continue
            gone = itineraries.pop(newest)
            logger.error("Version %s of a journey is left out: cycle", gone.route.version_id)
            for compiled in gone.stops.values():
                del kept[compiled.computation.key]


def _by_computation(connections: Iterable[Connection]) -> dict[str, list[Connection]]:
    found: dict[str, list[Connection]] = {}
    for connection in sorted(connections, key=lambda connection: (connection.created_at, connection.id)):
        found.setdefault(connection.computation_id, []).append(connection)
    return found


def _by_connection(activations: Iterable[Activation]) -> dict[str, list[Activation]]:
    found: dict[str, list[Activation]] = {}
    for activation in sorted(activations, key=lambda activation: (activation.created_at, activation.id)):
        found.setdefault(activation.connection_id, []).append(activation)
    return found
