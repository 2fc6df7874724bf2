"""Filters and subscriptions: none can be made, and clients are told why."""

import pytest


@pytest.fixture
def destination(api):
    return api.create_destination()["id"]


def test_lists_are_empty(api, destination):
    assert api.get("/filters", integrationId=api.founded.space_id).data == {"filters": []}
    assert api.get(f"/destination/{destination}/filters").data["filters"] == []
    assert api.get(f"/destinations/{destination}/subscriptions").data["subscriptions"] == []


def test_none_can_be_made(api, destination):
    space_filter = {"integrationId": api.founded.space_id, "name": "X", "if": 'event = "x"'}
    for path, sent, field in [
        ("/filters", space_filter, "if"),
        (f"/destination/{destination}/filters", {"title": "X", "if": 'event = "x"'}, "if"),
        ("/destination/filters/preview", {"filter": {}, "payload": {}}, "filter"),
        (f"/destinations/{destination}/subscriptions", {"name": "X", "actionId": "a"}, "actionId"),
    ]:
        reply = api.post(path, sent)
        assert (reply.status, reply.fields) == (422, [field])
        assert reply.errors[0]["data"] == {"code": "not_supported"}


@pytest.mark.parametrize("path", ["/filters", "/destination/{0}/filters", "/destinations/{0}/subscriptions"])
def test_there_is_none_to_get_change_or_delete(api, destination, path):
    for method in ("GET", "PATCH", "DELETE"):
        assert api.send(method, f"{path.format(destination)}/x", {}).status == 404


def test_of_what_there_is_not(world, api):
    other = world.api("other")
    theirs = other.create_destination()["id"]
    assert api.get("/filters", integrationId=other.founded.space_id).status == 404
    assert api.get("/filters").fields == ["integrationId"]
    assert api.post("/filters", {"integrationId": other.founded.space_id}).status == 404
    for path in (f"/destination/{theirs}/filters", f"/destinations/{theirs}/subscriptions"):
        assert api.get(path).status == api.post(path, {}).status == 404
