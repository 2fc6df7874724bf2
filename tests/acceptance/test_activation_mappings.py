"""Mappings of activations, through the whole product: each has events of its own, sent as it says."""

import logging
from typing import Any

import pytest

from chalicelib.destinations.webhook import SEND

from .world import PARTNER, World, identify, track

HOUR = 3_600
RECENT = "event('Bought').within(1 hour).count() >= 1"
ENTRY, EXIT, CHANGE, ALL = "Audience Entered", "Audience Exited", "Audience Membership Changed", "All Events"


class Activated:
    """An audience of those who bought within the hour, and a webhook that hears of it through activations."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.audience = world.audience("VIP", RECENT)
        self.destination = world.webhook("own", headers={"X-From": "destination"})
        self.connection = world.connect(self.audience, self.destination)

    def activate(self, sink: str, type: str, *, performs: bool = False, **more: Any) -> str:
        """The path of the activation. Settings of a mapping are what is no field of an activation."""
        fields: dict[str, Any] = {name: more.pop(name) for name in ("personalization", "enabled") if name in more}
        mapping = {"actionId": SEND.id, "settings": {"url": f"{PARTNER}/{sink}", **more}}
        sent = {"activationName": sink, "activationType": type, "performResync": performs, **fields}
        made = self.world.manage("POST", f"{self.connection}/activations", sent | {"destinationMapping": mapping})
        return f"{self.world.audiences}/{self.audience['id']}/activations/{made.data['activation']['id']}"

    def buy(self, *users: str) -> None:
        for user in users:
            self.world.send(track("Bought", user))

    def headers(self, sink: str) -> list[Any]:
        return [request["headers"].get("X-From") for request in self.world.received(sink)]


@pytest.fixture
def activated(world: World) -> Activated:
    return Activated(world)


def test_two_activations_of_one_connection(activated: Activated) -> None:
    world = activated.world
    hello = {"text": {"@template": "Hello {{userId}}"}, "plan": {"@path": "$.properties.plan"}}
    activated.activate("hello", ENTRY, data=hello, personalization={"profile": {"properties": ["plan"]}})
    activated.activate("both", CHANGE, headers={"X-From": "activation"})
    world.send(identify("u1", plan="pro"))
    activated.buy("u1")
    assert world.events("hello") == [{"text": "Hello u1", "plan": "pro"}]
    assert activated.headers("hello") == ["destination"]
    world.advance(HOUR + 1)
    assert len(world.events("hello")) == 1
    assert [event["traits"]["vip"] for event in world.events("both")] == [True, False]
    assert "plan" not in world.events("both")[0]["traits"]
    assert activated.headers("both") == ["activation"] * 2
    assert world.events("own") == []


def test_what_no_activation_takes_is_sent_as_before(activated: Activated) -> None:
    path = activated.activate("in", ENTRY)
    activated.buy("u1")
    activated.world.advance(HOUR + 1)
    assert [event["event"] for event in activated.world.events("in")] == [ENTRY]
    assert [event["event"] for event in activated.world.events("own")] == [EXIT]
    assert activated.world.manage("DELETE", path).status == 200
    activated.buy("u2")
    assert [event["userId"] for event in activated.world.events("own")] == ["u1", "u2"]


def test_beside_one_without_a_mapping_the_destination_has_its_own_event(activated: Activated) -> None:
    plain = {"activationName": "p", "activationType": ENTRY, "performResync": False}
    activated.world.manage("POST", f"{activated.connection}/activations", plain)
    activated.activate("mapped", ENTRY)
    activated.buy("u1")
    (own,), (other,) = activated.world.events("own"), activated.world.events("mapped")
    assert own["messageId"] != other["messageId"]
    assert own["userId"] == other["userId"] == "u1"


def test_an_update_counts_for_what_waits(activated: Activated) -> None:
    path = activated.activate("old", ENTRY)
    activated.world.script("old", 503)
    activated.buy("u1")
    change = {"destinationMapping": {"settings": {"url": f"{PARTNER}/new"}}}
    assert activated.world.manage("PATCH", path, change).status == 200
    activated.world.advance(0.5 * HOUR)
    assert (len(activated.world.events("old")), len(activated.world.events("new"))) == (1, 1)
    assert activated.world.events("old") == activated.world.events("new")


def test_switched_off_its_events_go_nowhere(activated: Activated) -> None:
    path = activated.activate("in", ENTRY)
    activated.world.manage("PATCH", path, {"enabled": False})
    activated.buy("u1")
    assert activated.world.events("in") == activated.world.events("own") == []
    activated.world.manage("PATCH", path, {"enabled": True})
    activated.buy("u2")
    assert [event["userId"] for event in activated.world.events("in")] == ["u2"]


def test_filters_of_the_destination_hold(activated: Activated) -> None:
    activated.activate("in", ENTRY)
    path = f"/destination/{activated.destination['id']}/filters"
    sent = {
        "sourceId": activated.world.stack.engage_source_id,
        "title": "not u1",
        "if": 'userId = "u1"',
        "actions": [{"type": "DROP"}],
        "enabled": True,
    }
    assert activated.world.manage("POST", path, sent).status == 200
    activated.world.application.directory.refresh()
    activated.buy("u1", "u2")
    assert [event["userId"] for event in activated.world.events("in")] == ["u2"]


def test_a_resync_tells_members_through_it(activated: Activated) -> None:
    activated.buy("u1", "u2")
    assert len(activated.world.events("own")) == 2
    activated.activate("again", ENTRY, performs=True)
    activated.world.drain()
    activated.world.advance(60)
    assert sorted(event["userId"] for event in activated.world.events("again")) == ["u1", "u2"]
    assert len(activated.world.events("own")) == 2


def test_a_resync_does_so_where_the_connection_itself_says_nothing(activated: Activated) -> None:
    silent = {"connectionSettings": {"sendIdentify": False, "sendTrack": False}}
    assert activated.world.manage("PATCH", activated.connection, silent).status == 200
    activated.buy("u1")
    activated.activate("again", ENTRY, performs=True)
    activated.world.drain()
    activated.world.advance(60)
    assert [event["userId"] for event in activated.world.events("again")] == ["u1"]
    assert activated.world.events("own") == []


def test_a_connection_that_is_silent_itself_is_told_through_it_live_and_by_a_resync(activated: Activated) -> None:
    world = activated.world
    silent = {"sendIdentify": False, "sendTrack": False}
    connection = world.connect(activated.audience, world.webhook("silent"), connectionSettings=silent)
    activated.connection = connection
    activated.activate("through", ENTRY)
    activated.buy("u1")
    assert [event["event"] for event in world.events("through")] == [ENTRY]
    assert world.manage("POST", f"{connection}/resync", {}).status == 200
    world.drain()
    world.advance(60)
    assert [event["userId"] for event in world.events("through")] == ["u1", "u1"]
    assert world.events("silent") == []


def test_a_dead_letter_goes_again_through_it(activated: Activated) -> None:
    path = activated.activate("down", ENTRY)
    activated.activate("up", ENTRY)
    activated.world.script("down", 400)
    activated.buy("u1")
    (letter,) = activated.world.dead_letters(activated.destination)
    assert (letter["code"], letter["activationId"]) == ("400", path.rpartition("/")[2])
    redrive = f"/destinations/{activated.destination['id']}/dead-letters/redrive"
    assert activated.world.manage("POST", redrive, {"messageId": letter["messageId"]}).status in (200, 201)
    activated.world.advance(60)
    assert [len(activated.world.events(sink)) for sink in ("down", "up")] == [2, 1]
    assert activated.world.dead_letters(activated.destination) == []


def test_the_tester_shows_what_the_destination_itself_sends(activated: Activated) -> None:
    activated.activate("in", ENTRY)
    shown = activated.world.manage("POST", f"/destinations/{activated.destination['id']}/test", {}).data["test"]
    assert (shown["result"], len(activated.world.events("own"))) == ("delivered", 1)
    assert activated.world.events("in") == []


def test_nothing_secret_is_shown_or_logged(activated: Activated, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    path = activated.activate("in", ENTRY, headers={"Authorization": "Bearer s3cr3t"})
    activated.world.script("in", 400)
    activated.buy("u1")
    assert activated.world.received("in")[0]["headers"]["Authorization"] == "Bearer s3cr3t"
    (letter,) = activated.world.dead_letters(activated.destination)
    world = activated.world
    shown = [
        letter,
        world.manage("GET", path).body,
        world.manage("GET", path.rpartition("/")[0]).body,
        world.manage("GET", "/audit-events").body,
        world.manage("GET", f"/destinations/{activated.destination['id']}").body,
    ]
    assert "s3cr3t" not in str(shown)
    assert "s3cr3t" not in caplog.text


def test_the_overview_counts_it(activated: Activated) -> None:
    def shown() -> Any:
        path = f"{activated.world.audiences}/{activated.audience['id']}/overview"
        (target,) = activated.world.manage("GET", path).data["overview"]["destinations"]
        return target["matchingMappings"]

    assert shown() == "Not applicable"
    activated.activate("a", ENTRY)
    activated.activate("b", EXIT, enabled=False)
    assert shown() == {"count": 2, "enabled": 1, "disabled": 1}
