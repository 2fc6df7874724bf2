"""Events, properties and traits of a space, as clients list them."""

from typing import Any

import pytest

from chalicelib.clock import DAY
from chalicelib.instants import to_iso
from chalicelib.tracking.event import Event
from tests.events import T0

TODAY, YESTERDAY = to_iso(T0 // DAY * DAY), to_iso((T0 // DAY - 1) * DAY)


@pytest.fixture
def note(world, api):
    def note(name, type="track", traits=None, **properties):
        fields: dict[str, Any] = {"message_id": "m", "source_id": "s", "timestamp": T0, "received_at": T0}
        told = Event(type=type, event=name, properties=properties, traits=traits or {}, **fields)
        world.application.vocabulary.note(api.founded.space_id, [told])

    return note


def test_events_the_newest_first(world, api, note):
    world.clock.advance(-DAY)
    note("Bought")
    world.clock.advance(DAY)
    note("Ärger", "screen")
    note("Asked")
    events = api.get(f"{api.space}/events").data
    assert events["events"] == [
        {"name": "Asked", "type": "TRACK", "lastSeenAt": TODAY},
        {"name": "Ärger", "type": "SCREEN", "lastSeenAt": TODAY},
        {"name": "Bought", "type": "TRACK", "lastSeenAt": YESTERDAY},
    ]
    assert events["pagination"]["totalEntries"] == 3

    def found(**asked):
        return [one["name"] for one in api.get(f"{api.space}/events", **asked).data["events"]]

    assert found(sortBy="name", sortDir="asc") == ["Asked", "Bought", "Ärger"]
    assert found(sortDir="asc") == ["Bought", "Asked", "Ärger"]
    assert found(search="ÄR") == ["Ärger"]
    assert found(pagination={"count": 1}) == ["Asked"]


def test_properties_of_an_event_and_their_samples(api, note):
    note("Order Completed / Ä", plan="pro", email="jo@ex.io", amount=5)
    path = f"{api.space}/events/Order%20Completed%20%2F%20%C3%84/properties"
    listed = api.get(path, sortBy="name", sortDir="asc").data["eventProperties"]
    event = {"type": "PROPERTY", "eventName": "Order Completed / Ä", "lastSeenAt": TODAY}
    assert listed == [{"name": name, **event} for name in ("amount", "email", "plan")]
    sampled = api.get(path, sortBy="name", includeSampleValues="true", search="a").data["eventProperties"]
    assert [(one["name"], one["samples"]) for one in sampled] == [("plan", ["pro"]), ("email", []), ("amount", ["5"])]
    assert api.get(f"{path}/plan/sample-values", propertyType="PROPERTY").data == {"sampleValues": ["pro"]}
    assert api.get(f"{path}/plan/sample-values", propertyType="CONTEXT").data == {"sampleValues": []}
    assert api.get(f"{path}/email/sample-values").data == {"sampleValues": []}
    assert api.get(f"{path}/none/sample-values").status == 404


def test_an_event_may_have_no_properties(api, note):
    note("Bare")
    assert api.get(f"{api.space}/events/Bare/properties").data["eventProperties"] == []
    assert api.get(f"{api.space}/events/Other/properties").status == 404
    assert api.get(f"{api.space}/events/Other/properties/x/sample-values").status == 404


def test_traits_sent_and_computed(world, api, note):
    note(None, "identify", traits={"plan": "pro", "email": "jo@ex.io", "big_buyers": "x"})
    note(None, "group", traits={"industry": "shoes"})
    api.create_audience("Big Buyers")
    trait = {"name": "Orders", "definition": {"query": "event('Order Completed').count()", "type": "USERS"}}
    api.post(f"{api.space}/computed-traits", trait)
    traits = api.get(f"{api.space}/traits").data
    now = to_iso(T0)
    assert traits["traits"] == [
        {"trait": "big_buyers", "type": "AUDIENCE", "lastSeenAt": now},
        {"trait": "email", "type": "CUSTOM", "lastSeenAt": TODAY},
        {"trait": "orders", "type": "COMPUTED", "lastSeenAt": now},
        {"trait": "plan", "type": "CUSTOM", "lastSeenAt": TODAY},
    ]
    assert traits["pagination"] == {"current": "MA==", "next": None, "totalEntries": 4}
    accounts = api.get(f"{api.space}/traits", collection="accounts", includeSampleValues="true").data["traits"]
    assert accounts == [{"trait": "industry", "type": "CUSTOM", "lastSeenAt": TODAY, "samples": ["shoes"]}]
    first = api.get(f"{api.space}/traits", pagination={"count": 3}).data["pagination"]
    second = api.get(f"{api.space}/traits", pagination={"count": 3, "cursor": first["next"]}).data
    assert [one["trait"] for one in second["traits"]] == ["plan"]
    samples = {
        key: api.get(f"{api.space}/traits/{key}/sample-values").data["sampleValues"] for key in ("plan", "email")
    }
    assert samples == {"plan": ["pro"], "email": []}
    assert api.get(f"{api.space}/traits/big_buyers/sample-values").data["sampleValues"] == ["true", "false"]
    assert api.get(f"{api.space}/traits/industry/sample-values").status == 404
    assert api.get(f"{api.space}/traits/industry/sample-values", collection="accounts").status == 200


def test_samples_are_as_many_as_were_asked_for(api, note):
    for n in range(10):
        note("Bought", plan=f"plan {n}")
    path = f"{api.space}/events/Bought/properties"

    def samples(**asked):
        return len(api.get(path, includeSampleValues="true", **asked).data["eventProperties"][0]["samples"])

    assert (samples(), samples(samplesCount="3"), samples(samplesCount="3.0")) == (10, 3, 3)


@pytest.mark.parametrize(
    ("path", "asked", "field"),
    [
        ("/events", {"sortBy": "size"}, "sortBy"),
        ("/events", {"sortBy": "trait"}, "sortBy"),
        ("/events", {"sortDir": "up"}, "sortDir"),
        ("/events", {"pagination": {"count": 0}}, "pagination.count"),
        ("/traits", {"collection": "things"}, "collection"),
        ("/traits", {"includeSampleValues": "maybe"}, "includeSampleValues"),
        ("/traits", {"samplesCount": "101"}, "samplesCount"),
        ("/traits", {"samplesCount": "many"}, "samplesCount"),
        ("/traits", {"samplesCount": "nan"}, "samplesCount"),
        ("/events/Bought/properties/plan/sample-values", {"propertyType": "OTHER"}, "propertyType"),
    ],
)
def test_what_cannot_be_asked_for(api, note, path, asked, field):
    note("Bought", plan="pro")
    reply = api.get(api.space + path, **asked)
    assert (reply.status, reply.fields) == (422, [field])
