"""One tracking call as the rest of Muster sees it."""

from typing import Any

import msgspec

PAGE_VIEWED = "Page Viewed"
SCREEN_VIEWED = "Screen Viewed"


class Event(msgspec.Struct, kw_only=True):
    """A validated message with its four times in epoch milliseconds.

    `event` is the name audiences and the Profile API know: the name of a track call, `Page Viewed`,
    `Screen Viewed`; None for identify, group and alias. For page and screen calls `properties` already
    holds `page_name` / `screen_name`.
    """

    type: str
    message_id: str
    source_id: str
    timestamp: int
    received_at: int
    sent_at: int | None = None
    original_timestamp: int | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    traits: dict[str, Any] = msgspec.field(default_factory=dict)
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    integrations: dict[str, Any] = msgspec.field(default_factory=dict)
