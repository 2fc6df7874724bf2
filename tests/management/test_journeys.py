"""Journeys over HTTP: drawn, published, changed and stopped."""

import pytest

from chalicelib.instants import to_iso
from tests.events import T0

ADDED = "event('Product Added').within(7 days).count() >= 1"


@pytest.fixture
def journeys(api):
    return f"{api.space}/journeys"


@pytest.fixture
def target(api):
    return api.create_destination()["id"]


def cart(target, **more):
    steps = [
        {"id": "a", "type": "entry", "name": "Abandoned", "query": ADDED, "next": "d"},
        {
            "id": "d",
            "type": "send_to_destination",
            "name": "Nudge",
            "destinations": [{"destinationId": target, "track": True, "identify": False}],
        },
    ]
    return {"name": "Cart", "kind": "AUDIENCE", "steps": steps, **more}


def test_a_journey_from_its_drawing_to_its_end(world, api, journeys, target):
    made = api.post(journeys, cart(target, settings={"exitAfter": "7d", "reentryAfter": "30d"})).data["journey"]
    one = f"{journeys}/{made['id']}"
    keys = [step["key"] for step in made["steps"]]
    assert [key.rpartition("_")[0] for key in keys] == ["j_o_cart__abandoned", "j_o_cart__nudge"]
    assert made == {
        "id": made["id"],
        "spaceId": api.founded.space_id,
        "name": "Cart",
        "kind": "AUDIENCE",
        "version": 1,
        "status": "draft",
        "versions": [{"version": 1, "status": "draft", "versionExclusion": False}],
        "createdBy": made["createdBy"],
        "updatedBy": made["createdBy"],
        "createdAt": to_iso(T0),
        "updatedAt": to_iso(T0),
        "settings": {
            "useHistoricalData": False,
            "includeAnonymous": False,
            "exitAfter": "7d",
            "reentryAfter": "30d",
        },
        "steps": [
            {"id": "a", "type": "entry", "name": "Abandoned", "key": keys[0], "query": ADDED, "next": "d"},
            {
                "id": "d",
                "type": "send_to_destination",
                "name": "Nudge",
                "key": keys[1],
                "destinations": [
                    {
                        "destinationId": target,
                        "connectionId": made["steps"][1]["destinations"][0]["connectionId"],
                        "track": True,
                        "identify": False,
                    }
                ],
            },
        ],
    }
    assert api.get(one).data["journey"] == made
    live = api.post(f"{one}/publish").data["journey"]
    published = {"version": 1, "status": "live", "versionExclusion": False, "publishedAt": to_iso(T0)}
    assert (live["status"], live["versions"], live["steps"]) == ("live", [published], made["steps"])
    assert api.post(f"{one}/pause").data["journey"]["status"] == "paused"
    assert api.post(f"{one}/resume").data["journey"]["status"] == "live"
    assert api.post(f"{one}/archive").data["journey"]["status"] == "archived"
    assert api.get(journeys).data["journeys"][0]["status"] == "archived"
    assert api.delete(one).data == {"status": "SUCCESS"}
    assert api.get(one).status == 404
    assert api.get(journeys).data["journeys"] == []
