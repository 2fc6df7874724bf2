"""Steps in a thread of their own, with somebody awake beside them."""

import threading

import pytest

from chalicelib.tasks.pace import Threaded

LONG = 60_000  # ms


def test_what_the_call_returns_or_raises_comes_back():
    assert Threaded().run(lambda: 7, lambda: LONG).value == 7
    error = Threaded().run(lambda: 1 / 0, lambda: LONG).error
    assert isinstance(error, ZeroDivisionError)


def test_while_the_call_runs_the_heart_beats():
    beats: list[int] = []
    enough = threading.Event()

    def beat() -> int:
        beats.append(1)
        if len(beats) == 5:
            enough.set()
        return 1

    assert Threaded().run(lambda: enough.wait(10), beat).value is True
    assert len(beats) >= 5


def test_a_beat_that_raises_gives_the_call_up():
    begun, release = threading.Event(), threading.Event()
    beats = iter([1, 1])

    def call() -> None:
        begun.set()
        release.wait(10)

    def beat() -> int:
        wait = next(beats, None)
        if wait is None:
            begun.wait(10)
            raise TimeoutError
        return wait

    with pytest.raises(TimeoutError):
        Threaded().run(call, beat)
    assert begun.is_set()
    release.set()


def test_nothing_is_begun_when_the_first_beat_raises():
    begun: list[int] = []

    def beat() -> int:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        Threaded().run(lambda: begun.append(1), beat)
    assert begun == []
