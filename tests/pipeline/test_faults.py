"""A worker may die before or after any of its calls to AWS; redelivery makes the state that an undisturbed run makes.

The calls are counted in an undisturbed run, and every one of them is tried.
"""

import gzip
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.clock import HOUR
from chalicelib.profiles.ports import ProfileKey
from chalicelib.queues import Received
from chalicelib.store.dynamodb import DynamoIdentifiers, DynamoProfiles, DynamoTimeline
from chalicelib.store.s3 import S3Archive
from tests.conftest import Cloud
from tests.pipeline.shop import Shop, audience, identify, track
from tests.pipeline.wire import Killed, Wire

AUDIENCES = [
    audience("buyers", "event('Bought').count() >= 2"),
    audience("recent", "event('Bought').within(2 hours).count() >= 1"),
    audience("pro_buyers", "trait('plan') = 'pro' AND trait('buyers') = 'true'"),
]
PEOPLE = ["user_id:u1", "user_id:u2", "email:three@ex.io"]
_spaces = itertools.count(1)


@pytest.fixture
def wire(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def shop(cloud: Cloud) -> Shop:
    """A space of its own in the tables of the module."""
    settings, dynamodb = cloud.names.settings, cloud.clients.dynamodb
    made = Shop(AUDIENCES, space_id=f"faults{next(_spaces)}")
    made.profiles = DynamoProfiles(dynamodb, settings.profiles_table, settings.work_table)
    made.identifiers = DynamoIdentifiers(dynamodb, settings.identifiers_table)
    made.timeline = DynamoTimeline(dynamodb, settings.timeline_table, made.clock)
    made.archive = S3Archive(cloud.clients.s3, settings.archive_bucket)
    made.lookup = type(made.lookup)(made.profiles, made.identifiers)
    return made


def deliveries(shop: Shop) -> Iterator[list[Received]]:
    """What the queue hands out, one invocation after the other; time passes in between."""
    first = shop.message(
        "b1",
        track("Bought", None, anonymousId="a1"),
        identify("u1", {"plan": "pro"}, anonymousId="a1"),
        {"type": "page", "userId": "u1", "name": "Home"},
        identify("u2", {"plan": "free"}),
    )
    second = shop.message(
        "b2",
        track("Bought", "u1"),
        track("Bought", "u1", messageId="b1-0"),  # a client's duplicate
        {"type": "group", "userId": "u2", "groupId": "g1", "traits": {"plan": "team"}},
        track("Bought", None, context={"traits": {"email": "three@ex.io"}}, anonymousId="a3"),
    )
    yield [first, second]
    shop.clock.advance(HOUR)
    yield [shop.message("b3", track("Bought", "u2"), identify("u1", {"plan": None, "city": "Oslo"}))]
    shop.clock.advance(3 * HOUR)
    yield [shop.due("d1", *(shop.profile(person).profile_id for person in PEOPLE))]


def run(shop: Shop, wire: Wire, kill_at: tuple[int, str] | None = None) -> int:
    """Resolve everything; the messages of a killed worker are delivered again. The number of calls."""
    wire.calls, wire.kill_at = 0, kill_at
    for messages in deliveries(shop):
        wire.armed = True
        try:
            failed = shop.resolve(*messages)
        except Killed:
            failed = shop.resolve(*messages)
        wire.armed = False
        assert failed == set()
    return wire.calls


def state(shop: Shop) -> dict[str, Any]:
    """Everything that is kept, without the ids that carry the name of the space."""
    found: dict[str, Any] = {}
    for name, collection in [*((person, "users") for person in PEOPLE), ("group_id:g1", "accounts")]:
        profile = shop.profile(name, collection)
        key = ProfileKey(shop.space_id, profile.profile_id)
        events = shop.timeline.events(key, 0)
        found[name] = {
            "traits": profile.trait_values(),
            "external_ids": sorted((e.type, e.value) for e in profile.head.external_ids),
            "streams": profile.streams,
            "due_at": profile.due_at,
            "counted": sorted(c.hashes.hex() for c in profile.head.recent),
            "first": profile.head.first,
            "last": profile.head.last,
            "events": sorted(e.message_id for e in events),
        }
    landed = {
        json.loads(line)["messageId"]
        for key in shop.archive.list(f"events/landing/{shop.space_id}/")
        for line in gzip.decompress(shop.archive.get(key)).splitlines()
    }
    return {**found, "landed": sorted(landed), "profiles": live_profiles(shop)}


def live_profiles(shop: Shop) -> int:
    profiles = shop.profiles
    assert isinstance(profiles, DynamoProfiles)
    items = profiles._table.model.scan()
    return sum(1 for item in items if item.pk.startswith(f"{shop.space_id}#") and not item.merged_into)


def test_killed_at_every_call(cloud: Cloud, wire: Wire) -> None:
    undisturbed = shop(cloud)
    calls = run(undisturbed, wire)
    expected = state(undisturbed)
    assert expected["user_id:u1"]["traits"] == {"city": "Oslo", "buyers": True, "pro_buyers": False, "recent": False}
    assert expected["user_id:u1"]["external_ids"] == [("anonymous_id", "a1"), ("user_id", "u1")]
    assert expected["profiles"] == 4
    assert calls > 20
    for place in range(1, calls + 1):
        for phase in ("before", "after"):
            killed = shop(cloud)
            run(killed, wire, (place, phase))
            assert state(killed) == expected, f"killed {phase} call {place} of {calls}"
    print(f"\n{2 * calls} crash points, every final state equal")
