"""What the filters of a destination leave of an event."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..destinations.kind import Payload
from ..filters.actions import STOPPING, Action, taken
from ..filters.condition import condition
from ..query.errors import QueryError
from ..workspace.model import DestinationFilter

FILTERED_BY_RULES = "FILTERED_BY_RULES"

logger = logging.getLogger(__name__)


def filtered(
    filters: Sequence[DestinationFilter], payload: Payload, waiting_since: int | None = None
) -> Payload | None:
    """The event that may be sent, None for none. All conditions are asked of the event as it was made.

    An event that waits for another attempt is not stopped by what came later; fields are taken from it all the same.
    """
    actions: list[Action] = []
    for one in filters:
        if not one.enabled:
            continue
        try:
            meets = condition(one.when)(payload)
        except QueryError:  # of a time when the language was another: what it is to hold back nobody knows
            logger.error("Filter %s cannot be read, so nothing is sent", one.id)
            return None
        if meets:
            late = waiting_since is not None and one.since > waiting_since
            actions += [action for action in one.actions if not (late and action.type in STOPPING)]
    return taken(payload, actions) if actions else payload


def previewed(when: str, actions: Sequence[Action], payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a filter would do to an event; its condition can be read."""
    return taken(payload, actions) if condition(when)(payload) else dict(payload)
