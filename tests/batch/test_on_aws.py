"""A computation of accounts over the real stores, queues and triggers."""

from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from chalicelib.clock import HOUR, SECOND
from tests.acceptance.engines import OnAws
from tests.acceptance.world import World, track
from tests.batch.firm import group
from tests.batch.test_over_http import account, audience, runs, shown, status
from tests.conftest import Cloud


@pytest.fixture
def world(cloud: Cloud) -> Iterator[World]:
    yield World(OnAws(cloud))
    bootstrap.install(None)


def test_a_computation_of_accounts_on_the_real_stores(world: World) -> None:
    world.send(*[group(f"u{n}", "acme", traits={"seats": 20}) for n in range(3)], group("u0", "busy"))
    world.send(track("Paid", "u0"))
    made = audience(world, "trait('seats') > 10 AND ANY event('Paid').count() >= 1", "Big")
    world.connect(made, world.webhook("sink"), connectionSettings={"sendGroup": True})
    world.drain()
    assert account(world, "acme") == {"seats": 20, "big": True}
    told = sorted((e["type"], e.get("groupId") or e["userId"]) for e in world.events("sink"))
    assert told == [("group", "acme"), *[("identify", f"u{n}") for n in range(3)]]
    assert world.memberships("user_id:u1") == {"big": True}
    assert status(world, made) == "Live"
    assert shown(world, made)["size"]["count"] == 1
    world.advance(1)
    world.send(group("u0", "acme", traits={"seats": 2}))
    world.advance(8 * HOUR // SECOND)
    world.drain()
    assert account(world, "acme") == {"seats": 2, "big": False}
    assert world.memberships("user_id:u1") == {"big": False}
    assert [run["changes"] for run in runs(world, made)] == [{"added": 0, "removed": 1}, {"added": 1, "removed": 0}]
