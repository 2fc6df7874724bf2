"""From the tracking API into history, on both engines: events, people as they are, merges and deletions."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.clock import DAY
from tests.acceptance.engines import Engine, InMemory, OnAws
from tests.acceptance.world import World


@pytest.fixture(params=["memory", "aws"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    engine: Engine = InMemory() if request.param == "memory" else OnAws(request.getfixturevalue("cloud"))
    yield World(engine)
    bootstrap.install(None)


def bought(user: str, message_id: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Bought",
        "userId": user,
        "messageId": message_id,
        "properties": {"price": 9.5},
        **more,
    }


def read(world: World, query: str) -> list[tuple[Any, ...]]:
    history = world.application.history
    with history.open(history.cut(world.stack.space_id)) as session:
        return session.rows(query)


EVENTS = (
    "SELECT e.message_id, coalesce(r.canonical_id, e.profile_id) = p.profile_id, p.traits FROM events e "
    "LEFT JOIN redirects r USING (profile_id) JOIN profiles p ON p.profile_id = coalesce(r.canonical_id, e.profile_id) "
    "ORDER BY message_id"
)


def test_what_is_sent_is_history_and_stays_it_when_it_is_compacted(world: World) -> None:
    world.send(bought("u1", "m1"), bought("u1", "m1"), bought("u2", "m2"))
    world.send({"type": "identify", "userId": "u1", "messageId": "m3", "traits": {"plan": "pro"}})
    world.send({"type": "track", "event": "Seen", "anonymousId": "a1", "messageId": "m4"})
    world.send({"type": "identify", "userId": "u2", "anonymousId": "a1", "messageId": "m5"})
    expected = [
        ("m1", True, '{"plan":"pro"}'),
        ("m2", True, "{}"),
        ("m3", True, '{"plan":"pro"}'),
        ("m4", True, "{}"),
        ("m5", True, "{}"),
    ]
    assert read(world, EVENTS) == expected
    assert read(world, "SELECT count(*) FROM profiles") == [(2,)]
    assert read(world, "SELECT count(*) FROM redirects") == [(1,)]
    ((properties,),) = read(world, "SELECT properties FROM events WHERE message_id = 'm2'")
    assert json.loads(properties) == {"price": 9.5}
    world.clock.advance(4 * DAY)
    world.application.compaction.compact(world.stack.space_id)
    assert world.application.history.cut(world.stack.space_id).landings == ()
    assert read(world, EVENTS) == expected


@pytest.mark.parametrize("world", ["memory"], indirect=True)
def test_who_is_deleted_leaves_history_and_may_begin_another(world: World) -> None:
    world.send(bought("u1", "m1"), bought("u2", "m2"))
    regulation = {"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": ["u1"]}
    assert world.manage("POST", "/regulations", regulation).status == 200
    world.drain()
    assert read(world, "SELECT message_id FROM events") == [("m2",)]
    assert read(world, "SELECT count(*) FROM profiles") == [(1,)]
    world.send(bought("u1", "m3"))
    assert read(world, "SELECT message_id FROM events ORDER BY 1") == [("m2",), ("m3",)]
    assert read(world, "SELECT count(*) FROM profiles") == [(2,)]
