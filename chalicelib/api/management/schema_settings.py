"""What happens to events outside a tracking plan: there are no plans, so everything is let through."""

from typing import Any

from chalice.app import Blueprint

from ...errors import Problem
from ...workspace.body import Body
from ...workspace.model import Source
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

SETTINGS = "/sources/{source_id}/settings"

OPEN: dict[str, dict[str, Any]] = {
    "track": {
        "allowUnplannedEvents": True,
        "allowUnplannedEventProperties": True,
        "allowEventOnViolations": True,
        "allowPropertiesOnViolations": True,
        "commonEventOnViolations": "ALLOW",
    },
    "identify": {
        "allowUnplannedTraits": True,
        "allowTraitsOnViolations": True,
        "commonEventOnViolations": "ALLOW",
    },
    "group": {
        "allowUnplannedTraits": True,
        "allowTraitsOnViolations": True,
        "commonEventOnViolations": "ALLOW",
    },
}
FORWARDING = ("forwardingViolationsTo", "forwardingBlockedEventsTo")
NO_PLANS = "events are not held against a tracking plan, so none can be blocked or changed by one"


@endpoint(routes, "GET", SETTINGS)
def list_schema_settings(call: Call) -> dict[str, Any]:
    return {"sourceId": _source(call).id, "settings": OPEN}


@endpoint(routes, "PATCH", SETTINGS)
def update_schema_settings(call: Call) -> dict[str, Any]:
    """Takes the settings there are, and refuses others: they would not be kept to."""
    source, content = _source(call), call.content()
    body = Body(content)
    for name in FORWARDING:
        if body.text(name):
            body.reject(name, NO_PLANS)
    for type, settings in OPEN.items():
        body.problems += _different(type, settings, content.get(type))
    body.done()
    return {"sourceId": source.id, "settings": OPEN}


def _different(type: str, settings: dict[str, Any], given: Any) -> list[Problem]:
    if given is None:
        return []
    if not isinstance(given, dict):
        return [Problem(f'"{type}" must be an object', type)]
    return [
        Problem(NO_PLANS, f"{type}.{name}")
        for name, value in settings.items()
        if given.get(name) is not None and repr(given[name]) != repr(value)
    ]


def _source(call: Call) -> Source:
    return call.workspaces.sources.get(call.workspace_id, call.id("source_id"))
