"""Events that are not meant for a partner, and the sum that always has to come out."""

import json

import pytest

from chalicelib.delivery.integrations import allows
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.store.memory import MemoryRecords

from .post import delivery, posted
from .world import audience, connection, webhook

OTHERS = {"All": False, "Braze": True}
WEBHOOK = {"All": False, "Webhook": True}


@pytest.mark.parametrize(
    ("integrations", "allowed"),
    [
        ({}, True),
        ({"All": True}, True),
        ({"All": False}, False),
        (WEBHOOK, True),
        ({"All": False, "Webhook": {"option": 1}}, True),
        ({"All": False, "Webhook": {}}, True),
        ({"All": True, "Webhook": False}, False),
        ({"All": False, "webhook": True}, False),
        (OTHERS, False),
        ({"All": "yes"}, False),
    ],
)
def test_who_may_have_an_event(integrations, allowed):
    assert allows(integrations, "Webhook") is allowed


def mixed(destination_id):
    """A hundred events: 30 for another partner, 60 that are taken, 5 refused for good, 5 refused for now."""
    made = []
    for n in range(100):
        answer = "other" if n < 30 else "200" if n < 90 else "400" if n < 95 else "429"
        payload = {"messageId": f"personas_{n}", "userId": answer, "integrations": OTHERS if n < 30 else WEBHOOK}
        made.append(delivery(n, destination_id, payload=payload, message_id=f"{destination_id}_{n}"))
    return made


@pytest.fixture(params=["memory", "aws"])
def records(request):
    if request.param == "memory":
        return MemoryRecords
    cloud = request.getfixturevalue("cloud")
    return lambda clock: DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, clock)


def partner(later):
    def answer(request):
        asked = json.loads(request.body)["userId"]
        assert asked != "other"
        if asked != "429":
            return int(asked)
        return next(answers)

    answers = iter([429] * 5 + [later] * 45)
    return answer


def at(destination_id):
    """Ledgers of different tests share the table."""
    return {"destinations": [webhook(destination_id)], "connections": [connection(audience(), destination_id)]}


def first_round(post):
    for _ in range(10):
        post.turn()


def test_a_hundred_events_are_accounted_for_at_any_time(records):
    post = posted(partner(later=200), *mixed("d1"), records=records)
    first_round(post)
    counts = post.ledger.counts("d1")
    told = {name: counts[name] for name in ("filtered", "delivered", "discarded", "pending")}
    assert told == {"filtered": 30, "delivered": 60, "discarded": 5, "pending": 5}
    assert counts["filtered.FILTERED_BY_INTEGRATIONS_OBJECT"] == 30
    post.play()
    counts = post.ledger.counts("d1")
    told = {name: counts[name] for name in ("filtered", "delivered", "discarded", "pending", "retried")}
    assert told == {"filtered": 30, "delivered": 65, "discarded": 5, "pending": 0, "retried": 5}


def test_what_is_never_taken_ends_among_the_failed(records):
    post = posted(partner(later=429), *mixed("d2"), records=records, **at("d2"))
    post.play()
    counts = post.ledger.counts("d2")
    told = {name: counts[name] for name in ("filtered", "delivered", "discarded", "pending")}
    assert told == {"filtered": 30, "delivered": 60, "discarded": 10, "pending": 0}
    assert counts["discarded.429"] == 5


def test_an_event_for_another_partner_costs_no_request():
    post = posted(lambda request: 200, delivery(1, payload={"messageId": "personas_1", "integrations": OTHERS}))
    post.turn()
    assert post.transport.requests == []
    assert post.queue.messages == {}
    assert post.ledger.dead_letters("d1") == []


def test_an_event_of_a_type_that_the_partner_does_not_take_costs_no_request():
    post = posted(lambda request: 200, delivery(1, payload={"messageId": "personas_1", "type": "page"}))
    post.play()
    assert not post.transport.requests
    assert [letter.code for letter in post.ledger.dead_letters("d1")] == ["UNSUPPORTED_EVENT_TYPE"]
