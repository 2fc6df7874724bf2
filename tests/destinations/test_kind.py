"""What kinds of destination say about themselves."""

from dataclasses import replace

import pytest

from chalicelib.destinations.multi_status import Reply, multi_status
from chalicelib.destinations.rates import RATES
from chalicelib.destinations.registry import KINDS
from chalicelib.destinations.webhook import WEBHOOK


def test_a_known_partner_has_the_rate_it_takes_and_an_own_rate_counts_more():
    braze = replace(WEBHOOK, slug="actions-braze-cloud")
    assert (WEBHOOK.rate, braze.rate) == (None, 100)
    assert replace(braze, limits=braze.limits._replace(rate=7)).rate == 7


def test_every_rate_lets_something_through():
    assert all(rate > 0 for rate in RATES.values())


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.slug)
def test_every_kind_keeps_to_what_the_deliverer_relies_on(kind):
    schedule = kind.schedule
    longest = sum(min(schedule.base * schedule.factor**n, schedule.cap) for n in range(schedule.retries))
    assert longest * (1 + schedule.jitter) <= schedule.deadline, "the last retry fits before the deadline"
    assert 0 < kind.limits.timeout <= 30
    secret = {option.name for option in kind.options if option.secret}
    assert kind.renewal is None or secret


@pytest.mark.parametrize(
    ("body", "replies"),
    [
        (b"[200, 404]", [Reply(200), Reply(404)]),
        (b'[{"status": 200}, {"status_code": 400, "message": "no"}]', [Reply(200), Reply(400, "no")]),
        (b'{"results": [{"code": 201}, {"statusCode": 429, "error": {"x": 1}}]}', [Reply(201), Reply(429)]),
        (b"[200]", None),
        (b"[200, 99]", None),
        (b"[200, 200, 200]", None),
        (b'{"results": 5}', None),
        (b"[" * 100_000, None),
        (b"\xff\xfe", None),
    ],
)
def test_an_answer_for_each_of_two(body, replies):
    assert multi_status(207, body, 2) == replies
    assert multi_status(200, body, 2) is None


def test_a_long_word_of_a_partner_is_cut():
    (reply,) = multi_status(207, b'[{"status":400,"error":"%s"}]' % (b"x" * 5_000), 1) or ()
    assert len(reply.detail) == 200
