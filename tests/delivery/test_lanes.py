import threading

import pytest

from chalicelib.delivery.lanes import side_by_side


def always():
    return True


def run(lanes, perform, may_go_on=always):
    return list(side_by_side(lanes, perform, may_go_on))


@pytest.mark.parametrize("lanes", [[], [["a", "b", "c"]], [["a", "b"], ["c"], ["d", "e", "f"]]])
def test_everything_is_performed_once_and_in_the_order_of_its_lane(lanes):
    results = run(lanes, str.upper)
    assert sorted(results) == sorted((work, work.upper()) for lane in lanes for work in lane)
    for lane in lanes:
        assert [work for work, _ in results if work in lane] == lane


def test_a_lane_that_hangs_does_not_hold_up_the_others():
    go = threading.Event()

    def perform(work):
        if work == "slow":
            assert go.wait(20)
        return work

    results = side_by_side([["slow", "after"], ["a", "b"]], perform, always)
    assert [next(results)[0], next(results)[0]] == ["a", "b"]
    go.set()
    assert [work for work, _ in results] == ["slow", "after"]


@pytest.mark.parametrize("lanes", [[[1, 2, 3]], [[1, 2, 3], [4, 5, 6]]])
def test_nothing_is_begun_when_time_is_up(lanes):
    begun: list[int] = []
    assert run(lanes, begun.append, lambda: False) == []
    assert begun == []


def test_the_rest_of_a_lane_is_left_when_time_runs_out():
    begun: list[int] = []
    run([[1, 2, 3]], begun.append, lambda: len(begun) < 2)
    assert begun == [1, 2]


@pytest.mark.parametrize("lanes", [[["a"]], [["a"], ["b"]]])
def test_an_error_reaches_the_caller(lanes):
    def perform(work):
        raise KeyboardInterrupt(work)

    with pytest.raises(KeyboardInterrupt):
        run(lanes, perform)


def test_beside_others_a_lane_has_only_its_turn_and_always_a_first():
    def turn():
        return lambda: False

    results = list(side_by_side([["a", "b"], ["c"], ["d", "e", "f"]], str.upper, always, turn))
    assert sorted(work for work, _ in results) == ["a", "c", "d"]


def test_a_lane_alone_has_all_the_time():
    assert len(list(side_by_side([["a", "b", "c"]], str.upper, always, lambda: lambda: False))) == 3


def test_more_lanes_than_threads_all_come_to_an_end():
    lanes = [[(lane, place) for place in range(3)] for lane in range(200)]
    assert len(run(lanes, lambda work: work)) == 600
