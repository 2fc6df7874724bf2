"""What a space knows of names: written once a day, bounded, and without anything about one person."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import DAY, FixedClock
from chalicelib.errors import VersionConflict
from chalicelib.pipeline import vocabulary as module
from chalicelib.pipeline.samples import sample
from chalicelib.pipeline.vocabulary import Vocabulary
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.store.memory import MemoryRecords
from chalicelib.tracking.event import Event
from tests.events import T0
from tests.pipeline.shop import Shop, identify, track

TODAY = T0 // DAY


class Counting(MemoryRecords):
    """Counts what is read and written; `contested` writes are lost to somebody else."""

    def __init__(self, clock):
        super().__init__(clock)
        self.reads = self.writes = self.contested = 0

    def get_many(self, keys):
        self.reads += 1
        return super().get_many(keys)

    def create(self, key, data, *, expires_at=None):
        self._count()
        return super().create(key, data, expires_at=expires_at)

    def replace(self, record, data, *, expires_at=None):
        self._count()
        return super().replace(record, data, expires_at=expires_at)

    def _count(self):
        self.writes += 1
        if self.contested:
            self.contested -= 1
            raise VersionConflict("somebody else wrote it")


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def records(clock):
    return Counting(clock)


def event(name="Bought", type="track", traits=None, **properties):
    fields: dict[str, Any] = {"message_id": "m", "source_id": "s", "timestamp": T0, "received_at": T0}
    return Event(type=type, event=name, properties=properties, traits=traits or {}, **fields)


def names(sheet):
    return {name: seen.samples for name, seen in sheet.items()}


def test_names_of_events_properties_and_traits_are_known():
    shop = Shop()
    shop.send(
        track("Bought", properties={"plan": "pro", "amount": 19.5}),
        {"type": "page", "userId": "u1", "name": "Home", "properties": {"dark": True}},
        identify("u1", {"plan": "pro"}),
        {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"industry": "shoes"}},
    )
    known = shop.books.vocabulary
    assert sorted(known.events("s")) == [("Bought", "TRACK", TODAY), ("Page Viewed", "PAGE", TODAY)]
    assert names(known.properties("s", "Bought")) == {"plan": ["pro"], "amount": ["19.5"]}
    assert names(known.properties("s", "Page Viewed")) == {"dark": ["true"], "page_name": []}
    assert names(known.traits("s", "users")) == {"plan": ["pro"]}
    assert names(known.traits("s", "accounts")) == {"industry": ["shoes"]}
    assert known.events("other") == []


def test_ordinary_events_write_and_read_nothing(records, clock):
    known = Vocabulary(records, clock)
    known.note("s", [event(plan="pro", email="jo@ex.io", order="A-100234567")])
    before = (records.reads, records.writes)
    known.note("s", [event(plan="pro", email=f"jo{n}@ex.io", order=f"A-1002345{n:03}") for n in range(100)])
    assert (records.reads, records.writes) == before == (1, 2)


def test_another_worker_writes_nothing_that_is_known(records, clock):
    Vocabulary(records, clock).note("s", [event(plan="pro")])
    written = records.writes
    Vocabulary(records, clock).note("s", [event(plan="pro")])
    assert records.writes == written


def test_new_names_and_samples_are_written_and_the_day_once(records, clock):
    known = Vocabulary(records, clock)
    known.note("s", [event(plan="pro")])
    known.note("s", [event(plan="free"), event(colour="red"), event(plan="pro")])
    assert names(known.properties("s", "Bought")) == {"plan": ["pro", "free"], "colour": ["red"]}
    clock.advance(DAY)
    written = records.writes
    for _ in range(3):
        known.note("s", [event(plan="pro")])
    assert records.writes == written + 2
    sheet = known.properties("s", "Bought")
    assert (sheet["plan"].day, sheet["colour"].day) == (TODAY + 1, TODAY)


def test_no_more_than_a_few_samples_are_kept(records, clock):
    known = Vocabulary(records, clock)
    known.note("s", [event(plan=f"plan {n}") for n in range(50)])
    assert names(known.properties("s", "Bought")) == {"plan": [f"plan {n}" for n in range(module.MOST_SAMPLES)]}
    before = (records.reads, records.writes)
    known.note("s", [event(plan="plan 99")])
    assert (records.reads, records.writes) == before


def test_names_are_bounded_and_old_ones_make_room(records, clock):
    known = Vocabulary(records, clock)
    known.note("s", [event(f"E{n}") for n in range(3_000)])
    assert len(known.events("s")) == module.BUCKETS * module.MOST_IN_BUCKET
    known.note("s", [event(**{f"p{n}": n for n in range(1_000)})])
    assert len(known.properties("s", "Bought")) == module.MOST_PROPERTIES
    before = (records.reads, records.writes)
    known.note("s", [event(**{f"p{n}": n for n in range(1_000)})])
    assert (records.reads, records.writes) == before
    clock.advance((module.STALE + 1) * DAY)
    known.note("s", [event(fresh=1)])
    assert names(known.properties("s", "Bought")) == {"fresh": ["1"]}


def test_names_that_are_too_long_are_left_out(records, clock):
    known = Vocabulary(records, clock)
    known.note("s", [event("E" * 201), event(**{"p" * 201: 1, "p" * 200: 1})])
    assert [one.name for one in known.events("s")] == ["Bought"]
    assert names(known.properties("s", "Bought")) == {"p" * 200: ["1"]}


def test_who_loses_against_another_worker_writes_with_the_next_event(records, clock):
    known = Vocabulary(records, clock)
    records.contested = 2
    known.note("s", [event(plan="pro")])
    assert known.events("s") == []
    known.note("s", [event(plan="pro")])
    assert names(known.properties("s", "Bought")) == {"plan": ["pro"]}


def test_on_the_real_table(cloud, clock):
    records = DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, clock)
    known = Vocabulary(records, clock)
    known.note("vocal", [event(plan="pro"), event("Viewed", "page")])
    known.note("vocal", [event(plan="free")])
    again = Vocabulary(records, clock)
    assert sorted(again.events("vocal")) == [("Bought", "TRACK", TODAY), ("Viewed", "PAGE", TODAY)]
    assert names(again.properties("vocal", "Bought")) == {"plan": ["pro", "free"]}


@pytest.mark.parametrize(
    "name",
    [
        *("email", "userEmail", "Email Address", "phone", "phoneNumber", "mobile", "name", "firstName", "last_name"),
        *("address", "shipping_street", "ip", "user_id", "userId", "id", "deviceId", "uuid", "birthday", "dateOfBirth"),
        *("password", "apiToken", "secretAnswer", "latitude", "card", "iban", "username", "comment", "zipCode", "SSN"),
    ],
)
def test_fields_that_sound_like_a_person_have_no_samples(name):
    assert sample(name, "gold") is None
    assert sample(name, 7) is None


@pytest.mark.parametrize(
    "value",
    [
        *(
            "jo@ex.io",
            "+49 170 1234567",
            "0170/123 45 67",
            "DE44500105175407324931",
            "10.1.2.3",
            "fe80::1:2",
            "1234567",
        ),
        *("4a7d1ed4-14c8-4e0b-9f5b-0d0a4f7c1e55", "deadbeefdeadbeef", "https://example.org/u/1", "x" * 41, "", "  "),
        *("a text that somebody wrote for us", "line\nbreak", 12_345_678, -5_000_000.0, None, ["pro"], {"plan": "pro"}),
    ],
)
def test_values_that_look_like_one_persons_are_not_kept(value):
    assert sample("plan", value) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("pro", "pro"),
        ("Order Completed", "Order Completed"),
        (True, "true"),
        (3, "3"),
        (19.5, "19.5"),
        ("v1.2", "v1.2"),
    ],
)
def test_values_that_many_share_are_shown(value, shown):
    assert sample("plan", value) == shown
    assert sample("loyaltyTier", value) == shown


@given(st.text(max_size=30), st.text(max_size=60) | st.integers() | st.floats(allow_nan=False) | st.none())
def test_a_sample_is_short_whatever_it_is_of(name, value):
    shown = sample(name, value)
    assert shown is None or (0 < len(shown) <= 40 and "@" not in shown)
