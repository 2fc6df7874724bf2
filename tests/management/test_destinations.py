"""Destinations."""

import pytest

from chalicelib.delivery.ledger import DeadLetter
from tests.events import T0

from .api import WEBHOOK

URL = "https://example.com/hook"


def body(api, **more):
    return {"sourceId": api.founded.source_id, "metadataId": WEBHOOK.metadata_id, "settings": {}, **more}


def test_one_without_settings_can_be_set_up_later(api):
    destination = api.post("/destinations", body(api)).data["destination"]
    assert destination["enabled"] is True
    assert destination["name"] == WEBHOOK.name
    assert destination["settings"] == {}
    assert (
        destination["metadata"] == api.get(f"/catalog/destinations/{WEBHOOK.metadata_id}").data["destinationMetadata"]
    )
    assert api.get(f"/destinations/{destination['id']}").data["destination"] == destination
    assert api.get("/destinations").data["destinations"] == [destination]
    listed = api.get(f"/sources/{api.founded.source_id}/connected-destinations").data
    assert listed["destinations"] == [destination]
    assert listed["pagination"]["totalEntries"] == 1
    assert api.get(f"/sources/{api.founded.engage_source_id}/connected-destinations").data["destinations"] == []


def test_the_delivery_gets_all_settings_in_clear(world, api):
    created = api.create_destination(url=URL, sharedSecret="hush", headers={"X-A": "1"})
    found = world.directory.destination(created["id"])
    assert found.settings == {"url": URL, "sharedSecret": "hush", "headers": {"X-A": "1"}}
    assert found.secrets == {}


def test_settings_are_merged_and_null_takes_one_away(world, api):
    created = api.create_destination(url=URL, sharedSecret="hush", headers={"X-A": "1"})
    path = f"/destinations/{created['id']}"
    changed = api.patch(path, {"settings": {"method": "PUT", "headers": None}}).data["destination"]
    assert changed["settings"] == {"url": URL, "method": "PUT"}
    assert world.directory.destination(created["id"]).settings["sharedSecret"] == "hush"
    api.patch(path, {"settings": {"sharedSecret": "new"}})
    assert world.directory.destination(created["id"]).settings["sharedSecret"] == "new"
    api.patch(path, {"settings": {"sharedSecret": None}})
    assert "sharedSecret" not in world.directory.destination(created["id"]).settings


def test_name_and_switch(api):
    created = api.create_destination()
    path = f"/destinations/{created['id']}"
    assert api.patch(path, {"name": "Mine", "enabled": False}).data["destination"] == {
        **created,
        "name": "Mine",
        "enabled": False,
    }
    assert api.patch(path, {}).data["destination"]["name"] == "Mine"
    assert api.patch(path, {"name": None}).data["destination"]["name"] == WEBHOOK.name


def test_wrong_settings_are_all_listed(api):
    settings = {"url": "ftp://x", "method": "GET", "what": 1}
    reply = api.post("/destinations", body(api, settings=settings, enabled="yes"))
    assert reply.status == 422
    assert sorted(reply.fields) == ["enabled", "settings.method", "settings.url", "settings.what"]
    created = api.create_destination(url=URL)
    reply = api.patch(f"/destinations/{created['id']}", {"settings": {"url": "nope"}})
    assert (reply.status, reply.fields) == (422, ["settings.url"])
    assert api.get(f"/destinations/{created['id']}").data["destination"]["settings"] == {"url": URL}


def test_required_fields(api):
    assert sorted(api.post("/destinations", {}).fields) == ["metadataId", "settings", "sourceId"]
    assert api.post("/destinations", body(api, metadataId="nope")).fields == ["metadataId"]
    assert api.post("/destinations", body(api, sourceId="nope")).status == 404


def test_instances_of_a_kind_have_names_of_their_own(api):
    names = [api.post("/destinations", body(api)).data["destination"]["name"] for _ in range(3)]
    assert names == [WEBHOOK.name, f"{WEBHOOK.name} 2", f"{WEBHOOK.name} 3"]
    assert api.post("/destinations", body(api, name=WEBHOOK.name)).status == 409
    assert api.post("/destinations", body(api, sourceId=api.founded.engage_source_id, name=WEBHOOK.name)).status == 200
    listed = api.get(f"/sources/{api.founded.source_id}/connected-destinations").data["destinations"]
    second = next(destination for destination in listed if destination["name"] == names[1])
    assert api.patch(f"/destinations/{second['id']}", {"name": names[2]}).status == 409
    assert api.patch(f"/destinations/{second['id']}", {"name": second["name"]}).status == 200
    assert api.patch(f"/destinations/{second['id']}", {"name": None}).data["destination"]["name"] not in (
        names[0],
        names[2],
    )


def test_a_source_takes_25_instances_of_a_kind(api):
    for _ in range(25):
        api.create_destination()
    assert api.post("/destinations", body(api, sourceId=api.founded.engage_source_id)).status == 409


def test_deleting(world, api):
    created = api.create_destination(url=URL)
    assert world.directory.destination(created["id"]) is not None
    assert api.delete(f"/destinations/{created['id']}").data == {"status": "SUCCESS"}
    assert api.get(f"/destinations/{created['id']}").status == 404
    assert api.delete(f"/destinations/{created['id']}").status == 404
    assert world.directory.destination(created["id"]) is None


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_destination(api, method):
    assert api.send(method, "/destinations/nope", {} if method == "PATCH" else None).status == 404


def test_dead_letters(world, api):
    created = api.create_destination()
    path = f"/destinations/{created['id']}/dead-letters"
    assert api.get(path).data == {"deadLetters": []}
    letter = DeadLetter(
        message_id="m1",
        connection_id="ii_1",
        computation_id="aud_1",
        space_id="s",
        destination_id=created["id"],
        created_at=T0,
        code="429",
        detail="",
        attempts=10,
        first_attempt_at=T0 + 1,
        failed_at=T0 + 2,
        retries_exhausted=True,
        payload={"type": "track"},
    )
    world.counted.letters[created["id"]] = [letter]
    (shown,) = api.get(path).data["deadLetters"]
    assert {name: shown[name] for name in ("messageId", "code", "attempts", "retriesExhausted", "payload")} == {
        "messageId": "m1",
        "code": "429",
        "attempts": 10,
        "retriesExhausted": True,
        "payload": {"type": "track"},
    }
    assert [shown[name][-5:] for name in ("createdAt", "firstAttemptAt", "failedAt")] == [".000Z", ".001Z", ".002Z"]
    assert api.get("/destinations/nope/dead-letters").status == 404
