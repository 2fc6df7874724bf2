from chalicelib.clock import DAY, HOUR
from chalicelib.journeys.model import PAUSED
from chalicelib.journeys.passage import EXITED, Passage
from chalicelib.journeys.whereabouts import CONDITION, DELAY, exits_at, places, reenters_at

from .drawing import T0, Traveller, condition, delay, drawn, entry, multi_branch, random_split, send, true_false

SIMPLE = (entry("a", "w"), delay("w", DAY, "b"), condition("b", "d"), send("d"))


def seen(route, passage, now, moves=True):
    """By stop, of those that there is something to say of."""
    found = {place.stop.id: place for place in places(route, passage, moves, now)}
    assert list(found) == [stop.id for stop in route.stops]
    return {id: tuple(place[1:]) for id, place in found.items() if any(place[1:])}


def inside(**joined):
    return Passage(cycle=1, entered_at=min(joined.values()), cut=T0, joined=joined, held=["a"])


def test_a_delay_is_told_with_its_end_and_a_condition_without():
    passage, route = inside(a=T0), drawn(*SIMPLE)
    assert seen(route, passage, T0 + HOUR) == {"a": (T0, True, None, None), "b": (None, False, DELAY, T0 + DAY)}
    assert seen(route, passage, T0 + DAY) == {"a": (T0, True, None, None), "b": (None, False, CONDITION, None)}


def test_whoever_joined_a_stop_need_not_be_its_member():
    passage = inside(b=T0 + DAY, a=T0)
    assert seen(drawn(*SIMPLE), passage, T0 + DAY)["b"] == (T0 + DAY, False, None, None)


def test_of_several_ways_the_first_to_open_counts():
    route = drawn(entry("a", "m"), multi_branch("m", "d", "w"), delay("w", DAY, "d"), send("d"))
    assert seen(route, inside(a=T0), T0) == {
        "a": (T0, True, None, None),
        "m/0": (None, False, CONDITION, None),
        "m/1": (None, False, CONDITION, None),
    }
    passage = inside(a=T0, **{"m/1": T0 + HOUR})
    assert seen(route, passage, T0 + HOUR)["d"] == (None, False, DELAY, T0 + HOUR + DAY)
    passage = inside(a=T0, **{"m/0": T0 + 2 * HOUR, "m/1": T0 + HOUR})
    assert "d" not in seen(route, passage, T0 + 2 * HOUR)  # the next look takes them there


def test_both_sides_of_a_split_wait_for_its_delay_and_one_is_closed_for_good():
    for split in (true_false("t", "d", None), random_split("t", (50, "d"), (50, None))):
        route = drawn(entry("a", "w"), delay("w", DAY, "t"), split, send("d"))
        waiting = (None, False, DELAY, T0 + DAY)
        found = seen(route, inside(a=T0), T0 + HOUR)
        assert found == {"a": (T0, True, None, None), "t/0": waiting, "t/1": waiting}
        found = seen(route, inside(a=T0, **{"t/1": T0 + DAY}), T0 + DAY)
        assert found.keys() == {"a", "t/1"}


def test_somebody_who_never_entered_waits_for_the_entry_condition_where_anybody_may_come_in():
    assert seen(drawn(*SIMPLE), Passage(), T0) == {"a": (None, False, CONDITION, None)}
    assert seen(drawn(*SIMPLE, status=PAUSED), Passage(), T0) == {}


def test_who_left_waits_to_come_again_if_that_is_ever_possible():
    away = Passage(cycle=1, entered_at=T0, exited_at=T0 + DAY, outcome=EXITED)
    again = drawn(*SIMPLE, exit_after=DAY, reentry_after=2 * DAY)
    assert reenters_at(again, away) == T0 + 3 * DAY
    assert seen(again, away, T0 + 2 * DAY) == {"a": (None, False, DELAY, T0 + 3 * DAY)}
    assert seen(again, away, T0 + 3 * DAY) == {"a": (None, False, CONDITION, None)}
    never = drawn(*SIMPLE, exit_after=DAY)
    assert reenters_at(never, away) is None
    assert seen(never, away, T0 + 9 * DAY) == {}


def test_the_exit_is_known_while_inside():
    route = drawn(*SIMPLE, exit_after=7 * DAY)
    assert exits_at(route, inside(a=T0 + HOUR)) == T0 + HOUR + 7 * DAY
    assert exits_at(route, Passage()) is exits_at(drawn(*SIMPLE), inside(a=T0)) is None


def test_where_nobody_moves_nobody_waits():
    assert seen(drawn(*SIMPLE), inside(a=T0), T0, moves=False) == {"a": (T0, True, None, None)}


def test_it_agrees_with_the_way_people_travel():
    ada = Traveller(drawn(*SIMPLE), foreseen=False)
    ada.lines = {"a": (T0,), "b": (T0 + 3 * DAY,)}
    told = seen(ada.route, ada.at(T0), T0)["b"]
    assert told == (None, False, DELAY, ada.due)
    assert seen(ada.route, ada.at(T0 + DAY), T0 + DAY)["b"] == (None, False, CONDITION, None)
    assert ada.due is None
    assert seen(ada.route, ada.at(T0 + 3 * DAY), T0 + 3 * DAY).keys() == {"a", "b", "d"}
