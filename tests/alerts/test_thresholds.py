"""Where exactly an alert fires."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.alerts.thresholds import change, is_below, is_outside, rate

counts = st.integers(0, 10**9)


@pytest.mark.parametrize(("members", "fires"), [(104, False), (105, True), (96, False), (95, True), (100, False)])
def test_a_size_outside_of_four_percent(members, fires):
    percent = change(100, members)
    assert percent is not None
    assert is_outside(percent, 4.0) is fires


@pytest.mark.parametrize(("delivered", "failed", "fires"), [(990, 10, False), (989, 11, True), (1, 0, False)])
def test_a_rate_below_ninety_nine_percent(delivered, failed, fires):
    percent = rate(delivered, failed)
    assert percent is not None
    assert is_below(percent, 99.0) is fires


@pytest.mark.parametrize("threshold", [0.1, 0.3, 1.1, 99.9])
def test_a_decimal_threshold_is_met_exactly(threshold):
    """In binary fractions 0.1 is a little more than a tenth, so that 1 of 1,000 would be on the wrong side."""
    at = change(1_000, 1_000 + round(threshold * 10))
    above = change(1_000, 1_001 + round(threshold * 10))
    assert at is not None
    assert above is not None
    assert not is_outside(at, threshold)
    assert is_outside(above, threshold)
    assert not is_below(Fraction(str(threshold)), threshold)


def test_nothing_has_no_percentage():
    assert rate(0, 0) is None
    assert change(0, 0) is None
    assert change(0, 5) is None


@given(counts, counts)
def test_a_rate_lies_between_none_and_all(delivered, failed):
    percent = rate(delivered, failed)
    assert percent is None or 0 <= percent <= 100


@given(st.integers(1, 10**9), counts)
def test_a_change_leads_back_to_what_is_there_now(before, now):
    percent = change(before, now)
    assert percent is not None
    assert before + percent * before / 100 == now
