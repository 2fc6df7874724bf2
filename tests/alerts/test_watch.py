"""What becomes of alerts hour after hour."""

import json

import pytest

from chalicelib.alerts.watch import Watch
from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.deadline import ClockDeadline, NoDeadline
from chalicelib.delivery.ledger import of_connection
from tests.notifications.test_channels import WEBHOOK, create

from .test_api import DELIVERY, HEALTH, size_alert


@pytest.fixture
def audience(api):
    return api.create_audience()["id"]


@pytest.fixture
def destination(api):
    return api.create_destination(url="https://example.org/in")["id"]


def notices(api):
    return [notice for notice in api.get("/notifications").data["notifications"] if notice["kind"] == "alert"]


def pass_hours(world, hours):
    """A tick every ten minutes."""
    for _ in range(6 * hours):
        world.clock.advance(10 * MINUTE)
        world.tick()


def rate_alert(api, destination, threshold=99, **more):
    content = {"type": DELIVERY, "name": "Rate", "threshold": threshold, "destinationId": destination}
    return api.post("/alerts", {**content, **more}).data["alert"]


@pytest.mark.parametrize(("members", "fires"), [(104, False), (105, True), (95, True), (96, False)])
def test_a_size_is_compared_with_that_of_a_day_ago(world, api, audience, members, fires):
    world.counted.sizes[audience] = 100
    size_alert(api, audience)
    pass_hours(world, 3)
    world.counted.sizes[audience] = members
    pass_hours(world, 20)
    assert notices(api) == []
    pass_hours(world, 2)
    assert len(notices(api)) == fires


@pytest.mark.parametrize(("delivered", "failed", "fires"), [(990, 10, False), (989, 11, True), (0, 0, False)])
def test_a_rate_of_a_day(world, api, destination, delivered, failed, fires):
    rate_alert(api, destination)
    world.ledger.count(destination, {"delivered": delivered, "discarded": failed}, world.clock.now())
    pass_hours(world, 1)
    assert len(notices(api)) == fires


def test_what_the_owner_switched_off_is_no_failure(world, api, destination):
    rate_alert(api, destination)
    paused = {"discarded.CONNECTION_PAUSED": 30, "discarded.DESTINATION_DISABLED": 20}
    world.ledger.count(destination, {"delivered": 1, **paused}, world.clock.now())
    pass_hours(world, 1)
    assert notices(api) == []


def test_yesterdays_failures_are_forgotten(world, api, destination):
    world.ledger.count(destination, {"discarded": 100}, world.clock.now())
    world.clock.advance(DAY + HOUR)
    rate_alert(api, destination)
    world.ledger.count(destination, {"delivered": 1}, world.clock.now())
    pass_hours(world, 1)
    assert notices(api) == []


def test_an_alert_fires_once_a_day(world, api, destination):
    alert = rate_alert(api, destination)
    for _ in range(50):
        world.ledger.count(destination, {"discarded": 1}, world.clock.now())
        pass_hours(world, 1)
    found = notices(api)
    assert len(found) == 3
    shown = api.get(f"/alerts/{alert['id']}").data["alert"]
    assert (shown["lastTriggeredAt"], shown["lastValue"]) == (found[0]["timestamp"], 0)


@pytest.mark.parametrize(("today", "fires"), [(104, False), (105, True), (95, True), (0, True)])
def test_events_of_an_audience_at_a_destination(world, api, audience, destination, today, fires):
    path = f"{api.audiences}/{audience}/destination-connections"
    made = api.post(path, {"destination": {"id": destination, "type": "destination"}}).data["connection"]
    content = {"type": HEALTH, "name": "Health", "threshold": 4, "spaceId": api.founded.space_id}
    api.post("/alerts", {**content, "audienceId": audience, "destinationId": destination})
    delivered = of_connection("delivered", made["id"])
    other = of_connection("delivered", "ii_of_another_audience")
    world.ledger.count(destination, {delivered: 100, other: 7}, world.clock.now())
    world.clock.advance(DAY)
    world.ledger.count(destination, {delivered: today, other: 7_000}, world.clock.now())
    world.clock.advance(HOUR)
    world.tick()
    assert len(notices(api)) == fires


def test_the_channels_it_names_hear_of_it_and_no_other(world, api, destination):
    named = create(api, WEBHOOK)
    create(api, WEBHOOK, settings={"url": "https://example.org/other"})
    rate_alert(api, destination, channels=[named["id"]])
    world.ledger.count(destination, {"discarded": 1}, world.clock.now())
    pass_hours(world, 1)
    (request,) = world.transport.requests
    told = json.loads(request.body)
    assert (told["kind"], told["name"]) == ("alert", "Rate")
    assert told["text"] == "Rate: 0.00 % of a day's events were delivered, less than 99 %"
    assert told["details"].items() >= {"value": 0, "threshold": 99, "destination_id": destination}.items()


def test_an_alert_that_is_off_or_gone_is_silent(world, api, destination):
    off, gone = rate_alert(api, destination), rate_alert(api, destination)
    api.patch(f"/alerts/{off['id']}", {"enabled": False})
    api.delete(f"/alerts/{gone['id']}")
    world.ledger.count(destination, {"discarded": 1}, world.clock.now())
    pass_hours(world, 2)
    assert notices(api) == []


def test_that_a_deleted_audience_is_empty_is_no_news(world, api, audience):
    world.counted.sizes[audience] = 100
    size_alert(api, audience)
    pass_hours(world, 2)
    api.delete(f"{api.audiences}/{audience}")
    world.counted.sizes.clear()
    pass_hours(world, 26)
    assert notices(api) == []


def test_an_alert_that_cannot_be_looked_at_does_not_silence_the_others(world, api, audience, destination, caplog):
    def broken(space_id):
        raise RuntimeError("not now")

    size_alert(api, audience)
    rate_alert(api, destination)
    world.operations.watch.history.note = broken
    world.ledger.count(destination, {"discarded": 1}, world.clock.now())
    pass_hours(world, 1)
    assert len(notices(api)) == 1
    assert "cannot be looked at" in caplog.text


def test_alerts_are_looked_at_once_an_hour_by_whichever_process(world, api, destination, monkeypatch):
    rate_alert(api, destination)
    looked = []

    def look_at(self, alert, sizes):
        looked.append(alert.id)
        return False

    monkeypatch.setattr(Watch, "_look_at", look_at)
    watch = world.operations.watch

    def another_process():
        again = (watch.alerts, watch.ledger, watch.history, watch.directory, watch.outbox, watch.work, watch.clock)
        return Watch(*again)

    for _ in range(12):
        watch.look(NoDeadline())
        another_process().look(NoDeadline())
        world.clock.advance(10 * MINUTE)
    assert len(looked) == 2


def test_a_look_that_ran_out_of_time_is_taken_up_again(world, api, destination):
    for _ in range(3):
        rate_alert(api, destination)
    world.ledger.count(destination, {"discarded": 1}, world.clock.now())
    watch = world.operations.watch
    assert watch.look(ClockDeadline(world.clock, world.clock.now())) == 0
    assert watch.look(NoDeadline()) == 3
    assert watch.look(NoDeadline()) == 0


def test_a_look_that_died_after_telling_tells_nobody_twice(world, api, destination, monkeypatch):
    rate_alert(api, destination)
    world.ledger.count(destination, {"discarded": 1}, world.clock.now())
    with monkeypatch.context() as patch:
        patch.setattr(world.operations.alerts, "amend", lambda alert, change: pytest.fail("killed here"))
        with pytest.raises(BaseException, match="killed here"):
            world.operations.watch.look(NoDeadline())
    world.tick()
    pass_hours(world, 2)
    assert len(notices(api)) == 1
    assert api.get("/alerts").data["alerts"][0]["lastTriggeredAt"] is not None


def test_where_nobody_was_ever_counted_nothing_is_noted(world, api):
    api.create_audience()
    pass_hours(world, 2)
    assert "size_history" not in world.everything()
