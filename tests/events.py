"""Making events for tests."""

from typing import Any

from chalicelib.instants import parse_iso
from chalicelib.tracking.event import PAGE_VIEWED, SCREEN_VIEWED, Event


def instant(text: str) -> int:
    """Epoch ms of ISO 8601 text."""
    found = parse_iso(text)
    assert found is not None, text
    return found


T0 = instant("2026-03-01T12:00:00Z")


def event(type: str = "track", name: str | None = None, /, *, at: int = T0, **fields: Any) -> Event:
    """An event received when it happened. A track call is named `name`; page and screen calls as decoding does."""
    named = {"track": name, "page": PAGE_VIEWED, "screen": SCREEN_VIEWED}.get(type)
    fields.setdefault("message_id", f"m-{type}-{name}-{at}-{sorted(map(str, fields.items()))}"[:90])
    fields.setdefault("source_id", "src")
    return Event(type=type, event=named, timestamp=at, received_at=fields.pop("received_at", at), **fields)
