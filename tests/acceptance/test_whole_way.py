"""From an SDK's request to a partner's: profiles, audiences that fill and empty with time alone, and what is told."""

from typing import Any

import pytest

from chalicelib.clock import SECOND
from chalicelib.instants import parse_iso
from tests.conftest import Cloud
from tests.events import T0

from .engines import InMemory, OnAws
from .world import World, identify, track

ANONYMOUS_TOO = {"options": {"filterByExternalIds": ["user_id", "email", "android.idfa", "ios.idfa", "anonymous_id"]}}
MILLISECOND = 0.001
HOURS = 3_600
DAYS = 86_400


def told(world: World, sink: str = "hook") -> list[tuple[str, str | None, str]]:
    """Who is said to have done what: (event, user, audience), in alphabetical order."""
    return sorted((e["event"], e.get("userId"), e["properties"]["audience_key"]) for e in world.events(sink))


def test_an_event_fills_an_audience_and_time_empties_it(world: World) -> None:
    recent = world.audience("Recent buyers", "event('Order Completed').within(1 hour).count() >= 1")
    world.connect(recent, world.webhook("hook"))
    world.send(identify("u1", email="Jo@Ex.io"), track("Order Completed", "u1", properties={"revenue": 120}))

    assert world.traits("user_id:u1") == {"email": "Jo@Ex.io", "recent_buyers": True}
    (entered,) = world.events("hook")
    assert (entered["type"], entered["event"], entered["userId"]) == ("track", "Audience Entered", "u1")
    assert entered["properties"] == {"audience_key": "recent_buyers", "recent_buyers": True}
    assert entered["context"]["traits"] == {"email": "jo@ex.io"}
    assert entered["timestamp"] == world.now()
    assert entered["context"]["personas"] == {
        "computation_class": "audience",
        "computation_id": recent["id"],
        "computation_key": "recent_buyers",
        "namespace": f"spa_{world.stack.space_id}",
        "space_id": f"spa_{world.stack.space_id}",
    }
    assert size(world, recent) == 1

    world.advance(1 * HOURS)
    assert world.memberships("user_id:u1") == {"recent_buyers": True}
    world.advance(MILLISECOND)
    assert world.memberships("user_id:u1") == {"recent_buyers": False}
    exited = world.events("hook")[1]
    assert (exited["event"], exited["properties"]["recent_buyers"]) == ("Audience Exited", False)
    assert exited["context"]["traits"] == {"email": "jo@ex.io"}
    assert exited["timestamp"] == world.now()
    assert size(world, recent) == 0


def size(world: World, audience: dict[str, str]) -> int:
    found: int = world.manage("GET", f"{world.audiences}/{audience['id']}").data["audience"]["size"]["count"]
    return found


def test_the_same_on_the_tables_and_queues_of_aws(cloud: Cloud) -> None:
    world = World(OnAws(cloud))
    quiet = world.audience("Quiet", "event('A').within(1 hour).count() >= 1 AND NOT trait('vip') = 'true'")
    vip = world.audience("Vip", "event('A').count() >= 2", **ANONYMOUS_TOO)
    for audience in (quiet, vip):
        world.connect(audience, world.webhook("hook"))
    world.script("hook", 503, 503)
    world.send(track("A", "u1"), identify("u1", email="jo@ex.io"), track("A", "u2"), track("A", "u2"))
    world.advance(80)
    entered = [("Audience Entered", "u1", "quiet"), ("Audience Entered", "u2", "vip")]
    assert told(world) == sorted(entered * 2)
    assert [request["answered"] for request in world.received("hook")] == [503, 503, 200, 200]
    assert (size(world, quiet), size(world, vip), world.waiting()) == (1, 1, 0)
    world.forget("hook")
    world.advance(1 * HOURS)
    assert told(world) == [("Audience Exited", "u1", "quiet")]
    assert world.memberships("email:jo@ex.io") == {"quiet": False}
    assert (size(world, quiet), size(world, vip)) == (0, 1)


def test_between_is_entered_and_left_by_time_alone(world: World) -> None:
    gone_quiet = world.audience("Gone quiet", "event('Product Added').between(1 hour, 2 hours).count() >= 1")
    world.connect(gone_quiet, world.webhook("hook"))
    world.send(track("Product Added", "u1"))
    world.advance(1 * HOURS - MILLISECOND)
    assert world.memberships("user_id:u1") == {}
    world.advance(2 * HOURS)
    assert [(request["time"], request["body"]["event"]) for request in world.received("hook")] == [
        ("2026-03-01T13:00:00.000Z", "Audience Entered"),
        ("2026-03-01T14:00:00.001Z", "Audience Exited"),
    ]
    assert world.memberships("user_id:u1") == {"gone_quiet": False}


def test_an_absence_is_noticed_by_time_alone(world: World) -> None:
    idle = world.audience("Idle", "NOT event('Logged In').within(30 days).count() >= 1")
    world.connect(idle, world.webhook("hook"))
    world.send(track("Logged In", "u1"))
    world.advance(30 * DAYS)
    assert world.events("hook") == []
    world.advance(1)
    assert told(world) == [("Audience Entered", "u1", "idle")]
    world.send(track("Logged In", "u1"))
    assert told(world)[1] == ("Audience Exited", "u1", "idle")


def test_every_message_of_a_person_who_comes_and_goes_has_an_id_of_its_own(world: World) -> None:
    world.connect(world.audience("A", "event('A').within(1 hour).count() >= 1"), world.webhook("hook"))
    for _ in range(3):
        world.send(track("A", "u1"))
        world.advance(2 * HOURS)
    assert [e["event"] for e in world.events("hook")] == ["Audience Entered", "Audience Exited"] * 3
    assert len({e["messageId"] for e in world.events("hook")}) == 6


def test_a_repeated_reading_of_the_stream_repeats_the_ids() -> None:
    engine = InMemory()
    world = World(engine)
    world.connect(world.audience("A", "event('A').count() >= 1"), world.webhook("hook"))
    world.send(track("A", "u1"))
    engine.read_stream_again()
    world.drain()
    first, second = world.events("hook")
    assert first["messageId"] == second["messageId"]


# Traits of somebody met at T0 (2026-03-01 12:00 UTC), and when, in seconds from then, membership changes.
TRAITS: dict[str, Any] = {
    "plan": "pro",
    "age": "21",
    "born": "1999-12-31",
    "email": "jo@ex.io",
    "address": {"city": "Ulm", "geo": {"lat": 48.4}},
    "tags": ["red", "blue"],
    "orders": [{"sku": "a", "n": 1}, {"sku": "b", "n": 5}],
    "active": True,
    "signed_up": "2026-02-28T12:00:00Z",  # a day ago
    "signed_up_on": "2026-02-28",
    "renews": "2026-03-04T12:00:00Z",  # in three days
    "renews_on": "2026-03-04",
    "no_offset": "2026-03-04T12:00:00",
    "empty": "",
}
MIDNIGHT = 12 * HOURS  # the next one
COMPARISONS: dict[str, list[float]] = {
    "trait('plan') = 'pro'": [0],
    "trait('plan') != 'pro'": [],
    "trait('plan').equals('Pro')": [],
    "trait('plan').differs('free')": [0],
    "trait('nothing') != 'x'": [],
    "trait('age') > 18": [0],
    "trait('age') >= 21 AND trait('age') <= 21.0": [0],
    "trait('age') < 100": [0],
    "trait('plan') > 'a'": [],
    "trait('active') = 'true'": [0],
    "trait('active') = true": [0],
    "trait('plan').contains('x', 'r')": [0],
    "trait('plan').omits('x')": [0],
    "trait('nothing').omits('x')": [0],
    "trait('plan').starts_with('pr') AND trait('plan').ends_with('ro')": [0],
    "trait('plan').one_of('free', 'pro')": [0],
    "trait('plan').none_of('free', 'team')": [0],
    "trait('nothing').none_of('free')": [],
    "trait('empty').exists()": [0],
    "trait('nothing').absent()": [0],
    "trait('address.city') = 'Ulm'": [0],
    "trait('address.geo.lat') > 48": [0],
    "trait('tags.$') = 'blue'": [0],
    "trait('orders.$.n') > 4 AND trait('orders.$.sku') = 'a'": [0],
    "NOT trait('plan') = 'free'": [0],
    "trait('plan') = 'free' OR trait('age') = 21 AND trait('plan') = 'pro'": [0],
    "(trait('plan') = 'free' OR trait('age') = 21) AND trait('plan') = 'free'": [],
    "trait('born').before_date(2000-01-01)": [0],
    "trait('born').after_date('2000-01-01T00:00:00Z')": [],
    "trait('plan').before_date(2000-01-01)": [],
    "trait('signed_up').within_last(2 days)": [0, 1 * DAYS + MILLISECOND],
    "trait('signed_up').before_last(2 days)": [1 * DAYS],
    "trait('renews').within_last(1 hour)": [3 * DAYS, 3 * DAYS + 1 * HOURS + MILLISECOND],
    "trait('renews').within_next(2 days)": [1 * DAYS, 3 * DAYS + MILLISECOND],
    "trait('no_offset').within_next(2 days)": [1 * DAYS, 3 * DAYS + MILLISECOND],
    "trait('renews').after_next(2 days)": [0, 1 * DAYS + MILLISECOND],
    "trait('signed_up_on').within_last(2 days)": [0, MIDNIGHT + 1 * DAYS],
    "trait('signed_up_on').before_last(2 days)": [MIDNIGHT],
    "trait('renews_on').within_next(2 days)": [MIDNIGHT, MIDNIGHT + 3 * DAYS],
    "trait('renews_on').after_next(3 days)": [0, MIDNIGHT],
    "trait('renews_on').within_next(12 hours)": [2 * DAYS, 2 * DAYS + 12 * HOURS + MILLISECOND],
    "trait('plan').within_last(2 days)": [],
}


@pytest.mark.parametrize(("query", "changes"), COMPARISONS.items(), ids=list(COMPARISONS))
def test_comparisons_of_traits(world: World, query: str, changes: list[float]) -> None:
    world.connect(world.audience("a", query), world.webhook("hook"))
    world.send(identify("u1", **TRAITS))
    world.advance(10 * DAYS)
    assert [_seconds(request["time"]) for request in world.received("hook")] == changes
    names = [event["event"] for event in world.events("hook")]
    assert names == (["Audience Entered", "Audience Exited"] * 2)[: len(changes)]


def _seconds(time: str) -> float:
    instant = parse_iso(time)
    assert instant is not None
    return (instant - T0) / SECOND


SHOPPING = {
    "event('Order Completed').count() >= 2": "ann",
    "event('Order Completed').sum(property('revenue')) > 100": "ann bob",
    "event('Order Completed').avg(property('revenue')) = 60": "ann",
    "event('Order Completed').max(property('revenue')) = 110": "bob",
    "event('Order Completed').first(property('item')) = 'lamp'": "ann",
    "event('Order Completed').last(property('item')) = 'pan'": "ann bob",
    "event('Order Completed').unique(property('item')).count() = 2": "ann",
    "event('Order Completed').where(property('item') = 'pan' AND NOT property('test') = true).count() >= 1": "ann",
    "event('Order Completed').where(property('item') = 'lamp' OR property('test') = true).count() >= 1": "ann bob",
    "event('Order Completed').where(property('lines.$.sku') = 'x').count() >= 1": "bob",
    "event('Order Completed').where(context('page.path').starts_with('/sale')).count() >= 1": "bob",
    "event('Order Completed').where(trait('plan') = 'pro').count() >= 1": "ann",
    "event('Page Viewed').where(property('page_name') = 'Home').count() >= 1": "cy",
    "event('Screen Viewed').where(property('screen_name').exists()).count() >= 1": "cy",
    "event('Cart Viewed').where(event('Order Completed').within(parent: 1 hour).count() = 0).count() >= 1": "cy",
    "event('Order Completed').count() = 0": "cy",
    "event('Order Completed').count() > event('Cart Viewed').count()": "ann bob",
    "event('order completed').count() >= 1": "",
}


def test_conditions_on_events_with_several_people_in_one_batch(world: World) -> None:
    by_key = {world.audience(f"q{n}", query)["key"]: query for n, query in enumerate(SHOPPING)}
    world.send(
        identify("ann", plan="pro"),
        track("Cart Viewed", "ann", timestamp=world.now(-10)),
        track(
            "Order Completed",
            "bob",
            properties={"revenue": 110, "item": "pan", "test": True, "lines": [{"sku": "x"}]},
            context={"page": {"path": "/sale/1"}},
        ),
        track("Order Completed", "ann", properties={"revenue": "20.5", "item": "lamp"}, timestamp=world.now(-5)),
        {"type": "page", "userId": "cy", "name": "Home"},
        track("Order Completed", "ann", properties={"revenue": 99.5, "item": "pan"}),
        {"type": "screen", "userId": "cy", "name": "Start", "properties": {"name": "other"}},
        track("Cart Viewed", "cy"),
    )
    found: dict[str, list[str]] = {query: [] for query in SHOPPING}
    for person in ("ann", "bob", "cy"):
        for key, member in world.memberships(f"user_id:{person}").items():
            assert member
            found[by_key[key]].append(person)
    assert {query: " ".join(people) for query, people in found.items()} == SHOPPING


def test_audiences_of_audiences_settle_in_one_go_and_are_told_once(world: World) -> None:
    hook = world.webhook("hook")
    for name, query in {
        "Buyer": "event('Bought').within(1 hour).count() >= 1",
        "Vip": "trait('buyer') = 'true' AND trait('plan') = 'pro'",
        "Wooed": "NOT trait('vip') = 'true' AND event('Bought').count() >= 1",
        "Lost": "trait('vip') = 'false'",
    }.items():
        world.connect(world.audience(name, query), hook)
    world.send(track("Bought", "u1"), identify("u1", plan="pro"))
    assert told(world) == [("Audience Entered", "u1", "buyer"), ("Audience Entered", "u1", "vip")]
    world.forget("hook")
    world.advance(2 * HOURS)
    assert told(world) == [
        ("Audience Entered", "u1", "lost"),
        ("Audience Entered", "u1", "wooed"),
        ("Audience Exited", "u1", "buyer"),
        ("Audience Exited", "u1", "vip"),
    ]


def test_the_anonymous_become_members_once_they_are_known(world: World) -> None:
    hook = world.webhook("hook")
    known = world.audience("Known", "event('Seen').count() >= 1")
    anyone = world.audience("Anyone", "event('Seen').count() >= 1", **ANONYMOUS_TOO)
    world.connect(known, hook)
    world.connect(anyone, hook)
    world.send(track("Seen", anonymousId="a1"))
    assert world.memberships("anonymous_id:a1") == {"anyone": True}
    world.send({**identify("u1"), "anonymousId": "a1"})
    assert world.memberships("anonymous_id:a1") == {"anyone": True, "known": True}
    assert [(e["properties"]["audience_key"], e.get("userId"), e.get("anonymousId")) for e in world.events("hook")] == [
        ("anyone", None, "a1"),
        ("anyone", "u1", None),
        ("known", "u1", None),
    ]


def test_what_happened_long_ago_counts_from_when_it_happened(world: World) -> None:
    world.connect(world.audience("A", "event('A').within(2 hours).count() >= 1"), world.webhook("hook"))
    world.send(
        track("A", "late", timestamp=world.now(-1.5 * HOURS)),
        track("A", "too late", timestamp=world.now(-3 * HOURS)),
        track("A", "just", timestamp=world.now(-2 * HOURS)),
    )
    assert told(world) == [("Audience Entered", "just", "a"), ("Audience Entered", "late", "a")]
    world.advance(0.5 * HOURS)
    assert world.memberships("user_id:just") == {"a": False}
    assert world.memberships("user_id:late") == {"a": True}
    world.advance(MILLISECOND)
    assert world.memberships("user_id:late") == {"a": False}


def test_a_late_event_makes_an_ended_window_hold_again(world: World) -> None:
    world.audience("Two", "event('A').within(1 hour).count() >= 2")
    world.send(track("A", "u1"))
    world.advance(0.75 * HOURS)
    world.send(track("A", "u1", timestamp=world.now(-0.5 * HOURS)))
    assert world.memberships("user_id:u1") == {"two": True}
    world.advance(0.25 * HOURS + MILLISECOND)
    assert world.memberships("user_id:u1") == {"two": False}


def test_what_lies_in_the_future_counts_when_it_comes(world: World) -> None:
    world.connect(world.audience("A", "event('A').within(1 hour).count() >= 1"), world.webhook("hook"))
    world.send(track("A", "u1", timestamp=world.now(600)))
    assert world.memberships("user_id:u1") == {}
    world.advance(2 * HOURS)
    assert [_seconds(r["time"]) for r in world.received("hook")] == [600, 600 + 1 * HOURS + MILLISECOND]


def test_a_wrong_clock_of_the_sender_is_corrected(world: World) -> None:
    world.audience("A", "event('A').within(1 hour).count() >= 1")
    batch = {"batch": [track("A", "u1", timestamp=world.now(-5 * HOURS - 60))], "sentAt": world.now(-5 * HOURS)}
    world.ask("POST", "/v1/batch", {**batch, "writeKey": world.stack.write_key})
    world.drain()
    assert world.memberships("user_id:u1") == {"a": True}
    world.advance(1 * HOURS - 60 + MILLISECOND)
    assert world.memberships("user_id:u1") == {"a": False}


def test_a_message_counts_once_however_often_it_is_sent(world: World) -> None:
    world.audience("Twice", "event('A').count() >= 2")
    message = track("A", "u1", messageId="m1")
    world.send(message, message)
    world.send(message)
    assert world.memberships("user_id:u1") == {}
    world.send(track("A", "u1", messageId="m2"))
    assert world.memberships("user_id:u1") == {"twice": True}


def test_traits_move_people_in_and_out(world: World) -> None:
    world.connect(world.audience("Paying", "trait('plan').exists()"), world.webhook("hook"))
    for traits in ({"plan": "pro"}, {"plan": None}, {"plan": ""}, {"other": 1}):
        world.send(identify("u1", **traits))
    assert [e["event"] for e in world.events("hook")] == ["Audience Entered", "Audience Exited", "Audience Entered"]
    world.send({**identify("u1", plan=None), "timestamp": world.now(-60)})
    assert world.memberships("user_id:u1") == {"paying": True}


def test_nobody_can_send_themselves_into_an_audience(world: World) -> None:
    vip = world.audience("Vip", "event('Bought').count() >= 1")
    world.send(identify("u1", vip=True))
    assert world.traits("user_id:u1") == {}
    world.send(track("Bought", "u1"), identify("u1", vip=False))
    assert world.memberships("user_id:u1") == {"vip": True}
    world.manage("DELETE", f"{world.audiences}/{vip['id']}")
    assert (world.traits("user_id:u1"), world.memberships("user_id:u1")) == ({"vip": True}, {})
    world.advance(1)
    world.send(identify("u1", vip=False))
    assert world.traits("user_id:u1") == {"vip": False}


def test_while_it_is_off_an_audience_keeps_its_members_and_says_nothing(world: World) -> None:
    audience = world.audience("A", "event('A').count() >= 1")
    path = f"{world.audiences}/{audience['id']}"
    world.connect(audience, world.webhook("hook"))
    world.send(track("A", "before"))
    world.manage("PATCH", path, {"enabled": False})
    world.send(track("A", "meanwhile"))
    assert told(world) == [("Audience Entered", "before", "a")]
    assert world.memberships("user_id:before") == {"a": True}
    world.manage("PATCH", path, {"enabled": True})
    world.send(track("Anything", "meanwhile"))
    assert told(world)[1:] == [("Audience Entered", "meanwhile", "a")]


def test_an_audience_counts_only_what_comes_after_it_was_made(world: World) -> None:
    world.send(track("A", "u1"), identify("u1", plan="pro"))
    world.audience("Events", "event('A').count() >= 1", options={"includeHistoricalData": False})
    world.audience("Traits", "trait('plan') = 'pro'", options={"includeHistoricalData": False})
    world.send(track("B", "u1"))
    assert world.memberships("user_id:u1") == {"traits": True}


def test_workspaces_know_nothing_of_each_other(world: World) -> None:
    ours = world.audience("A", "event('A').count() >= 1")
    destination = world.webhook("hook")
    world.connect(ours, destination)
    other = world.found("other")
    foreign_space = f"/spaces/{other.space_id}/audiences"
    for method, path, content in (
        ("GET", world.audiences, None),
        ("GET", f"{world.audiences}/{ours['id']}", None),
        ("DELETE", f"{world.audiences}/{ours['id']}", None),
        ("GET", f"/spaces/{world.stack.space_id}", None),
        ("GET", f"/sources/{world.stack.source_id}", None),
        ("DELETE", f"/sources/{world.stack.source_id}", None),
        ("PATCH", f"/destinations/{destination['id']}", {"enabled": False}),
        ("GET", f"/destinations/{destination['id']}/dead-letters", None),
        ("GET", f"{foreign_space}/{ours['id']}", None),
    ):
        reply = world.manage(method, path, content, by=other)
        assert (reply.status, reply.body["errors"][0]["type"]) == (404, "not-found"), (method, path)
    assert world.manage("GET", "/destinations", by=other).data["destinations"] == []
    sent = {"batch": [track("A", "u1")], "writeKey": other.write_key}
    world.ask("POST", "/v1/batch", sent)
    world.drain()
    assert (world.traits("user_id:u1"), world.events("hook")) == (None, [])
