"""Mappings of a webhook, through the whole product: each is a request of its own, tried and counted by itself."""

from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.clock import DAY
from chalicelib.delivery.counters import CREATED, DELIVERED, DISCARDED, name_of, tail
from chalicelib.destinations.webhook import SEND

from .world import PARTNER, World, track

HOUR = 3_600
RECENT = "event('Bought').within(1 hour).count() >= 1"
ENTERED = 'type = "track" and event = "Audience Entered"'
EXITED = 'type = "track" and event = "Audience Exited"'


class Mapped:
    """An audience of those who bought within the hour, and a webhook that hears of it through mappings."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.audience = world.audience("VIP", RECENT)
        self.destination = world.webhook("own")
        self.connection = world.connect(self.audience, self.destination)
        self.path = f"/destinations/{self.destination['id']}/subscriptions"

    def map(self, sink: str, trigger: str, *, enabled: bool = True, **settings: Any) -> str:
        settings = {"url": f"{PARTNER}/{sink}", **settings}
        sent = {"name": sink, "actionId": SEND.id, "trigger": trigger, "enabled": enabled, "settings": settings}
        id: str = self.world.manage("POST", self.path, sent).data["destinationSubscription"]["id"]
        self.world.application.directory.refresh()
        return id

    def change(self, id: str, **changes: Any) -> None:
        assert self.world.manage("PATCH", f"{self.path}/{id}", {"input": changes}).status == 200
        self.world.application.directory.refresh()

    def buy(self, *users: str) -> None:
        for user in users:
            self.world.send(track("Bought", user))

    def metrics(self, step: str, **parameters: str) -> Any:
        source = self.world.stack.engage_source_id
        time = {"startTime": self.world.now(-2 * HOUR), "endTime": self.world.now(60), "granularity": "MINUTE"}
        sent = {**time, "sourceId": source, "destinationConfigId": self.destination["id"], **parameters}
        return self.world.manage("GET", f"/delivery-overview/{step}?{urlencode(sent)}").data

    def by_mapping(self, step: str) -> dict[str, int]:
        rows = self.metrics(step, **{"groupBy[0]": "subscriptionId"})["dataset"]
        return {row["subscriptionId"]: row["total"] for row in rows}

    def ledger_of(self, id: str) -> dict[str, int]:
        """What two weeks of counters say of a mapping."""
        found: Counter[str] = Counter()
        clock, ledger = self.world.clock, self.world.application.ledger
        hours = ledger.counters.by_hour(self.destination["id"], clock.now() - 14 * DAY, clock.now() + 1)
        for counters in hours.values():
            for text, amount in counters.items():
                name = name_of(text)
                if name.mapping == tail(id) and name.step in (CREATED, DELIVERED, DISCARDED):
                    found[name.step] += amount
        return dict(found)

    def summary(self) -> dict[str, int]:
        time = {"startTime": self.world.now(-2 * HOUR), "endTime": self.world.now(60), "granularity": "MINUTE"}
        path = f"/spaces/{self.world.stack.space_id}/delivery-overview?{urlencode(time)}"
        (found,) = self.world.manage("GET", path).data["destinations"]
        names = ("created", "filteredAtDestination", "failedDelivery", "successfulDelivery", "pendingRetry", "inFlight")
        return {name: found[name] for name in names}


@pytest.fixture
def mapped(world: World) -> Mapped:
    return Mapped(world)


def test_two_mappings_of_one_webhook(mapped: Mapped) -> None:
    hello = {"text": {"@template": "Hello {{userId}}"}, "key": {"@path": "$.properties.audience_key"}}
    first = mapped.map("greeting", ENTERED, data=hello)
    second = mapped.map("all", "all")
    mapped.buy("u1")
    assert mapped.world.events("greeting") == [{"text": "Hello u1", "key": "vip"}]
    (whole,) = mapped.world.events("all")
    assert (whole["event"], whole["userId"]) == ("Audience Entered", "u1")
    mapped.world.advance(HOUR + 1)
    assert len(mapped.world.events("greeting")) == 1
    assert [event["event"] for event in mapped.world.events("all")] == ["Audience Entered", "Audience Exited"]
    assert mapped.world.events("own") == []
    assert mapped.by_mapping("successful-delivery") == {first: 1, second: 2}
    assert mapped.summary() == {
        "created": 3,
        "filteredAtDestination": 0,
        "failedDelivery": 0,
        "successfulDelivery": 3,
        "pendingRetry": 0,
        "inFlight": 0,
    }


def test_one_that_fails_does_not_hold_up_the_other(mapped: Mapped) -> None:
    failing, other = mapped.map("down", ENTERED), mapped.map("up", ENTERED)
    mapped.world.script("down", *[503] * 20)
    mapped.buy("u1")
    assert len(mapped.world.events("up")) == 1
    assert mapped.world.waiting() == 1
    mapped.world.advance(0.9 * HOUR)
    assert len(mapped.world.events("up")) == 1
    assert len(mapped.world.events("down")) == 6
    assert mapped.summary()["pendingRetry"] == 1
    mapped.world.advance(24 * HOUR)
    assert len(mapped.world.events("up")) == 1
    (letter,) = mapped.world.dead_letters(mapped.destination)
    assert (letter["code"], letter["attempts"], letter["subscriptionId"]) == ("503", 10, failing)
    assert mapped.by_mapping("successful-delivery").get(failing) is None
    assert mapped.ledger_of(other) == {"created": 1, "delivered": 1}
    assert mapped.ledger_of(failing) == {"created": 1, "discarded": 1}


def test_what_no_enabled_mapping_wants_is_filtered_and_replayed_through_those_there_are(mapped: Mapped) -> None:
    id = mapped.map("later", ENTERED, enabled=False)
    mapped.buy("u1")
    assert mapped.world.events("later") == mapped.world.events("own") == []
    rows = mapped.metrics("filtered-at-destination", **{"groupBy[0]": "discardReason"})["dataset"]
    assert [(row["discardReason"], row["total"]) for row in rows] == [("NO_MATCHING_MAPPING", 1)]
    mapped.change(id, enabled=True)
    time = {"from": mapped.world.now(-60), "to": mapped.world.now(60)}
    assert mapped.world.manage("POST", f"/destinations/{mapped.destination['id']}/replays", time).status in (200, 201)
    mapped.world.drain()
    mapped.world.advance(60)
    assert [event["event"] for event in mapped.world.events("later")] == ["Audience Entered"]


def test_a_dead_letter_goes_again_through_its_own_mapping(mapped: Mapped) -> None:
    mapped.map("a", ENTERED)
    mapped.map("b", ENTERED)
    mapped.world.script("a", 400)
    mapped.buy("u1")
    (letter,) = mapped.world.dead_letters(mapped.destination)
    path = f"/destinations/{mapped.destination['id']}/dead-letters/redrive"
    assert mapped.world.manage("POST", path, {"messageId": letter["messageId"]}).status in (200, 201)
    mapped.world.advance(60)
    assert [len(mapped.world.events(sink)) for sink in "ab"] == [2, 1]
    assert mapped.world.events("a")[0]["messageId"] == mapped.world.events("b")[0]["messageId"]
    assert mapped.world.dead_letters(mapped.destination) == []


def test_removing_the_last_mapping_brings_back_the_destination_s_own_settings(mapped: Mapped) -> None:
    id = mapped.map("a", EXITED)
    mapped.buy("u1")
    assert mapped.world.events("own") == []
    assert mapped.world.manage("DELETE", f"{mapped.path}/{id}").status == 200
    mapped.world.application.directory.refresh()
    mapped.buy("u2")
    assert [event["userId"] for event in mapped.world.events("own")] == ["u2"]


def test_the_tester_shows_each_enabled_mapping_that_the_event_meets(mapped: Mapped) -> None:
    path = f"/destinations/{mapped.destination['id']}/test"
    assert "subscriptions" not in mapped.world.manage("POST", path, {}).data["test"]
    a, b = mapped.map("a", ENTERED, headers={"Authorization": "s3cr3t"}), mapped.map("b", "all")
    mapped.map("c", EXITED)
    mapped.map("d", "all", enabled=False)
    mapped.world.script("b", 503)
    shown = mapped.world.manage("POST", path, {}).data["test"]
    assert [(one["subscriptionId"], one["result"]) for one in shown["subscriptions"]] == [
        (a, "delivered"),
        (b, "retried"),
    ]
    assert (shown["result"], shown["code"]) == ("retried", "503")
    assert "s3cr3t" not in str(shown)
    refused = mapped.world.manage("POST", path, {"event": {"type": "identify"}})
    assert refused.data["test"]["subscriptions"][0]["subscriptionId"] == b
    mapped.change(b, enabled=False)
    assert mapped.world.manage("POST", path, {"event": {"type": "identify"}}).status == 409


def test_the_overview_counts_mappings(mapped: Mapped) -> None:
    def shown() -> Any:
        path = f"{mapped.world.audiences}/{mapped.audience['id']}/overview"
        (target,) = mapped.world.manage("GET", path).data["overview"]["destinations"]
        return target["matchingMappings"]

    assert shown() == "Not applicable"
    mapped.map("a", "all")
    mapped.map("b", "all", enabled=False)
    assert shown() == {"count": 2, "enabled": 1, "disabled": 1}
