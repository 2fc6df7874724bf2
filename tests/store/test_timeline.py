"""Timelines: the events of a queue message once, however often it is stored, until they expire."""

from chalicelib.clock import DAY, FixedClock
from chalicelib.profiles.ports import ProfileKey, Timeline
from chalicelib.store.dynamodb import DynamoTimeline
from chalicelib.tracking.event import Event
from tests.conftest import Cloud
from tests.store.conftest import NOON

LATER = NOON + 14 * DAY


def event(number: int, **fields: object) -> Event:
    return Event(
        type="track",
        message_id=f"m{number}",
        source_id="src1",
        timestamp=NOON + number,
        received_at=NOON,
        event="Order Completed",
        properties={"total": number * 1.5, "note": "ü", **fields},
    )


def by_id(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda found: found.timestamp)


def test_events_come_back_whole_and_only_for_their_profile(timeline: Timeline, space: str) -> None:
    ada, eve = ProfileKey(space, "use_ada"), ProfileKey(space, "use_eve")
    timeline.put(ada, b"\x00t1", [event(1), event(2)], LATER)
    timeline.put(ada, b"\x00t2", [event(3)], LATER)
    timeline.put(eve, b"\x00t1", [event(4)], LATER)
    assert by_id(timeline.events(ada, 0)) == [event(1), event(2), event(3)]
    assert timeline.events(eve, 0) == [event(4)]
    assert timeline.events(ProfileKey(space, "use_nobody"), 0) == []


def test_since_is_inclusive(timeline: Timeline, space: str) -> None:
    timeline.put(ProfileKey(space, "use_ada"), b"t", [event(1), event(2)], LATER)
    assert timeline.events(ProfileKey(space, "use_ada"), NOON + 2) == [event(2)]


def test_a_message_stored_again_replaces_its_events(timeline: Timeline, space: str) -> None:
    key = ProfileKey(space, "use_ada")
    for _ in range(2):
        timeline.put(key, b"t", [event(1), event(2)], LATER)
    timeline.put(key, b"t", [event(2)], LATER)
    assert timeline.events(key, 0) == [event(2)]


def test_expired_events_are_gone(timeline: Timeline, space: str, clock: FixedClock) -> None:
    key = ProfileKey(space, "use_ada")
    timeline.put(key, b"t", [event(1)], NOON + 5_000)
    clock.advance(4_999)
    assert timeline.events(key, 0) == [event(1)]
    clock.advance(1)
    assert timeline.events(key, 0) == []


def test_deleting_takes_every_event_of_one_profile(timeline: Timeline, space: str) -> None:
    ada, eve = ProfileKey(space, "use_ada"), ProfileKey(space, "use_eve")
    for key, tag in ((ada, b"t1"), (ada, b"t2"), (eve, b"t1")):
        timeline.put(key, tag, [event(1)], LATER)
    timeline.delete(ada)
    timeline.delete(ada)
    assert timeline.events(ada, 0) == []
    assert timeline.events(eve, 0) == [event(1)]


def noisy(number: int) -> Event:
    return event(number, noise=f"{number * 104_729_104_729:x}" * 3)


def test_large_requests_take_several_items(cloud: Cloud, clock: FixedClock, space: str, calls: list[str]) -> None:
    timeline = DynamoTimeline(cloud.clients.dynamodb, cloud.names.settings.timeline_table, clock, largest=700)
    key, events = ProfileKey(space, "use_ada"), [noisy(n) for n in range(60)]
    timeline.put(key, b"t", events, LATER)
    assert calls.count("PutItem") > 1
    assert by_id(timeline.events(key, 0)) == events


def test_parts_of_a_longer_put_of_the_same_message_do_not_show(cloud: Cloud, clock: FixedClock, space: str) -> None:
    timeline = DynamoTimeline(cloud.clients.dynamodb, cloud.names.settings.timeline_table, clock, largest=700)
    key, events = ProfileKey(space, "use_ada"), [noisy(n) for n in range(60)]
    timeline.put(key, b"t", events, LATER)
    timeline.put(key, b"t", events[:1], LATER)
    assert timeline.events(key, 0) == events[:1]


def test_the_events_of_one_message_are_one_write(cloud: Cloud, clock: FixedClock, space: str, calls: list[str]) -> None:
    timeline = DynamoTimeline(cloud.clients.dynamodb, cloud.names.settings.timeline_table, clock)
    timeline.put(ProfileKey(space, "use_ada"), b"t", [event(n) for n in range(100)], LATER)
    assert calls == ["PutItem"]
