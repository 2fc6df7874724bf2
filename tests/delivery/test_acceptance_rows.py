"""A webhook behind the whole product: what it is asked when values change or many enter, and how that is counted."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.clock import SECOND
from chalicelib.instants import parse_iso
from tests.acceptance.world import identify, track
from tests.batch.whole import Ticking

from .hosts import HOUR, HostedWorld

BOUGHT = "event('Bought').count() >= 1"
COUNTED = ("pendingRetry", "failedDelivery", "successfulDelivery")


@pytest.fixture
def world() -> Iterator[HostedWorld]:
    yield HostedWorld()
    bootstrap.install(None)


@pytest.fixture
def hook(world: HostedWorld) -> Any:
    """Hears of those who bought."""
    destination = world.webhook("hook")
    world.connect(world.audience("VIP", BOUGHT), destination)
    return destination


def times(world: HostedWorld) -> list[float]:
    """Of the requests, in seconds from the first."""
    instants = [parse_iso(request["time"]) or 0 for request in world.received("hook")]
    return [(instant - instants[0]) / SECOND for instant in instants]


def test_a_trait_is_told_when_its_value_changed_and_only_then(world: HostedWorld) -> None:
    destination = world.webhook("hook")
    world.trait("Most paid", "event('Paid').max(property('amount'))", destination, sendIdentify=False, sendTrack=True)
    world.send(identify("u1", email="jo@ex.io"), track("Paid", "u1", properties={"amount": 3}))
    world.forget("hook")
    world.send(track("Paid", "u1", properties={"amount": 3}), track("Paid", "u1", properties={"amount": 2}))
    assert world.events("hook") == []
    world.send(track("Paid", "u1", properties={"amount": 4}))
    (event,) = world.events("hook")
    assert (event["type"], event["event"], event["userId"]) == ("track", "Trait Computed", "u1")
    assert event["properties"] == {"trait_key": "most_paid", "most_paid": 4}
    assert event["context"]["personas"]["computation_class"] == "trait"
    assert event["context"]["traits"] == {"email": "jo@ex.io"}


def test_of_a_new_audience_its_members_are_told_and_nobody_else(world: HostedWorld) -> None:
    for start in range(0, 1_000, 100):
        world.send(*(identify(f"u{n}", plan="pro" if n % 50 == 0 else "free") for n in range(start, start + 100)))
    world.connect(world.audience("Pro", "trait('plan') = 'pro'"), world.webhook("hook"))
    world.advance(600)
    told = [(event["userId"], event["properties"]["pro"]) for event in world.events("hook")]
    assert sorted(told) == sorted((f"u{n}", True) for n in range(0, 1_000, 50))


def test_an_account_and_its_four_people_hear_of_its_entering_and_of_its_leaving() -> None:
    world = HostedWorld(Ticking())
    try:
        sent = {"name": "At risk", "audienceType": "ACCOUNTS", "definition": {"query": "trait('health') < 5"}}
        audience = world.manage("POST", world.audiences, sent).data["audience"]
        both = {"sendGroup": True, "sendIdentify": True}
        world.connect(audience, world.webhook("hook"), connectionSettings=both)
        for health, value in ((3, True), (8, False)):
            world.forget("hook")
            acme = {"type": "group", "groupId": "acme", "traits": {"health": health}}
            world.send(*({**acme, "userId": f"u{n}"} for n in range(4)))
            world.advance(9 * HOUR)
            told = [(e["type"], e.get("groupId") or e["userId"], e["traits"]["at_risk"]) for e in world.events("hook")]
            assert sorted(told) == [("group", "acme", value), *(("identify", f"u{n}", value) for n in range(4))]
    finally:
        bootstrap.install(None)


def test_who_is_always_throttled_is_given_up_after_ten_requests_and_counted_once(world: HostedWorld, hook: Any) -> None:
    world.script("hook", *[429] * 20)
    world.send(track("Bought", "u1"))
    assert world.figures(hook, *COUNTED) == (1, 0, 0)
    world.advance(23 * HOUR)
    assert len(times(world)) == 10
    assert 60 <= times(world)[1] <= 73
    assert times(world)[-1] <= 3 * HOUR + 58 * 60
    assert world.figures(hook, *COUNTED) == (0, 1, 0)
    assert world.reasons(hook) == {"429": 1}


def test_who_recovers_is_counted_as_one_delivery(world: HostedWorld, hook: Any) -> None:
    world.script("hook", 503, 503)
    world.send(track("Bought", "u1"))
    world.advance(600)
    assert [request["answered"] for request in world.received("hook")] == [503, 503, 200]
    assert len({event["messageId"] for event in world.events("hook")}) == 1
    assert world.figures(hook, *COUNTED) == (0, 0, 1)
    assert world.reasons(hook) == {}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 501])
def test_what_is_refused_for_good_is_counted_by_its_reason(world: HostedWorld, hook: Any, status: int) -> None:
    world.script("hook", status)
    world.send(track("Bought", "u1"))
    world.advance(5 * HOUR)
    assert len(times(world)) == 1
    assert world.figures(hook, *COUNTED, "retries") == (0, 1, 0, 0)
    assert world.reasons(hook) == {str(status): 1}


def test_three_together_are_signed_by_the_first(world: HostedWorld) -> None:
    destination = world.webhook("hook", sharedSecret="s3cr3t", enableBatching=True)
    world.connect(world.audience("VIP", BOUGHT), destination)
    world.send(*(track("Bought", f"u{n}") for n in range(3)))
    (request,) = world.received("hook")
    assert sorted(event["userId"] for event in request["body"]) == ["u0", "u1", "u2"]
    first = json.dumps(request["body"][0], separators=(",", ":"), ensure_ascii=False).encode()
    assert request["headers"]["X-Signature"] == hmac.new(b"s3cr3t", first, hashlib.sha1).hexdigest()
