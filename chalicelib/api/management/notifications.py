"""Notification channels, the in-app list, and what a space wants to be told. All of it are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...audit.preferences import Preferences
from ...instants import to_iso
from ...notifications.channels import Channel
from ...notifications.notice import Notice, as_json
from ...workspace.body import Body
from .endpoint import SUCCESS, Call, endpoint

routes = Blueprint(__name__)

CHANNELS = "/notification-channels"
CHANNEL = CHANNELS + "/{channel_id}"
PREFERENCES = "/spaces/{space_id}/failure-notifications"


@endpoint(routes, "POST", CHANNELS)
def create_channel(call: Call) -> dict[str, Any]:
    spaces = call.workspaces.spaces(call.workspace_id)
    created = bootstrap.current().operations.channels.create(call.workspace_id, call.content(), call.token.id, spaces)
    return {"channel": _channel(created)}


@endpoint(routes, "GET", CHANNELS)
def list_channels(call: Call) -> dict[str, Any]:
    found, pagination = call.page(bootstrap.current().operations.channels.every(call.workspace_id))
    return {"channels": [_channel(channel) for channel in found], "pagination": pagination}


@endpoint(routes, "GET", CHANNEL)
def get_channel(call: Call) -> dict[str, Any]:
    return {"channel": _channel(bootstrap.current().operations.channels.get(call.workspace_id, call.id("channel_id")))}


@endpoint(routes, "PATCH", CHANNEL)
def update_channel(call: Call) -> dict[str, Any]:
    changed = bootstrap.current().operations.channels.update(call.workspace_id, call.id("channel_id"), call.content())
    return {"channel": _channel(changed)}


@endpoint(routes, "DELETE", CHANNEL)
def delete_channel(call: Call) -> dict[str, Any]:
    bootstrap.current().operations.channels.delete(call.workspace_id, call.id("channel_id"))
    return SUCCESS


@endpoint(routes, "GET", "/notifications")
def list_notifications(call: Call) -> dict[str, Any]:
    """Failures and alerts of the last 30 days, the newest first, of one space or of all."""
    body = Body(call.parameters)
    space_id = body.text("spaceId")
    body.done()

    def notices(count: int, cursor: str | None) -> tuple[list[Notice], str | None]:
        page = bootstrap.current().operations.inbox.read(call.workspace_id, space_id, count, cursor)
        return page.notices, page.cursor

    found, pagination = call.forward(notices)
    return {"notifications": [as_json(notice) for notice in found], "pagination": pagination}


@endpoint(routes, "GET", PREFERENCES)
def get_failure_notifications(call: Call) -> dict[str, Any]:
    return {"failureNotifications": _preferences(bootstrap.current().operations.preferences.of(call.space().id))}


@endpoint(routes, "PATCH", PREFERENCES)
def update_failure_notifications(call: Call) -> dict[str, Any]:
    changed = bootstrap.current().operations.preferences.update(call.space().id, call.content())
    return {"failureNotifications": _preferences(changed)}


def _channel(channel: Channel) -> dict[str, Any]:
    """Secret settings are left out altogether."""
    return {
        "id": channel.id,
        "type": channel.type,
        "name": channel.name,
        "enabled": channel.enabled,
        "spaceId": channel.space_id,
        "actions": list(channel.actions),
        "settings": channel.settings,
        "createdBy": channel.created_by,
        "createdAt": to_iso(channel.created_at),
        "updatedAt": to_iso(channel.updated_at),
    }


def _preferences(preferences: Preferences) -> dict[str, Any]:
    return {"notifyTransientFailures": preferences.notify_transient_failures}
