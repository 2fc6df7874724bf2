"""How often a workspace may ask, and what it is told."""

import pytest

from chalicelib.clock import MINUTE
from chalicelib.errors import Unavailable
from chalicelib.workspace.rates import Rates
from tests.events import T0

LEFT = MINUTE - T0 % MINUTE  # ms until the minute of the test is over


@pytest.fixture
def limited(world, api):
    world.application.rates = Rates(world.records, world.clock, 3)
    return api


def standing(reply):
    return [reply.headers.get(f"X-RateLimit-{name}") for name in ("Consumed", "Remaining", "Reset")]


def test_without_a_limit_nothing_is_counted(api):
    assert standing(api.get("/")) == [None, None, None]


def test_answers_tell_how_much_is_left(limited):
    assert standing(limited.get("/"))[:2] == ["1", "2"]
    consumed, remaining, reset = standing(limited.get("/"))
    assert (consumed, remaining) == ("2", "1")
    assert reset.endswith(" GMT")


def test_one_too_many(limited):
    for _ in range(3):
        assert limited.get("/").status == 200
    reply = limited.get("/")
    assert reply.status == 429
    (error,) = reply.errors
    assert (error["type"], error["message"]) == ("RequestError", "Too many requests")
    assert error["data"] == {"remainingPoints": 0, "msBeforeNext": LEFT, "consumedPoints": 4}
    assert int(reply.headers["Retry-After"]) == -(-LEFT // 1000)


def test_the_next_minute_is_free(world, limited):
    for _ in range(4):
        last = limited.get("/")
    assert last.status == 429
    world.clock.advance(LEFT)
    assert limited.get("/").status == 200


def test_operations_have_limits_of_their_own(limited):
    for _ in range(4):
        limited.get("/")
    assert standing(limited.get(limited.audiences))[:2] == ["1", "59"]


def test_workspaces_do_not_slow_each_other_down(world, limited):
    for _ in range(4):
        limited.get("/")
    assert world.api("other").get("/").status == 200


def test_a_change_that_is_one_too_many_is_not_made(limited):
    for _ in range(3):
        limited.delete(f"/sources/{limited.founded.engage_source_id}")
    assert limited.delete(f"/sources/{limited.founded.source_id}").status == 429
    assert limited.get(f"/sources/{limited.founded.source_id}").status == 200


def test_what_cannot_be_counted_is_let_in(world, limited):
    def busy(*_args, **_more):
        raise Unavailable("busy")

    world.records.add = busy
    assert limited.get("/").status == 200
