"""Filling streams: what history holds for a profile is added to what live events have made of it, each event once.

Whoever writes a profile and knows of a stream that is being filled notes the events it adds. An event without such
a note was counted by somebody who did not know of the stream yet, or was not counted at all. History is read when
nobody of the first kind is left, so it holds all of theirs, as every event is landed before it is counted.

Old events come as one state per profile id. Those young enough to be under way are decided one by one:

    noted                                      it is in the stream
    counted, as far as the profile remembers   it goes into the stream, and is noted
    not counted, as the profile would remember it is still under way: whoever counts it adds it
    too long ago to remember                   it goes into the stream, and is noted should it be under way after all
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .. import query
from ..computations.catalogue import Catalogue
from .profile import Fill, Profile
from .recent import Recent, hash_of, is_among


class Fresh(query.Occurrence, Protocol):
    """An event that may be under way; `streams` are the keys of those that admit it."""

    @property
    def streams(self) -> Sequence[str]: ...


class Part(NamedTuple):
    """What history holds for one profile id, as the events were landed under it: the states of streams by key."""

    profile_id: str
    states: Mapping[str, Any]
    fresh: Sequence[Fresh]


def take_in(profile: Profile, parts: Iterable[Part], catalogue: Catalogue, recent: Recent, now: int) -> bool:
    """False when the profile had all of it."""
    changed = False
    for part in parts:
        changed = _add_states(profile, part, catalogue) or changed
        changed = _add_fresh(profile, part, catalogue, recent, now) or changed
    return changed


def is_noted(profile: Profile, key: str, digest: bytes) -> bool:
    fill = profile.head.fills.get(key)
    return fill is not None and is_among(fill.ids, digest)


def note(profile: Profile, key: str, digest: bytes) -> None:
    fill = profile.head.fills.get(key, _NOTHING)
    profile.head.fills[key] = Fill(fill.filled, fill.ids + digest)


def united(kept: Mapping[str, Fill], gone: Mapping[str, Fill]) -> dict[str, Fill]:
    """Of two profiles that become one, and their streams with them."""
    return {key: _joined(kept.get(key, _NOTHING), gone.get(key, _NOTHING)) for key in {**kept, **gone}}


_NOTHING = Fill([], b"")


def _joined(a: Fill, b: Fill) -> Fill:
    return Fill([*a.filled, *(profile_id for profile_id in b.filled if profile_id not in a.filled)], a.ids + b.ids)


def _add_states(profile: Profile, part: Part, catalogue: Catalogue) -> bool:
    changed = False
    for key in part.states.keys() & catalogue.filling:
        fill = profile.head.fills.get(key, _NOTHING)
        if part.profile_id in fill.filled:
            continue
        known, state = profile.streams.get(key), part.states[key]
        profile.streams[key] = state if known is None else catalogue.streams[key].merge(state, known)
        profile.head.fills[key] = Fill([*fill.filled, part.profile_id], fill.ids)
        changed = True
    return changed


def _add_fresh(profile: Profile, part: Part, catalogue: Catalogue, recent: Recent, now: int) -> bool:
    changed = False
    for event in part.fresh:
        digest = hash_of(event.message_id)
        for key in catalogue.filling.intersection(event.streams):
            if is_noted(profile, key, digest) or not recent.may_have_counted(digest, event.received_at, now):
                continue
            stream = catalogue.streams[key]
            state = profile.streams.get(key)
            profile.streams[key] = stream.add(stream.empty() if state is None else state, event)
            note(profile, key, digest)
            changed = True
    return changed
