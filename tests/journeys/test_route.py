"""Drawing the stops of a version, and whom earlier versions keep out."""

import pytest

from chalicelib.clock import DAY, HOUR
from chalicelib.journeys.model import ARCHIVED, DRAFT, DRAINING, LIVE, PAUSED, Settings
from chalicelib.journeys.route import Route, Stop, Way, route_of

from .drawing import (
    T0,
    advert,
    condition,
    delay,
    drawn,
    entry,
    journey_of,
    multi_branch,
    random_split,
    send,
    standing,
    true_false,
    version_of,
)


def stops(route: Route) -> dict[str, Stop]:
    return {stop.id: stop for stop in route.stops}


def test_delays_in_a_row_add_up_on_the_way():
    route = drawn(entry("a", "w"), delay("w", DAY, "v"), delay("v", HOUR, "c"), condition("c"))

    assert [stop.id for stop in route.stops] == ["a", "c"]
    assert list(stops(route)["c"].ways) == [Way("a", DAY + HOUR)]
    assert list(stops(route)["a"].ways) == []


def test_every_side_of_a_split_is_a_stop_that_the_same_ways_lead_to():
    route = drawn(
        entry("a", "w"), delay("w", DAY, "t"), true_false("t", "d", "e"), send("d", "f"), send("e", "f"), send("f")
    )

    assert [stop.id for stop in route.stops] == ["a", "t/0", "t/1", "d", "e", "f"]
    assert list(stops(route)["t/0"].ways) == list(stops(route)["t/1"].ways) == [Way("a", DAY)]
    assert list(stops(route)["d"].ways) == [Way("t/0", 0)]
    assert list(stops(route)["e"].ways) == [Way("t/1", 0)]
    assert list(stops(route)["f"].ways) == [Way("d", 0), Way("e", 0)]
    assert [(stop.step_id, stop.place) for stop in route.stops[1:3]] == [("t", 0), ("t", 1)]


def test_a_step_comes_after_all_its_ancestors_however_it_is_listed():
    route = drawn(
        send("d", "e"), send("e"), multi_branch("m", "e", "c"), condition("c", "d"), entry("a", "m"), status=LIVE
    )

    assert [stop.id for stop in route.stops] == ["a", "m/0", "m/1", "c", "d", "e"]
    assert sorted(stops(route)["e"].ways) == [Way("d", 0), Way("m/0", 0)]


def test_a_path_ends_at_a_stop_or_after_the_delays_behind_it():
    route = drawn(
        entry("a", "m"), multi_branch("m", "w", "d"), delay("w", DAY, "v"), delay("v", DAY), send("d", "x"), advert("x")
    )

    assert {stop.id: stop.ends for stop in route.stops} == {
        "a": None, "m/0": 2 * DAY, "m/1": None, "d": None, "x": 0,
    }  # fmt: skip


def test_a_stop_knows_its_audience_and_whether_it_asks_anything():
    route = drawn(
        entry("a", "t"), true_false("t", "r", "m"), random_split("r", (100, None)), multi_branch("m", "d", "x"),
        send("d"), advert("x", remove_after=DAY),
    )  # fmt: skip
    found = stops(route)

    assert {stop.id for stop in route.stops if stop.conditional} == {"a", "t/0", "t/1", "m/0", "m/1"}
    assert (found["t/1"].key, found["t/1"].computation_id) == ("j_o_t_false", "aud_t_false")
    assert [stop.id for stop in route.stops if stop.remove_after == DAY] == ["x"]
    assert found["r/0"].lineage == "l_r"


def test_the_draws_of_random_branches_follow_each_other_and_leave_none_out():
    route = drawn(
        entry("a", "r"), random_split("r", (33.33, None), (33.33, None), (16.67, None), (16.66, None), (0.01, None))
    )

    assert [(stop.low, stop.high) for stop in route.stops[1:]] == [
        (0, 3333), (3333, 6666), (6666, 8333), (8333, 9999), (9999, 10_000),
    ]  # fmt: skip


def test_the_last_cut_counts_for_those_who_come_in_and_the_first_one_for_those_inside():
    route = drawn(entry("a"), cuts=(T0, T0 + DAY, T0 + 3 * DAY), exit_after=7 * DAY, reentry_after=30 * DAY)

    assert (route.first_cut, route.cut) == (T0, T0 + 3 * DAY)
    assert (route.exit_after, route.reentry_after) == (7 * DAY, 30 * DAY)


@pytest.mark.parametrize(("status", "opens"), [(LIVE, True), (PAUSED, False), (DRAINING, False), (ARCHIVED, False)])
def test_only_a_live_version_lets_people_in(status, opens):
    assert drawn(entry("a"), status=status).opens is opens


def test_history_only_counts_at_the_publication():
    assert drawn(entry("a")).bars
    assert not drawn(entry("a"), history=True).bars
    assert drawn(entry("a"), history=True, cuts=(T0, T0 + DAY)).bars


def second(*earlier, **facts):
    journey = journey_of(*earlier, standing(2, **facts), standing(3, DRAFT, ()))
    return route_of(journey, version_of([entry("a")], number=2))


@pytest.mark.parametrize(
    ("facts", "blocks"),
    [
        ({"status": DRAINING, "exits": True}, True),
        ({"status": PAUSED, "exits": True}, True),
        ({"status": ARCHIVED, "exits": True, "was_drained": True}, True),
        ({"status": ARCHIVED, "exits": True}, False),
        ({"status": DRAINING}, False),
        ({"status": ARCHIVED, "was_drained": True}, False),
    ],
)
def test_an_earlier_version_blocks_whom_it_was_left_to_lead_out(facts, blocks):
    assert list(second(standing(1, **facts)).blocking) == (["jov_1"] if blocks else [])
    assert list(second(standing(1, **facts)).excluding) == []


def test_later_versions_keep_nobody_out():
    journey = journey_of(standing(1), standing(2, DRAINING, exits=True, exclusive=True))

    route = route_of(journey, version_of([entry("a")]))

    assert (list(route.blocking), list(route.excluding)) == ([], [])


def test_an_exclusive_version_keeps_out_everybody_who_was_in_an_earlier_one():
    journey = journey_of(standing(1, ARCHIVED), standing(2, DRAINING), standing(3, exclusive=True))

    assert list(route_of(journey, version_of([entry("a")], number=3)).excluding) == ["jov_1", "jov_2"]


def test_nobody_travels_through_a_version_that_was_not_published():
    with pytest.raises(ValueError, match="not published"):
        route_of(journey_of(standing(1, DRAFT, ())), version_of([entry("a")]))
    with pytest.raises(ValueError, match="not published"):
        route_of(journey_of(), version_of([entry("a")], Settings()))


def test_a_share_of_hundredths_is_not_cut_short():
    # 0.57 * 100 is a little below 57 as a float
    route = drawn(entry("a", "r"), random_split("r", (0.57, None), (99.43, None)))

    assert [(stop.low, stop.high) for stop in route.stops[1:]] == [(0, 57), (57, 10_000)]
