"""The same over the real tables and keys: what is stored there is read, listed, taken away and deleted."""

import json
from base64 import b64encode

import pytest

from chalicelib import bootstrap
from chalicelib.profiles.rate import Rate
from tests.acceptance.engines import OnAws
from tests.acceptance.world import World, track


@pytest.fixture
def world(cloud):
    yield World(OnAws(cloud))
    bootstrap.install(None)


def read(world, path, collection="users"):
    token = b64encode(f"{world.stack.profile_token}:".encode()).decode()
    path = f"/v1/spaces/{world.stack.space_id}/collections/{collection}/profiles{path}"
    return world.ask("GET", path, Authorization=f"Basic {token}")


def test_one_person_from_the_first_event_to_the_deletion(world):
    world.audience("Buyers", "event('Bought').count() >= 1")
    world.send(
        {**track("Seen"), "anonymousId": "w1"},
        {**track("Bought", "u1"), "anonymousId": "a1"},
        track("Bought", "u2"),
        {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan": "team"}},
    )
    world.advance(1)
    world.send({**track("Signed in", "u1"), "anonymousId": "w1"})
    ids = {one["segment_id"] for one in read(world, "?limit=100").body["data"]}
    assert ids == {read(world, f"/user_id:{user}/metadata").body["segment_id"] for user in ("u1", "u2")}
    first = read(world, "?limit=1")
    assert first.body["cursor"]["has_more"] is True
    assert read(world, f"?limit=1&next={first.body['cursor']['next']}").body["data"] != first.body["data"]
    events = read(world, "/anonymous_id:w1/events?sort=asc").body["data"]
    assert sorted(event["event"] for event in events) == ["Bought", "Seen", "Signed in"]
    assert len(read(world, "/group_id:g1/links", "accounts").body["data"]) == 1
    log = world.manage("GET", f"/spaces/{world.stack.space_id}/identity-log?kind=Profiles%20merged").data
    assert len(log["identityLog"]) == 1

    deleted = world.application.lookup.find(world.stack.space_id, "users", "user_id:u1")
    content = {"regulationType": "SUPPRESS_WITH_DELETE", "subjectType": "USER_ID", "subjectIds": ["u1"]}
    assert world.manage("POST", "/regulations", content).status == 200
    world.drain()
    for name in ("user_id:u1", "anonymous_id:w1", "anonymous_id:a1", *deleted.ids):
        assert read(world, f"/{name}/traits").status == 404
    assert len(read(world, "?limit=100").body["data"]) == 1
    assert read(world, "/group_id:g1/links", "accounts").body["data"] == []
    (audience,) = world.manage("GET", world.audiences).data["audiences"]
    assert audience["size"]["count"] == 1
    archive = world.application.adapters.archive
    (key,) = archive.list(f"erasures/{world.stack.space_id}/")
    assert set(json.loads(archive.get(key))["profileIds"]) == set(deleted.ids)
    world.send(track("Bought", "u1"))
    assert read(world, "/user_id:u1/traits").status == 404
    assert world.manage("GET", "/suppressions").data["suppressed"] == [{"subjectType": "USER_ID", "subjectIds": ["u1"]}]

    application = world.application
    application.profile_rate = Rate(application.adapters.work, world.clock, 2)
    assert [read(world, "").status for _ in range(3)] == [200, 200, 429]
