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
    routes = list(_routes(journeys, versions))
    places = {stop.computation_id: (route.version_id, stop.id) for route in routes for stop in route.stops}
    stops: dict[str, dict[str, Compiled]] = {route.version_id: {} for route in routes}
    kept: list[Compiled] = []
    for item in compiled:
        if item.computation.id in places:
            version_id, stop_id = places[item.computation.id]
            stops[version_id][stop_id] = item
        elif item.computation.step is not None:
            continue
        kept.append(item)
    cuts = {standing.version_id: standing.cuts for journey in journeys for standing in journey.versions}
    itineraries = [
        _itinerary(route, stops[route.version_id], cuts[route.version_id][1:], known.get(node_of(route.version_id)))
        for route in routes
    ]
    return Travelled(kept, itineraries, frozenset(cuts))


def _routes(journeys: Iterable[Journey], versions: Iterable[Version]) -> Iterable[Route]:
    by_id = {journey.id: journey for journey in journeys}
    for version in versions:
        journey = by_id.get(version.journey_id)
        standing = journey and journey.standing(version.id)
        if journey and standing and standing.status in MOVING:
            yield route_of(journey, version)


def _itinerary(
    route: Route, stops: Mapping[str, Compiled], later_cuts: Iterable[int], known: Itinerary | None
) -> Itinerary:
    entry = stops.get(route.stops[0].id)
    if entry is None:
        return Itinerary(route, stops, {})
    before = known.entries if known else {}
    entries = {cut: before.get(cut) or compile_condition(entry.computation, cut) for cut in later_cuts}
    return Itinerary(route, stops, entries)
