"""Two people who turn out to be one, in the same version of a journey."""

import msgspec
import pytest

from chalicelib.clock import DAY
from chalicelib.journeys.passage import COMPLETED, EXITED, Passage, united

from .drawing import T0, Traveller, condition, drawn, entry, multi_branch, random_split, send, true_false

INSIDE = Passage(cycle=1, entered_at=T0 + DAY, cut=T0, joined={"a": T0 + DAY}, held=["a"])
LEFT = Passage(cycle=2, entered_at=T0, exited_at=T0 + 2 * DAY, outcome=EXITED, cut=T0)
BARRED = Passage(barred=T0)


def inside(entered_at: int, cycle: int = 1, **joined: int) -> Passage:
    return Passage(cycle=cycle, entered_at=entered_at, cut=T0, joined={"a": entered_at, **joined}, held=["a", *joined])


def test_all_that_either_joined_stays_at_the_earlier_time():
    kept = inside(T0 + 3, cycle=2, b=T0 + 5, c=T0 + 9)
    gone = inside(T0 + 1, cycle=4, b=T0 + 7, d=T0 + 8)

    assert united(kept, gone) == Passage(
        cycle=4,
        entered_at=T0 + 1,
        cut=T0,
        joined={"a": T0 + 1, "b": T0 + 5, "c": T0 + 9, "d": T0 + 8},
        held=["a", "b", "c", "d"],
    )


def test_the_cut_is_that_of_whoever_came_in_earlier():
    late, early = (msgspec.structs.replace(inside(T0 + at), cut=T0 + at) for at in (9, 5))

    assert united(late, early).cut == united(early, late).cut == T0 + 5


def test_what_one_completed_is_complete():
    done = msgspec.structs.replace(INSIDE, outcome=COMPLETED)

    assert united(INSIDE, done).outcome == united(done, INSIDE).outcome == COMPLETED


@pytest.mark.parametrize("other", [LEFT, BARRED])
def test_whoever_is_inside_stays_inside(other):
    expected = msgspec.structs.replace(INSIDE, cycle=max(1, other.cycle))

    assert united(INSIDE, other) == united(other, INSIDE) == expected


def test_an_exit_counts_for_whoever_never_entered_and_the_bar_stays():
    expected = msgspec.structs.replace(LEFT, barred=T0)

    assert united(LEFT, BARRED) == united(BARRED, LEFT) == expected


def test_of_two_exits_the_later_counts():
    earlier = Passage(cycle=3, entered_at=T0, exited_at=T0 + DAY, outcome=COMPLETED, cut=T0 - DAY)

    expected = msgspec.structs.replace(LEFT, cycle=3)
    assert united(LEFT, earlier) == united(earlier, LEFT) == expected


def test_the_newest_bar_stays():
    assert united(BARRED, Passage(barred=T0 + DAY)) == Passage(barred=T0 + DAY)
    assert united(Passage(barred=T0 + DAY), BARRED) == Passage(barred=T0 + DAY)


def test_nothing_changes_when_the_same_is_taken_in_again():
    for passage in (INSIDE, LEFT, BARRED, inside(T0, b=T0 + 1)):
        assert united(passage, passage) == passage


@pytest.mark.parametrize(("first", "second"), [("0", "1"), ("1", "0")])
def test_of_the_sides_of_a_split_the_one_that_was_joined_earlier_is_kept(first, second):
    route = drawn(entry("a", "t"), true_false("t", "d", "e"), send("d"), send("e"))
    person = Traveller(route)
    person.lines = {"a": [T0], f"t/{first}": [T0]}
    sends = {"0": "d", "1": "e"}
    one = inside(T0, **{f"t/{first}": T0 + 1, sends[first]: T0 + 1})
    two = inside(T0, **{f"t/{second}": T0 + 2, sends[second]: T0 + 2})

    for both in (united(one, two), united(two, one)):
        person.passage = both
        assert person.at(T0 + DAY).joined == {
            "a": T0,
            f"t/{first}": T0 + 1,
            "d": both.joined["d"],
            "e": both.joined["e"],
        }
        assert {"d", "e"} <= set(person.here.held)
        assert f"t/{second}" not in person.here.held


def test_what_was_completed_on_the_side_that_is_lost_stays_complete():
    person = Traveller(drawn(entry("a", "t"), true_false("t", "c", None), condition("c"), exit_after=9 * DAY))
    person.lines = {"a": [T0], "t/0": [T0]}
    done = msgspec.structs.replace(inside(T0, **{"t/1": T0 + 2}), outcome=COMPLETED)
    person.passage = united(inside(T0, **{"t/0": T0 + 1}), done)

    assert (person.at(T0 + DAY).outcome, person.here.held) == (COMPLETED, ["a", "t/0"])
    assert (person.at(T0 + 9 * DAY).outcome, person.here.held) == (COMPLETED, [])


def test_a_random_branch_that_was_taken_earlier_is_kept_whatever_is_drawn():
    route = drawn(entry("a", "r"), random_split("r", (100, None), (0, None)))
    person = Traveller(route)
    person.lines = {"a": [T0]}
    person.passage = united(inside(T0, **{"r/0": T0 + 2}), inside(T0, **{"r/1": T0 + 1}))

    assert person.at(T0 + DAY).held == ["a", "r/1"]


def test_branches_that_do_not_exclude_each_other_are_both_kept():
    person = Traveller(drawn(entry("a", "m"), multi_branch("m", "c", None), condition("c")))
    person.lines = {"a": [T0], "m/0": [T0], "m/1": [T0]}
    person.passage = united(inside(T0, **{"m/0": T0 + 2}), inside(T0, **{"m/1": T0 + 1}))

    assert person.at(T0 + DAY).held == ["a", "m/0", "m/1"]


def test_a_passage_is_stored_in_few_bytes_and_read_back():
    for passage in (Passage(), INSIDE, LEFT, BARRED):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(passage), type=Passage) == passage
    assert len(msgspec.msgpack.encode(INSIDE)) < 50
