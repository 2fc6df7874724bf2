"""No body of a wrong form gets through, on any operation that takes one."""

import msgspec
import pytest
from msgspec import inspect

from chalicelib.api import contract
from chalicelib.api.contract.operation import MANAGEMENT
from tests.acceptance.world import World

NOTHING_ELSE = ["\n"], 12_345.5, {"x": "\n"}, "\n", True


def taking():
    return [one for one in contract.management().values() if one.takes is not None and one.access == MANAGEMENT]


def wrong(type_):
    """A value for a field that none of its types takes; None where anything goes."""
    types = type_.types if isinstance(type_, inspect.UnionType) else [type_]
    kinds = [t.type if isinstance(t, inspect.Metadata) else t for t in types]
    taken = {type(kind) for kind in kinds}
    if inspect.AnyType in taken:
        return None
    takers = [inspect.ListType, inspect.FloatType, inspect.DictType, inspect.StrType, inspect.BoolType]
    objects = {inspect.DictType, inspect.StructType}
    for value, taker in zip(NOTHING_ELSE, takers, strict=True):
        is_taken = taken & objects if taker in objects else taker in taken
        if not is_taken and not (taker is inspect.FloatType and inspect.IntType in taken):
            return value
    raise AssertionError(f"everything is taken by {type_}")


@pytest.fixture
def ids(world: World):
    """Of what there is, so that nothing but the body is to blame."""
    space = f"/spaces/{world.stack.space_id}"
    audience = world.audience("Mine", "event('Bought').count() >= 1")
    trait = {"name": "Count", "definition": {"query": "event('Bought').count()", "type": "USERS"}}
    destination = world.webhook("sink")
    connection = world.connect(audience, destination)
    activation = {"activationName": "Hi", "activationType": "Audience Entered", "performResync": False}
    channel = {"type": "WEBHOOK", "name": "X", "settings": {"url": "https://example.com/hook"}}
    alert = {"type": "SUCCESSFUL_DELIVERY_RATE", "name": "X", "threshold": 5, "spaceId": world.stack.space_id}
    alert["destinationId"] = destination["id"]
    journey = {"name": "Mine", "steps": [{"id": "a", "type": "entry", "query": "event('Bought').count() >= 1"}]}
    return {
        "space_id": world.stack.space_id,
        "source_id": world.stack.source_id,
        "audience_id": audience["id"],
        "trait_id": world.manage("POST", f"{space}/computed-traits", trait).data["computedTrait"]["id"],
        "destination_id": destination["id"],
        "connection_id": connection.rpartition("/")[2],
        "journey_id": world.manage("POST", f"{space}/journeys", journey).data["journey"]["id"],
        "activation_id": world.manage("POST", f"{connection}/activations", activation).data["activation"]["id"],
        "channel_id": world.manage("POST", "/notification-channels", channel).data["channel"]["id"],
        "alert_id": world.manage("POST", "/alerts", alert).data["alert"]["id"],
    }


def test_every_field_of_every_body_is_held_to_its_type(world, ids):
    tried = 0
    for operation in taking():
        path = operation.path
        for name in operation.variables:
            path = path.replace(f"{{{name}}}", ids.get(name, "none"))
        if {"trait_id", "connection_id"} <= set(operation.variables):
            path = path.replace(ids["connection_id"], "none")  # it is the audience's
        for field in msgspec.structs.fields(operation.takes):
            value = wrong(inspect.type_info(field.type))
            if value is None:
                continue
            reply = world.manage(operation.method, path, {field.encode_name: value})
            tried += 1
            if "none" in path or (reply.status, "schedules" in path) == (422, True):
                assert reply.status in (404, 422), (operation.method, path, field.encode_name, reply)
                continue
            assert reply.status == 422, (operation.method, path, field.encode_name, value, reply)
            fields = [error.get("field") or "" for error in reply.body["errors"]]
            assert any(f.split(".")[0] == field.encode_name for f in fields), (
                operation.path,
                field.encode_name,
                fields,
            )
    assert tried > len(taking())
