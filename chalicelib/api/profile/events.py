"""What somebody did in the last two weeks."""

from collections.abc import Iterable
from typing import Any

from ... import bootstrap
from ...errors import Invalid, Problem
from ...identity.external_id import Identifier
from ...identity.extraction import account_of, user_identifiers
from ...identity.rulebook import rulebook
from ...instants import parse_iso
from ...profiles import events as timeline
from .reading import Reading

LIMIT = (10, 100)  # default and most per page
ORDERS = ("asc", "desc")


def events(reading: Reading) -> dict[str, Any]:
    limit, choice, start = reading.limit(*LIMIT), _choice(reading), timeline.position_of(reading.start)
    profile = reading.profile()
    application = bootstrap.current()
    slice = application.events.page(profile, choice, limit, start)
    book = rulebook(application.directory.view(reading.space.id).rules)
    named = {event.message_id: account_of(event, book) for event in slice.items}
    accounts = _accounts(reading.space.id, named.values())
    items = [
        timeline.item(event, profile, user_identifiers(event, book), accounts.get(named[event.message_id]))
        for event in slice.items
    ]
    return {"data": items, "cursor": reading.cursor(slice, limit)}


def _accounts(space_id: str, named: Iterable[Identifier | None]) -> dict[Identifier | None, str]:
    """The ids of those accounts that are known."""
    lookup, found = bootstrap.current().lookup, dict[Identifier | None, str]()
    for account in filter(None, set(named)):
        profile = lookup.find(space_id, account.collection, f"{account.type}:{account.value}")
        if profile is not None:
            found[account] = profile.profile_id
    return found


def _choice(reading: Reading) -> timeline.Choice:
    return timeline.Choice(
        ascending=reading.choice("sort", ORDERS, "desc") == "asc",
        after=_instant(reading, "start"),
        before=_instant(reading, "end"),
        include=reading.listed("include"),
        exclude=reading.listed("exclude") or (),
    )


def _instant(reading: Reading, name: str) -> int | None:
    text = reading.parameters.get(name)
    if text is None:
        return None
    instant = parse_iso(text)
    if instant is None:
        raise Invalid(Problem(f"`{name}` must be a date or date-time of ISO 8601", name))
    return instant
