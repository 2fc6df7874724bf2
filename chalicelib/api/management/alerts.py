"""Alerts. All of it are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...alerts.alert import Alert
from ...instants import to_iso
from ...workspace.body import Body
from .endpoint import SUCCESS, Call, endpoint

routes = Blueprint(__name__)

ALERTS = "/alerts"
ALERT = ALERTS + "/{alert_id}"


@endpoint(routes, "POST", ALERTS)
def create_alert(call: Call) -> dict[str, Any]:
    return {
        "alert": _shown(bootstrap.current().operations.alerts.create(call.workspace_id, call.content(), call.token.id))
    }


@endpoint(routes, "GET", ALERTS)
def list_alerts(call: Call) -> dict[str, Any]:
    """All of the workspace, or with `createdBy` those of one token."""
    body = Body(call.parameters)
    by = body.text("createdBy")
    body.done()
    every = bootstrap.current().operations.alerts.every(call.workspace_id)
    found, pagination = call.page([alert for alert in every if by in (None, alert.created_by)])
    return {"alerts": [_shown(alert) for alert in found], "pagination": pagination}


@endpoint(routes, "GET", ALERT)
def get_alert(call: Call) -> dict[str, Any]:
    return {"alert": _shown(bootstrap.current().operations.alerts.get(call.workspace_id, call.id("alert_id")))}


@endpoint(routes, "PATCH", ALERT)
def update_alert(call: Call) -> dict[str, Any]:
    """By its creator alone."""
    alerts = bootstrap.current().operations.alerts
    return {"alert": _shown(alerts.update(call.workspace_id, call.id("alert_id"), call.content(), call.token.id))}


@endpoint(routes, "DELETE", ALERT)
def delete_alert(call: Call) -> dict[str, Any]:
    bootstrap.current().operations.alerts.delete(call.workspace_id, call.id("alert_id"))
    return SUCCESS


def _shown(alert: Alert) -> dict[str, Any]:
    subject = {"spaceId": alert.space_id, "audienceId": alert.audience_id, "destinationId": alert.destination_id}
    return {
        "id": alert.id,
        "type": alert.type,
        "name": alert.name,
        "threshold": alert.threshold,
        "enabled": alert.enabled,
        "status": "Enabled" if alert.enabled else "Disabled",
        "channels": list(alert.channels),
        **{name: id for name, id in subject.items() if id is not None},
        "createdBy": alert.created_by,
        "createdAt": to_iso(alert.created_at),
        "updatedAt": to_iso(alert.updated_at),
        "lastTriggeredAt": None if alert.last_triggered_at is None else to_iso(alert.last_triggered_at),
        "lastValue": alert.last_value,
    }
