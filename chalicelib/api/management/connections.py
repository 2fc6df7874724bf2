"""Connections of audiences and computed traits to destinations, and which destinations can be connected."""

from typing import Any

from chalice.app import Blueprint

from ...computations.computation import Computation
from ...computations.linked import REASON
from ...errors import Invalid, Problem
from ...workspace.audiences import TYPES
from ...workspace.body import Body
from ...workspace.model import Connection
from . import shapes
from .audiences import AUDIENCE, find_audience
from .computed_traits import TRAIT, find_trait
from .endpoint import SUCCESS, BadRequest, Call, endpoint
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)

# Those of computed traits are an addition of Muster's, in the same shapes.
CONNECTIONS = [computation + "/destination-connections" for computation in (AUDIENCE, TRAIT)]
CONNECTION = [connections + "/{connection_id}" for connections in CONNECTIONS]

CHANGEABLE = ("idSyncConfiguration", "connectionSettings", "enabled")


@endpoint(routes, "POST", CONNECTIONS[0], versions=ALPHA_ONLY)
@endpoint(routes, "POST", CONNECTIONS[1], versions=ALPHA_ONLY)
def add_destination(call: Call) -> dict[str, Any]:
    added = call.workspaces.connections.add(call.space(), _computation(call), call.content())
    return {"connection": {"id": added.id}, **_configuration(added)}


@endpoint(routes, "GET", CONNECTIONS[0], versions=ALPHA_ONLY)
@endpoint(routes, "GET", CONNECTIONS[1], versions=ALPHA_ONLY)
def list_connections(call: Call) -> dict[str, Any]:
    """With `pagination` only when it was asked for."""
    destinations = call.workspaces.destinations
    targets = {destination.id: destination for destination in destinations.every(call.workspace_id)}
    connections = [c for c in call.workspaces.connections.of(_computation(call)) if c.destination_id in targets]
    found, pagination = call.page(connections)
    shown = [
        shapes.connection(connection, target, destinations.kinds[target.metadata_id])
        for connection in found
        for target in [targets[connection.destination_id]]
    ]
    asked = call.object_parameter("pagination") is not None
    return {"connections": shown} | ({"pagination": pagination} if asked else {})


@endpoint(routes, "PATCH", CONNECTION[0], versions=ALPHA_ONLY)
@endpoint(routes, "PATCH", CONNECTION[1], versions=ALPHA_ONLY)
def update_connection(call: Call) -> dict[str, Any]:
    """`enabled` is an addition of Muster's: it pauses a connection and takes it up again."""
    connection, content = _connection(call), call.content()
    if all(content.get(name) is None for name in CHANGEABLE):
        raise BadRequest("give idSyncConfiguration or connectionSettings, or both")
    changed = call.workspaces.connections.update(connection, content)
    return {"destination": {"id": changed.destination_id}, **_configuration(changed)}


@endpoint(routes, "DELETE", CONNECTION[0], versions=ALPHA_ONLY)
@endpoint(routes, "DELETE", CONNECTION[1], versions=ALPHA_ONLY)
def remove_connection(call: Call) -> dict[str, Any]:
    call.workspaces.connections.remove(_connection(call))
    return SUCCESS


@endpoint(routes, "POST", CONNECTION[0] + "/resync", versions=ALPHA_ONLY)
@endpoint(routes, "POST", CONNECTION[1] + "/resync", versions=ALPHA_ONLY)
def resync_connection(call: Call) -> dict[str, Any]:
    """An addition of Muster's: everybody is told once more, in the background."""
    connection = _connection(call)
    if not _computation(call).is_computed:
        raise Invalid(Problem(REASON, "audienceType"))
    call.workspaces.connections.resync(connection, call.token.id)
    return {"connection": {"id": connection.id}, "performResync": call.workspaces.connections.is_resyncing(connection)}


@endpoint(routes, "GET", "/spaces/{space_id}/audienceType/{audience_type}/supported-destinations", versions=ALPHA_ONLY)
def list_supported_destinations(call: Call) -> dict[str, Any]:
    """By slug. Every kind takes audiences of every type."""
    call.space()
    asked = Body({"audienceType": call.id("audience_type")})
    asked.choice("audienceType", TYPES, required=True)
    asked.done()
    slug, action = call.parameters.get("slug"), call.parameters.get("actionId")
    found = (k for k in call.workspaces.destinations.kinds.values() if slug in (None, k.slug))
    kinds = (k for k in found if action is None or any(action == one.id for one in k.actions))
    return {"destinations": {k.slug: shapes.destination_metadata(k) for k in kinds}}


def _computation(call: Call) -> Computation:
    return find_trait(call) if call.names("trait_id") else find_audience(call)


def _connection(call: Call) -> Connection:
    return call.workspaces.connections.find(_computation(call), call.id("connection_id"))


def _configuration(connection: Connection) -> dict[str, Any]:
    return {"idSyncConfiguration": shapes.id_sync(connection), "connectionSettings": connection.settings}
