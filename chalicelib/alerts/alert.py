"""An alert as its creator defined it."""

import msgspec

DELIVERY_RATE = "SUCCESSFUL_DELIVERY_RATE"  # of a destination
ACTIVATION_HEALTH = "ACTIVATION_EVENT_HEALTH"  # of an audience at a destination
SIZE_CHANGE = "AUDIENCE_SIZE_CHANGE"
TYPES = (DELIVERY_RATE, ACTIVATION_HEALTH, SIZE_CHANGE)

WITH_DESTINATION = (DELIVERY_RATE, ACTIVATION_HEALTH)
WITH_AUDIENCE = (ACTIVATION_HEALTH, SIZE_CHANGE)


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """`threshold` is in percent: the least rate, or the largest change within a day. `channels` are ids; the in-app
    list hears of it in any case. Times are epoch ms. `last_value`: what was measured when it fired last, in percent."""

    id: str
    workspace_id: str
    type: str
    name: str
    threshold: float
    channels: tuple[str, ...]
    enabled: bool
    created_by: str
    created_at: int
    updated_at: int
    space_id: str | None = None
    audience_id: str | None = None
    destination_id: str | None = None
    last_triggered_at: int | None = None
    last_value: float | None = None
