"""Rows as events: through the tracking API into a source the owner chose, each once, and never in a circle."""

import pytest

from chalicelib.audit.forwarding import readers_of
from chalicelib.clock import MINUTE
from chalicelib.computations.catalogue import Catalogue, compile_computation
from chalicelib.computations.computation import AUDIENCE, USERS, Computation
from chalicelib.errors import Unavailable
from chalicelib.queues import INGEST
from chalicelib.tracking.envelope import Accepted, unpack


def test_one_modified_audience_is_one_event_and_no_row_more(world, api):
    source = world.forward(api)
    audience = api.create_audience()
    world.tick()
    world.forwarded()
    world.clock.advance(1)
    api.patch(f"{api.audiences}/{audience['id']}", {"name": "Bigger Buyers"})
    rows = world.rows(api)
    world.tick()
    (body,) = world.queues.bodies(INGEST)
    envelope = unpack(body)
    assert isinstance(envelope, Accepted)
    assert (envelope.source_id, envelope.space_id) == (source["id"], api.founded.space_id)
    (event,) = world.forwarded()
    token = audience["createdBy"]
    assert event == {
        "type": "track",
        "event": "Audit",
        "userId": token,
        "messageId": f"audit-{rows[0]['id']}",
        "timestamp": rows[0]["timestamp"],
        "properties": {
            "type": "Audience Modified",
            "workspace_id": api.founded.workspace_id,
            "details": {
                "resource_id": f"spaces/{api.founded.space_id}/audiences/{audience['id']}",
                "resource_type": "audience",
                "subject": f"tokens/{token}",
                "target": "Bigger Buyers",
                "changed": ["name"],
            },
        },
    }
    world.clock.advance(MINUTE)
    world.tick()
    assert world.rows(api) == rows
    assert world.forwarded() == []


def test_what_muster_does_by_itself_is_the_systems(world, api):
    world.forward(api)
    audience = api.create_audience()["id"]
    world.failing["X", "deliver"] = 1
    world.play(world.task("sync", api, audience, "X"))
    world.tick()
    users = {event["properties"]["type"]: event["userId"] for event in world.forwarded()}
    assert users["Audience Destination Sync Failed"] == "__system__"
    assert users["Audience Created"] != "__system__"


def test_nothing_is_forwarded_while_it_is_off(world, api):
    assert api.get("/audit-forwarding").data == {"auditForwarding": {"enabled": False, "sourceId": None}}
    api.create_audience()
    world.tick()
    assert world.forwarded() == []


def test_switching_is_itself_in_the_trail(world, api):
    source = world.forward(api)
    assert api.get("/audit-forwarding").data["auditForwarding"] == {"enabled": True, "sourceId": source["id"]}
    world.clock.advance(1)
    off = api.send("PUT", "/audit-forwarding", {"enabled": False}).data["auditForwarding"]
    assert off == {"enabled": False, "sourceId": source["id"]}
    api.send("PUT", "/audit-forwarding", {"enabled": False})
    assert [row["type"] for row in world.rows(api, resourceType="audit_forwarding")] == [
        "Audit Forwarding Disabled",
        "Audit Forwarding Enabled",
    ]
    world.tick()
    assert world.forwarded() == []


def test_everything_that_is_wrong_is_listed(world, api):
    stranger = world.api("globex")
    theirs = stranger.post("/sources", {"slug": "x", "enabled": True, "metadataId": "http-api"}).data["source"]["id"]
    for content, fields in (
        ({}, ["enabled"]),
        ({"enabled": "yes", "sourceId": 7}, ["enabled", "sourceId"]),
        ({"enabled": True}, ["sourceId"]),
        ({"enabled": True, "sourceId": "nobody"}, ["sourceId"]),
        ({"enabled": True, "sourceId": theirs}, ["sourceId"]),
        ({"enabled": True, "sourceId": api.founded.engage_source_id}, ["sourceId"]),
    ):
        reply = api.send("PUT", "/audit-forwarding", content)
        assert (reply.status, reply.fields) == (422, fields)
    assert world.rows(api, resourceType="audit_forwarding") == []


def test_a_source_that_is_gone_or_off_takes_nothing_and_stops_nothing(world, api):
    source = world.forward(api)
    api.patch(f"/sources/{source['id']}", {"enabled": False})
    world.tick()
    api.delete(f"/sources/{source['id']}")
    world.tick()
    assert world.forwarded() == []
    assert world.records.page("outbox").records == []


def test_what_the_queue_does_not_take_is_forwarded_later(world, api, monkeypatch):
    world.forward(api)

    def down(queue, messages):
        raise Unavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(world.queues, "send", down)
        api.create_audience()
        world.tick()
    assert world.forwarded() == []
    world.clock.advance(MINUTE)
    world.tick()
    assert [event["properties"]["type"] for event in world.forwarded()] == ["Audience Created"]


def test_a_failure_that_its_own_event_could_cause_is_not_forwarded(world, api):
    world.forward(api)
    reader = api.create_audience("Readers", "event('Audit').count() >= 1")
    second = api.create_audience("Readers of readers", f"trait('{reader['key']}') = true")
    other = api.create_audience("Others")
    world.tick()
    world.forwarded()
    for audience in (reader, second, other):
        world.failing["X", "deliver"] = 1
        world.play(world.task("sync", api, audience["id"], "X"))
    world.tick()
    assert [event["properties"]["details"]["target"] for event in world.forwarded()] == ["Others"]
    assert len(world.rows(api, action="Audience Destination Sync Failed")) == 3
    api.patch(f"{api.audiences}/{reader['id']}", {"name": "Still told"})
    world.tick()
    assert len(world.forwarded()) == 1


def computed(key, query):
    return compile_computation(
        Computation(
            id=f"id_{key}", workspace_id="w", space_id="s", kind=AUDIENCE, scope=USERS, key=key, name=key, query=query
        )
    )


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("event('Audit').count() >= 1", True),
        ("event('Audit').where(property('type') = 'Audience Created').count() >= 1", True),
        ("event('Bought').count() >= 1", False),
        ("trait('plan') = 'free'", False),
    ],
)
def test_who_reads_an_event(query, reads):
    catalogue = Catalogue(1, [computed("a", query)])
    assert readers_of("Audit", catalogue) == ({"id_a"} if reads else set())
