"""Batches: what goes together, and what each of them hears."""

import json
from dataclasses import replace

import pytest

from chalicelib.delivery.message import encode
from chalicelib.delivery.transport import Response
from chalicelib.destinations.registry import KINDS
from chalicelib.destinations.webhook import WEBHOOK, sign

from .post import answers, delivery, posted
from .world import webhook

BATCHED = {"enableBatching": True}


def batched(partner, count, **settings):
    return posted(partner, *[delivery(n) for n in range(count)], destinations=[webhook(**BATCHED, **settings)])


def bodies(post):
    return [json.loads(request.body) for request in post.transport.requests]


def test_a_batch_is_one_array_signed_by_its_first_element():
    post = batched(answers(200), 3, sharedSecret="s3cr3t")
    assert post.turn() == set()
    (request,) = post.transport.requests
    (body,) = bodies(post)
    assert [event["messageId"] for event in body] == ["personas_0", "personas_1", "personas_2"]
    first = json.dumps(body[0], separators=(",", ":")).encode()
    assert request.headers["X-Signature"] == sign(first, "s3cr3t")
    assert post.ledger.counts("d1") == {"delivered": 3}


def test_no_batch_is_larger_than_the_owner_says():
    post = batched(answers(200), 7, batchSize=3)
    post.turn()
    assert [len(body) for body in bodies(post)] == [3, 3, 1]


def test_without_an_answer_for_each_all_share_one():
    post = batched(answers(429), 4)
    assert len(post.turn()) == 4
    assert post.ledger.counts("d1") == {"retried": 4, "pending": 4}
    delays = {seconds for _, seconds in post.queue.hidden}
    assert all(60 <= seconds <= 73 for seconds in delays)
    assert len(delays) > 1, "each has a delay of its own"


@pytest.mark.parametrize(
    "answer",
    [
        [200, 400, 503, 200],
        [{"status": 200}, {"status": 400, "error": "bad"}, {"statusCode": 503}, {"status": 201}],
        {"responses": [{"status": 200}, {"status": 400}, {"status": 503}, {"status": 202}]},
    ],
)
def test_an_answer_for_each_decides_about_each(answer):
    post = batched(answers(Response(207, {}, json.dumps(answer).encode())), 4)
    assert post.turn() == {"q2"}
    assert post.ledger.counts("d1") == {
        "delivered": 2,
        "discarded": 1,
        "discarded.400": 1,
        "retried": 1,
        "pending": 1,
    }


@pytest.mark.parametrize("body", [b"", b"[]", b"[200]", b'{"x":1}', b"\xff", b"[200,400,true,200]", b'["200",1,2,3]'])
def test_a_207_that_does_not_answer_for_each_accepts_all(body):
    post = batched(answers(Response(207, {}, body)), 4)
    assert post.turn() == set()
    assert post.ledger.counts("d1") == {"delivered": 4}


def test_only_what_failed_comes_again_in_a_batch_formed_anew():
    first = Response(207, {}, b"[200,503,503,200]")
    post = batched(answers(first, 200), 4)
    post.play()
    sent = [event["messageId"] for body in bodies(post)[1:] for event in body]
    assert sorted(sent) == ["personas_1", "personas_2"]


def test_too_large_a_batch_is_halved_once():
    def partner(request):
        return 413 if len(json.loads(request.body)) > 2 else 200

    post = batched(partner, 4)
    assert post.turn() == set()
    assert [len(body) for body in bodies(post)] == [4, 2, 2]
    assert post.ledger.counts("d1") == {"delivered": 4}


def test_a_half_that_is_still_too_large_is_refused_for_good():
    def partner(request):
        return 413 if any(event["messageId"] == "personas_0" for event in json.loads(request.body)) else 200

    post = batched(partner, 5)
    assert post.turn() == set()
    assert [len(body) for body in bodies(post)] == [5, 3, 2]
    assert post.ledger.counts("d1") == {"delivered": 2, "discarded": 3, "discarded.413": 3}


def test_one_alone_that_is_too_large_is_not_split():
    post = batched(answers(413), 1)
    post.turn()
    assert len(bodies(post)) == 1


def use(monkeypatch, **changes):
    kind = replace(WEBHOOK, **changes)
    monkeypatch.setitem(KINDS, kind.metadata_id, kind)


def test_only_equals_share_a_request(monkeypatch):
    use(monkeypatch, batch_keys=("context.list", "type"))
    lists = ["a", "b", "a", None, "b"]
    made = [
        delivery(n, payload={"messageId": f"personas_{n}", "type": "track", "context": {"list": one}})
        for n, one in enumerate(lists)
    ]
    post = posted(answers(200), *made, destinations=[webhook(**BATCHED)])
    post.turn()
    assert [[event["context"]["list"] for event in body] for body in bodies(post)] == [["a", "a"], ["b", "b"], [None]]


def test_destinations_never_share_a_request():
    from .test_deliver import two_destinations

    world = two_destinations() | {"destinations": [webhook("d1", **BATCHED), webhook("d2", **BATCHED)]}
    post = posted(answers(200), *[delivery(n, f"d{1 + n % 2}") for n in range(6)], **world)
    post.turn()
    assert sorted(len(body) for body in bodies(post)) == [3, 3]


@pytest.mark.parametrize(("status", "retried"), [(409, True), (503, False), (200, False), (400, False)])
def test_a_kind_may_mean_statuses_otherwise(monkeypatch, status, retried):
    use(monkeypatch, retried=frozenset({409}), refused=frozenset({503}))
    post = posted(answers(status))
    post.turn()
    counts = post.ledger.counts("d1")
    assert ("pending" in counts) is retried
    assert ("delivered" in counts) is (status == 200)


def test_a_kind_may_have_a_schedule_of_its_own(monkeypatch):
    use(monkeypatch, schedule=WEBHOOK.schedule._replace(base=5, factor=1, jitter=0, retries=2))
    post = posted(answers(503))
    post.play()
    assert post.asked_at == [0, 5, 10]


def test_a_dead_letter_shows_what_was_said_without_secrets():
    settings = {
        "sharedSecret": "s3cr3t",
        "headers": {"Authorization": "Bearer topsecret"},
        "url": "https://x.example/?t=tok3n",
    }
    answer = Response(
        400, {"content-type": "text/plain", "set-cookie": "c=1", "x-own": "y"}, b"no: s3cr3t Bearer topsecret"
    )
    post = posted(answers(answer), destinations=[webhook(**settings)])
    post.turn()
    (letter,) = post.ledger.dead_letters("d1")
    assert letter.request is not None
    assert (letter.request["method"], letter.request["url"]) == ("POST", "https://x.example/[hidden]")
    assert letter.request["headers"]["Authorization"] == "[hidden]"
    assert json.loads(letter.request["body"]) == delivery().payload
    assert letter.response == {
        "status": 400,
        "headers": {"content-type": "text/plain", "x-own": "[hidden]"},
        "body": "no: [hidden] [hidden]",
    }
    for word in ("s3cr3t", "topsecret", "tok3n"):
        assert word not in str(letter)


def test_a_long_answer_is_cut():
    post = posted(answers(Response(400, {}, b"x" * 50_000)))
    post.turn()
    (letter,) = post.ledger.dead_letters("d1")
    assert letter.response is not None
    assert len(letter.response["body"]) == 2_001


def test_a_success_keeps_nothing_of_what_was_said():
    post = posted(answers(Response(200, {}, b"x" * 50_000)))
    post.turn()
    assert all("response" not in str(item.data) for item in post.records._items.values())


def test_events_of_one_person_stay_in_order_side_by_side():
    people = [f"u{n % 7}" for n in range(70)]
    made = [
        delivery(n, payload={"messageId": f"personas_{n}", "userId": person, "n": n}) for n, person in enumerate(people)
    ]
    post = posted(answers(200))
    post.queue.messages.clear()
    from chalicelib.queues import Received

    received = [Received(f"q{n}", f"q{n}", encode(one)) for n, one in enumerate(made)]
    from chalicelib.deadline import NoDeadline

    assert post.deliverer.deliver(received, NoDeadline()) == set()
    seen: dict[str, list[int]] = {}
    for body in bodies(post):
        seen.setdefault(body["userId"], []).append(body["n"])
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert sum(map(len, seen.values())) == 70
