"""Who is kept out of a version: by what held at its cut, by its status and by earlier versions."""

from typing import Any

from chalicelib.clock import DAY, HOUR
from chalicelib.journeys.model import ARCHIVED, DRAINING, PAUSED, Settings
from chalicelib.journeys.passage import Passage
from chalicelib.journeys.route import Route, route_of
from chalicelib.journeys.travel import meet

from .drawing import T0, Traveller, condition, delay, drawn, entry, journey_of, send, standing, version_of

EARLY = T0 + HOUR
RESUMED = T0 + 3 * DAY


def steps():
    return entry("a", "w"), delay("w", 5 * DAY, "b"), condition("b", "d"), send("d")


def route(status="live", cuts=(T0,), **settings):
    return drawn(*steps(), status=status, cuts=cuts, **settings)


def barred(cut=T0):
    return Passage(barred=cut)


def test_whom_the_condition_holds_for_at_the_cut_is_barred():
    assert meet(route(), None, True) == barred()
    assert meet(route(), None, False) is None
    assert meet(route(cuts=(T0, RESUMED)), None, True) == barred(RESUMED)


def test_history_bars_nobody_at_the_publication_but_at_every_resume():
    assert meet(route(history=True), None, True) is None
    assert meet(route(history=True, cuts=(T0, RESUMED)), None, True) == barred(RESUMED)


def test_a_cut_does_not_concern_whoever_is_inside():
    inside = Passage(cycle=1, entered_at=EARLY, cut=T0, joined={"a": EARLY}, held=["a"])

    assert meet(route(cuts=(T0, RESUMED)), inside, True) is inside


def test_a_cut_bars_the_next_entry_of_whoever_has_left():
    left = Passage(cycle=1, entered_at=T0, exited_at=T0 + DAY, outcome="exited", cut=T0)
    reopened = route(cuts=(T0, RESUMED), exit_after=DAY, reentry_after=HOUR)
    met = meet(reopened, left, True)
    person = Traveller(reopened)
    person.passage, person.lines = met, {("a", RESUMED): [RESUMED, T0 + 5 * DAY, T0 + 6 * DAY]}

    assert met == Passage(cycle=1, entered_at=T0, exited_at=T0 + DAY, outcome="exited", cut=T0, barred=RESUMED)
    assert person.until(T0 + 5 * DAY - 1, RESUMED) == met
    assert person.until(T0 + 5 * DAY) == left
    assert person.until(T0 + 6 * DAY).cut == RESUMED
    assert person.here.cycle == 2


def test_whoever_is_barred_comes_in_when_the_condition_has_failed_and_holds_again():
    person = Traveller(route())
    person.passage, person.lines = barred(), {"a": [T0, T0 + DAY, T0 + 2 * DAY]}

    assert person.at(EARLY) == barred()
    assert person.due == T0 + DAY
    person.at(T0 + DAY)
    assert person.passage is None
    assert person.until(T0 + 2 * DAY).entered_at == T0 + 2 * DAY


def test_a_failure_lifts_the_bar_for_those_who_may_not_come_in_yet():
    person = Traveller(route())
    person.passage, person.lines = barred(), {"a": [T0, T0 + DAY, T0 + 2 * DAY]}
    person.eligible = False

    person.until(T0 + DAY, T0)
    assert person.passage is None
    person.eligible = True
    assert person.at(T0 + 2 * DAY).cycle == 1


def test_a_bar_of_an_older_cut_is_none():
    person = Traveller(route(cuts=(T0, RESUMED)))
    person.passage, person.lines = barred(T0), {("a", T0): [T0], ("a", RESUMED): [RESUMED + DAY]}

    assert person.until(RESUMED + DAY, RESUMED) == Passage(
        cycle=1, entered_at=RESUMED + DAY, cut=RESUMED, joined={"a": RESUMED + DAY}, held=["a"]
    )


def test_a_bar_of_a_cut_not_heard_of_yet_is_respected():
    person = Traveller(route())
    person.passage, person.lines = barred(RESUMED), {"a": [T0]}

    assert person.at(RESUMED) == barred(RESUMED)


def test_a_closed_version_lets_nobody_in_and_moves_those_inside():
    for status in (PAUSED, DRAINING):
        outside, inside = Traveller(route(status)), Traveller(route())
        outside.lines = inside.lines = {"a": [T0], "b": [T0]}
        inside.at(EARLY)
        inside.route = outside.route

        assert outside.at(EARLY) == Passage()
        assert (outside.due, outside.asked) == (None, set())
        assert inside.until(EARLY + 5 * DAY).held == ["a", "b", "d"]


def test_a_closed_version_lets_nobody_back_in_but_out():
    person = Traveller(route(exit_after=DAY, reentry_after=HOUR))
    person.lines = {"a": [T0]}
    person.at(T0)
    person.route = route(PAUSED, exit_after=DAY, reentry_after=HOUR)

    assert person.until(T0 + 90 * DAY).exited_at == T0 + DAY
    assert (person.here.cycle, person.due) == (1, None)


def test_a_pause_only_stops_those_who_are_not_inside():
    one, two = Traveller(route(), "pro_1", foreseen=False), Traveller(route(), "pro_2", foreseen=False)
    one.lines = {"a": [EARLY], "b": [EARLY]}
    two.lines = {("a", T0): [T0 + DAY + 2 * HOUR], ("a", RESUMED): [T0 + 4 * DAY]}
    one.at(EARLY)
    one.route = two.route = route(PAUSED)
    assert two.at(T0 + DAY + 2 * HOUR) == Passage()

    one.route = two.route = route(cuts=(T0, RESUMED))
    two.passage = meet(two.route, two.passage, two.holds("a", RESUMED, RESUMED)[0])

    assert two.at(RESUMED) == Passage()
    assert two.at(T0 + 4 * DAY).joined == {"a": T0 + 4 * DAY}
    assert one.until(EARLY + 5 * DAY).joined["d"] == EARLY + 5 * DAY


def test_the_entry_of_whoever_is_inside_keeps_the_cut_they_came_in_under():
    person = Traveller(route())
    person.lines = {("a", T0): [EARLY], ("a", RESUMED): []}
    person.at(EARLY)
    person.route = route(cuts=(T0, RESUMED))

    assert person.at(RESUMED).held == ["a"]
    assert person.asked == {("a", T0)}
    person.at(EARLY + 5 * DAY)
    assert person.asked == {("a", T0), ("b", T0)}


class Versions:
    """A journey through which one person goes, the second version of which is published on the second day."""

    def __init__(self, **settings: Any) -> None:
        self.steps = (entry("a", "d"), send("d"))
        self.settings = Settings(**settings)
        self.old = Traveller(drawn(*self.steps, **settings))
        self.old.lines = {"a": [EARLY]}
        self.old.at(EARLY)
        self.new = Traveller(self.route_of_new(status=DRAINING))
        self.new.lines = {"a": [T0 + 3 * DAY]}

    def route_of_new(self, exclusive: bool = False, **facts) -> Route:
        exits = self.settings.exit_after is not None
        journey = journey_of(standing(1, exits=exits, **facts), standing(2, cuts=(T0 + 2 * DAY,), exclusive=exclusive))
        return route_of(journey, version_of(self.steps, self.settings, 2))

    def travel(self, now: int) -> tuple[bool, bool]:
        """Whether the person is inside the old and the new version."""
        self.old.at(now)
        return self.arrive(now)

    def arrive(self, now: int) -> tuple[bool, bool]:
        self.new.others = {"jov_1": self.old.here}
        return self.old.here.is_inside, self.new.at(now).is_inside


def test_whoever_leaves_an_earlier_version_on_its_own_comes_in_after_that():
    both = Versions(exit_after=7 * DAY, reentry_after=30 * DAY)

    assert both.travel(T0 + 3 * DAY) == (True, False)
    assert (both.new.due, both.new.asked) == (None, set())
    assert both.travel(EARLY + 7 * DAY - 1) == (True, False)
    assert both.travel(EARLY + 7 * DAY) == (False, True)


def test_whoever_was_let_go_by_an_archived_version_comes_in():
    both = Versions(exit_after=7 * DAY)
    both.new.route = both.route_of_new(status=ARCHIVED)

    assert both.arrive(T0 + 3 * DAY) == (True, True)


def test_whoever_was_frozen_on_the_way_out_never_comes_in():
    both = Versions(exit_after=7 * DAY)
    assert both.travel(T0 + 3 * DAY) == (True, False)
    both.new.route = both.route_of_new(status=ARCHIVED, was_drained=True)

    assert both.arrive(T0 + 4 * DAY) == (True, False)
    assert both.arrive(T0 + 90 * DAY) == (True, False)


def test_an_earlier_version_without_an_exit_shares_its_people():
    both = Versions()

    assert both.travel(T0 + 3 * DAY) == (True, True)


def test_an_exclusive_version_never_takes_whoever_was_in_an_earlier_one():
    both = Versions(exit_after=7 * DAY)
    both.new.route = both.route_of_new(exclusive=True, status=DRAINING)

    assert both.travel(T0 + 3 * DAY) == (True, False)
    assert both.travel(EARLY + 7 * DAY) == (False, False)
    assert both.travel(T0 + 90 * DAY) == (False, False)


def test_an_exclusive_version_takes_whoever_never_was_in_an_earlier_one():
    both = Versions()
    both.new.route = both.route_of_new(exclusive=True, status=DRAINING)
    both.old.passage = barred()

    assert both.arrive(T0 + 3 * DAY) == (False, True)


def test_later_steps_look_back_to_the_publication_whenever_one_came_in():
    person = Traveller(route(cuts=(T0, RESUMED)))
    person.lines = {("a", RESUMED): [RESUMED], ("b", T0): [EARLY], ("b", RESUMED): []}

    assert person.until(RESUMED + 5 * DAY, RESUMED).held == ["a", "b", "d"]
    assert person.asked == {("a", RESUMED), ("b", T0)}
