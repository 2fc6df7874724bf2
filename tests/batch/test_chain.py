"""Whoever dies between the end of one task and the beginning of the next one."""

from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.batch.chain import Chain
from chalicelib.batch.timetable import Timetable
from chalicelib.clock import HOUR
from chalicelib.tasks.engine import Engine
from chalicelib.tasks.task import Task
from tests.acceptance.world import World
from tests.batch.firm import group
from tests.batch.test_over_http import FIRST, account, audience, runs, shown
from tests.profile_api.crashing import Fate, Killed
from tests.tasks.simulated import SimulatedPace

from .whole import Ticking


class Ended:
    """A world in which the first computation of an audience has just ended, and nobody was told yet."""

    def __init__(self) -> None:
        self.world = World(Ticking())
        self.world.send(group("ada", "acme", traits={"seats": 20}))
        ends: list[Task] = []
        application: Any = self.world.application
        self._chain = application.completions._hearers.pop()
        application.completions.add(self)
        self.report = ends.append
        self.audience = audience(self.world, "trait('seats') > 10", "Big")
        self.world.drain()
        (self.task,) = (task for task in ends if task.kind == "compute")
        application.completions._hearers[-1] = self._chain

    def chain(self, fate: Fate) -> Chain:
        a = self.world.application.adapters
        engine = Engine(
            work=fate.befall(a.work),
            queues=fate.befall(a.queues),
            kinds=self.world.application.engine.worker._kinds,
            purpose=None,  # type: ignore[arg-type]  # nobody works here
            failures=None,  # type: ignore[arg-type]
            completions=None,  # type: ignore[arg-type]
            pace=SimulatedPace(a.clock),  # type: ignore[arg-type]
            clock=a.clock,
            ids=a.ids,
            jitter=lambda: 1.0,
        )
        return Chain(fate.befall(a.workspace), engine.tasks, Timetable(engine.schedules, a.ids, a.clock), a.clock)

    def check(self) -> None:
        self.world.advance(FIRST)
        assert account(self.world, "acme")["big"] is True
        assert [run["result"] for run in runs(self.world, self.audience)] == ["succeeded"]
        found = shown(self.world, self.audience)
        assert found["status"] == "Live"
        assert "nextExecution" in found["schedules"][0]
        assert len(list(self.world.application.engine.schedules.agenda.all())) >= 1
        self.world.advance(8 * HOUR // 1_000)
        assert len(runs(self.world, self.audience)) == 2


def test_the_first_run_is_made_once_whoever_dies_making_it() -> None:
    undisturbed, fate = Ended(), Fate()
    undisturbed.chain(fate).report(undisturbed.task)
    undisturbed.chain(Fate()).report(undisturbed.task)
    undisturbed.check()
    assert fate.calls > 5
    for at in range(1, fate.calls + 1):
        for after in (False, True):
            ended = Ended()
            with pytest.raises(Killed):
                ended.chain(Fate(at, after=after)).report(ended.task)
            ended.chain(Fate()).report(ended.task)
            ended.check()
    bootstrap.install(None)
    print(f"\n{2 * fate.calls} deaths between two tasks")
