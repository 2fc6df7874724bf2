"""Bringing the outcomes of computations and journeys up to date on one profile."""

import heapq
from collections.abc import Iterable
from typing import Any

from .. import query
from ..computations.catalogue import Catalogue, Compiled, is_audience, is_eligible
from .profile import Outcome, Profile
from .travelling import move_on

_ABSENT: tuple[Any, ...] = (None, [])  # a computed trait with such a value is not there


def evaluate(profile: Profile, catalogue: Catalogue, affected: Iterable[str], now: int) -> None:
    """Re-evaluate the nodes with these names and whatever refers to something that changed, each once.

    Computations that are switched off keep their outcome; their edges are dropped.
    """
    waiting = {node for node in affected if node in catalogue.rank}
    queue = [catalogue.rank[node] for node in waiting]
    heapq.heapify(queue)
    traits = profile.trait_values() if queue else {}
    while queue:
        node = catalogue.order[heapq.heappop(queue)]
        for name in _evaluated(profile, catalogue, node, traits, now):
            for reader in catalogue.readers_of_trait.get(name, ()):
                if reader not in waiting:
                    waiting.add(reader)
                    heapq.heappush(queue, catalogue.rank[reader])


def _evaluated(profile: Profile, catalogue: Catalogue, node: str, traits: dict[str, Any], now: int) -> Iterable[str]:
    """Bring one node up to date; the names under which others read what changed."""
    itinerary = catalogue.itineraries.get(node)
    if itinerary is not None:
        return move_on(profile, itinerary, traits, now)
    return (node,) if _settle(profile, catalogue.by_key[node], traits, now) else ()


def due(profile: Profile, now: int) -> list[str]:
    """The nodes that time alone may have changed."""
    return [key for key, edge in profile.head.edges.items() if edge <= now]


def _settle(profile: Profile, compiled: Compiled, traits: dict[str, Any], now: int) -> bool:
    """Store the value and the next edge of one computation; True if the value changed. Keeps `traits` true."""
    computation, key, head = compiled.computation, compiled.computation.key, profile.head
    if not compiled.is_evaluated:
        head.edges.pop(key, None)
        return False
    value, edge = _value(profile, compiled, traits, now)
    if edge is None:
        head.edges.pop(key, None)
    else:
        head.edges[key] = max(edge, now + 1)
    before = head.outcomes.get(key)
    if value is None:
        head.outcomes.pop(key, None)
        traits.pop(key, None)
        custom = head.traits.get(key)
        if custom is not None and custom.value is not None:
            traits[key] = custom.value  # from before there was a computation of this name: everybody reads it
        return before is not None
    if before is not None and before.value == value and type(before.value) is type(value):
        return False
    head.outcomes[key] = Outcome(value, computation.id, now)
    traits[key] = value
    return True


def _value(profile: Profile, compiled: Compiled, traits: dict[str, Any], now: int) -> tuple[Any, int | None]:
    """None means: no outcome. An audience has one only after its first entry."""
    computation = compiled.computation
    value: Any = None
    edge: int | None = None
    eligible = is_eligible(computation, {e.type for e in profile.head.external_ids})
    if eligible:
        value, edge = query.evaluate(compiled.plan, profile.streams, traits, now)
    if is_audience(computation):
        entered = computation.key in profile.head.outcomes
        return (bool(value) if value or entered else None), edge
    seen = any(stream.key in profile.streams for stream in compiled.plan.streams)
    return (None if value in _ABSENT or not seen else value), edge
