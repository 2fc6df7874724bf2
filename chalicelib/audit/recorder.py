"""Changes somebody made, as rows of the audit trail."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..clock import Clock
from ..ids import Ids, derived
from .catalogue import name_of
from .row import ID_PREFIX, Row
from .trail import Trail


class Resource(NamedTuple):
    """What a change is about; `enabled` is None for what has no switch."""

    type: str
    id: str
    name: str
    path: str
    space_id: str | None = None
    enabled: bool | None = None
    details: Mapping[str, Any] = {}


class Recorder:
    def __init__(self, trail: Trail, ids: Ids, clock: Clock) -> None:
        self._trail, self._ids, self._clock = trail, ids, clock

    def record(
        self, workspace_id: str, token_id: str, resource: Resource, event: str, request_id: str | None = None
    ) -> None:
        """Just now, by a token. `request_id` tells requests apart that change the same thing in the same moment."""
        at, action = self._clock.now(), name_of(resource.type, event)
        row = Row(
            id=derived(ID_PREFIX, at, request_id or self._ids.ksuid("req_"), action, resource.id),
            at=at,
            workspace_id=workspace_id,
            space_id=resource.space_id,
            action=action,
            resource_type=resource.type,
            resource_id=resource.id,
            resource_name=resource.name,
            path=resource.path,
            actor=token_id,
            subject=f"tokens/{token_id}",
            details=dict(resource.details),
        )
        self._trail.write(row)
