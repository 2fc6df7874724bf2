"""Connections: which destinations hear of the changes of which computation."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..computations.catalogue import is_audience
from ..computations.computation import Computation
from ..errors import Conflict, NotFound
from ..ids import Ids
from ..journeys.model import Target
from .body import LONGEST, Body
from .model import COMBINATION, PER_IDENTIFIER, Activation, Connection, IdSync, Space
from .ports import DestinationKind, Resyncs
from .storage import (
    Storage,
    activation_key,
    connection_key,
    destination_key,
    link_key,
    space_partition,
    workspace_partition,
)

MOST_ID_SYNCS = 5
MOST_ALL = 3  # identifiers sent with every value: each multiplies the events of one person
STRATEGIES = ("first", "last", "all")
FLAGS = ("sendIdentify", "sendTrack", "sendGroup", "sendMobileIds", "sendAlias")
EVENT_NAMES = ("enterEventName", "exitEventName", "computeEventName")
# What an empty list means, as clients are shown it: every value of the two standard types.
DEFAULT_ID_SYNC = (IdSync(external_id="email", strategy="all"), IdSync(external_id="user_id", strategy="all"))

FOREIGN_SOURCE = "DESTINATION_LINKED_TO_CONNECTIONS_SOURCE"
ONLY_AUDIENCES = "DESTINATION_TAKES_ONLY_AUDIENCES"


class Connections:
    """The connections of spaces. `content` is a request body."""

    def __init__(
        self,
        storage: Storage,
        ids: Ids,
        clock: Clock,
        kinds: Mapping[str, DestinationKind],
        resyncs: Resyncs | None = None,
    ) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock
        self._kinds, self._resyncs = kinds, resyncs

    def of(self, computation: Computation) -> list[Connection]:
        """Oldest first."""
        found = [c for c in self._every(computation.space_id) if c.computation_id == computation.id]
        return sorted(found, key=lambda connection: (connection.created_at, connection.id))

    def find(self, computation: Computation, id: str) -> Connection:
        """By the id of the connection, or of its destination. Raises NotFound."""
        connection = self._storage.connections.find(connection_key(computation.space_id, id))
        if connection is None:
            link = self._storage.names.find(link_key(computation.space_id, computation.id, id))
            key = connection_key(computation.space_id, link.owner if link else id)
            connection = self._storage.connections.get(key)
        if connection.computation_id != computation.id:
            raise NotFound("there is no connection with this id here")
        return connection

    def add(self, space: Space, computation: Computation, content: Mapping[str, Any]) -> Connection:
        """Raises Invalid, NotFound for an unknown destination, and Conflict when the destination cannot be used."""
        body = Body(content)
        target = body.inner("destination", required=True)
        destination_id = target.required_text("id")
        if target.choice("type", ("destination", "warehouse"), required=True) == "warehouse":
            target.reject("type", "warehouses cannot be connected; connect a destination")
        id_sync, settings = read_id_sync(body), _settings(body)
        body.done()
        return self._add(space, computation, self._ids.ksuid("ii_"), destination_id, id_sync, settings)

    def settle(self, space: Space, wanted: Sequence[tuple[Computation, Sequence[Target]]]) -> None:
        """Make the connections of steps of a journey those of their targets. Doing it again changes nothing. Raises
        NotFound and Conflict."""
        present = {connection.id: connection for connection in self._every(space.id)}
        for computation, targets in wanted:
            ids = {target.connection_id for target in targets}
            for connection in present.values():
                if connection.computation_id == computation.id and connection.id not in ids:
                    self._remove(connection)
            for target in targets:
                self._settle(space, computation, target, present.get(target.connection_id))
        self._storage.bump(space.id)

    def _settle(self, space: Space, computation: Computation, target: Target, present: Connection | None) -> None:
        id_sync = msgspec.convert(target.id_sync, list[IdSync])
        if present is None:
            self._add(space, computation, target.connection_id, target.destination_id, id_sync, target.settings)
        elif (present.id_sync, present.settings) != (id_sync, target.settings):
            changed = {"id_sync": id_sync, "settings": target.settings, "updated_at": self._clock.now()}
            key = connection_key(space.id, present.id)
            self._storage.connections.amend(key, lambda present: replace(present, **changed))

    def _add(
        self,
        space: Space,
        computation: Computation,
        id: str,
        destination_id: str,
        id_sync: list[IdSync],
        settings: dict[str, Any],
    ) -> Connection:
        kind = self.check(space, destination_id)
        if kind is not None and kind.lists and not is_audience(computation):
            raise Conflict(
                "this destination takes lists of members, and a computed trait has none; connect an audience",
                {"code": ONLY_AUDIENCES},
            )
        now = self._clock.now()
        connection = Connection(
            id=id,
            workspace_id=space.workspace_id,
            space_id=space.id,
            computation_id=computation.id,
            destination_id=destination_id,
            enabled=True,
            created_at=now,
            updated_at=now,
            id_sync=id_sync,
            settings=settings,
        )
        self._link(connection)
        told = computation.is_computed and (computation.history or (kind is not None and kind.lists))
        if self._resyncs is not None and told:
            # Before it is stored: whoever dies between the two leaves a run that finds nothing.
            self._resyncs.begin(connection)
        self._storage.connections.create(connection_key(space.id, connection.id), connection)
        self._storage.bump(space.id)
        return connection

    def update(self, connection: Connection, content: Mapping[str, Any]) -> Connection:
        """What is given replaces what is there; an empty list or object leaves it. Raises NotFound and Invalid."""
        body = Body(content)
        id_sync, settings, enabled = read_id_sync(body), _settings(body), body.flag("enabled")
        body.done()

        def change(present: Connection) -> Connection:
            return replace(
                present,
                id_sync=id_sync or present.id_sync,
                settings=settings or present.settings,
                enabled=present.enabled if enabled is None else enabled,
                updated_at=max(self._clock.now(), present.updated_at),
            )

        key = connection_key(connection.space_id, connection.id)
        changed = self._storage.connections.amend(key, change)
        self._storage.bump(connection.space_id)
        return changed

    def resync(self, connection: Connection, by: str) -> None:
        """Tell all members, or all values, once more; `by` is the id of the token that asks. Raises Conflict while the
        connection is paused."""
        if not connection.enabled:
            raise Conflict("the connection is paused: take it up again first")
        if self._resyncs is not None:
            self._resyncs.request(connection.space_id, connection.id, by)

    def resume(self, computation: Computation) -> None:
        """To be called before a computation that had values is switched on again."""
        if self._resyncs is not None:
            self._resyncs.owe(computation)

    def is_resyncing(self, connection: Connection) -> bool:
        return self._resyncs is not None and self._resyncs.is_pending(connection.id)

    def remove(self, connection: Connection) -> None:
        """Raises Conflict while it has activations."""
        if self._activations(connection):
            raise Conflict("the connection has activations: remove these first")
        self._remove(connection)
        self._storage.bump(connection.space_id)

    def remove_computation(self, computation: Computation) -> None:
        """To be called once the computation itself is gone."""
        self._remove_where(computation.space_id, lambda connection: connection.computation_id == computation.id)

    def remove_computations(self, space_id: str, ids: Collection[str]) -> None:
        """The same of several."""
        self._remove_where(space_id, lambda connection: connection.computation_id in ids)

    def remove_destination(self, workspace_id: str, destination_id: str) -> None:
        """To be called once the destination itself is gone."""
        for space in self._storage.spaces.every(workspace_partition(workspace_id), "space#"):
            self._remove_where(space.id, lambda connection: connection.destination_id == destination_id)

    def _every(self, space_id: str) -> list[Connection]:
        return self._storage.connections.every(space_partition(space_id), "connection#")

    def check(self, space: Space, destination_id: str) -> DestinationKind | None:
        """The kind of a destination that can be connected. Raises NotFound and Conflict."""
        destination = self._storage.destinations.get(destination_key(space.workspace_id, destination_id))
        if destination.source_id != space.engage_source_id:
            raise Conflict(
                "this destination is an instance on a source that feeds events in; create another instance "
                f"whose sourceId is {space.engage_source_id}, the Engage source of the space, and connect that",
                {"code": FOREIGN_SOURCE, "engageSourceId": space.engage_source_id},
            )
        return self._kinds.get(destination.metadata_id)

    def _link(self, connection: Connection) -> None:
        key = link_key(connection.space_id, connection.computation_id, connection.destination_id)

        def is_used_by(owner: str) -> bool:
            return self._storage.connections.find(connection_key(connection.space_id, owner)) is not None

        present = self._storage.names.find(key)
        if present is not None and present.owner == connection.id:
            return  # taken in an earlier attempt
        if not self._storage.names.take(key, connection.id, is_used_by):
            raise Conflict("it is connected to this destination already")

    def _remove_where(self, space_id: str, is_meant: Callable[[Connection], bool]) -> None:
        meant = [connection for connection in self._every(space_id) if is_meant(connection)]
        for connection in meant:
            self._remove(connection)
        if meant:
            self._storage.bump(space_id)

    def _activations(self, connection: Connection) -> list[Activation]:
        every = self._storage.activations.every(space_partition(connection.space_id), "activation#")
        return [activation for activation in every if activation.connection_id == connection.id]

    def _remove(self, connection: Connection) -> None:
        for activation in self._activations(connection):
            self._storage.activations.delete(activation_key(connection.space_id, activation.id))
        self._storage.connections.delete(connection_key(connection.space_id, connection.id))
        self._storage.names.delete(link_key(connection.space_id, connection.computation_id, connection.destination_id))


def read_id_sync(body: Body) -> list[IdSync]:
    name = "idSyncConfiguration"
    items = body.items(name) or []
    if len(items) > MOST_ID_SYNCS:
        body.reject(name, f'"{name}" must have at most {MOST_ID_SYNCS} items')
    found = [_id_sync_item(body, name, place, item) for place, item in enumerate(items)]
    if len(items) <= MOST_ID_SYNCS and sum(item.strategy == "all" for item in found) > MOST_ALL:
        body.reject(name, f'at most {MOST_ALL} identifiers can be sent with the strategy "all"')
    return found


def _id_sync_item(body: Body, name: str, place: int, content: Any) -> IdSync:
    item = body.element(name, place, content)
    return IdSync(
        external_id=item.required_text("externalId"),
        strategy=item.choice("strategy", STRATEGIES, required=True) or "",
        map_to=item.text("mapTo"),
    )


def _settings(body: Body) -> dict[str, Any]:
    """Of `connectionSettings`, what is understood must have the right type; the rest is kept as it is."""
    settings = body.inner("connectionSettings")
    for name in FLAGS:
        settings.flag(name)
    settings.choice("fanout", (COMBINATION, PER_IDENTIFIER))
    traits = settings.mapping("traits") or {}
    if not all(isinstance(sent, str) and 0 < len(sent) <= LONGEST for sent in traits.values()):
        settings.reject("traits", f'"{settings.path}traits" must say for traits under which name they are sent')
    for name in EVENT_NAMES:
        if settings.has(name):
            settings.required_text(name)
    return dict(settings.content)
