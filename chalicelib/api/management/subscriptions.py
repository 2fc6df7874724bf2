"""Subscriptions of destinations to actions."""

from typing import Any

from chalice.app import Blueprint

from ...destinations.registry import KINDS
from ...workspace.model import Destination, Subscription
from .endpoint import SUCCESS, Call, endpoint
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)

SUBSCRIPTIONS = "/destinations/{destination_id}/subscriptions"
SUBSCRIPTION = SUBSCRIPTIONS + "/{subscription_id}"


@endpoint(routes, "POST", SUBSCRIPTIONS, versions=ALPHA_ONLY)
def create_subscription(call: Call) -> dict[str, Any]:
    destination = _destination(call)
    made = call.workspaces.subscriptions.create(destination, call.content())
    return {"destinationSubscription": _shown(destination, made)}


@endpoint(routes, "GET", SUBSCRIPTIONS, versions=ALPHA_ONLY)
def list_subscriptions(call: Call) -> dict[str, Any]:
    destination = _destination(call)
    found, pagination = call.page(destination.subscriptions)
    return {"subscriptions": [_shown(destination, one) for one in found], "pagination": pagination}


@endpoint(routes, "GET", SUBSCRIPTION, versions=ALPHA_ONLY)
def get_subscription(call: Call) -> dict[str, Any]:
    destination = _destination(call)
    found = call.workspaces.subscriptions.get(call.workspace_id, destination.id, call.id("subscription_id"))
    return {"subscription": _shown(destination, found)}


@endpoint(routes, "PATCH", SUBSCRIPTION, versions=ALPHA_ONLY)
def update_subscription(call: Call) -> dict[str, Any]:
    destination, id = _destination(call), call.id("subscription_id")
    changed = call.workspaces.subscriptions.update(call.workspace_id, destination.id, id, call.content())
    return {"subscription": _shown(destination, changed)}


@endpoint(routes, "DELETE", SUBSCRIPTION, versions=ALPHA_ONLY)
def delete_subscription(call: Call) -> dict[str, Any]:
    call.workspaces.subscriptions.delete(call.workspace_id, _destination(call).id, call.id("subscription_id"))
    return SUCCESS


def _destination(call: Call) -> Destination:
    return call.workspaces.destinations.get(call.workspace_id, call.id("destination_id"))


def _shown(destination: Destination, shown: Subscription) -> dict[str, Any]:
    """Secret settings are left out altogether."""
    action = KINDS[destination.metadata_id].action(shown.action_id)
    return {
        "id": shown.id,
        "name": shown.name,
        "actionId": shown.action_id,
        "actionSlug": action.slug if action else "",
        "destinationId": destination.id,
        "enabled": shown.enabled,
        "trigger": shown.trigger,
        "settings": shown.settings,
    }
