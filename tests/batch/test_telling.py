"""What destinations hear of accounts and of their people, and what is counted."""

from typing import Any

import pytest

from chalicelib.clock import HOUR, FixedClock
from chalicelib.delivery.message import decode
from chalicelib.delivery.sizes import Sizes
from chalicelib.instants import to_iso
from chalicelib.queues import DELIVER
from chalicelib.store.memory import MemoryQueues, MemoryRecords
from tests.delivery.world import NOW, SPACE, FakeDirectory, connection, emitter, webhook
from tests.events import T0
from tests.pipeline.shop import identify, track

from .firm import Firm, group, of_accounts, trait_of_accounts

BIG = of_accounts("big", "trait('seats') > 10")
LOGINS = trait_of_accounts("logins", "event('Logged In').count()")
CRM = {"externalIds": [{"id": "c1", "type": "crm", "collection": "accounts", "encoding": "none"}]}


class Told:
    """A firm and the stream of its profiles, read by an emitter."""

    def __init__(self, **settings: Any) -> None:
        self.firm = Firm([BIG, LOGINS], space_id=SPACE)
        self.queues, clock = MemoryQueues(), FixedClock(NOW)
        wired = [connection(one, **settings) for one in (BIG, LOGINS)]
        self.sizes = Sizes(MemoryRecords(clock))
        directory, work = FakeDirectory([BIG, LOGINS], wired, [webhook()]), MemoryRecords(clock)
        self.emitter = emitter(directory, self.queues, work, clock, sizes=self.sizes)
        self.read = 0

    def events(self) -> list[dict[str, Any]]:
        """Of all changes since the last time."""
        fresh = self.firm.profiles.changes[self.read :]
        self.read += len(fresh)
        assert self.emitter.emit(fresh) == set()
        return [decode(message.body).payload for message in self.queues.take(DELIVER)]


def brief(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    found = []
    for event in events:
        values = event.get("properties") or event["traits"]
        key = event["context"]["personas"]["computation_key"]
        found.append((event.get("event") or event["type"], event.get("groupId") or event.get("userId"), values[key]))
    return sorted(found)


def test_one_group_call_per_account_and_an_identify_per_user() -> None:
    told = Told(sendGroup=True)
    told.firm.send(*[group(f"u{n}", "acme", traits={"seats": 20}) for n in range(4)])
    told.firm.run("big")
    assert brief(told.events()) == [("group", "acme", True), *[("identify", f"u{n}", True) for n in range(4)]]
    told.firm.clock.advance(HOUR)
    told.firm.send(group("u0", "acme", traits={"seats": 2}))
    told.firm.run("big")
    assert brief(told.events()) == [("group", "acme", False), *[("identify", f"u{n}", False) for n in range(4)]]


def test_the_form_of_a_group_call() -> None:
    told = Told(sendGroup=True, sendIdentify=False)
    told.firm.send(group("ada", "acme", traits={"seats": 20}))
    told.firm.run("big")
    (event,) = told.events()
    assert event.pop("messageId").startswith("personas_")
    assert event == {
        "type": "group",
        "groupId": "acme",
        "timestamp": to_iso(T0),
        "originalTimestamp": to_iso(T0),
        "receivedAt": to_iso(NOW),
        "sentAt": to_iso(NOW),
        "traits": {"big": True},
        "context": {
            "personas": {
                "computation_class": "audience",
                "computation_id": "aud_big",
                "computation_key": "big",
                "namespace": f"spa_{SPACE}",
                "space_id": f"spa_{SPACE}",
            }
        },
        "integrations": {"All": False, "Webhook": True},
    }


def test_group_calls_of_audiences_have_to_be_asked_for_and_those_of_traits_to_be_switched_off() -> None:
    told = Told()
    told.firm.send(group("ada", "acme", traits={"seats": 20}), track("Logged In", "ada"))
    told.firm.run("big"), told.firm.run("logins")
    assert brief(told.events()) == [("group", "acme", 1), ("identify", "ada", True)]
    silent = Told(sendGroup=False, sendTrack=True)
    silent.firm.send(group("ada", "acme", traits={"seats": 20}), track("Logged In", "ada"))
    silent.firm.run("big"), silent.firm.run("logins")
    assert brief(silent.events()) == [("Audience Entered", "ada", True), ("identify", "ada", True)]


def test_a_trait_of_an_account_is_told_when_it_changes() -> None:
    told = Told()
    for expected in (1, 2):
        told.firm.send(group("ada", "acme"), track("Logged In", "ada"))
        told.firm.run("logins")
        assert brief(told.events()) == [("group", "acme", expected)]
    told.firm.run("logins")
    assert told.events() == []


def test_repeating_the_stream_repeats_the_ids() -> None:
    told = Told(sendGroup=True, sendTrack=True)
    told.firm.send(group("ada", "acme", traits={"seats": 20}))
    told.firm.run("big")
    first = told.events()
    told.read = 0
    assert [event["messageId"] for event in told.events()] == [event["messageId"] for event in first]
    assert len({event["messageId"] for event in first}) == 3


def test_somebody_who_stays_in_by_another_account_is_not_told_of() -> None:
    told = Told(sendGroup=True)
    told.firm.send(group("ada", "g1", traits={"seats": 20}), group("ada", "g2", traits={"seats": 20}))
    told.firm.run("big")
    told.events()
    told.firm.clock.advance(HOUR)
    told.firm.send(group("ada", "g1", traits={"seats": 2}))
    told.firm.run("big")
    assert brief(told.events()) == [("group", "g1", False)]


def test_an_account_that_takes_in_another_one_is_told_under_its_new_name() -> None:
    told = Told(sendGroup=True)
    told.firm.send(group("ada", "g1", traits={"seats": 20}))
    told.firm.run("big")
    told.firm.clock.advance(HOUR)
    told.firm.send(group("bob", "g2", traits={"plan": "pro"}))
    told.events()
    told.firm.send(group("ada", "g1", context=CRM), group("bob", "g2", context=CRM))
    assert brief(told.events()) == [("group", "g2", True)]
    told.firm.run("big")
    assert brief(told.events()) == [("identify", "bob", True)]


@pytest.mark.parametrize("kind", ["aud_big", "tra_logins"])
def test_sizes_count_accounts_and_not_their_people(kind: str) -> None:
    told = Told()
    for account in ("g1", "g2", "g3"):
        told.firm.send(*[group(f"{account}-{n}", account, traits={"seats": 20}) for n in range(5)])
        told.firm.send(track("Logged In", f"{account}-0"))
    told.firm.run("big"), told.firm.run("logins")
    told.events()
    assert told.sizes.of(SPACE)[kind] == 3
    told.firm.clock.advance(HOUR)
    told.firm.send(group("g1-0", "g1", traits={"seats": 2}))
    told.firm.send(identify("g2-0", {"x": 1}, anonymousId="a"), group("g2-1", "g3"))
    told.firm.run("big"), told.firm.run("logins")
    told.events()
    assert told.sizes.of(SPACE) == {"aud_big": 2, "tra_logins": 3}
    told.firm.clock.advance(HOUR)
    told.firm.send(group("g2-0", "g2", context=CRM), group("g3-0", "g3", context=CRM))
    told.firm.run("big"), told.firm.run("logins")
    told.events()
    assert told.sizes.of(SPACE) == {"aud_big": 1, "tra_logins": 2}
