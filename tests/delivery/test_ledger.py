import msgspec
import pytest

from chalicelib.clock import HOUR, FixedClock
from chalicelib.delivery.ledger import KEPT, Attempts, Ledger, of_connection
from chalicelib.errors import Conflict, VersionConflict
from chalicelib.store.memory import MemoryRecords

from .post import delivery
from .world import NOW


@pytest.fixture
def clock():
    return FixedClock(NOW)


@pytest.fixture
def ledger(clock):
    return Ledger(MemoryRecords(clock), clock)


def attempts(count=1, **changes):
    return Attempts(count=count, first_at=NOW, last_at=NOW, next_at=NOW + 60_000, code="503", **changes)


def test_what_failed_is_remembered_until_it_is_forgotten(ledger):
    ledger.note(delivery(1), None, attempts())
    known = ledger.waiting(["personas_1", "personas_2"])
    assert {id: waiting.attempts for id, waiting in known.items()} == {"personas_1": attempts()}
    ledger.forget("personas_1")
    assert ledger.waiting(["personas_1"]) == {}


def test_an_attempt_is_noted_by_one_worker_only(ledger):
    ledger.note(delivery(), None, attempts())
    with pytest.raises(Conflict):
        ledger.note(delivery(), None, attempts())
    before = ledger.waiting(["personas_1"])["personas_1"]
    ledger.note(delivery(), before, attempts(2))
    with pytest.raises(VersionConflict):
        ledger.note(delivery(), before, attempts(2))
    assert ledger.waiting(["personas_1"])["personas_1"].attempts.count == 2


def test_the_newest_letters_come_first_and_each_once(ledger):
    for number in (5, 1, 3, 1):
        ledger.bury(delivery(number), attempts())
    ledger.bury(delivery(9, "other"), attempts())
    assert [letter.message_id for letter in ledger.dead_letters("d1")] == ["personas_1", "personas_3", "personas_5"]
    assert len(ledger.dead_letters("d1", limit=2)) == 2


def test_a_letter_has_all_it_takes_to_send_it_again(ledger):
    ledger.bury(delivery(), attempts(10, retries_exhausted=True, detail="why"))
    assert msgspec.json.decode(msgspec.json.encode(ledger.dead_letters("d1"))) == [
        {
            "messageId": "personas_1",
            "connectionId": delivery().connection_id,
            "computationId": "aud_vip",
            "spaceId": delivery().space_id,
            "destinationId": "d1",
            "createdAt": NOW - 1,
            "code": "503",
            "detail": "why",
            "attempts": 10,
            "firstAttemptAt": NOW,
            "failedAt": NOW,
            "retriesExhausted": True,
            "payload": delivery().payload,
        }
    ]


def test_nothing_is_kept_for_ever(ledger, clock):
    ledger.note(delivery(), None, attempts())
    ledger.bury(delivery(), attempts())
    clock.advance(KEPT + 1_000)
    assert ledger.waiting(["personas_1"]) == {}
    assert ledger.dead_letters("d1") == []


def test_counts_add_up(ledger):
    ledger.count("d1", {"delivered": 2, "pending": 1}, NOW)
    ledger.count("d1", {"delivered": 3, "pending": -1, "retried": 0}, NOW)
    ledger.count("d1", {}, NOW)
    assert ledger.counts("d1") == {"delivered": 5, "pending": 0}
    assert ledger.counts("d2") == {}


def test_counts_of_a_period_are_those_of_its_hours(ledger):
    for hours_ago in range(5):
        ledger.count("d1", {"delivered": 10**hours_ago}, NOW - hours_ago * HOUR)
    assert ledger.counts("d1", since=NOW - 3 * HOUR, until=NOW - HOUR) == {"delivered": 1100}
    assert ledger.counts("d1", until=NOW - 3 * HOUR) == {"delivered": 10_000}
    assert ledger.counts("d1", since=NOW) == {"delivered": 1}


def test_counts_of_a_connection_are_told_apart_and_not_counted_twice(ledger):
    vip, lost = "ii_" + "a" * 27, "ii_" + "b" * 27
    ledger.count("d1", {of_connection("delivered", vip): 3, of_connection("delivered", lost): 2}, NOW)
    assert ledger.counts("d1") == {"delivered": 5}
    assert ledger.counts("d1", connection_id=vip) == {"delivered": 3}
    assert ledger.counts("d1", connection_id=lost) == {"delivered": 2}
    assert ledger.counts("d1", connection_id="ii_" + "c" * 27) == {}


def test_counts_are_kept_for_two_weeks(ledger, clock):
    ledger.count("d1", {"delivered": 1}, NOW)
    clock.advance(KEPT - HOUR)
    ledger.count("d1", {"delivered": 1}, clock.now())
    assert ledger.counts("d1") == {"delivered": 2}
    clock.advance(2 * HOUR)
    assert ledger.counts("d1") == {"delivered": 1}
