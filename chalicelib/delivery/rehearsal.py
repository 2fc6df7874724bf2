"""What a step of a journey would tell of somebody who joins it just now, made up for trying it out."""

from collections.abc import Iterator

from ..computations.computation import AUDIENCE, USERS, Computation
from ..destinations.kind import Payload
from ..journeys.model import Side, Target
from ..workspace.model import Connection
from .payloads import Origin, forms, payload
from .rows import Row
from .transitions import Transition


def rehearsal(side: Side, target: Target, space_id: str, user_id: str, now: int) -> Iterator[Payload]:
    """In each form that the step sends; without the message id and the integrations of a real one."""
    computation = Computation(
        id=side.computation_id,
        workspace_id="",
        space_id=space_id,
        kind=AUDIENCE,
        scope=USERS,
        key=side.key,
        name="",
        query="",
    )
    connection = Connection(
        id=target.connection_id,
        workspace_id="",
        space_id=space_id,
        computation_id=computation.id,
        destination_id=target.destination_id,
        enabled=True,
        created_at=now,
        updated_at=now,
        settings=target.settings,
    )
    transition, origin = Transition(computation, True, now), Origin(space_id, user_id, 0, {})
    for form in forms(connection, computation, USERS):
        event = payload(transition, origin, connection, Row(user_id=user_id), form, now, {})
        yield {name: value for name, value in event.items() if name not in ("messageId", "integrations")}
