"""The journeys of a space as its people travel them: the versions that move, with their conditions compiled."""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..computations.catalogue import Compiled, Itinerary, compile_condition, node_of
from ..journeys.model import MOVING, Journey, Version
from ..journeys.route import Route, route_of

logger = logging.getLogger(__name__)


class Travelled(NamedTuple):
    """`compiled` are the computations that count: those of versions nobody moves in are left out. `versions` are the
    ids of all versions there are."""

    compiled: list[Compiled]
    itineraries: list[Itinerary]
    versions: frozenset[str]


def travelled(
    compiled: Iterable[Compiled],
    journeys: Iterable[Journey],
    versions: Iterable[Version],
    known: Mapping[str, Itinerary],
) -> Travelled:
    """`known` are itineraries of before by node: compiling is dear."""
    compiled, journeys = list(compiled), list(journeys)
    cuts = {standing.version_id: standing.cuts for journey in journeys for standing in journey.versions}
    by_id = {item.computation.id: item for item in compiled}
    itineraries = [
        _itinerary(route, by_id, cuts[route.version_id][1:], known.get(node_of(route.version_id)))
        for route in _routes(journeys, versions)
    ]
    kept = [item for item in compiled if item.computation.step is None]
    kept += [item for itinerary in itineraries for item in itinerary.stops.values()]
    return Travelled(kept, itineraries, frozenset(cuts))


def _routes(journeys: Iterable[Journey], versions: Iterable[Version]) -> Iterable[Route]:
    by_id = {journey.id: journey for journey in journeys}
    for version in versions:
        journey = by_id.get(version.journey_id)
        standing = journey and journey.standing(version.id)
        if journey and standing and standing.status in MOVING:
            yield route_of(journey, version)


def _itinerary(
    route: Route, by_id: Mapping[str, Compiled], later_cuts: Iterable[int], known: Itinerary | None
) -> Itinerary:
    found = {stop.id: by_id[stop.computation_id] for stop in route.stops if stop.computation_id in by_id}
    stops = {id: _bounded(item, route, known.stops.get(id) if known else None) for id, item in found.items()}
    entry = stops.get(route.stops[0].id)
    if entry is None:
        return Itinerary(route, stops, {})
    before = known.entries if known else {}
    entries = {cut: before.get(cut) or compile_condition(entry.computation, cut) for cut in later_cuts}
    return Itinerary(route, stops, entries)


def _bounded(item: Compiled, route: Route, known: Compiled | None) -> Compiled:
    """With the condition over the events since the publication, which came after the computation was made. Neither it
    nor the publication ever changes."""
    if item.computation.history:
        return item
    return item._replace(plan=known.plan if known else compile_condition(item.computation, route.first_cut))
