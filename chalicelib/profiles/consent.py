"""What a person agreed to, by category of use, as events tell it.

Per category the event that happened last decides, in whatever order events arrive. Two people who become one agreed
where both did; a category that one of them was never asked about counts as refused. Where they differ nobody knows,
until an event says it anew.
"""

from ..tracking.event import Event
from .profile import Head, Preference

CONFLICT = "conflict"

MOST_CATEGORIES = 50  # of one person: sites ask about a handful
LONGEST_CATEGORY = 100  # characters


def listen(head: Head, event: Event) -> None:
    """Take over the preferences that came with an event."""
    told = event.context.get("consent")
    preferences = told.get("categoryPreferences") if isinstance(told, dict) else None
    if not isinstance(preferences, dict):
        return
    at = min(event.timestamp, event.received_at)  # a clock in the future must not make an answer stick
    for category, value in preferences.items():
        if isinstance(value, bool) and 0 < len(category) <= LONGEST_CATEGORY:
            _prefer(head, category, Preference(value, at))


def fold(kept: Head, gone: Head) -> None:
    """Of two people one."""
    for category in sorted({*kept.consent, *gone.consent}):
        mine, theirs = kept.consent.get(category, _NEVER), gone.consent.get(category, _NEVER)
        value = mine.value if mine.value == theirs.value else CONFLICT
        kept.consent[category] = Preference(value, max(mine.at, theirs.at))
    kept.consent = dict(list(kept.consent.items())[:MOST_CATEGORIES])


_NEVER = Preference(False, 0)


def _prefer(head: Head, category: str, preference: Preference) -> None:
    known = head.consent.get(category)
    if known is None and len(head.consent) >= MOST_CATEGORIES:
        return
    if known is None or known.at <= preference.at:
        head.consent[category] = preference
