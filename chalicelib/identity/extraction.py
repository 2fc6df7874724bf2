"""Which fields of an event are external ids."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..tracking.event import Event
from .external_id import ACCOUNTS, USERS, Identifier

# Longer values are never ids of people; they would not fit an index key either.
LONGEST_VALUE = 500

_BLOCKED = frozenset({"-1", "null", "anonymous"})
_ZEROES_AND_DASHES = re.compile(r"[0-]*")
_DEVICES = ("android", "ios")


def user_identifiers(event: Event) -> list[Identifier]:
    """Usable identifiers of the person, in extraction order, without repeats."""
    return _usable(USERS, _of_user(event))


def account_identifiers(event: Event) -> list[Identifier]:
    """Usable identifiers of the account a group call describes."""
    return _usable(ACCOUNTS, _of_account(event))


def is_blocked(value: str) -> bool:
    """Values that many devices and scripts send instead of an id: they would glue strangers together."""
    return value in _BLOCKED or _ZEROES_AND_DASHES.fullmatch(value) is not None


def normalised(type: str, value: Any) -> str | None:
    """The stored form of a value; None if it cannot be an identifier."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    value = value.strip()
    if type == "email":
        value = value.lower()
    return value if 0 < len(value) <= LONGEST_VALUE else None


def _usable(collection: str, found: Iterator[tuple[str, Any]]) -> list[Identifier]:
    identifiers: dict[Identifier, None] = {}
    for type, raw in found:
        value = normalised(type, raw)
        if value is not None and not is_blocked(value):
            identifiers[Identifier(collection, type, value)] = None
    return list(identifiers)


def _of_user(event: Event) -> Iterator[tuple[str, Any]]:
    yield "user_id", event.user_id
    yield "anonymous_id", event.anonymous_id
    yield from _of_device(_mapping(event.context.get("device")))
    google = _mapping(_mapping(event.context.get("integrations")).get("Google Analytics"))
    yield "ga_client_id", google.get("clientId")
    yield from _listed(event, USERS)
    if event.type == "identify":
        yield "email", event.traits.get("email")
    elif event.event is not None:
        yield "email", event.properties.get("email")
    yield "email", _mapping(event.context.get("traits")).get("email")


def _of_account(event: Event) -> Iterator[tuple[str, Any]]:
    if event.type != "group":
        return
    yield "group_id", event.group_id
    yield from _listed(event, ACCOUNTS)


def _of_device(device: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    kind = device.get("type")
    if kind not in _DEVICES:
        return
    yield f"{kind}.id", device.get("id")
    if device.get("adTrackingEnabled") is True:
        yield f"{kind}.idfa", device.get("advertisingId")
    yield f"{kind}.push_token", device.get("token")


def _listed(event: Event, collection: str) -> Iterator[tuple[str, Any]]:
    """`context.externalIds`: an entry counts only if it is complete; its neighbours are not affected."""
    entries = event.context.get("externalIds")
    for entry in entries if isinstance(entries, list) else ():
        type = _mapping(entry).get("type")
        if (
            isinstance(type, str)
            and type
            and type == type.lower()
            and entry.get("collection") == collection
            and entry.get("encoding") == "none"
        ):
            yield type, entry.get("id")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
