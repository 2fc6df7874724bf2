"""Alerts as owners set them up."""

import pytest

DELIVERY, HEALTH, SIZE = "SUCCESSFUL_DELIVERY_RATE", "ACTIVATION_EVENT_HEALTH", "AUDIENCE_SIZE_CHANGE"


@pytest.fixture
def audience(api):
    return api.create_audience()["id"]


@pytest.fixture
def destination(api):
    return api.create_destination()["id"]


def size_alert(api, audience, **more):
    content = {"type": SIZE, "name": "Size", "threshold": 4, "spaceId": api.founded.space_id, "audienceId": audience}
    return api.post("/alerts", {**content, **more})


def test_an_alert_is_shown_as_it_was_made(world, api, audience, destination):
    alert = api.post(
        "/alerts",
        {
            "type": HEALTH,
            "name": "Health",
            "threshold": 12.5,
            "spaceId": api.founded.space_id,
            "audienceId": audience,
            "destinationId": destination,
        },
    ).data["alert"]
    assert (
        alert.items()
        >= {
            "type": HEALTH,
            "name": "Health",
            "threshold": 12.5,
            "enabled": True,
            "status": "Enabled",
            "channels": [],
            "audienceId": audience,
            "destinationId": destination,
            "lastTriggeredAt": None,
        }.items()
    )
    assert api.get(f"/alerts/{alert['id']}").data["alert"] == alert
    assert api.get("/alerts").data["alerts"] == [alert]
    assert api.get("/alerts", createdBy=alert["createdBy"]).data["alerts"] == [alert]
    assert api.get("/alerts", createdBy="another").data["alerts"] == []


def test_everything_that_is_wrong_is_listed(world, api, audience, destination):
    stranger = world.api("globex")
    theirs = stranger.create_destination()["id"]
    here = api.founded.space_id
    for content, fields in (
        ({}, ["name", "threshold", "type"]),
        ({"type": "WEATHER", "name": 7, "threshold": "4"}, ["name", "threshold", "type"]),
        ({"type": DELIVERY, "name": "x", "threshold": 101}, ["destinationId", "threshold"]),
        ({"type": DELIVERY, "name": "x", "threshold": 0, "destinationId": theirs}, ["destinationId", "threshold"]),
        ({"type": DELIVERY, "name": "x", "threshold": True, "destinationId": destination}, ["threshold"]),
        ({"type": SIZE, "name": "x", "threshold": -1}, ["audienceId", "spaceId", "threshold"]),
        (
            {"type": SIZE, "name": "x", "threshold": 10**9, "spaceId": here, "audienceId": "aud_x"},
            ["audienceId", "threshold"],
        ),
        (
            {"type": SIZE, "name": "x", "threshold": 4, "spaceId": stranger.founded.space_id, "audienceId": audience},
            ["spaceId"],
        ),
        (
            {"type": HEALTH, "name": "x", "threshold": 4, "channels": ["nch_x"], "enabled": 1},
            ["audienceId", "channels.0", "destinationId", "enabled", "spaceId"],
        ),
    ):
        reply = api.post("/alerts", content)
        assert (reply.status, sorted(reply.fields)) == (422, fields)
    assert api.get("/alerts").data["alerts"] == []
    assert api.get("/alerts", createdBy="x" * 300).fields == ["createdBy"]


@pytest.mark.parametrize("threshold", [b"NaN", b"Infinity", b"1e999"])
def test_a_threshold_is_a_number(api, audience, threshold):
    body = b'{"type": "AUDIENCE_SIZE_CHANGE", "name": "x", "threshold": %s}' % threshold
    assert api.send("POST", "/alerts", body).status in (400, 422)


def test_an_alert_is_changed_but_not_what_it_watches(world, api, audience, destination):
    alert = size_alert(api, audience).data["alert"]
    path = f"/alerts/{alert['id']}"
    world.clock.advance(1)
    changed = api.patch(path, {"name": "Other", "threshold": 5, "enabled": False}).data["alert"]
    assert (changed["name"], changed["threshold"], changed["status"]) == ("Other", 5, "Disabled")
    assert changed["updatedAt"] > alert["updatedAt"]
    wrong = {
        "type": DELIVERY,
        "audienceId": "another",
        "destinationId": destination,
        "threshold": 0,
        "name": "",
        "channels": "all",
    }
    assert sorted(api.patch(path, wrong).fields) == sorted(wrong)
    assert api.get(path).data["alert"] == changed
    assert api.patch(path, {"audienceId": audience, "type": SIZE}).status == 200


def test_only_its_creator_changes_an_alert_and_every_owner_may_delete_it(world, api, audience):
    path = f"/alerts/{size_alert(api, audience).data['alert']['id']}"
    other = world.second_token(api)
    reply = other.patch(path, {"name": "Mine"})
    assert (reply.status, reply.errors[0]["type"]) == (403, "forbidden")
    assert other.delete(path).data == {"status": "SUCCESS"}
    assert api.get(path).status == 404


def test_alerts_of_another_workspace_are_out_of_sight(world, api, audience):
    path = f"/alerts/{size_alert(api, audience).data['alert']['id']}"
    stranger = world.api("globex")
    for reply in (stranger.get(path), stranger.patch(path, {"name": "x"}), stranger.delete(path)):
        assert reply.status == 404
    assert stranger.get("/alerts").data["alerts"] == []


def test_alerts_are_in_the_trail(world, api, audience):
    path = f"/alerts/{size_alert(api, audience).data['alert']['id']}"
    world.clock.advance(1)
    api.patch(path, {"enabled": False})
    world.clock.advance(1)
    api.delete(path)
    assert [row["type"] for row in world.rows(api, resourceType="alert")] == [
        "Alert Deleted",
        "Alert Modified",
        "Alert Created",
    ]
