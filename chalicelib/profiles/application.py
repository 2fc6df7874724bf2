"""Applying events to a profile: count each once, remember what the computations need, bring outcomes up to date."""

from collections.abc import Sequence
from typing import NamedTuple

from ..computations.catalogue import Catalogue
from ..identity.external_id import ExternalId
from ..tracking.event import Event
from . import room
from .evaluation import due, evaluate
from .profile import Profile, Sighting, Trait
from .recent import Recent, hash_of


class Arrival(NamedTuple):
    """Events of one queue message for one profile, in the order they were sent. `tag` names the queue message."""

    tag: bytes
    events: Sequence[Event]


class Applied(NamedTuple):
    """`changed`: the profile must be saved. `counted`: per tag the events that count, also when a redelivery finds
    them counted before, so that what was left undone for them can be finished."""

    changed: bool
    counted: dict[bytes, list[Event]]


def apply(
    profile: Profile,
    arrivals: Sequence[Arrival],
    external_ids: Sequence[ExternalId],
    catalogue: Catalogue,
    now: int,
) -> Applied:
    """Change the profile in place. Applying the same arrivals again changes nothing."""
    affected: set[str] = set(due(profile, now))
    changed = bool(affected)
    recent = Recent(profile.head.recent)
    counted: dict[bytes, list[Event]] = {}
    for arrival in arrivals:
        for event in _once(arrival, recent, counted):
            changed = True
            affected |= _absorb(profile, event, catalogue)
    types = {e.type for e in profile.head.external_ids}
    if _extend(profile, external_ids):
        changed = True
        if types != {e.type for e in profile.head.external_ids}:
            affected |= catalogue.by_key.keys()  # eligibility depends on the types of external ids
    if profile.head.catalogue != catalogue.version:
        changed = _adopt(profile, catalogue) or changed
        affected |= catalogue.by_key.keys()
    before = dict(profile.head.outcomes), dict(profile.head.edges)
    evaluate(profile, catalogue, affected, now)
    if before != (profile.head.outcomes, profile.head.edges):
        changed = True
    if changed:
        _trim(profile, catalogue, affected, now)
        profile.head.recent = recent.entries(now)
    return Applied(changed, counted)


def _once(arrival: Arrival, recent: Recent, counted: dict[bytes, list[Event]]) -> list[Event]:
    """The events of the arrival that were never counted; `counted` also gets those this very arrival counted before."""
    fresh: list[Event] = []
    seen: set[bytes] = set()
    for event in arrival.events:
        digest = hash_of(event.message_id)
        tag = recent.counted_by(digest)
        if digest in seen or tag not in (None, arrival.tag):
            continue
        seen.add(digest)
        counted.setdefault(arrival.tag, []).append(event)
        if tag is None:
            recent.add(digest, arrival.tag)
            fresh.append(event)
    return fresh


def _absorb(profile: Profile, event: Event, catalogue: Catalogue) -> set[str]:
    """Remember one event; the keys of the computations it may change."""
    _sight(profile, event)
    affected: set[str] = set()
    for stream in catalogue.streams_of_event.get(event.event or "", ()):
        state = profile.streams.get(stream.key)
        if state is None:
            state = stream.empty()
        added = stream.add(state, event)
        if added is not state:
            profile.streams[stream.key] = added
            affected |= catalogue.readers_of_stream[stream.key]
    for key in _set_traits(profile, event, catalogue):
        affected |= catalogue.readers_of_trait.get(key, set())
    return affected


def _sight(profile: Profile, event: Event) -> None:
    head = profile.head
    sighting = Sighting(event.received_at, event.message_id, event.source_id)
    if head.first is None:
        head.first, head.created_at = sighting, event.received_at
    if head.last is None or head.last.at <= event.received_at:
        head.last = sighting
        head.updated_at = event.received_at


def _set_traits(profile: Profile, event: Event, catalogue: Catalogue) -> list[str]:
    """Custom traits of an identify (a person) or group (an account): per key the latest value wins, in any order of
    arrival. Keys of live computations belong to them and are left alone, as are new ones that have no room."""
    head = profile.head
    if event.type != ("identify" if head.collection == "users" else "group"):
        return []
    at = min(event.timestamp, event.received_at)  # a clock in the future must not make a value stick
    before: dict[str, Trait | None] = {}
    for key, value in event.traits.items():
        if key in catalogue.by_key:
            continue
        known, left_over = head.traits.get(key), head.outcomes.get(key)
        if (known and known.updated_at > at) or (left_over and left_over.changed_at > at):
            continue
        head.outcomes.pop(key, None)  # of a deleted computation: an ordinary trait from now on
        head.traits[key] = Trait(value, at, event.source_id)
        if known is None or known.value != value or type(known.value) is not type(value):
            before[key] = known
    return room.without_excess(head.traits, before) if before else []


def _extend(profile: Profile, external_ids: Sequence[ExternalId]) -> bool:
    fresh = [e for e in external_ids if profile.find(e.type, e.value) is None]
    if fresh:
        fresh = room.fitting(profile.head.external_ids, fresh)
    profile.head.external_ids.extend(fresh)
    return bool(fresh)


def _adopt(profile: Profile, catalogue: Catalogue) -> bool:
    """Forget what only deleted computations needed; True if that removed anything."""
    head = profile.head
    head.catalogue = catalogue.version
    streams = {key: state for key, state in profile.streams.items() if key in catalogue.streams}
    edges = {key: edge for key, edge in head.edges.items() if key in catalogue.by_key}
    removed = len(streams) != len(profile.streams) or len(edges) != len(head.edges)
    profile.streams, head.edges = streams, edges
    return removed


def _trim(profile: Profile, catalogue: Catalogue, affected: set[str], now: int) -> None:
    """Let go of events beyond every window, in the streams that were looked at anyway."""
    for key in affected & catalogue.by_key.keys():
        for stream in catalogue.by_key[key].plan.streams:
            if stream.key in profile.streams:
                profile.streams[stream.key] = stream.trim(profile.streams[stream.key], now)
