"""When something runs next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.errors import Invalid
from chalicelib.instants import parse_iso, to_iso
from chalicelib.tasks.cadence import INTERVALS, Every, Manual, Weekly, check, next_slot

INSTANTS = st.integers(0, 4_000_000_000_000)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]


def at(text: str) -> int:
    instant = parse_iso(text)
    assert instant is not None
    return instant


@given(st.sampled_from(INTERVALS), INSTANTS)
def test_intervals_are_aligned_to_utc(interval, after):
    slot = next_slot(Every(interval), after)
    assert slot is not None
    assert 0 < slot - after <= interval
    assert slot % interval == 0


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.sets(st.integers(0, 23), min_size=1, max_size=3),
    st.sampled_from(ZONES),
    st.integers(at("2024-01-01"), at("2027-01-01")),
)
def test_the_next_weekly_slot_is_the_first_that_the_clocks_show(days, hours, zone, after):
    slot = next_slot(Weekly(tuple(days), tuple(hours), zone), after)
    assert slot is not None
    assert after < slot <= after + 8 * DAY
    place = ZoneInfo(zone)
    shown = datetime.fromtimestamp(slot / 1_000, place)
    exists = shown.isoweekday() % 7 in days and shown.hour in hours and shown.minute == 0
    # Quarters of an hour between now and then at which the clocks show one of these hours for the first time.
    quarter = after // (15 * MINUTE) + 1
    for number in range(quarter, slot // (15 * MINUTE)):
        moment = datetime.fromtimestamp(number * 900, place)
        fits = moment.isoweekday() % 7 in days and moment.hour in hours and moment.minute == 0
        assert not (fits and moment.fold == 0), moment
    # An hour that is skipped in spring is run when the clocks have moved on.
    assert exists or (shown - timedelta(hours=1)).hour in hours or shown.minute == 30


@pytest.mark.parametrize(
    ("after", "slot"),
    [
        ("2026-03-28T12:00Z", "2026-03-29T01:00Z"),  # 02:00 is skipped: the clocks show 03:00
        ("2026-03-29T01:00Z", "2026-03-30T00:00Z"),
        ("2026-10-24T12:00Z", "2026-10-25T00:00Z"),  # 02:00 comes twice: the first one counts
        ("2026-10-25T00:00Z", "2026-10-26T01:00Z"),
    ],
)
def test_days_on_which_the_clocks_change(after, slot):
    nightly = Weekly(tuple(range(7)), (2,), "Europe/Berlin")
    found = next_slot(nightly, at(after))
    assert found is not None
    assert to_iso(found) == slot[:-1] + ":00.000Z"


def test_sunday_is_day_zero():
    sunday = next_slot(Weekly((0,), (9,)), at("2026-01-01T12:00Z"))
    assert sunday == at("2026-01-04T09:00Z")
    assert datetime.fromtimestamp(sunday / 1_000, UTC).strftime("%A") == "Sunday"


def test_nothing_is_due_by_itself_when_runs_are_manual():
    assert next_slot(Manual(), 0) is None


@pytest.mark.parametrize("cadence", [Every(8 * HOUR), Weekly((0, 6), (0, 23), "Asia/Kathmandu"), Manual()])
def test_good_cadences(cadence):
    check(cadence)


@pytest.mark.parametrize(
    ("cadence", "fields"),
    [
        (Every(7 * MINUTE), ["interval"]),
        (Every(0), ["interval"]),
        (Weekly((), ()), ["days", "hours"]),
        (Weekly((7,), (24,), "Mars/Olympus"), ["days", "hours", "zone"]),
        (Weekly((1,), (1,), "../etc/passwd"), ["zone"]),
    ],
)
def test_bad_cadences_name_every_fault(cadence, fields):
    with pytest.raises(Invalid) as refused:
        check(cadence)
    assert [problem.field for problem in refused.value.problems] == fields
