"""Activations of audiences."""

from typing import Any

import msgspec
from chalice.app import Blueprint

from ...computations.computation import Computation
from ...workspace.model import Activation
from .audiences import AUDIENCE, find_audience
from .endpoint import SUCCESS, BadRequest, Call, endpoint
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)

ACTIVATIONS = AUDIENCE + "/activations"
ACTIVATION = ACTIVATIONS + "/{activation_id}"


@endpoint(routes, "POST", AUDIENCE + "/destination-connections/{connection_id}/activations", versions=ALPHA_ONLY)
def add_activation(call: Call) -> dict[str, Any]:
    audience = find_audience(call)
    connection = call.workspaces.connections.find(audience, call.id("connection_id"))
    linked, content = not audience.is_computed, _content(call, audience)
    added = call.workspaces.activations.add(connection, content, call.token.id, linked=linked)
    return {"activation": _shown(call, added)}


@endpoint(routes, "GET", ACTIVATIONS, versions=ALPHA_ONLY)
def list_activations(call: Call) -> dict[str, Any]:
    """With `pagination` only when it was asked for."""
    found, pagination = call.page(call.workspaces.activations.of(find_audience(call)))
    asked = call.object_parameter("pagination") is not None
    shown = [_shown(call, activation) for activation in found]
    return {"activations": shown} | ({"pagination": pagination} if asked else {})


@endpoint(routes, "GET", ACTIVATION, versions=ALPHA_ONLY)
def get_activation(call: Call) -> dict[str, Any]:
    return {"activation": _shown(call, _find(call))}


@endpoint(routes, "PATCH", ACTIVATION, versions=ALPHA_ONLY)
def update_activation(call: Call) -> dict[str, Any]:
    """Its type and its action never change."""
    audience = find_audience(call)
    linked, content = not audience.is_computed, _content(call, audience)
    changed = call.workspaces.activations.update(_find(call), content, call.token.id, linked=linked)
    return {"activation": _shown(call, changed)}


@endpoint(routes, "DELETE", ACTIVATION, versions=ALPHA_ONLY)
def remove_activation(call: Call) -> dict[str, Any]:
    call.workspaces.activations.remove(_find(call))
    return SUCCESS


def _find(call: Call) -> Activation:
    return call.workspaces.activations.get(find_audience(call), call.id("activation_id"))


def _content(call: Call, audience: Computation) -> dict[str, Any]:
    """Raises BadRequest for what only another type of audience could have."""
    content = call.content()
    personalization = content.get("personalization")
    if audience.is_computed and isinstance(personalization, dict) and personalization.get("entities"):
        raise BadRequest('"personalization.entities" is for LINKED audiences alone')
    return content


def _shown(call: Call, activation: Activation) -> dict[str, Any]:
    """`performResync` says that one is under way."""
    profile: dict[str, Any] = {"properties": activation.properties}
    entities = {"entities": msgspec.to_builtins(activation.entities)} if activation.entities else {}
    return {
        "id": activation.id,
        "enabled": activation.enabled,
        "workspaceId": activation.workspace_id,
        "spaceId": activation.space_id,
        "audienceId": activation.computation_id,
        "connectionId": activation.connection_id,
        "activationType": activation.type,
        "activationName": activation.name,
        "displayName": activation.display_name,
        "personalization": {
            "profile": profile | ({"mapping": activation.mapping} if activation.mapping else {}),
            **entities,
        },
        "performResync": call.workspaces.activations.is_resyncing(activation),
        **_mapping(activation),
    }


def _mapping(activation: Activation) -> dict[str, Any]:
    """Secret settings are left out altogether."""
    shown = activation.destination_mapping
    return {"destinationMapping": {"actionId": shown.action_id, "settings": shown.settings}} if shown else {}
