"""What changes are about, before they are made (by the path of the request) and after (by the answer)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import bootstrap
from ...audit import catalogue as names
from ...audit.recorder import Resource
from ...computations.computation import AUDIENCE, TRAIT, Computation
from ...workspace.model import API_TOKEN, Token

if TYPE_CHECKING:
    from .endpoint import Call

Data = Mapping[str, Any]

# What computations of each kind are called in the audit trail and in paths.
KINDS = {AUDIENCE: (names.AUDIENCE, "audiences"), TRAIT: (names.TRAIT, "computed-traits")}


def audience(call: "Call") -> Resource:
    return _computation(_audience(call))


def trait(call: "Call") -> Resource:
    return _computation(_trait(call))


def _audience(call: "Call") -> Computation:
    return call.workspaces.audiences.get(call.space().id, call.id("audience_id"))


def _trait(call: "Call") -> Computation:
    return call.workspaces.computed_traits.get(call.space().id, call.id("trait_id"))


def _computation(found: Computation) -> Resource:
    type, collection = KINDS[found.kind]
    path = f"spaces/{found.space_id}/{collection}/{found.id}"
    return Resource(type, found.id, found.name, path, found.space_id, found.enabled)


def made_audience(call: "Call", data: Data) -> Resource:
    return _made_computation(AUDIENCE, data["audience"])


def made_trait(call: "Call", data: Data) -> Resource:
    return _made_computation(TRAIT, data["computedTrait"])


def _made_computation(kind: str, shown: Data) -> Resource:
    type, collection = KINDS[kind]
    path = f"spaces/{shown['spaceId']}/{collection}/{shown['id']}"
    return Resource(type, shown["id"], shown["name"], path, shown["spaceId"])


def journey(call: "Call") -> Resource:
    found = call.workspaces.journeys.get(call.space().id, call.id("journey_id"))
    return _journey(found.space_id, found.id, found.name)


def made_journey(call: "Call", data: Data) -> Resource:
    shown = data["journey"]
    return _journey(shown["spaceId"], shown["id"], shown["name"])


def _journey(space_id: str, id: str, name: str) -> Resource:
    return Resource(names.JOURNEY, id, name, f"spaces/{space_id}/journeys/{id}", space_id)


def connection(call: "Call") -> Resource:
    of = _connected(call)
    found = call.workspaces.connections.find(of, call.id("connection_id"))
    return _connection(of, found.id, found.destination_id)._replace(enabled=found.enabled)


def made_connection(call: "Call", data: Data) -> Resource:
    return _connection(_connected(call), data["connection"]["id"], call.content()["destination"]["id"])


def _connected(call: "Call") -> Computation:
    """The computation in the path, of whichever kind."""
    return _audience(call) if call.names("audience_id") else _trait(call)


def _connection(of: Computation, id: str, destination_id: str) -> Resource:
    path = f"{_computation(of).path}/destination-connections/{id}"
    return Resource(names.CONNECTION, id, of.name, path, of.space_id, details={"destination_id": destination_id})


def activation(call: "Call") -> Resource:
    of = _audience(call)
    found = call.workspaces.activations.get(of, call.id("activation_id"))
    return _activation(of, found.id, found.name)._replace(enabled=found.enabled)


def made_activation(call: "Call", data: Data) -> Resource:
    shown = data["activation"]
    return _activation(_audience(call), shown["id"], shown["activationName"])


def _activation(of: Computation, id: str, name: str) -> Resource:
    return Resource(names.ACTIVATION, id, name, f"{_computation(of).path}/activations/{id}", of.space_id)


def source(call: "Call") -> Resource:
    return _source(call, call.id("source_id"))


def made_source(call: "Call", data: Data) -> Resource:
    return _source(call, data["source"]["id"])


def _source(call: "Call", id: str) -> Resource:
    found = call.workspaces.sources.get(call.workspace_id, id)
    return Resource(names.SOURCE, found.id, found.name, f"sources/{found.id}", found.space_id, found.enabled)


def label(call: "Call") -> Resource:
    return _label(call.id("label_key"), call.id("label_value"))


def made_label(call: "Call", data: Data) -> Resource:
    return _label(data["label"]["key"], data["label"]["value"])


def _label(key: str, value: str) -> Resource:
    return Resource(names.LABEL, f"{key}:{value}", f"{key}:{value}", f"labels/{key}/{value}")


def space_filter(call: "Call") -> Resource:
    return _space_filter(call, call.id("filter_id"))


def made_space_filter(call: "Call", data: Data) -> Resource:
    return _space_filter(call, data["filter"]["id"])


def _space_filter(call: "Call", id: str) -> Resource:
    found = call.workspaces.space_filters.get(call.workspace_id, id)
    return Resource(names.FILTER, id, found.name, f"filters/{id}", found.space_id, found.enabled)


def destination_filter(call: "Call") -> Resource:
    return _destination_filter(call, call.id("filter_id"))


def made_destination_filter(call: "Call", data: Data) -> Resource:
    return _destination_filter(call, data["filter"]["id"])


def _destination_filter(call: "Call", id: str) -> Resource:
    of = destination(call)
    found = call.workspaces.destination_filters.get(call.workspace_id, of.id, id)
    details = {"destination_id": of.id}
    path = f"destination/{of.id}/filters/{id}"
    return Resource(names.DESTINATION_FILTER, id, found.title, path, enabled=found.enabled, details=details)


def subscription(call: "Call") -> Resource:
    return _subscription(call, call.id("subscription_id"))


def made_subscription(call: "Call", data: Data) -> Resource:
    return _subscription(call, data["destinationSubscription"]["id"])


def _subscription(call: "Call", id: str) -> Resource:
    of = destination(call)
    found = call.workspaces.subscriptions.get(call.workspace_id, of.id, id)
    details = {"destination_id": of.id}
    path = f"destinations/{of.id}/subscriptions/{id}"
    return Resource(names.SUBSCRIPTION, id, found.name, path, enabled=found.enabled, details=details)


def write_key(call: "Call") -> Resource:
    """Named by its source: the key itself must not stand anywhere."""
    of = source(call)
    return of._replace(type=names.WRITE_KEY, path=f"{of.path}/writekey")


def destination(call: "Call") -> Resource:
    found = call.workspaces.destinations.get(call.workspace_id, call.id("destination_id"))
    return Resource(names.DESTINATION, found.id, found.name, f"destinations/{found.id}", enabled=found.enabled)


def made_destination(call: "Call", data: Data) -> Resource:
    shown = data["destination"]
    return Resource(names.DESTINATION, shown["id"], shown["name"], f"destinations/{shown['id']}")


def token(call: "Call") -> Resource:
    return _token(call.workspaces.tokens.get(call.workspace_id, call.id("token_id")))


def made_token(call: "Call", data: Data) -> Resource:
    return _token(call.workspaces.tokens.get(call.workspace_id, data["token"]["id"]))


def _token(found: Token) -> Resource:
    details = {"kind": found.kind, "scope": found.scope} if found.kind == API_TOKEN else {"kind": found.kind}
    return Resource(names.TOKEN, found.id, found.name, f"tokens/{found.id}", found.space_id, details=details)


def identity_rules(call: "Call") -> Resource:
    return _of_space(call, names.IDENTITY_RULES, "identity-rules")


def archive(call: "Call") -> Resource:
    return _of_space(call, names.ARCHIVE, "archive")


def failure_notifications(call: "Call") -> Resource:
    return _of_space(call, names.FAILURE_NOTIFICATIONS, "failure-notifications")


def _of_space(call: "Call", type: str, collection: str) -> Resource:
    space = call.space()
    return Resource(type, space.id, space.name, f"spaces/{space.id}/{collection}", space.id)


def made_regulation(call: "Call", data: Data) -> Resource:
    """Whom it is about stays with the regulation alone."""
    id = data["regulateId"]
    return Resource(names.REGULATION, id, str(call.content()["regulationType"]), f"regulations/{id}")


def forwarding(call: "Call") -> Resource:
    settings = bootstrap.current().operations.forwarder.settings(call.workspace_id)
    name = names.TITLES[names.FORWARDING]
    return Resource(names.FORWARDING, call.workspace_id, name, "audit-forwarding", enabled=settings.enabled)


def channel(call: "Call") -> Resource:
    found = bootstrap.current().operations.channels.get(call.workspace_id, call.id("channel_id"))
    path = f"notification-channels/{found.id}"
    return Resource(names.CHANNEL, found.id, found.name, path, found.space_id, found.enabled)


def made_channel(call: "Call", data: Data) -> Resource:
    shown = data["channel"]
    path = f"notification-channels/{shown['id']}"
    return Resource(names.CHANNEL, shown["id"], shown["name"], path, shown["spaceId"])


def alert(call: "Call") -> Resource:
    found = bootstrap.current().operations.alerts.get(call.workspace_id, call.id("alert_id"))
    return Resource(names.ALERT, found.id, found.name, f"alerts/{found.id}", found.space_id, found.enabled)


def made_alert(call: "Call", data: Data) -> Resource:
    shown = data["alert"]
    return Resource(names.ALERT, shown["id"], shown["name"], f"alerts/{shown['id']}", shown.get("spaceId"))


def made_preview(call: "Call", data: Data) -> Resource:
    """It has no name, and what was asked for may quote people."""
    id, space = data["audiencePreview"]["id"], call.space()
    return Resource(names.AUDIENCE, id, "Preview", f"spaces/{space.id}/audiences/previews/{id}", space.id)


def made_import(call: "Call", data: Data) -> Resource:
    return _ordered(call, names.IMPORT, "imports", data["import"]["id"] if "import" in data else "")


def made_replay(call: "Call", data: Data) -> Resource:
    return _ordered(call, names.REPLAY, "replays", data["replay"]["id"])


def _ordered(call: "Call", type: str, collection: str, id: str) -> Resource:
    space = call.space()
    return Resource(type, id, space.name, f"spaces/{space.id}/{collection}/{id}", space.id)


def task(call: "Call") -> Resource:
    found = bootstrap.current().overviews.task(call.space().id, call.id("task_id"))
    path = f"spaces/{found.space_id}/tasks/{found.task_id}"
    return Resource(names.TASK, found.task_id, found.task_id, path, found.space_id)
