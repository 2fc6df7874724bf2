"""Looking at what is made for a destination."""

from chalicelib.clock import DAY, FixedClock
from chalicelib.delivery.debugger import NEWEST, PER_RECORD, Debugger
from chalicelib.delivery.message import Delivery
from chalicelib.errors import Unavailable
from chalicelib.store.memory import MemoryRecords

NOW = 1_767_268_800_000


def delivery(number, destination="dst", **payload):
    return Delivery(
        message_id=f"personas_{number}",
        connection_id="ii_1",
        computation_id="aud_1",
        space_id="s",
        destination_id=destination,
        created_at=NOW + number,
        payload={"messageId": f"personas_{number}", "type": "track", **payload},
    )


def debugger():
    clock = FixedClock(NOW)
    return Debugger(MemoryRecords(clock), clock), clock


def numbers(events):
    return [int(event["messageId"].removeprefix("personas_")) for event in events]


def test_the_newest_five_hundred_are_shown_newest_first():
    made, _ = debugger()
    for start in range(0, 501, 100):
        made.note([delivery(n) for n in range(start, min(501, start + 100))])
    assert numbers(made.newest("dst")) == list(range(500, 0, -1))


def test_one_call_may_make_more_than_are_kept():
    made, _ = debugger()
    made.note([delivery(n) for n in range(NEWEST + 2 * PER_RECORD)])
    assert numbers(made.newest("dst")) == list(range(NEWEST + 2 * PER_RECORD - 1, 2 * PER_RECORD - 1, -1))


def test_destinations_are_kept_apart_and_the_same_noted_twice_is_shown_once():
    made, _ = debugger()
    both = [delivery(1), delivery(2, "other"), delivery(3)]
    made.note(both)
    made.note(both)
    assert numbers(made.newest("dst")) == [3, 1]
    assert numbers(made.newest("other")) == [2]
    assert made.newest("nobody") == []


def test_search_chooses_by_any_text_of_the_event():
    made, _ = debugger()
    made.note([delivery(1, userId="Ada"), delivery(2, userId="Bob", traits={"plan": "Pro"})])
    assert numbers(made.newest("dst", "ada")) == [1]
    assert numbers(made.newest("dst", "PLAN")) == [2]


def test_events_are_gone_after_a_day():
    made, clock = debugger()
    made.note([delivery(1)])
    clock.advance(DAY + 1_000)
    assert made.newest("dst") == []


def test_a_store_that_is_away_costs_only_the_view(caplog):
    class Away(MemoryRecords):
        def put(self, key, data, *, expires_at=None):
            raise Unavailable("gone")

    clock = FixedClock(NOW)
    Debugger(Away(clock), clock).note([delivery(1)])
    assert "missing in the debugger" in caplog.text
