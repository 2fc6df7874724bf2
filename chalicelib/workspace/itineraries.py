"""The journeys of a space as its people travel them: the versions that move, with their conditions compiled."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..computations.catalogue import Compiled, Itinerary, compile_condition, node_of
from ..journeys.model import MOVING, Journey, Version
from ..journeys.route import Route, route_of


class Itineraries(NamedTuple):
    """`compiled` are the computations that count: those of versions nobody moves in are left out. `moving` are the
    versions that people move in, `versions` the ids of all there are."""

    compiled: list[Compiled]
    moving: list[Itinerary]
    versions: frozenset[str]


def itineraries_of(
    compiled: Iterable[Compiled],
    journeys: Iterable[Journey],
    versions: Iterable[Version],
    known: Mapping[str, Itinerary],
) -> Itineraries:
    """`known` are itineraries of before by node: compiling is dear."""
    compiled, journeys = list(compiled), list(journeys)
    cuts = {standing.version_id: standing.cuts for journey in journeys for standing in journey.versions}
    by_id = {item.computation.id: item for item in compiled}
    moving = [
        _itinerary(route, by_id, cuts[route.version_id][1:], known.get(node_of(route.version_id)))
        for route in _routes(journeys, versions)
    ]
    kept = [item for item in compiled if item.computation.journey_id is None]
    kept += [item for itinerary in moving for item in itinerary.stops.values()]
    return Itineraries(kept, moving, frozenset(cuts))


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
