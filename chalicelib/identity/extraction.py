"""Which fields of an event are external ids."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..tracking.event import Event
from .external_id import ACCOUNTS, USERS, Identifier
from .rulebook import Rulebook, Ruling, rulebook
from .rules import DEFAULT_RULES, KINDS_OF_DEVICES, LONGEST_NAME, LONGEST_VALUE

Raw = Iterator[tuple[str, Any]]


class Extracted(NamedTuple):
    """Identifiers of a person or an account in extraction order, without repeats. Blocked values name nobody."""

    usable: Sequence[Identifier]
    blocked: Sequence[Identifier]


NOTHING = Extracted((), ())


def of_user(event: Event, book: Rulebook) -> Extracted:
    return _sorted_out(USERS, _of_user(event, book), book)


def of_account(event: Event, book: Rulebook) -> Extracted:
    """Of the account that a group call describes."""
    return _sorted_out(ACCOUNTS, _of_account(event, book), book) if event.type == "group" else NOTHING


def user_identifiers(event: Event, book: Rulebook | None = None) -> Sequence[Identifier]:
    """Usable identifiers of the person, by the default rules unless others are given."""
    return of_user(event, book or rulebook(DEFAULT_RULES)).usable


def account_of(event: Event, book: Rulebook) -> Identifier | None:
    """The account in whose name something was done; only a group call makes somebody a member of it."""
    value = normalised("group_id", event.context.get("groupId"), book)
    return None if value is None else Identifier(ACCOUNTS, "group_id", value)


def normalised(type: str, value: Any, book: Rulebook) -> str | None:
    """The stored form of a value; None if it cannot be an identifier."""
    return _stored(value, book.of(type))


def _stored(value: Any, ruling: Ruling) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    value = ruling.normalise(value.strip())
    return value if 0 < len(value) <= LONGEST_VALUE else None


def _sorted_out(collection: str, found: Raw, book: Rulebook) -> Extracted:
    usable: dict[Identifier, None] = {}
    blocked: dict[Identifier, None] = {}
    for type, raw in found:
        if raw is None:
            continue
        ruling = book.of(type)
        value = _stored(raw, ruling)
        if value is not None:
            chosen = blocked if ruling.blocks(value) else usable
            chosen[Identifier(collection, type, value)] = None
    return Extracted(list(usable), list(blocked))


def _of_user(event: Event, book: Rulebook) -> Raw:
    context = event.context
    yield "user_id", event.user_id
    yield "anonymous_id", event.anonymous_id
    if context:
        yield from _of_device(_mapping(context.get("device")))
        google = _mapping(_mapping(context.get("integrations")).get("Google Analytics"))
        yield "ga_client_id", google.get("clientId")
        if book.rules.braze_id:
            yield "braze_id", _mapping(context.get("Braze")).get("braze_id")
        yield from _listed(event, USERS, book)
    if event.type == "identify":
        yield from _of_fields(event.traits, book)
    elif event.event is not None:
        yield from _of_fields(event.properties, book, email=book.rules.properties_email)
    if context:
        traits = _mapping(context.get("traits"))
        yield from _of_fields(traits, book)
        if book.rules.cross_domain_id:
            yield "cross_domain_id", traits.get("crossDomainId")


def _of_fields(fields: Mapping[str, Any], book: Rulebook, email: bool = True) -> Raw:
    if email:
        yield "email", fields.get("email")
    for spelling, type in book.custom:
        yield type, fields.get(spelling)


def _of_account(event: Event, book: Rulebook) -> Raw:
    yield "group_id", event.group_id
    yield from _listed(event, ACCOUNTS, book)


def _of_device(device: Mapping[str, Any]) -> Raw:
    kind = device.get("type")
    if kind not in KINDS_OF_DEVICES:
        return
    yield f"{kind}.id", device.get("id")
    if device.get("adTrackingEnabled") is True:
        yield f"{kind}.idfa", device.get("advertisingId")
    yield f"{kind}.push_token", device.get("token")


def _listed(event: Event, collection: str, book: Rulebook) -> Raw:
    """`context.externalIds`: an entry counts only if it is complete; its neighbours are not affected."""
    entries = event.context.get("externalIds")
    for entry in entries if isinstance(entries, list) else ():
        type = _mapping(entry).get("type")
        if (
            isinstance(type, str)
            and 0 < len(type) <= LONGEST_NAME
            and type == type.lower()
            and entry.get("collection") == collection
            and entry.get("encoding") == "none"
            and (type == "group_id") <= (collection == ACCOUNTS)  # of a person it would join colleagues
            and book.accepts(type)
        ):
            yield type, entry.get("id")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
