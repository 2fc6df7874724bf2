"""Linked audiences: kept like the others, and computed by nobody."""

from typing import Any

import pytest

from chalicelib.clock import DAY
from chalicelib.computations.linked import REASON

from .api import BOUGHT
from .test_activations import Asked

ORDERS = "entity('orders').where(property('total') > 5).count() >= 1 AND trait('plan') = 'pro'"
HOURLY = {"strategy": "PERIODIC", "config": {"interval": "1h"}}
MONDAYS = {"strategy": "SPECIFIC_DAYS", "config": {"days": [1], "hours": [6], "timezone": "Europe/Berlin"}}
ENTITIES = [{"relationshipSlug": "orders", "properties": ["total"]}]
ADDED = {"activationType": "Entity Added", "activationName": "New", "performResync": False}


def create(api, name="Big Orders", query=ORDERS, **more):
    return api.create_audience(name, query, audienceType="LINKED", **more)


def path(api, audience):
    return f"{api.audiences}/{audience['id']}"


def shown(api, audience, **parameters):
    return api.get(path(api, audience), **parameters).data["audience"]


def test_a_new_one_is_off_and_has_no_size(api):
    made = create(api)
    assert (made["audienceType"], made["key"], made["enabled"], made["status"]) == (
        "LINKED",
        "big_orders",
        False,
        "Disabled",
    )
    assert made["definition"] == {"query": ORDERS, "targetEntity": "profile"}
    full = shown(api, made)
    assert full["computeCadence"] == {"type": "BATCH"}
    assert full["options"]["filterByExternalIds"] == ["user_id", "email", "android.idfa", "ios.idfa"]
    assert full["options"]["includeHistoricalData"] is True
    assert "size" not in full
    (listed,) = api.get(api.audiences).data["audiences"]
    assert listed == full


def test_a_query_without_entities_will_do(api):
    assert create(api, query=BOUGHT)["definition"]["query"] == BOUGHT


def test_switched_on_it_still_is_not_computed(world, api):
    made = create(api, enabled=True)
    assert (made["enabled"], made["status"]) == (True, "Not Computing")
    off = create(api, "Off")
    assert api.patch(path(api, off), {"enabled": True}).data["audience"]["status"] == "Not Computing"
    view = world.directory.view(api.founded.space_id)
    assert (view.catalogue.by_id, view.catalogue.streams) == ({}, {})


def test_nobody_is_asked_to_compute_it(world, api, monkeypatch):
    monkeypatch.setattr(world.runs, "wish", lambda *_: pytest.fail("a run is wished for"))
    made = create(api, enabled=True)
    api.patch(path(api, made), {"definition": {"query": BOUGHT}})
    api.patch(path(api, made), {"enabled": False})
    api.patch(path(api, made), {"enabled": True})


@pytest.mark.parametrize("query", ["entity('orders'", "entity('orders').count()", "ANY event('A').count() >= 1"])
def test_its_query_must_be_sound(api, query):
    sent = {"name": "x", "audienceType": "LINKED", "definition": {"query": query}}
    reply = api.post(api.audiences, sent)
    assert (reply.status, reply.fields) == (422, ["definition.query"])


def test_others_have_no_entities(api):
    for type in ("USERS", "ACCOUNTS"):
        sent = {"name": "x", "audienceType": type, "definition": {"query": ORDERS}}
        reply = api.post(api.audiences, sent)
        assert (reply.status, reply.fields, reply.errors[0]["data"]["code"]) == (
            422,
            ["definition.query"],
            "scope_error",
        )


def test_what_it_counts_can_be_said_and_changed(api):
    made = create(api, definition={"query": ORDERS, "targetEntity": "orders"})
    assert made["definition"]["targetEntity"] == "orders"
    changed = api.patch(path(api, made), {"definition": {"query": ORDERS, "targetEntity": "carts"}}).data["audience"]
    assert changed["definition"] == {"query": ORDERS, "targetEntity": "carts"}
    kept = api.patch(path(api, made), {"definition": {"query": BOUGHT}}).data["audience"]
    assert kept["definition"] == {"query": BOUGHT, "targetEntity": "carts"}
    for wrong in ("", "x" * 256, 1):
        reply = api.patch(path(api, made), {"definition": {"query": ORDERS, "targetEntity": wrong}})
        assert (reply.status, reply.fields) == (422, ["definition.targetEntity"])


def test_an_edit_counts_at_once_and_never_locks(api):
    made = create(api, enabled=True)
    for query in (BOUGHT, ORDERS):
        changed = api.patch(path(api, made), {"name": "Other", "definition": {"query": query}}).data["audience"]
        assert (changed["definition"]["query"], changed["status"]) == (query, "Not Computing")
        assert changed["key"] == made["key"]


def test_what_refers_to_it_and_what_it_refers_to(api):
    base = api.create_audience()
    made = create(api, query=f"trait('{base['key']}') = 'true' AND {ORDERS}")
    reader = api.create_audience("Readers", f"trait('{made['key']}') = 'true'")

    def consumers(audience):
        return [one["id"] for one in api.get(f"{path(api, audience)}/audience-references").data["audiences"]]

    assert (consumers(base), consumers(made)) == ([made["id"]], [reader["id"]])
    circle = api.patch(path(api, base), {"definition": {"query": f"trait('{reader['key']}') = 'true'"}})
    assert (circle.status, circle.errors[0]["data"]["code"]) == (422, "cycle")
    assert [api.delete(path(api, one)).status for one in (base, made, reader, made, base)] == [409, 409, 200, 200, 200]
    assert api.get(path(api, made)).status == 404
    assert create(api)["key"] != made["key"]


class TestSchedules:
    def test_none_at_first_and_one_at_most(self, api):
        made = create(api)
        schedules = f"{path(api, made)}/schedules"
        assert api.get(schedules).data["audienceSchedules"] == []
        assert shown(api, made, include="schedules")["schedules"] == []
        added = api.post(schedules, HOURLY).data["audienceSchedule"]
        assert added == {"id": added["id"], **HOURLY, "nextExecution": "2026-03-01T13:00:00.000Z"}
        assert added["id"].startswith("sch_")
        assert api.get(schedules).data["audienceSchedules"] == [added]
        assert api.get(f"{schedules}/{added['id']}").data["audienceSchedule"] == added
        assert shown(api, made, include="schedules")["schedules"] == [added]
        assert api.post(schedules, MONDAYS).status == 409
        changed = api.patch(f"{schedules}/{added['id']}", MONDAYS).data["audienceSchedule"]
        assert {name: changed[name] for name in ("id", *MONDAYS)} == {"id": added["id"], **MONDAYS}
        assert api.delete(f"{schedules}/{added['id']}").data == {"status": "SUCCESS"}
        assert api.get(schedules).data["audienceSchedules"] == []
        assert api.delete(f"{schedules}/{added['id']}").status == 404
        assert api.post(schedules, HOURLY).data["audienceSchedule"]["id"] != added["id"]

    @pytest.mark.parametrize("enabled", [False, True])
    def test_no_slot_ever_comes(self, world, api, enabled):
        made = create(api, enabled=enabled)
        schedules = f"{path(api, made)}/schedules"
        added = api.post(schedules, HOURLY).data["audienceSchedule"]
        api.patch(path(api, made), {"enabled": not enabled})
        api.patch(f"{schedules}/{added['id']}", MONDAYS)
        world.clock.advance(30 * DAY)
        assert list(world.application.timetable._schedules.agenda.all()) == []

    def test_it_goes_with_the_audience(self, world, api):
        made = create(api)
        api.post(f"{path(api, made)}/schedules", HOURLY)
        assert api.delete(path(api, made)).status == 200
        assert not [key for key in world.records._items if key.partition.startswith("schedule#")]

    @pytest.mark.parametrize(
        "sent",
        [
            {"strategy": "PERIODIC", "config": {"interval": "7m"}},
            {"strategy": "SPECIFIC_DAYS", "config": {"days": [9], "hours": [1], "timezone": "UTC"}},
            {"strategy": "SPECIFIC_DAYS", "config": {"days": [1], "hours": [1], "timezone": "Mars/X"}},
            {"strategy": "PERIODIC", "config": None},
        ],
    )
    def test_what_makes_no_schedule(self, api, sent):
        schedules = f"{path(api, create(api))}/schedules"
        assert api.post(schedules, sent).status == 422
        assert api.get(schedules).data["audienceSchedules"] == []


class TestDestinations:
    @pytest.fixture
    def audience(self, api):
        return path(api, create(api))

    @pytest.fixture
    def connection(self, api, audience):
        link = {"destination": {"id": api.create_destination()["id"], "type": "destination"}}
        id = api.post(f"{audience}/destination-connections", link).data["connection"]["id"]
        return f"{audience}/destination-connections/{id}"

    def test_entities_go_along(self, api, audience, connection):
        sent = ADDED | {"personalization": {"entities": ENTITIES}}
        made = api.post(f"{connection}/activations", sent).data["activation"]
        assert made["activationType"] == "Entity Added"
        assert made["personalization"] == {"profile": {"properties": []}, "entities": ENTITIES}
        changed = {"personalization": {"profile": {"properties": ["plan"]}}}
        after = api.patch(f"{audience}/activations/{made['id']}", changed).data["activation"]["personalization"]
        assert after == {"profile": {"properties": ["plan"]}, "entities": ENTITIES}
        none: Any = {"personalization": {"entities": []}}
        after = api.patch(f"{audience}/activations/{made['id']}", none).data["activation"]["personalization"]
        assert after == {"profile": {"properties": ["plan"]}}

    @pytest.mark.parametrize(
        ("entity", "field"),
        [
            ({"properties": []}, "relationshipSlug"),
            ({"relationshipSlug": "orders"}, "properties"),
            ({"relationshipSlug": "orders", "properties": "total"}, "properties"),
            ({"relationshipSlug": "", "properties": []}, "relationshipSlug"),
        ],
    )
    def test_entities_that_make_no_sense(self, api, connection, entity, field):
        reply = api.post(f"{connection}/activations", ADDED | {"personalization": {"entities": [entity]}})
        assert (reply.status, reply.fields) == (422, [f"personalization.entities.0.{field}"])

    def test_there_is_nobody_to_send_again(self, world, api, audience, connection):
        world.workspaces.activations._resyncs = world.workspaces.connections._resyncs = asked = Asked()
        link = {"destination": {"id": api.create_destination()["id"], "type": "destination"}}
        assert api.post(f"{audience}/destination-connections", link).status == 200
        reply = api.post(f"{connection}/resync")
        assert (reply.status, reply.errors[0]["message"]) == (422, REASON)
        made = api.post(f"{connection}/activations", ADDED | {"performResync": True}).data["activation"]
        changed = api.patch(f"{audience}/activations/{made['id']}", {"performResync": True}).data["activation"]
        assert (asked.connections, made["performResync"], changed["performResync"]) == ([], False, False)

    def test_they_go_with_the_audience(self, world, api, audience, connection):
        api.post(f"{connection}/activations", ADDED)
        assert api.delete(audience).status == 200
        assert not [key for key in world.records._items if key.sort.startswith(("activation#", "connection#"))]


def test_the_reason_is_a_sentence_for_owners():
    assert "data graph" in REASON
    assert REASON.endswith(".")
