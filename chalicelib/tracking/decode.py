"""Accepted messages as events, and events back in the spelling of the tracking API."""

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from ..instants import parse_iso, to_iso
from .envelope import Accepted
from .event import PAGE_VIEWED, SCREEN_VIEWED, Event
from .merging import merged

# Years 1 to 9999: what dates can express everywhere else. Clients' clocks can be off by anything.
EARLIEST = -62_135_596_800_000
LATEST = 253_402_300_799_999

WITH_PROPERTIES = frozenset({"track", "page", "screen"})
WITH_TRAITS = frozenset({"identify", "group"})
# Libraries that run on the person's own device, by the name they give in `context.library`.
# Tuples, because what clients send there need not be hashable.
PERSONAL_LIBRARIES = (
    "analytics.js",
    "analytics-android",
    "analytics-ios",
    "analytics-kotlin",
    "analytics-swift",
    "analytics-react-native",
    "analytics-flutter",
)
PERSONAL_CHANNELS = ("browser", "mobile", "client")
_VIEWED = {"page": PAGE_VIEWED, "screen": SCREEN_VIEWED}


def events(accepted: Accepted) -> list[Event]:
    """One event per message, in order."""
    return [_event(message, accepted) for message in accepted.messages]


def _event(message: Mapping[str, Any], accepted: Accepted) -> Event:
    kind: str = message["type"]
    sent_at = _instant(accepted.sent_at if message.get("sentAt") is None else message["sentAt"])
    original = _instant(message.get("timestamp"))
    return Event(
        type=kind,
        message_id=message["messageId"],
        source_id=accepted.source_id,
        timestamp=corrected(accepted.received_at, sent_at, original),
        received_at=accepted.received_at,
        sent_at=sent_at,
        original_timestamp=original,
        user_id=message.get("userId"),
        anonymous_id=message.get("anonymousId"),
        group_id=message.get("groupId") if kind == "group" else None,
        previous_id=message.get("previousId") if kind == "alias" else None,
        event=message.get("event") if kind == "track" else _VIEWED.get(kind),
        name=message.get("name") if kind in _VIEWED else None,
        category=message.get("category") if kind in _VIEWED else None,
        properties=_properties(message) if kind in WITH_PROPERTIES else {},
        traits=(message.get("traits") or {}) if kind in WITH_TRAITS else {},
        context=_context(message, accepted),
        integrations=merged(accepted.integrations, message.get("integrations")),
    )


def corrected(received_at: int, sent_at: int | None, original: int | None) -> int:
    """When it happened by our clock: the client's clock is off by as much as its `sentAt` is."""
    if original is None:
        return received_at
    if sent_at is None:
        return original
    return _clamped(received_at - (sent_at - original))


def _instant(value: object) -> int | None:
    instant = parse_iso(value) if isinstance(value, str) else None
    return None if instant is None else _clamped(instant)


def _clamped(instant: int) -> int:
    return min(max(instant, EARLIEST), LATEST)


def _properties(message: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = message.get("properties") or {}
    if message["type"] in _VIEWED and message.get("name") is not None:
        return {**properties, f"{message['type']}_name": message["name"]}
    return properties


def _context(message: Mapping[str, Any], accepted: Accepted) -> dict[str, Any]:
    context = merged(accepted.context, message.get("context"))
    if isinstance(message.get("channel"), str):
        context.setdefault("channel", message["channel"])
    if context.get("ip") is None and _is_direct(context) and _is_ipv4(accepted.address):
        context["ip"] = accepted.address
    return context


def _is_direct(context: Mapping[str, Any]) -> bool:
    """Whether the connection is the person's own: a server that speaks for people has an address of no interest."""
    library = context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    return context.get("direct") is True or context.get("channel") in PERSONAL_CHANNELS or name in PERSONAL_LIBRARIES


def _is_ipv4(address: str | None) -> bool:
    try:
        return address is not None and IPv4Address(address) is not None
    except AddressValueError:
        return False


def wire(event: Event) -> dict[str, Any]:
    """The event as JSON in camelCase with ISO times; what it does not have is left out.

    Page and screen calls carry their event name too, so that a reader finds every event by `event`.
    """
    fields = {
        "type": event.type,
        "messageId": event.message_id,
        "sourceId": event.source_id,
        "userId": event.user_id,
        "anonymousId": event.anonymous_id,
        "groupId": event.group_id,
        "previousId": event.previous_id,
        "event": event.event,
        "name": event.name,
        "category": event.category,
        "properties": event.properties or None,
        "traits": event.traits or None,
        "context": event.context or None,
        "integrations": event.integrations or None,
        "timestamp": to_iso(event.timestamp),
        "originalTimestamp": _iso(event.original_timestamp),
        "sentAt": _iso(event.sent_at),
        "receivedAt": to_iso(event.received_at),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _iso(instant: int | None) -> str | None:
    return None if instant is None else to_iso(instant)
