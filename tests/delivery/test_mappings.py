"""Mappings: each that an event matches is a request of its own, tried again and counted by itself."""

import json
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.clock import MINUTE
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.counters import CREATED, counter, name_of
from chalicelib.delivery.figures import Asked, Figures, known, time_of
from chalicelib.delivery.message import decode, encode
from chalicelib.destinations.webhook import SEND, SIGNATURE, sign
from chalicelib.filters.actions import Action
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.workspace.model import DestinationFilter, Subscription

from .post import answers, delivery, posted
from .test_crash import Fuse, play
from .world import NOW, audience, connection, webhook

EVERY = SEND.trigger
TOLD = ("created", "filtered", "delivered", "discarded", "pending")


def mapping(id, trigger=EVERY, *, enabled=True, action=SEND.id, **fields):
    return Subscription(
        id=id, name=id, action_id=action, trigger=trigger, enabled=enabled, created_at=0, updated_at=0, settings=fields
    )


def to(path, id=None, **fields):
    return mapping(id or path, url=f"https://d1.example.org/{path}", **fields)


def mapped(*mappings, **settings):
    return replace(webhook(**settings), subscriptions=list(mappings))


def post_of(partner, *mappings, deliveries=(), **settings):
    post = posted(partner, *deliveries, destinations=[mapped(*mappings, **settings)])
    for one in deliveries or (delivery(),):
        post.ledger.count("d1", {counter(one, CREATED): 1}, NOW)  # as whoever made them does
    return post


def event(number, type="track", **fields):
    payload = {"type": type, "messageId": f"personas_{number}", "userId": f"u{number}", **fields}
    return delivery(number, payload=payload)


def paths(post):
    return [request.url.rpartition("/")[2] for request in post.transport.requests]


def told(post):
    counts = post.ledger.counts("d1")
    return {name: counts[name] for name in TOLD if counts.get(name)}


def by_mapping(post):
    """Counts by mapping and step."""
    found: dict[tuple[str, str], int] = {}
    for counters in post.ledger.counters.by_minute("d1", NOW - 60 * MINUTE, NOW + 24 * 60 * MINUTE).values():
        for text, amount in counters.items():
            name = name_of(text)
            if name.step in TOLD:
                key = name.mapping, name.step
                found[key] = found.get(key, 0) + amount
    return {key: amount for key, amount in found.items() if amount}


def test_each_matching_mapping_is_a_request_of_its_own():
    post = post_of(answers(200), to("a"), to("b", method="PUT"), to("c", trigger='type = "track"'))
    post.play()
    assert sorted(paths(post)) == ["a", "b"]
    assert {r.method for r in post.transport.requests} == {"POST", "PUT"}
    bodies = [json.loads(request.body) for request in post.transport.requests]
    assert bodies == [delivery().payload] * 2
    assert told(post) == {"created": 2, "delivered": 2}
    assert by_mapping(post) == {(m, step): 1 for m in "ab" for step in ("created", "delivered")}


def test_without_mappings_nothing_is_divided():
    post = posted(answers(200))
    post.turn()
    assert len(post.transport.requests) == 1
    assert post.queue.sent == []


@pytest.mark.parametrize(
    "mappings",
    [[to("a", trigger='event = "Other"')], [to("a", enabled=False)], [to("a", trigger="of another language ((")]],
)
def test_an_event_without_a_matching_mapping_is_filtered(mappings):
    post = post_of(answers(200), *mappings)
    post.turn()
    assert post.transport.requests == []
    assert post.queue.messages == {}
    assert told(post) == {"created": 1, "filtered": 1}
    assert post.ledger.counts("d1")["filtered.NO_MATCHING_MAPPING"] == 1
    assert post.ledger.dead_letters("d1") == []


def test_triggers_see_what_filters_leave():
    drop = DestinationFilter(
        id="f", title="f", when="all", enabled=True, created_at=0, updated_at=0, since=0, actions=[]
    )
    post = post_of(answers(200), to("a", trigger="traits.vip = true"))
    drop = replace(drop, actions=[Action(type="DROP_PROPERTIES", fields={"traits": ["vip"]})])
    post.directory.destinations["d1"] = replace(post.directory.destinations["d1"], filters=[drop])
    post.play()
    assert post.ledger.counts("d1")["filtered.NO_MATCHING_MAPPING"] == 1


def test_a_mapping_makes_the_body_and_the_signature_is_of_what_is_sent():
    body = {"who": {"@path": "$.userId"}, "text": {"@template": "Hi {{userId}}"}, "source": "muster"}
    headers = {"X-Key": "mine"}
    post = post_of(
        answers(200), to("a", data=body, headers=headers), deliveries=[event(1)], sharedSecret="s", headers={"Own": "1"}
    )
    post.play()
    (request,) = post.transport.requests
    assert json.loads(request.body) == {"who": "u1", "text": "Hi u1", "source": "muster"}
    assert request.headers["X-Key"] == "mine"
    assert "Own" not in request.headers
    assert request.headers[SIGNATURE] == sign(request.body, "s")


def test_a_body_that_is_no_object_is_not_sent():
    post = post_of(answers(200), to("a", data={"@path": "$.nothing"}), to("b"))
    post.play()
    assert paths(post) == ["b"]
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.subscription_id) == ("PAYLOAD_VALIDATION_FAILED", "a")
    assert letter.payload == delivery().payload
    assert told(post) == {"created": 2, "delivered": 1, "discarded": 1}


@pytest.mark.parametrize(
    ("mappings", "settings"),
    [([mapping("a")], {"url": ""}), ([to("a", action="gone")], {}), ([to("a", method="GET")], {})],
)
def test_a_mapping_that_cannot_work_costs_no_request(mappings, settings):
    post = post_of(answers(200), *mappings, **settings)
    post.play()
    assert post.transport.requests == []
    assert [letter.code for letter in post.ledger.dead_letters("d1")] == ["INVALID_SETTINGS"]


def test_a_destination_may_leave_its_address_to_its_mappings():
    post = post_of(answers(200), to("a"), url="")
    post.play()
    assert paths(post) == ["a"]


def test_one_failing_mapping_is_tried_again_alone():
    post = post_of(lambda request: 503 if request.url.endswith("/a") else 200, to("a"), to("b"))
    post.play()
    assert paths(post).count("a") == 10
    assert paths(post).count("b") == 1
    (letter,) = post.ledger.dead_letters("d1")
    assert (letter.code, letter.subscription_id, letter.attempts) == ("503", "a", 10)
    assert told(post) == {"created": 2, "delivered": 1, "discarded": 1}
    assert by_mapping(post)["a", "discarded"] == by_mapping(post)["b", "delivered"] == 1


def test_one_mapping_does_not_supersede_another():
    slow = iter([503, 200])
    post = post_of(lambda request: next(slow) if request.url.endswith("/a") else 200, to("a"), to("b"))
    state = {"row": "r", "follows": True}
    post.queue.messages.clear()
    for n in (1, 2):
        one = replace(delivery(n), sequence=n, **state)
        post.queue.put(encode(one))
    post.play()
    assert paths(post).count("b") == 2
    # The first one through a waited, and what came later through a made it worthless; b had both.
    assert paths(post).count("a") == 2


def test_mappings_share_no_request_and_each_has_its_own_batches():
    batch = {"enable_batching": True, "batch_size": 3}
    some = [event(n) for n in range(5)]
    post = post_of(answers(200), to("x", id="a", **batch), to("x", id="b", **batch), deliveries=some)
    post.play()
    sizes = sorted(len(json.loads(request.body)) for request in post.transport.requests)
    assert sum(sizes) == 10
    assert max(sizes) <= 3
    for request in post.transport.requests:
        users = [item["userId"] for item in json.loads(request.body)]
        assert len(set(users)) == len(users)


@pytest.mark.parametrize(("change", "counted"), [("remove", "cancelled"), ("disable", "filtered")])
def test_what_waits_for_a_mapping_that_is_gone_is_not_sent(change, counted):
    post = post_of(answers(503), to("a"), to("b", enabled=False))
    post.turn()
    post.turn()
    assert told(post)["pending"] == 1
    left = [to("a", enabled=False), to("b")] if change == "disable" else [to("b")]
    post.directory.destinations["d1"] = mapped(*left)
    post.play()
    assert paths(post) == ["a"]
    assert post.ledger.counts("d1")[counted] == 1
    assert not post.ledger.counts("d1")["pending"]


def test_what_waited_before_there_were_mappings_goes_through_them():
    post = posted(answers(503, 200), destinations=[webhook()])
    post.ledger.count("d1", {counter(delivery(), CREATED): 1}, NOW)
    post.turn()
    assert told(post) == {"created": 1, "pending": 1}
    post.directory.destinations["d1"] = mapped(to("a"), to("b"))
    post.play()
    assert sorted(paths(post)) == ["a", "b", "in"]
    assert told(post) == {"created": 2, "delivered": 2}


def test_what_is_replayed_is_divided_uncounted_and_keeps_apart_what_was_divided():
    whole = replace(delivery(), message_id="personas_1~m", replayed=True)
    part = replace(delivery(), message_id="personas_2.a~m", replayed=True, subscription_id="a")
    post = posted(answers(200), whole, part, destinations=[mapped(to("a"), to("b"))])
    post.play()
    assert sorted(paths(post)) == ["a", "a", "b"]
    assert told(post) == {}
    ids = {decode(message.body).message_id for message in post.queue.sent}
    assert ids == {"personas_1.a~m", "personas_1.b~m"}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("partner", [(200,), (503, 200), (400,)])
def test_a_division_survives_a_death_at_every_call(partner, after):
    for at in count(1):
        fuse = Fuse(at, after)
        post = posted(answers(*partner), destinations=[mapped(to("a"), to("b"))])
        play(post, fuse)
        assert set(paths(post)) == {"a", "b"}
        parts = {decode(message.body).message_id for message in post.queue.sent}
        assert parts == {"personas_1.a", "personas_1.b"}
        letters = sorted((one.subscription_id, one.code) for one in post.ledger.dead_letters("d1"))
        assert letters == ([("a", "400"), ("b", "400")] if partner == (400,) else [])
        if not fuse.blown:
            assert len(paths(post)) == 2 + (503 in partner)
            break
    assert at > 5


TRIGGERS = {"all": EVERY, "t": 'type = "track"', "e": 'event = "Audience Entered"', "none": 'event = "Nothing"'}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(TRIGGERS)), st.booleans()), min_size=1, max_size=4),
    st.lists(st.sampled_from(["identify", "track", "Audience Entered"]), min_size=1, max_size=6),
    st.lists(st.sampled_from([200, 200, 400, 429, 503]), max_size=12),
    st.sets(st.integers(0, 12), max_size=3),
)
def test_whatever_comes_again_every_match_is_sent_through_its_mapping_and_accounted_for(chosen, kinds, script, again):
    """`again`: turns after which the queue forgets what it was told, as if the worker had died."""
    mappings = [to(f"m{n}", trigger=TRIGGERS[name], enabled=on) for n, (name, on) in enumerate(chosen)]
    some = [
        event(n, "identify") if kind == "identify" else event(n, "track", event=kind if kind != "track" else "Other")
        for n, kind in enumerate(kinds)
    ]
    answered = iter(script)
    post = post_of(lambda request: next(answered, 200), *mappings, deliveries=some)
    expected = {(m.id, one.payload["messageId"]) for m in mappings for one in some if _matches(m, one.payload)}
    turns = 0
    while (at := post.queue.next_at()) is not None:
        post.clock.move_to(max(at, post.clock.now()))
        received = post.queue.receive()
        kept = post.deliverer.deliver(received, NoDeadline())
        post.queue.delete_all_but(received, {m.id for m in received} if turns in again else kept)
        turns += 1
    sent = {(p, json.loads(r.body)["messageId"]) for p, r in zip(paths(post), post.transport.requests, strict=True)}
    assert sent == expected
    if not again:
        counts = told(post)
        unmatched = sum(all(not _matches(m, one.payload) for m in mappings) for one in some)
        assert counts.get("filtered", 0) == unmatched
        assert counts["created"] == len(expected) + unmatched
        assert counts["created"] == sum(counts.get(name, 0) for name in TOLD[1:])


def _matches(one, payload):
    name = next(name for name, text in TRIGGERS.items() if text == one.trigger)
    holds = {"all": True, "t": payload["type"] == "track", "e": payload.get("event") == "Audience Entered"}
    return one.enabled and holds.get(name, False)


@pytest.mark.parametrize("known", [(), (to("a", enabled=False), to("b", enabled=False))])
def test_a_worker_that_does_not_know_a_new_mapping_yet_looks_for_it(known):
    post = post_of(answers(200), to("a"), to("b"))
    post.turn()
    post.directory.known["d1"] = mapped(to("other"), *known)
    post.play()
    assert sorted(paths(post)) == ["a", "b"]
    assert told(post) == {"created": 2, "delivered": 2}


def test_divisions_are_counted_on_the_real_table(cloud):
    def records(clock):
        return DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, clock)

    one = mapped(to("a"), to("b"), to("c", trigger='type = "track"'))
    some = [delivery(n, "mapped") for n in range(3)]
    post = posted(
        lambda request: 400 if request.url.endswith("/a") else 200,
        *some,
        destinations=[replace(one, id="mapped")],
        connections=[connection(audience(), "mapped")],
        records=records,
    )
    post.ledger.count("mapped", {counter(some[0], CREATED): 3}, NOW)
    post.play()
    counts = post.ledger.counts("mapped")
    assert {name: counts[name] for name in ("created", "delivered", "discarded")} == {
        "created": 6,
        "delivered": 3,
        "discarded": 3,
    }
    assert {letter.subscription_id for letter in post.ledger.dead_letters("mapped")} == {"a"}


def test_figures_tell_mappings_apart():
    post = post_of(lambda request: 400 if request.url.endswith("/a") else 200, to("a"), to("b"))
    post.clock.advance(1)
    post.play()
    time = time_of(NOW - 10 * MINUTE, NOW + 10 * MINUTE, "MINUTE", NOW)
    figures, names = Figures(post.ledger, post.clock), known([], [], "s", ["a", "b"])
    made = figures.metrics(["d1"], time, Asked(frozenset({CREATED}), ("subscriptionId",)), names)
    assert made["total"] == 2
    assert {(row["subscriptionId"], row["total"]) for row in made["dataset"]} == {("a", 1), ("b", 1)}
    only = figures.metrics(["d1"], time, Asked(frozenset({"delivered"}), (), {"subscriptionId": ["b"]}), names)
    assert only["total"] == 1
