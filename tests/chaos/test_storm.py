"""The storm in small: nothing is lost, nothing is made up, and the healthy do not notice."""

import statistics

import pytest

from .storm import BAD, BUSY, CLOSING, DEAD, DESTINATIONS, HEALTHY, SLOW, Storm

TRANSITIONS = 3_000
EVERY = TRANSITIONS // DESTINATIONS


@pytest.fixture(scope="module")
def troubled():
    return Storm(TRANSITIONS).play()


def test_the_healthy_do_not_notice_those_in_trouble(troubled):
    calm = Storm(TRANSITIONS, troubled=False).play().latencies(HEALTHY)
    rough = troubled.latencies(HEALTHY)
    assert len(calm) == len(rough) == EVERY * len(HEALTHY)
    assert statistics.fmean(rough) <= 1.1 * statistics.fmean(calm)
    assert rough[int(0.95 * len(rough))] <= 1.1 * calm[int(0.95 * len(calm))]


def test_without_deaths_everything_arrives_and_is_accounted_for(troubled):
    assert troubled.queue.messages == {}
    for one in (SLOW, *HEALTHY):
        assert troubled.partners.accepted[one].keys() == troubled.expected[one]
        assert troubled.partners.requests[one] == EVERY, "each once"
    for one, expected in troubled.expected.items():
        arrived, given_up = troubled.partners.accepted[one].keys(), troubled.letters(one)
        assert arrived | given_up == expected
        counts = troubled.ledger.counts(one)
        assert counts["created"] == counts.get("delivered", 0) + counts.get("discarded", 0) == EVERY
        assert counts.get("discarded", 0) == len(given_up)
        assert counts.get("pending", 0) == 0


def test_the_dead_are_given_up_after_ten_attempts(troubled):
    assert troubled.letters(DEAD) == troubled.expected[DEAD]
    assert all(letter.code == "ETIMEDOUT" for letter in troubled.ledger.every_letter(DEAD))
    assert troubled.partners.requests[DEAD] == 10 * EVERY


def test_who_is_busy_or_hangs_up_gets_nearly_everything(troubled):
    for one in (BUSY, CLOSING):
        assert len(troubled.letters(one)) <= EVERY // 50


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_dies_exactly_what_was_made_arrives(seed):
    storm = Storm(TRANSITIONS // 3, rarity=60, seed=seed).play()
    assert storm.deaths > 50
    assert storm.queue.messages == {}
    for one, expected in storm.expected.items():
        arrived = storm.partners.accepted[one].keys()
        assert arrived <= expected
        assert arrived | storm.letters(one) == expected
        if one not in BAD:
            assert arrived == expected
            assert storm.letters(one) == set()
