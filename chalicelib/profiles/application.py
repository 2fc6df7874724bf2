"""Applying events to a profile: count each once, remember what the computations need, bring outcomes up to date."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from ..computations.catalogue import Catalogue
from ..identity.external_id import USERS, ExternalId
from ..query import Stream
from ..tracking.event import Event
from . import consent, room
from .arrival import Arrival, sight
from .description import describe
from .evaluation import due, evaluate
from .filling import Part, is_noted, note, take_in
from .merging import fold, united_links, without_members
from .profile import Link, News, Profile, Trait, Trigger
from .recent import Recent, hash_of
from .travelling import meet_all

MOST_TRIGGERS = 100  # kept of one change: with their names some twenty kilobytes, and only until the next one


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
    *,
    links: Sequence[Link] = (),
    frozen: Sequence[Profile] = (),
    recent: Recent | None = None,
    parts: Sequence[Part] = (),
    triggers: Mapping[str, Trigger] = {},
) -> Applied:
    """Change the profile in place. Applying the same arrivals again changes nothing.

    `frozen` are profiles to fold into this one, in order. `recent` is what all of them have counted, if it is known.
    `parts` is what history holds for any of them. `triggers` are the events that brought the external ids.
    """
    head = profile.head
    affected: set[str] = set(due(profile, now))
    changed = bool(affected or frozen)
    head.merges, head.news = [without_members(merge) for merge in head.merges], None
    for person in (profile, *frozen):
        changed = meet_all(person, catalogue) or changed
    for loser in frozen:
        fold(profile, loser, catalogue)
        affected |= catalogue.rank.keys()
    recent = recent or Recent(head.recent)
    changed = take_in(profile, parts, catalogue, recent, now) or changed
    types = {e.type for e in head.external_ids}
    extended = _extend(profile, external_ids, triggers)
    if head.collection == USERS:
        counted, moved = _count(profile, arrivals, catalogue, recent)
    else:
        counted, moved = describe(profile, arrivals, catalogue, new=extended or changed)
    linked = _link(profile, links)
    changed = changed or extended or linked or moved is not None
    affected |= moved or set()
    if types != {e.type for e in head.external_ids}:
        affected |= catalogue.rank.keys()  # eligibility depends on the types of external ids
    if head.catalogue != catalogue.version:
        changed = _adopt(profile, catalogue) or changed
        affected |= catalogue.rank.keys()
    before = dict(head.outcomes), dict(head.edges), dict(head.journeys)
    # Streams let go of what was too old when it arrived: they must not be asked about an instant before that. The
    # clock of whoever received the last event may be ahead of ours.
    now = max(now, head.updated_at)
    evaluate(profile, catalogue, affected, now)
    if before != (head.outcomes, head.edges, head.journeys):
        changed = True
    if changed:
        _trim(profile, catalogue, affected, now)
        head.recent = recent.entries(now)
    return Applied(changed, counted)


def _count(
    profile: Profile, arrivals: Sequence[Arrival], catalogue: Catalogue, recent: Recent
) -> tuple[dict[bytes, list[Event]], set[str] | None]:
    """What counts, and the keys of the computations that it may change; None if all of it had been counted before."""
    counted: dict[bytes, list[Event]] = {}
    affected: set[str] | None = None
    for arrival in arrivals:
        for event in _once(arrival, recent, counted):
            affected = (affected or set()) | _absorb(profile, event, catalogue)
    return counted, affected


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
    sight(profile, event)
    consent.listen(profile.head, event)
    affected: set[str] = set()
    for stream in catalogue.streams_of_event.get(event.event or "", ()):
        if stream.key in catalogue.filling and not _is_missing(profile, stream, event):
            continue
        state = profile.streams.get(stream.key)
        if state is None:
            state = stream.empty()
        added = stream.add(state, event)
        if added is not state:
            readers = catalogue.readers_of_stream[stream.key]
            # What only accounts read is not looked at before the next run; it must not grow until then.
            profile.streams[stream.key] = added if readers else stream.trim(added, event.received_at)
            affected |= readers
    for key in _set_traits(profile, event, catalogue):
        affected |= catalogue.readers_of_trait.get(key, set())
    return affected


def _is_missing(profile: Profile, stream: Stream, event: Event) -> bool:
    """Whether the event is to be added to a stream that is being filled; it is noted then."""
    digest = hash_of(event.message_id)
    if not stream.admits(event) or is_noted(profile, stream.key, digest):
        return False
    note(profile, stream.key, digest)
    return True


def _set_traits(profile: Profile, event: Event, catalogue: Catalogue) -> list[str]:
    """Custom traits of an identify: per key the latest value wins, in any order of arrival. Keys of live computations
    belong to them and are left alone, as are new ones that have no room."""
    head = profile.head
    if event.type != "identify":
        return []
    at = min(event.timestamp, event.received_at)  # a clock in the future must not make a value stick
    before: dict[str, Trait | None] = {}
    for key, value in event.traits.items():
        if catalogue.is_computed(key):
            continue
        known, left_over = head.traits.get(key), head.outcomes.get(key)
        if (known and known.updated_at > at) or (left_over and left_over.changed_at > at):
            continue
        head.outcomes.pop(key, None)  # of a deleted computation: an ordinary trait from now on
        head.traits[key] = Trait(value, at, event.source_id)
        if known is None or known.value != value or type(known.value) is not type(value):
            before[key] = known
    return room.without_excess(head.traits, before) if before else []


def _extend(profile: Profile, external_ids: Sequence[ExternalId], triggers: Mapping[str, Trigger]) -> bool:
    fresh = [e for e in external_ids if profile.find(e.type, e.value) is None]
    if fresh:
        fresh = room.fitting(profile.head.external_ids, fresh)
    if fresh:
        profile.head.external_ids.extend(fresh)
        told = islice(
            ((id, triggers[id]) for id in {e.message_id: None for e in fresh} if id in triggers), MOST_TRIGGERS
        )
        profile.head.news = News(len(fresh), dict(told))
    return bool(fresh)


def _link(profile: Profile, links: Sequence[Link]) -> bool:
    if links:
        profile.head.links = united_links(profile.head.links, list(links))
    return bool(links)


def _adopt(profile: Profile, catalogue: Catalogue) -> bool:
    """Forget what is no longer needed; True if that removed anything."""
    head, before = profile.head, _remembered(profile)
    head.catalogue = catalogue.version
    profile.streams = {key: state for key, state in profile.streams.items() if key in catalogue.streams}
    head.edges = {node: edge for node, edge in head.edges.items() if node in catalogue.rank}
    head.journeys = {version: passage for version, passage in head.journeys.items() if version in catalogue.versions}
    head.via = {key: by for key, by in head.via.items() if key in catalogue.accounts}
    head.fills = {key: fill for key, fill in head.fills.items() if key in catalogue.filling}
    return _remembered(profile) < before


def _remembered(profile: Profile) -> int:
    head = profile.head
    return len(profile.streams) + len(head.edges) + len(head.journeys) + len(head.fills)


def _trim(profile: Profile, catalogue: Catalogue, affected: set[str], now: int) -> None:
    """Let go of events beyond every window, in the streams that were looked at anyway."""
    for plan in (plan for node in affected & catalogue.rank.keys() for plan in catalogue.plans(node)):
        for stream in plan.streams:
            if stream.key in profile.streams:
                profile.streams[stream.key] = stream.trim(profile.streams[stream.key], now)
