"""Journeys on one profile: where the person is, and the traits by which everybody sees it."""

from collections.abc import Iterator
from typing import Any

from .. import query
from ..computations.catalogue import Catalogue, Itinerary, is_eligible
from ..instants import to_iso
from ..journeys.model import HIDDEN_ENTRY, JOINED_AT
from ..journeys.passage import Passage
from ..journeys.route import Stop
from ..journeys.travel import meet, travel
from .profile import Outcome, Profile

ENTRY = "/entry"  # after the id of a stop's computation: everybody who joined it, member or not


def move_on(profile: Profile, itinerary: Itinerary, traits: dict[str, Any], now: int) -> set[str]:
    """Travel as far as one can now; the names of the traits that changed. Keeps `traits` true."""
    head, route, node = profile.head, itinerary.route, itinerary.node
    before = head.journeys.get(route.version_id)

    def condition(stop_id: str, cut: int) -> tuple[bool, int | None]:
        return _holds(profile, itinerary, stop_id, cut, traits, now)

    passage, due = travel(
        route, before, head.journeys, profile.profile_id, _is_eligible(profile, itinerary), condition, now
    )
    if due is None:
        head.edges.pop(node, None)
    else:
        head.edges[node] = max(due, now + 1)
    if passage == before and not _took_in(profile):
        return set()
    if passage is None:
        head.journeys.pop(route.version_id, None)
    else:
        head.journeys[route.version_id] = passage
    return {node, *_show(profile, itinerary, before or Passage(), passage or Passage(), traits, now)}


def _took_in(profile: Profile) -> bool:
    """Whether this very change makes two people one: of each trait they show the newer, whoever of them it was of."""
    return any(merge.trigger is not None for merge in profile.head.merges)


def meet_all(profile: Profile, catalogue: Catalogue) -> bool:
    """To be called before anything new comes to the profile: finds out whom the entry conditions of journeys held for
    when these were opened. True if that is to be remembered.

    Whoever was written under the catalogue has met them; whoever was not is still as then.
    """
    head, changed = profile.head, False
    for itinerary in catalogue.itineraries.values():
        route = itinerary.route
        if not route.bars or head.met >= route.cut or not profile.version or head.created_at >= route.cut:
            continue
        before = head.journeys.get(route.version_id)
        passage = meet(route, before, _held(profile, itinerary))
        if passage is not None and passage != before:
            head.journeys[route.version_id] = passage
            changed = True
    head.met = max(head.met, catalogue.newest_cut)
    return changed


def _held(profile: Profile, itinerary: Itinerary) -> bool:
    cut = itinerary.route.cut
    holds, _ = _holds(profile, itinerary, itinerary.route.stops[0].id, cut, profile.trait_values(), cut)
    return holds


def _holds(
    profile: Profile, itinerary: Itinerary, stop_id: str, cut: int, traits: dict[str, Any], now: int
) -> tuple[bool, int | None]:
    """A condition that no longer compiles, or whose past is not known yet, does not hold."""
    compiled = itinerary.stops.get(stop_id)
    if compiled is None or not compiled.is_evaluated:
        return False, None
    is_entry = stop_id == itinerary.route.stops[0].id
    plan = itinerary.entries.get(cut, compiled.plan) if is_entry else compiled.plan
    value, edge = query.evaluate(plan, profile.streams, traits, now)
    return value is True, edge


def _is_eligible(profile: Profile, itinerary: Itinerary) -> bool:
    entry = itinerary.stops.get(itinerary.route.stops[0].id)
    return entry is not None and is_eligible(entry.computation, {e.type for e in profile.head.external_ids})


def _show(
    profile: Profile, itinerary: Itinerary, before: Passage, passage: Passage, traits: dict[str, Any], now: int
) -> Iterator[str]:
    """Set the traits of the stops that the person is at, or was; the names of those that changed.

    A step may have its key from the version before: who never came to it in this one still has the values of that.
    """
    outcomes, touched = profile.head.outcomes, before.joined.keys() | passage.joined.keys()
    for stop in (stop for stop in itinerary.route.stops if stop.id in touched):
        for name, outcome in _shown(stop, passage, now):
            known = outcomes.get(name)
            if known is None or known.value != outcome.value or known.computation_id != outcome.computation_id:
                outcomes[name], traits[name] = outcome, outcome.value
                yield name


def _shown(stop: Stop, passage: Passage, now: int) -> Iterator[tuple[str, Outcome]]:
    joined_at, of_entry = passage.joined.get(stop.id), stop.computation_id + ENTRY
    yield stop.key, Outcome(stop.id in passage.held, stop.computation_id, now)
    yield stop.key + HIDDEN_ENTRY, Outcome(joined_at is not None, of_entry, now)
    if joined_at is not None:
        yield stop.key + JOINED_AT, Outcome(to_iso(joined_at), of_entry, now)
