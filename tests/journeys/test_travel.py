"""Joining stops, being a live member of them, completing a journey and leaving it."""

import pytest

from chalicelib.clock import DAY, HOUR
from chalicelib.journeys.passage import COMPLETED, EXITED, Passage

from .drawing import (
    T0,
    Traveller,
    advert,
    condition,
    delay,
    drawn,
    entry,
    multi_branch,
    send,
    true_false,
)

EARLY = T0 + HOUR
WAITED = EARLY + 5 * DAY  # who came in early has then waited for five days


def bought(**settings):
    """Came in, five days later somebody loyal, who is then sent something."""
    return drawn(entry("a", "w"), delay("w", 5 * DAY, "b"), condition("b", "d"), send("d"), **settings)


def tried():
    return drawn(
        entry("a", "w"), delay("w", 5 * DAY, "t"), true_false("t", "dt", "df"), send("dt"), send("df"), history=True
    )


def signed_up(*ends):
    return drawn(entry("a", "m"), multi_branch("m", *ends), *(send(end) for end in dict.fromkeys(ends)))


def test_nobody_is_anywhere_before_the_entry_condition_holds():
    person = Traveller(bought())
    person.lines = {"a": [EARLY], "b": [EARLY]}

    assert person.at(T0) == Passage()
    assert person.passage is None
    assert person.due == EARLY
    assert person.asked == {("a", T0)}


def test_whoever_meets_the_entry_condition_comes_in_at_the_instant_it_is_noticed():
    person = Traveller(bought())
    person.lines = {"a": [EARLY]}

    assert person.at(EARLY + 7) == Passage(cycle=1, entered_at=EARLY + 7, cut=T0, joined={"a": EARLY + 7}, held=["a"])
    assert person.due == WAITED + 7


def test_whoever_is_not_eligible_does_not_come_in_and_is_not_even_asked():
    person = Traveller(bought())
    person.eligible, person.lines = False, {"a": [T0]}

    assert person.at(EARLY) == Passage()
    assert (person.due, person.asked) == (None, set())


def test_whoever_is_inside_stays_so_without_being_eligible():
    person = Traveller(bought())
    person.lines = {"a": [EARLY], "b": [EARLY]}
    person.at(EARLY)
    person.eligible = False

    assert person.until(WAITED).held == ["a", "b", "d"]


def test_a_step_that_was_ever_joined_leads_on_after_its_condition_fails():
    person = Traveller(bought())
    person.lines = {"a": [EARLY, T0 + 2 * DAY], "b": [T0 + 3 * DAY]}

    assert person.until(T0 + 2 * DAY, EARLY).held == []
    assert person.until(WAITED - 1).joined == {"a": EARLY}
    assert person.until(WAITED).joined == {"a": EARLY, "b": WAITED, "d": WAITED}
    assert person.here.held == ["b", "d"]


def test_a_condition_may_become_true_by_time_alone_while_somebody_waits_for_it():
    person = Traveller(bought())
    person.lines = {"a": [EARLY], "b": [T0 + 9 * DAY]}

    assert person.until(WAITED, EARLY).joined == {"a": EARLY}
    assert person.due == T0 + 9 * DAY
    assert person.until(T0 + 9 * DAY).joined == {"a": EARLY, "b": T0 + 9 * DAY, "d": T0 + 9 * DAY}


def test_a_condition_that_only_an_event_can_meet_is_waited_for_without_limit():
    person = Traveller(bought(), foreseen=False)
    person.lines = {"a": [EARLY], "b": [T0 + 900 * DAY]}

    assert person.until(T0 + 800 * DAY, EARLY).held == ["a"]
    assert person.due is None
    assert person.at(T0 + 900 * DAY).held == ["a", "b", "d"]


def test_the_wait_runs_from_the_join_and_not_from_what_led_to_it():
    person = Traveller(bought(history=True))
    person.lines = {"a": [T0 - DAY, T0 + 6 * DAY], "b": [T0 - DAY]}

    assert person.until(T0 + 5 * DAY, T0).joined == {"a": T0, "b": T0 + 5 * DAY, "d": T0 + 5 * DAY}


def test_a_member_who_comes_back_keeps_the_join_and_the_steps_behind():
    person = Traveller(bought())
    person.lines = {"a": [EARLY], "b": [EARLY, T0 + 6 * DAY, T0 + 7 * DAY]}
    joined = {"a": EARLY, "b": WAITED, "d": WAITED}

    assert person.until(WAITED, EARLY).held == ["a", "b", "d"]
    assert (person.until(T0 + 6 * DAY).held, person.here.joined) == (["a", "d"], joined)
    assert (person.until(T0 + 7 * DAY).held, person.here.joined) == (["a", "b", "d"], joined)
    assert person.due is None


def test_nobody_is_asked_for_what_cannot_matter():
    person = Traveller(bought())
    person.lines = {"a": [EARLY], "b": [EARLY]}

    person.at(EARLY)
    assert person.asked == {("a", T0)}
    person.at(WAITED)
    assert person.asked == {("a", T0), ("b", T0)}


@pytest.mark.parametrize(("turns", "asked"), [([EARLY], {"a", "t/0"}), ([], {"a", "t/0", "t/1"})])
def test_a_side_is_not_asked_for_once_the_other_is_taken(turns, asked):
    person = Traveller(tried())
    person.lines = {"a": [EARLY], "t/0": turns, "t/1": turns}

    person.until(WAITED, EARLY)

    assert {stop_id for stop_id, _ in person.asked} == asked


@pytest.mark.parametrize(("subscribed", "side", "to"), [(T0 + DAY, "t/0", "dt"), (T0 + 6 * DAY, "t/1", "df")])
def test_a_split_takes_one_side_for_good_when_it_is_reached(subscribed, side, to):
    person = Traveller(tried())
    person.lines = {"a": [EARLY], "t/0": [subscribed], "t/1": [subscribed]}
    person.at(EARLY)

    assert person.until(WAITED).joined == {"a": EARLY, side: WAITED, to: WAITED}
    assert person.here.held == ["a", side, to]
    later = person.until(T0 + 60 * DAY)
    assert later.joined == {"a": EARLY, side: WAITED, to: WAITED}
    assert later.held == (["a", "t/0", "dt"] if side == "t/0" else ["a", "df"])


def test_members_of_the_sides_of_a_split_come_and_go_with_its_condition():
    turns = [T0 + 8 * DAY, T0 + 9 * DAY]
    met, failed = Traveller(tried()), Traveller(tried())
    met.lines = {"a": [EARLY], "t/0": [EARLY, *turns], "t/1": [EARLY, *turns]}
    failed.lines = {"a": [EARLY], "t/0": turns, "t/1": turns}

    for person, side, to in ((met, "t/0", "dt"), (failed, "t/1", "df")):
        assert person.until(WAITED, EARLY).held == ["a", side, to]
        assert person.until(turns[0]).held == ["a", to]
        assert person.until(turns[1]).held == ["a", side, to]


def test_every_branch_is_taken_on_its_own_at_any_later_time():
    person = Traveller(signed_up("d1", "d2"), foreseen=False)
    mail, webinar = T0 + 30 * DAY, T0 + 40 * DAY
    person.lines = {"a": [EARLY], "m/0": [mail], "m/1": [webinar]}

    assert person.until(mail - 1, EARLY).held == ["a"]
    assert person.at(mail).held == ["a", "m/0", "d1"]
    assert person.at(webinar).held == ["a", "m/0", "m/1", "d1", "d2"]
    assert person.here.joined == {"a": EARLY, "m/0": mail, "d1": mail, "m/1": webinar, "d2": webinar}


def test_branches_that_meet_again_lead_on_at_the_first_arrival():
    person = Traveller(signed_up("d", "d"), foreseen=False)
    person.lines = {"a": [EARLY], "m/0": [T0 + 2 * DAY], "m/1": [T0 + 3 * DAY]}

    assert person.until(T0 + 2 * DAY, EARLY, T0 + 2 * DAY).joined == {
        "a": EARLY,
        "m/0": T0 + 2 * DAY,
        "d": T0 + 2 * DAY,
    }
    assert person.at(T0 + 3 * DAY).joined["d"] == T0 + 2 * DAY


def test_of_several_ways_the_first_to_be_over_counts():
    route = drawn(
        entry("a", "m"),
        multi_branch("m", "long", "short"),
        delay("long", 9 * DAY, "d"),
        delay("short", DAY, "d"),
        send("d"),
    )
    person = Traveller(route)
    person.lines = {"a": [T0], "m/0": [T0], "m/1": [T0 + 2 * DAY]}

    assert person.until(T0 + DAY, T0).joined == {"a": T0, "m/0": T0}
    assert "d" not in person.until(T0 + 3 * DAY - 1).joined
    assert person.until(T0 + 3 * DAY).joined["d"] == T0 + 3 * DAY


def test_an_advert_ends_on_its_own_and_changes_nothing_else():
    route = drawn(entry("a", "ad"), advert("ad", "w", remove_after=7 * DAY), delay("w", DAY, "d"), send("d"))
    person = Traveller(route)
    person.lines = {"a": [EARLY]}

    assert person.at(EARLY).held == ["a", "ad"]
    assert person.until(EARLY + DAY).held == ["a", "ad", "d"]
    before = person.until(EARLY + 7 * DAY - 1)
    assert before.held == ["a", "ad", "d"]
    after = person.until(EARLY + 7 * DAY)
    assert (after.held, after.joined, after.outcome) == (["a", "d"], before.joined, COMPLETED)
    assert person.due is None


def test_an_advert_without_an_end_lasts_until_the_exit():
    person = Traveller(drawn(entry("a", "ad"), advert("ad"), exit_after=7 * DAY))
    person.lines = {"a": [T0]}

    assert person.until(T0 + 7 * DAY - 1, T0).held == ["a", "ad"]
    assert person.due == T0 + 7 * DAY
    assert person.until(T0 + 7 * DAY).held == []


def test_the_journey_is_complete_at_the_end_of_any_path():
    person = Traveller(signed_up("d", None))
    person.lines = {"a": [T0], "m/1": [T0 + DAY]}

    assert person.at(T0).outcome is None
    assert person.until(T0 + DAY).outcome == COMPLETED


def test_the_shorter_of_two_paths_completes_the_journey():
    person = Traveller(
        drawn(entry("a", "m"), multi_branch("m", "v", "w"), delay("v", 9 * DAY), delay("w", 2 * DAY)),
    )
    person.lines = {"a": [T0], "m/0": [T0], "m/1": [T0 + DAY]}

    assert person.until(T0 + 3 * DAY - 1, T0).outcome is None
    assert person.until(T0 + 3 * DAY).outcome == COMPLETED


def test_a_delay_at_the_end_only_puts_off_the_completion():
    person = Traveller(drawn(entry("a", "d"), send("d", "w"), delay("w", 2 * DAY)))
    person.lines = {"a": [T0]}

    assert (person.at(T0).held, person.here.outcome, person.due) == (["a", "d"], None, T0 + 2 * DAY)
    assert (person.at(T0 + 2 * DAY).outcome, person.due) == (COMPLETED, None)


def test_the_exit_empties_every_stop():
    person = Traveller(bought(exit_after=7 * DAY))
    person.lines = {"a": [EARLY]}

    assert person.until(T0 + 6 * DAY, EARLY).held == ["a"]
    assert person.due == EARLY + 7 * DAY
    assert person.until(T0 + 30 * DAY) == Passage(
        cycle=1, entered_at=EARLY, exited_at=EARLY + 7 * DAY, outcome=EXITED, cut=T0
    )
    assert person.due is None


def test_whoever_completed_before_the_exit_has_not_exited_early():
    person = Traveller(bought(exit_after=7 * DAY))
    person.lines = {"a": [EARLY], "b": [EARLY]}

    assert person.until(T0 + 30 * DAY, EARLY).outcome == COMPLETED
    assert person.here.exited_at == EARLY + 7 * DAY


@pytest.mark.parametrize(("wait", "outcome"), [(7 * DAY - 1, COMPLETED), (7 * DAY, EXITED)])
@pytest.mark.parametrize("late", [0, 9 * DAY])
def test_what_came_first_is_the_outcome_however_late_it_is_noticed(wait, outcome, late):
    person = Traveller(drawn(entry("a", "w"), delay("w", wait), exit_after=7 * DAY))
    person.lines = {"a": [T0]}
    person.at(T0)

    assert person.at(T0 + 7 * DAY + late).outcome == outcome
    assert person.here.exited_at == T0 + 7 * DAY


def test_nothing_is_joined_at_the_instant_of_the_exit():
    person = Traveller(drawn(entry("a", "w"), delay("w", 7 * DAY, "d"), send("d"), exit_after=7 * DAY))
    person.lines = {"a": [T0]}

    assert person.until(T0 + 90 * DAY, T0).outcome == EXITED


def again():
    return drawn(entry("a", "d"), send("d"), exit_after=7 * DAY, reentry_after=30 * DAY)


def test_whoever_meets_the_condition_when_the_time_is_up_is_back_at_once():
    person = Traveller(again())
    exit_at, back = EARLY + 7 * DAY, EARLY + 37 * DAY
    person.lines = {"a": [EARLY, exit_at, T0 + 36 * DAY, T0 + 43 * DAY]}

    assert person.until(EARLY, EARLY).held == ["a", "d"]
    assert (person.until(exit_at).held, person.due) == ([], back)
    assert person.asked == set()
    assert person.until(back) == Passage(
        cycle=2, entered_at=back, outcome=COMPLETED, cut=T0, joined={"a": back, "d": back}, held=["a", "d"]
    )
    assert person.until(back + 7 * DAY).exited_at == back + 7 * DAY
    assert person.here.cycle == 2


def test_whoever_meets_it_only_later_is_back_then():
    person = Traveller(again(), foreseen=False)
    person.lines = {"a": [EARLY, T0 + 7 * DAY, T0 + 20 * DAY, T0 + 27 * DAY, T0 + 40 * DAY]}
    events = (EARLY, T0 + 7 * DAY, T0 + 20 * DAY, T0 + 27 * DAY)

    assert person.until(T0 + 37 * DAY + HOUR, *events).cycle == 1
    assert person.due is None
    assert person.at(T0 + 40 * DAY).joined == {"a": T0 + 40 * DAY, "d": T0 + 40 * DAY}


def test_the_time_until_coming_back_runs_from_the_exit_and_not_from_its_notice():
    person = Traveller(again())
    person.lines = {"a": [T0]}
    person.at(T0)

    assert person.at(T0 + 20 * DAY).exited_at == T0 + 7 * DAY
    assert person.due == T0 + 37 * DAY


def test_an_exit_and_the_next_entry_may_be_noticed_together():
    person = Traveller(again())
    person.lines = {"a": [T0]}
    person.at(T0)
    late = T0 + 50 * DAY

    assert person.at(late).joined == {"a": late, "d": late}
    assert (person.here.cycle, person.here.entered_at, person.due) == (2, late, late + 7 * DAY)


def test_without_a_way_back_there_is_one_pass():
    person = Traveller(drawn(entry("a", "d"), send("d"), exit_after=7 * DAY))
    person.lines = {"a": [T0]}

    assert person.until(T0 + 900 * DAY, T0).cycle == 1
    assert person.at(T0 + 901 * DAY).cycle == 1
    assert (person.due, person.asked) == (None, set())
