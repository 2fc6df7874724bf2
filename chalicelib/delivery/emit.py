"""From changed profiles to the deliver queue: one message per connection, identity row and form."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from ..clock import Clock
from ..destinations.registry import KINDS
from ..errors import MusterError, place_of
from ..identity.external_id import ACCOUNTS
from ..profiles.change import ProfileChange
from ..profiles.profile import Head
from ..queues import DELIVER, Outgoing, Queues
from ..workspace.model import Connection
from ..workspace.ports import Directory, SpaceView
from .debugger import Notes
from .message import Delivery, encode
from .payloads import Origin, forms, payload
from .rows import Group, Row, exit_rows, groups, rows
from .sizes import Sizes
from .snapshots import Snapshots
from .transitions import Transition, may_matter, transitions

logger = logging.getLogger(__name__)


class Chronicle(Protocol):
    """Somebody who writes down what changes of profiles mean."""

    def write(self, changes: Sequence[ProfileChange]) -> set[str]:
        """The `record_id`s of the changes that must come again."""
        ...


class Outlet(NamedTuple):
    """A connection through which a computation is told, and the name its kind of destination goes by."""

    connection: Connection
    name: str


class Emitter:
    def __init__(
        self,
        directory: Directory,
        queues: Queues,
        sizes: Sizes,
        debugger: Notes,
        snapshots: Snapshots,
        clock: Clock,
        chronicles: Sequence[Chronicle] = (),
    ) -> None:
        self._chronicles = chronicles
        self._directory, self._queues, self._sizes, self._clock = directory, queues, sizes, clock
        self._debugger, self._snapshots = debugger, snapshots

    def emit(self, changes: Sequence[ProfileChange]) -> set[str]:
        """The `record_id`s of the changes that are not done and must come again; they then make the same ids."""
        failed = self._sizes.apply(changes) | self._snapshots.land(changes)
        failed = failed.union(*(chronicle.write(changes) for chronicle in self._chronicles))
        told: dict[str, list[Delivery]] = {}
        views: dict[str, SpaceView] = {}
        for change in changes:
            if change.record_id in failed:
                continue
            try:
                told[change.record_id] = list(self._deliveries(change, views))
            except Exception as error:
                # Whatever it is, the neighbours of this change must not wait for it.
                logger.warning("Change %s cannot be told: %s", change.record_id, place_of(error))
                failed.add(change.record_id)
        return failed | self._send(told)

    def _send(self, told: Mapping[str, Sequence[Delivery]]) -> set[str]:
        deliveries = [delivery for of_change in told.values() for delivery in of_change]
        if not deliveries:
            return set()
        try:
            self._queues.send(DELIVER, [_outgoing(delivery) for delivery in deliveries])
        except MusterError as error:
            logger.warning("The deliver queue did not take %d messages: %s", len(deliveries), type(error).__name__)
            return {record_id for record_id, of_change in told.items() if of_change}
        self._debugger.note(deliveries)
        return set()

    def _deliveries(self, change: ProfileChange, views: dict[str, SpaceView]) -> Iterator[Delivery]:
        new = change.new
        # The survivor of a merge speaks for both, from the fold on; a deleted person is not spoken of any more.
        if new is None or change.merged_into is not None or not may_matter(change.old, new):
            return
        if change.space_id not in views:
            views[change.space_id] = self._directory.view(change.space_id)
        view = views[change.space_id]
        for transition in transitions(change.old, new, view.catalogue):
            outlets = self._outlets(view.connections.get(transition.computation.id, ()))
            integrations = {"All": False} | {outlet.name: True for outlet in outlets}
            origin = Origin(change.space_id, change.profile_id, change.version, integrations)
            for outlet in outlets:
                told = list(forms(outlet.connection, transition.computation, new.collection))
                for row in _rows(transition, change.old, new, outlet.connection) if told else ():
                    yield from self._of_row(transition, origin, outlet.connection, row, told)

    def _outlets(self, connections: Sequence[Connection]) -> list[Outlet]:
        """What is switched off is not caught up later, so nothing is made for it."""
        found = []
        for connection in connections:
            destination = self._directory.destination(connection.destination_id) if connection.enabled else None
            if destination is not None and destination.enabled and destination.metadata_id in KINDS:
                found.append(Outlet(connection, KINDS[destination.metadata_id].name))
        return found

    def _of_row(
        self, transition: Transition, origin: Origin, connection: Connection, row: Row | Group, told: Sequence[str]
    ) -> Iterator[Delivery]:
        for form in told:
            event = payload(transition, origin, connection, row, form, self._clock.now())
            yield Delivery(
                message_id=event["messageId"],
                connection_id=connection.id,
                computation_id=transition.computation.id,
                space_id=origin.space_id,
                destination_id=connection.destination_id,
                created_at=transition.at,
                payload=event,
            )


def _outgoing(delivery: Delivery) -> Outgoing:
    return Outgoing(encode(delivery), group=delivery.destination_id)


def _rows(
    transition: Transition, old: Head | None, new: Head, connection: Connection
) -> Sequence[Row] | Sequence[Group]:
    computation, gained = transition.computation, transition.gained
    if transition.is_exit:
        ever = {(e.type, e.value): e for head in (old, new) if head for e in head.external_ids}.values()
        return groups(ever) if new.collection == ACCOUNTS else exit_rows(ever, computation, connection)
    if new.collection == ACCOUNTS:
        return [one for one in groups(new.external_ids) if gained is None or one.holds(gained)]
    now = rows(new.external_ids, computation, connection)
    return now if gained is None else [row for row in now if row.holds(gained)]
