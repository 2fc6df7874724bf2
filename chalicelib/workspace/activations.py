"""Activations: on which change of an audience a connection sends, which traits go along, and how it is sent."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from ..clock import Clock
from ..computations.computation import Computation
from ..errors import NotFound
from ..ids import Ids
from .body import LONGEST, Body
from .destinations import without_null
from .mapping_settings import MappingSettings
from .model import Activation, Connection, Destination, DestinationMapping, Entity
from .ports import Resyncs
from .storage import Storage, activation_key, connection_key, destination_key, space_partition

ENTERED, EXITED, CHANGED = "Audience Entered", "Audience Exited", "Audience Membership Changed"
MEMBERSHIP_TYPES = (ENTERED, EXITED, CHANGED, "All Events")
ENTITY_TYPES = ("Entity Added", "Entity Removed", "Entity Values Changed")
TYPES = (*MEMBERSHIP_TYPES, *ENTITY_TYPES)

MAPPING = "destinationMapping"

ENTITIES_ONLY_LINKED = "only LINKED audiences have entities"
NO_RESYNC = "members cannot be sent again yet: set this to false, and later changes are sent"


class GivenMapping(NamedTuple):
    """What a body says of a mapping; null takes a field away."""

    action_id: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str | None]


class Activations:
    """The activations of connections. `content` is a request body. `resyncs` is None where nobody can send members
    again."""

    def __init__(
        self, storage: Storage, mappings: MappingSettings, ids: Ids, clock: Clock, resyncs: Resyncs | None
    ) -> None:
        self._storage, self._ids, self._clock, self._resyncs = storage, ids, clock, resyncs
        self._mappings = mappings

    def of(self, audience: Computation) -> list[Activation]:
        """Oldest first."""
        found = [a for a in self._every(audience.space_id) if a.computation_id == audience.id]
        return sorted(found, key=lambda activation: (activation.created_at, activation.id))

    def get(self, audience: Computation, activation_id: str) -> Activation:
        """Raises NotFound."""
        found = self._storage.activations.get(activation_key(audience.space_id, activation_id))
        if found.computation_id != audience.id:
            raise NotFound("there is no activation with this id here")
        return found

    def is_resyncing(self, activation: Activation) -> bool:
        return self._resyncs is not None and self._resyncs.is_pending(activation.connection_id)

    def add(self, connection: Connection, content: Mapping[str, Any], by: str, *, linked: bool = False) -> Activation:
        """`linked`: of an audience that has entities, and no members to send. Raises Invalid."""
        body, id = Body(content), self._ids.ksuid("act_")
        name, type = body.required_text("activationName"), body.choice("activationType", TYPES, required=True)
        if type in ENTITY_TYPES and not linked:
            body.reject("activationType", ENTITIES_ONLY_LINKED)
        resync, enabled = body.flag("performResync", required=True), body.flag("enabled")
        display_name, personal = body.text("displayName"), _personalization(body)
        mapping = self._new_mapping(body, connection, id)
        self._check_resync(body, resync)
        body.done()
        now = self._clock.now()
        activation = Activation(
            id=id,
            workspace_id=connection.workspace_id,
            space_id=connection.space_id,
            computation_id=connection.computation_id,
            connection_id=connection.id,
            type=type or "",
            name=name,
            enabled=enabled is not False,
            created_at=now,
            updated_at=now,
            display_name=display_name,
            destination_mapping=_merged(None, mapping),
            **personal,
        )
        self._storage.activations.create(activation_key(connection.space_id, activation.id), activation)
        self._changed(activation, resync and not linked, by)
        return activation

    def update(
        self, activation: Activation, content: Mapping[str, Any], by: str, *, linked: bool = False
    ) -> Activation:
        """What is given replaces what is there, of the settings of a mapping each by itself; an empty name and an
        action, once there is one, leave it, null takes the display name away. Raises NotFound and Invalid."""
        body = Body(content)
        name, enabled, resync = body.text("activationName"), body.flag("enabled"), body.flag("performResync")
        display_name, personal = body.text("displayName"), _personalization(body)
        mapping = self._changed_mapping(body, activation)
        self._check_resync(body, resync)
        body.done()

        def change(present: Activation) -> Activation:
            return replace(
                present,
                name=name or present.name,
                enabled=present.enabled if enabled is None else enabled,
                display_name=display_name if body.gives("displayName") else present.display_name,
                updated_at=max(self._clock.now(), present.updated_at),
                destination_mapping=_merged(present.destination_mapping, mapping),
                **personal,
            )

        changed = self._storage.activations.amend(activation_key(activation.space_id, activation.id), change)
        self._changed(changed, resync and not linked, by)
        return changed

    def remove(self, activation: Activation) -> None:
        self._storage.activations.delete(activation_key(activation.space_id, activation.id))
        self._storage.bump(activation.space_id)

    def _new_mapping(self, body: Body, connection: Connection, id: str) -> GivenMapping | None:
        given = body.inner(MAPPING)
        if not body.has(MAPPING):
            return None
        destination = self._destination(connection)
        action = self._mappings.required_action(given, destination)
        return self._given(given, destination, action.id if action else None, None, id)

    def _changed_mapping(self, body: Body, activation: Activation) -> GivenMapping | None:
        """An unknown action is no mapping to begin with, and another one than there is does not count."""
        given, before = body.inner(MAPPING), activation.destination_mapping
        named = given.text("actionId")
        if not body.has(MAPPING):
            return None
        destination = self._destination(self._connection(activation))
        action_id = before.action_id if before else named
        if before is None and self._mappings.action(destination, named or "") is None:
            return None
        return self._given(given, destination, action_id, before, activation.id)

    def _given(
        self, body: Body, destination: Destination, action_id: str | None, before: DestinationMapping | None, id: str
    ) -> GivenMapping | None:
        self._mappings.checked(body, destination, action_id, self._mappings.opened(before, id) if before else None)
        if action_id is None or body.problems:
            return None
        public, sealed = self._mappings.sealed(destination, action_id, body.mapping("settings") or {}, id)
        return GivenMapping(action_id, public, sealed)

    def _connection(self, activation: Activation) -> Connection:
        return self._storage.connections.get(connection_key(activation.space_id, activation.connection_id))

    def _destination(self, connection: Connection) -> Destination:
        return self._storage.destinations.get(destination_key(connection.workspace_id, connection.destination_id))

    def _every(self, space_id: str) -> list[Activation]:
        return self._storage.activations.every(space_partition(space_id), "activation#")

    def _check_resync(self, body: Body, resync: bool | None) -> None:
        if resync and self._resyncs is None:
            body.reject("performResync", NO_RESYNC, {"code": "not_supported"})

    def _changed(self, activation: Activation, resync: bool | None, by: str) -> None:
        self._storage.bump(activation.space_id)
        if resync and self._resyncs is not None:
            self._resyncs.request(activation.space_id, activation.connection_id, by)


def _merged(present: DestinationMapping | None, given: GivenMapping | None) -> DestinationMapping | None:
    """Somebody may have been quicker to begin a mapping: its action stays."""
    if given is None or (present is not None and present.action_id != given.action_id):
        return present
    before = present or DestinationMapping(action_id=given.action_id)
    return DestinationMapping(
        action_id=before.action_id,
        settings=without_null({**before.settings, **given.settings}),
        secrets=without_null({**before.secrets, **given.secrets}),
    )


def _personalization(body: Body) -> dict[str, Any]:
    """The fields of an activation that it gives."""
    personalization = body.inner("personalization")
    return {**_profile(personalization), **_entities(personalization)}


def _profile(personalization: Body) -> dict[str, Any]:
    profile = personalization.inner("profile")
    properties, mapping = profile.texts("properties"), profile.mapping("mapping")
    if mapping is not None and not all(isinstance(sent, str) and 0 < len(sent) <= LONGEST for sent in mapping.values()):
        profile.reject("mapping", f'"{profile.path}mapping" must say for traits under which name they are sent')
    if not personalization.has("profile"):
        return {}
    return {"properties": properties or [], "mapping": mapping or {}}


def _entities(personalization: Body) -> dict[str, Any]:
    items = personalization.items("entities")
    if items is None:
        return {}
    elements = [personalization.element("entities", place, item) for place, item in enumerate(items)]
    return {"entities": [_entity(element) for element in elements]}


def _entity(body: Body) -> Entity:
    if not body.has("properties"):
        body.reject("properties", f'"{body.path}properties" is required')
    return Entity(relationship_slug=body.required_text("relationshipSlug"), properties=body.texts("properties") or [])
