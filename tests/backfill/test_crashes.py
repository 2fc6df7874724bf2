"""Whoever takes a definition in, or asks for it, may die before or after any call: it is taken in all the same.

The calls are counted in an undisturbed run, and every one of them is tried."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.clock import DAY, SECOND
from tests.backfill.plain_past import PlainPast
from tests.backfill.town import SETTLE, Process, Town
from tests.pipeline.wire import Killed

Point = tuple[int, str]


class Mortal:
    """Stands in front of ports; dies once, before or after one call."""

    def __init__(self, dies: Point | None = None) -> None:
        self.calls, self.dies = 0, dies

    def around(self, port: Any) -> Any:
        return _Port(port, self)

    def call(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.dies == (self.calls, "before"):
            raise Killed
        answer = call()
        if self.dies == (self.calls, "after"):
            raise Killed
        return answer


class _Port:
    def __init__(self, port: Any, mortal: Mortal) -> None:
        self._port, self._mortal = port, mortal

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self._mortal.call(lambda: found(*args, **kwargs))


def town(scratch: Path) -> Town:
    """People with a past, some of it old, one merged, and somebody whom nobody knows by name."""
    made = Town(scratch, PlainPast)
    made.send({"event": "A", "u": "u1"}, {"event": "B", "u": "u2", "v": 3}, {"event": "A", "a": "a1"})
    made.clock.advance(2 * DAY)
    made.send({"event": "A", "u": "u1"}, {"event": "A", "u": "u3", "ago": DAY}, {"event": "B", "u": "u3"})
    made.send({"event": "B", "u": "u1", "a": "a1"})
    made.clock.advance(SECOND)
    return made


def live(made: Town) -> None:
    made.send({"event": "A", "u": "u1"}, {"event": "B", "u": "u2"}, {"event": "A", "u": "u4"})


def worked_off(made: Town, worker: Process) -> None:
    """With events in between, as they come while a run waits."""
    for _ in range(3):
        worker.compute()
        live(made)
        made.clock.advance(SETTLE)


def every_death(scratch: Path, prepare: Callable[[Town], None], work: Callable[[Town, Process], None]) -> int:
    """How many deaths were tried; all values are checked after each."""
    undisturbed = Mortal()
    _die(scratch, prepare, work, undisturbed)
    points = [(n, phase) for n in range(1, undisturbed.calls + 1) for phase in ("before", "after")]
    for point in points:
        _die(scratch, prepare, work, Mortal(point))
    return len(points)


def _die(scratch: Path, prepare: Callable[[Town], None], work: Callable[[Town, Process], None], mortal: Mortal) -> None:
    made = town(scratch)
    prepare(made)
    try:
        work(made, Process(made, mortal.around))
    except Killed:
        live(made)
    made.clock.advance(125 * SECOND)
    made.tick()
    made.run()
    assert {(c.stage, c.ready, c.upcoming) for c in made.computations()} <= {("live", True, None)}, mortal.dies
    made.check()
    assert made.archive.list("runs/") == [], mortal.dies


def test_a_first_run(tmp_path: Path) -> None:
    def prepare(made: Town) -> None:
        made.audience("Often", "event('A').count() >= 2")

    assert every_death(tmp_path, prepare, worked_off) > 100


def test_an_edit(tmp_path: Path) -> None:
    def prepare(made: Town) -> None:
        trait = made.trait("Sum", "event('A').sum(property('v'))")
        made.run()
        made.update(trait, definition={"query": "event('B').count()", "type": "USERS"})

    assert every_death(tmp_path, prepare, worked_off) > 100


def test_an_owner(tmp_path: Path) -> None:
    def create(made: Town, by: Process) -> None:
        made.audience("Often", "event('A').count() >= 2", by)

    assert every_death(tmp_path, lambda made: None, create) > 10

    def prepare(made: Town) -> None:
        made.audience("Often", "event('A').count() >= 2")
        made.run()

    def edit(made: Town, by: Process) -> None:
        (one,) = made.computations()
        made.update(one, by, definition={"query": "event('B').count() >= 1"})

    assert every_death(tmp_path, prepare, edit) > 10

    def off(made: Town) -> None:
        prepare(made)
        (one,) = made.computations()
        made.update(one, enabled=False)

    def on(made: Town, by: Process) -> None:
        (one,) = made.computations()
        live(made)
        made.update(one, by, enabled=True)
        made.update(one, enabled=True)

    assert every_death(tmp_path, off, on) > 10
