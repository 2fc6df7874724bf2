"""Filters of spaces and destinations."""

import pytest

from chalicelib.instants import to_iso
from tests.events import T0


@pytest.fixture
def destination(api):
    return api.create_destination()


@pytest.fixture
def path(destination):
    return f"/destination/{destination['id']}/filters"


def space_filter(api, **fields):
    return {"integrationId": api.founded.space_id, "name": "Tests", "if": 'event = "Test"', **fields}


def destination_filter(destination, **fields):
    sent = {"sourceId": destination["sourceId"], "title": "Tests", "if": 'event = "Test"', "enabled": True}
    return {**sent, "actions": [{"type": "DROP"}], **fields}


def create(api, **fields):
    return api.post("/filters", space_filter(api, **fields)).data["filter"]


def test_a_filter_of_a_space_from_its_creation_to_its_end(world, api):
    made = create(api, description="Not ours")
    assert made == {
        "id": made["id"],
        "workspaceId": api.founded.workspace_id,
        "integrationId": api.founded.space_id,
        "enabled": True,
        "name": "Tests",
        "if": 'event = "Test"',
        "drop": True,
        "description": "Not ours",
        "createdAt": to_iso(T0),
        "updatedAt": to_iso(T0),
    }
    one = f"/filters/{made['id']}"
    assert api.get(one).data["filter"] == made
    world.clock.advance(5_000)
    changes = {"integrationId": "spa_" + api.founded.space_id, "if": "all", "enabled": False, "name": ""}
    changed = api.patch(one, changes).data["filter"]
    assert changed == made | {"if": "all", "enabled": False, "updatedAt": to_iso(T0 + 5_000)}
    assert api.get(one).data["filter"] == changed
    assert api.delete(one).data == {"deleted": True}
    for reply in (api.get(one), api.patch(one, changes), api.delete(one)):
        assert (reply.status, reply.errors[0]["type"]) == (404, "not-found")


def test_filters_of_a_space_are_listed_by_number(api):
    names = [create(api, name=f"F{n}")["name"] for n in range(3)]
    listed = api.get("/filters", integrationId=api.founded.space_id).data
    assert [one["name"] for one in listed["filters"]] == names
    assert listed["pagination"] == {"current": 0, "totalEntries": 3}
    page = {"count": 2.0}
    first = api.get("/filters", integrationId=api.founded.space_id, pagination=page).data
    assert ([one["name"] for one in first["filters"]], first["pagination"]["next"]) == (names[:2], 2)
    second = api.get("/filters", integrationId=api.founded.space_id, pagination={**page, "cursor": 2.0}).data
    assert [one["name"] for one in second["filters"]] == names[2:]
    assert second["pagination"] == {"current": 2, "totalEntries": 3}


@pytest.mark.parametrize(
    ("pagination", "field"),
    [
        ({"count": 11}, "pagination.count"),
        ({"count": 0}, "pagination.count"),
        ({"count": 2, "cursor": 3}, "pagination.cursor"),
        ({"count": 2, "cursor": -1}, "pagination.cursor"),
        ({"count": 2, "cursor": 0.5}, "pagination.cursor"),
        ({"count": 2, "cursor": "MA=="}, "pagination.cursor"),
    ],
)
def test_pages_that_are_not_there(api, pagination, field):
    for n in range(3):
        create(api, name=f"F{n}")
    assert api.get("/filters", integrationId=api.founded.space_id, pagination=pagination).fields == [field]


def test_an_empty_list_has_a_first_page(api):
    listed = api.get("/filters", integrationId=api.founded.space_id).data
    assert listed == {"filters": [], "pagination": {"current": 0, "totalEntries": 0}}


def test_a_space_has_ten_filters(api):
    made = [create(api) for _ in range(10)]
    reply = api.post("/filters", space_filter(api))
    assert (reply.status, reply.errors[0]["type"]) == (409, "conflict")
    api.delete(f"/filters/{made[0]['id']}")
    create(api)


def test_what_is_wrong_with_a_filter_of_a_space_is_told_at_once(api):
    assert sorted(api.post("/filters", {}).fields) == ["if", "integrationId", "name"]
    reply = api.post(
        "/filters", space_filter(api, name=7, **{"if": "event = 'x' ande"}, dropProperties={"context": []})
    )
    assert sorted(reply.fields) == ["dropProperties", "if", "name"]
    told = {error["field"]: error for error in reply.errors}
    assert told["if"]["data"] == {"code": "syntax_error", "offset": 12, "line": 1, "column": 13}
    assert "            ^" in told["if"]["message"]
    assert told["dropProperties"]["data"] == {"code": "not_supported"}
    assert api.post("/filters", space_filter(api, **{"if": "event = '" + "x" * 5_200 + "'"})).fields == ["if"]
    assert api.get("/filters").fields == ["integrationId"]
    made = create(api)
    assert api.patch(f"/filters/{made['id']}", {"if": "event ="}).fields == ["integrationId", "if"]


def test_a_filter_of_a_destination_from_its_creation_to_its_end(world, api, destination, path):
    actions = [
        {"type": "SAMPLE", "percent": 0.5, "path": "userId"},
        {"type": "DROP_PROPERTIES", "fields": {"context": ["ip"], "properties.products": ["price"]}},
    ]
    made = api.post(path, destination_filter(destination, actions=actions, description="Less")).data["filter"]
    assert made == {
        "id": made["id"],
        "sourceId": destination["sourceId"],
        "destinationId": destination["id"],
        "if": 'event = "Test"',
        "actions": actions,
        "title": "Tests",
        "enabled": True,
        "description": "Less",
        "createdAt": to_iso(T0),
        "updatedAt": to_iso(T0),
    }
    one = f"{path}/{made['id']}"
    assert api.get(one).data["filter"] == made
    world.clock.advance(5_000)
    changed = api.patch(one, {"enabled": False, "actions": [{"type": "DROP"}], "title": ""}).data["filter"]
    assert changed == made | {"enabled": False, "actions": [{"type": "DROP"}], "updatedAt": to_iso(T0 + 5_000)}
    assert api.get(path).data["filters"] == [changed]
    assert api.get(path).data["pagination"]["current"]
    assert api.delete(one).data == {"status": "SUCCESS"}
    assert api.get(path).data["filters"] == []
    for reply in (api.get(one), api.patch(one, {}), api.delete(one)):
        assert reply.status == 404


def test_a_destination_shows_nothing_of_its_filters_and_keeps_them(api, destination, path):
    api.post(path, destination_filter(destination))
    one = f"/destinations/{destination['id']}"
    assert api.get(one).data["destination"] == destination
    api.patch(one, {"enabled": False})
    assert len(api.get(path).data["filters"]) == 1
    api.delete(one)
    assert api.get(path).status == 404


def test_a_destination_has_ten_filters(api, destination, path):
    for _ in range(10):
        api.post(path, destination_filter(destination))
    assert api.post(path, destination_filter(destination)).status == 409
    assert len(api.get(path).data["filters"]) == 10


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({"type": "drop"}, "actions.0.type"),
        ({}, "actions.0.type"),
        ({"type": "SAMPLE"}, "actions.0.percent"),
        ({"type": "SAMPLE", "percent": 2}, "actions.0.percent"),
        ({"type": "SAMPLE", "percent": True}, "actions.0.percent"),
        ({"type": "DROP", "percent": 0.5}, "actions.0.percent"),
        ({"type": "DROP", "path": "userId"}, "actions.0.path"),
        ({"type": "DROP", "fields": {"context": ["ip"]}}, "actions.0.fields"),
        ({"type": "DROP_PROPERTIES"}, "actions.0.fields"),
        ({"type": "DROP_PROPERTIES", "fields": {}}, "actions.0.fields"),
        ({"type": "DROP_PROPERTIES", "fields": {"context": "ip"}}, "actions.0.fields.context"),
        ({"type": "DROP_PROPERTIES", "fields": {"context": [7]}}, "actions.0.fields.context"),
        ({"type": "DROP_PROPERTIES", "fields": {"a..b": ["x"]}}, "actions.0.fields.a..b"),
        ({"type": "DROP_PROPERTIES", "fields": {"": ["userId"]}}, "actions.0.fields."),
        ({"type": "DROP_PROPERTIES", "fields": {"context": ["personas"]}}, "actions.0.fields.context"),
        ({"type": "ALLOW_PROPERTIES", "fields": {"context.personas": ["x"]}}, "actions.0.fields.context.personas"),
        ({"type": "ALLOW_PROPERTIES", "fields": {"integrations": ["All"]}}, "actions.0.fields.integrations"),
        ("DROP", "actions.0"),
    ],
)
def test_actions_that_cannot_be_taken(api, destination, path, action, field):
    reply = api.post(path, destination_filter(destination, actions=[action]))
    assert reply.status == 422
    assert reply.fields == [field]


def test_what_is_wrong_with_a_filter_of_a_destination_is_told_at_once(api, destination, path):
    assert sorted(api.post(path, {}).fields) == ["actions", "enabled", "if", "sourceId", "title"]
    reply = api.post(path, destination_filter(destination, actions=[], sourceId="other", **{"if": "event"[:0]}))
    assert sorted(reply.fields) == ["actions", "if", "sourceId"]
    much = {"type": "DROP_PROPERTIES", "fields": {"context": ["x" * 200 + str(n) for n in range(60)]}}
    assert api.post(path, destination_filter(destination, actions=[much])).fields == ["actions"]


def test_a_preview_shows_what_is_left(api):
    payload = {"type": "track", "event": "Order Completed", "product": {"name": "Hat", "requestedFrom": "/x", "n": 1}}
    only = {
        "if": 'type = "track" AND event = "Order Completed"',
        "actions": [{"type": "ALLOW_PROPERTIES", "fields": {"product": ["name", "requestedFrom"]}}],
    }

    def previewed(**changes):
        return api.post("/destination/filters/preview", {"filter": only | changes, "payload": payload}).data

    assert previewed() == {
        "inputPayload": payload,
        "result": payload | {"product": {"name": "Hat", "requestedFrom": "/x"}},
    }
    assert previewed(actions=[{"type": "DROP"}])["result"] is None
    assert previewed(**{"if": '!(type = "track")'}, actions=[{"type": "DROP"}])["result"] == payload
    wrong = {"filter": {"if": "event == 1", "actions": [{"type": "drop"}]}, "payload": []}
    reply = api.post("/destination/filters/preview", wrong)
    assert sorted(reply.fields) == ["filter.actions.0.type", "filter.if", "payload"]


def test_what_happens_to_filters_is_in_the_audit_trail(world, api, destination, path):
    made = create(api)
    one = f"/filters/{made['id']}"
    other = f"{path}/{api.post(path, destination_filter(destination)).data['filter']['id']}"
    steps = [
        lambda: api.patch(one, {"integrationId": api.founded.space_id, "enabled": False}),
        lambda: api.patch(one, {"integrationId": api.founded.space_id}),
        lambda: api.delete(one),
        lambda: api.patch(other, {"title": "Others"}),
        lambda: api.patch(other, {"enabled": False}),
        lambda: api.delete(other),
    ]
    for step in steps:
        world.clock.advance(1)
        step()
    rows = list(reversed(api.get("/audit-events").data["events"]))
    found = [row["type"] for row in rows if row["type"].removeprefix("Destination ").startswith("Filter")]
    assert sorted(found[:2]) == ["Destination Filter Created", "Filter Created"]
    assert found[2:] == [
        "Filter Updated",
        "Filter Deleted",
        "Destination Filter Modified",
        "Destination Filter Disabled",
        "Destination Filter Deleted",
    ]


def test_of_what_there_is_not(world, api):
    other = world.api("other")
    theirs, elsewhere = create(other), other.create_destination()
    assert api.get("/filters", integrationId=other.founded.space_id).status == 404
    assert api.post("/filters", space_filter(other)).status == 404
    one = f"/filters/{theirs['id']}"
    assert api.get(one).status == api.delete(one).status == 404
    for space in (api, other):
        assert api.patch(one, {"integrationId": space.founded.space_id, "enabled": False}).status == 404
    path = f"/destination/{elsewhere['id']}/filters"
    assert api.get(path).status == api.post(path, destination_filter(elsewhere)).status == 404
    assert other.get(one).data["filter"] == theirs
