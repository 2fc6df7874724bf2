"""Lines of tasks: who comes first goes first, and the dead hold nobody up."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import FixedClock
from chalicelib.errors import Conflict
from chalicelib.store.memory import MemoryRecords
from chalicelib.tasks import lanes as module
from chalicelib.tasks.lanes import ABANDONED, Lanes
from chalicelib.tasks.task import SUCCEEDED, Lane, Step, Task

NOON = 1_767_268_800_000


def task(task_id: str, **fields) -> Task:
    return Task(task_id=task_id, kind="k", space_id="s", slot="1", steps=(Step(name="one"),), created_at=NOON, **fields)


class Scene:
    def __init__(self) -> None:
        self.clock = FixedClock(NOON)
        self.tasks: dict[str, Task] = {}
        self.lanes = Lanes(MemoryRecords(self.clock), self.find, self.clock)

    def find(self, ids: Iterable[str]) -> dict[str, Task]:
        return {id: self.tasks[id] for id in ids if id in self.tasks}

    def enter(self, lane: Lane, task_id: str, **how) -> str:
        self.tasks.setdefault(task_id, task(task_id))
        return self.lanes.enter(lane, task_id, "k", **how)

    def names(self, lane: Lane) -> list[str]:
        return [place.task_id for place in self.lanes.line(lane.name)]


@given(st.integers(1, 4), st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh")), max_size=60))
def test_the_first_of_a_line_have_their_turn_in_order(width, moves):
    scene, lane, expected = Scene(), Lane("l", width), list[str]()
    for enters, name in moves:
        if enters:
            assert scene.enter(lane, name) == name
            expected += [] if name in expected else [name]
        else:
            had = expected[:width]
            expected = [one for one in expected if one != name]
            woken = scene.lanes.leave(lane, name)
            assert set(expected[:width]) - set(had) <= {woken}
        assert scene.names(lane) == expected
        assert [one for one in "abcdefgh" if scene.lanes.has_turn(lane, one)] == sorted(expected[:width])


def test_leaving_again_wakes_the_same_one_again():
    scene, lane = Scene(), Lane("l", 1)
    for name in "ab":
        scene.enter(lane, name)
    assert scene.lanes.leave(lane, "a") == "b"
    assert scene.lanes.leave(lane, "a") == "b"
    assert scene.lanes.leave(lane, "b") is None


def test_a_closed_task_holds_up_nobody():
    scene, lane = Scene(), Lane("l", 1)
    for name in "ab":
        scene.enter(lane, name)
    assert not scene.lanes.has_turn(lane, "b")
    scene.tasks["a"] = task("a", status=SUCCEEDED)
    assert scene.lanes.has_turn(lane, "b")


def test_a_task_that_was_never_made_holds_up_nobody_for_long():
    scene, lane = Scene(), Lane("l", 1)
    scene.lanes.enter(lane, "phantom", "k")
    scene.enter(lane, "b")
    assert not scene.lanes.has_turn(lane, "b")
    scene.clock.advance(ABANDONED)
    assert scene.lanes.has_turn(lane, "b")
    assert scene.names(lane) == ["b"]


def test_nobody_loses_his_place_in_a_long_line():
    scene, lane = Scene(), Lane("l", 1)
    names = [f"{number:02}" for number in range(2 * module.CHECKED)]
    for name in names:
        scene.enter(lane, name)
    scene.clock.advance(2 * ABANDONED)
    scene.tasks["00"] = task("00", status=SUCCEEDED)
    assert scene.lanes.has_turn(lane, "01")
    assert scene.names(lane) == names[1:]


def test_a_rule_keeps_tasks_out_unless_those_inside_are_dead():
    scene, lane = Scene(), Lane("l", 1)

    def only_one(line):
        return line[-1].task_id if line else None

    assert scene.enter(lane, "a", rule=only_one) == "a"
    assert scene.enter(lane, "b", rule=only_one) == "a"
    assert scene.enter(lane, "a", rule=only_one) == "a"
    assert scene.names(lane) == ["a"]
    scene.tasks["a"] = task("a", status=SUCCEEDED)
    assert scene.enter(lane, "b", rule=only_one) == "b"


def test_lines_are_finite(monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    scene, lane = Scene(), Lane("l", 1)
    for name in "abc":
        scene.enter(lane, name)
    with pytest.raises(Conflict):
        scene.enter(lane, "d")


def test_an_empty_line_is_forgotten_and_begins_anew():
    scene, lane = Scene(), Lane("l", 1)
    scene.enter(lane, "a")
    scene.lanes.leave(lane, "a")
    scene.clock.advance(module.EMPTY_FOR + 1_000)
    assert scene.enter(lane, "b") == "b"
    assert scene.lanes.has_turn(lane, "b")
