"""Applying group calls to an account.

Thousands of people name the same account with every one of their calls, so an account is written only when a call
says something new about it. It remembers no messages: its traits carry their own times, which is what makes
repeating a call harmless.
"""

from collections.abc import Sequence

from ..computations.catalogue import Catalogue
from ..tracking.event import Event
from . import room
from .arrival import Arrival, sight
from .profile import Profile, Trait


def describe(
    profile: Profile, arrivals: Sequence[Arrival], catalogue: Catalogue, *, new: bool
) -> tuple[dict[bytes, list[Event]], set[str] | None]:
    """The events by queue message, and the keys of the computations that they may change; None if nothing changed.

    Times of first and last touch are kept only with a change; `new` says that there is one already.
    """
    changed = _set_traits(profile, arrivals, catalogue)
    counted: dict[bytes, list[Event]] = {arrival.tag: list(arrival.events) for arrival in arrivals}
    if not changed and not new and profile.version:
        return counted, None
    for arrival in arrivals:
        for event in arrival.events:
            sight(profile, event)
    return counted, {reader for key in changed for reader in catalogue.readers_of_trait.get(key, ())}


def _set_traits(profile: Profile, arrivals: Sequence[Arrival], catalogue: Catalogue) -> list[str]:
    """Per key the latest value. A value that is as it was keeps its time, too: a time alone is nothing new.

    Of two calls of the same time the later one in a request wins, but never one that comes later by itself: it may
    be the redelivery of an earlier one.
    """
    head = profile.head
    before: dict[str, Trait | None] = {}
    for event in (event for arrival in arrivals for event in arrival.events):
        at = min(event.timestamp, event.received_at)  # a clock in the future must not make a value stick
        for key, value in event.traits.items():
            known, left_over = head.traits.get(key), head.outcomes.get(key)
            stored = key not in before
            if catalogue.is_computed(key) or (left_over and left_over.changed_at > at):
                continue
            if known and (known.updated_at > at or (stored and known.updated_at == at)):
                continue
            if left_over or known is None or known.value != value or type(known.value) is not type(value):
                before.setdefault(key, known)
                head.outcomes.pop(key, None)  # of a deleted computation: an ordinary trait from now on
                head.traits[key] = Trait(value, at, event.source_id)
    return room.without_excess(head.traits, before) if before else []
