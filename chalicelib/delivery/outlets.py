"""Through which connections a computation is told, in which forms, and what the messages are."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..computations.catalogue import is_audience
from ..computations.computation import Computation
from ..destinations.kind import DestinationKind
from ..destinations.registry import KINDS
from ..identity.external_id import ACCOUNTS
from ..profiles.profile import Head
from ..workspace.model import Activation, Connection
from ..workspace.ports import Directory, SpaceView
from .enrichment import extras
from .message import Delivery
from .payloads import IDENTIFY, Origin, forms, payload
from .rows import groups, rows
from .told import AnyRow, Telling
from .transitions import Transition
from .ways import Way, ways


class Outlet(NamedTuple):
    """A connection through which a computation is told, the kind of its destination, and its activations."""

    connection: Connection
    kind: DestinationKind
    activations: Sequence[Activation] = ()

    def forms(self, computation: Computation, collection: str) -> Sequence[str]:
        """A list takes members: people of audiences, in one form."""
        if self.kind.lists:
            return [IDENTIFY] if is_audience(computation) and collection != ACCOUNTS else []
        return list(forms(self.connection, computation, collection))

    def ways(self, computation: Computation, collection: str, *, is_exit: bool) -> Sequence[Way]:
        fixed = self.kind.lists or collection == ACCOUNTS
        return list(ways(self.activations, self.forms(computation, collection), is_exit=is_exit, fixed=fixed))

    def tells(self, computation: Computation, collection: str) -> bool:
        """Whether anything at all is told, be it of entering or of leaving alone: then both have to be known."""
        return any(self.ways(computation, collection, is_exit=is_exit) for is_exit in (False, True))

    def messages(
        self, transition: Transition, origin: Origin, tellings: Iterable[Telling], head: Head, now: int
    ) -> Iterator[Delivery]:
        connection, computation = self.connection, transition.computation
        found = self.ways(computation, head.collection, is_exit=transition.is_exit)
        others = [extras(connection, way.activations, head) for way in found]
        for telling in tellings:
            for way, traits in zip(found, others, strict=True):
                of = origin._replace(activation_id=way.activation_id)
                for form in way.forms:
                    event = payload(transition, of, connection, telling.row, form, now, traits)
                    yield Delivery(
                        message_id=event["messageId"],
                        connection_id=connection.id,
                        computation_id=connection.computation_id,
                        space_id=origin.space_id,
                        destination_id=connection.destination_id,
                        created_at=transition.at,
                        payload=event,
                        row=telling.name,
                        sequence=telling.sequence,
                        follows=telling.follows,
                        listed=self.kind.lists,
                        activation_id=way.activation_id,
                    )


def rows_now(head: Head, computation: Computation, connection: Connection) -> Sequence[AnyRow]:
    """Under which identifiers a profile is told at present."""
    if head.collection == ACCOUNTS:
        return groups(head.external_ids)
    return rows(head.external_ids, computation, connection)


def outlets(directory: Directory, view: SpaceView, connections: Iterable[Connection]) -> list[Outlet]:
    """What is switched off is not caught up later, so nothing is made for it."""
    found = []
    for connection in connections:
        destination = directory.destination(connection.destination_id) if connection.enabled else None
        if destination is not None and destination.enabled and destination.metadata_id in KINDS:
            activations = view.activations.get(connection.id, ())
            found.append(Outlet(connection, KINDS[destination.metadata_id], activations))
    return found
