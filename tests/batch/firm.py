"""A space whose computations of accounts are run by hand: steps of the kind, one call after the other."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from chalicelib.batch.members import Members
from chalicelib.batch.run import BatchRuns
from chalicelib.computations.computation import ACCOUNTS, AUDIENCE, TRAIT, Computation
from chalicelib.deadline import NoDeadline
from chalicelib.pipeline.fanout import OneByOne
from chalicelib.profiles.links import RecordedLinks
from chalicelib.profiles.lookup import Lookup
from chalicelib.tasks import machine
from chalicelib.tasks.kind import Done
from chalicelib.tasks.task import Step, Task
from tests.pipeline.shop import Shop, audience


def of_accounts(key: str, query: str, **fields: Any) -> Computation:
    kind = fields.pop("kind", AUDIENCE)
    id = f"aud_{key}" if kind == AUDIENCE else f"tra_{key}"
    return replace(audience(key, query, history=True, **fields), scope=ACCOUNTS, kind=kind, id=id)


def trait_of_accounts(key: str, query: str, **fields: Any) -> Computation:
    return of_accounts(key, query, kind=TRAIT, **fields)


def group(user: str | None, account: str, /, **fields: Any) -> dict[str, Any]:
    return {"type": "group", "groupId": account, **({"userId": user} if user else {}), **fields}


class Changes:
    def __init__(self) -> None:
        self.of: dict[str, tuple[int, int]] = {}

    def put(self, run_id: str, added: int, removed: int) -> None:
        self.of[run_id] = (added, removed)


class Firm(Shop):
    def __init__(self, computations: Iterable[Computation] = (), **stores: Any) -> None:
        super().__init__(computations, **stores)
        self.changes = Changes()
        self._runs = 0

    def runs(self, befall: Any = lambda port: port) -> BatchRuns:
        """`befall` wraps every port that a worker uses."""
        profiles, work = befall(self.profiles), befall(self.work)
        lookup = Lookup(profiles, self.identifiers)
        return BatchRuns(
            directory=befall(self.directory),
            profiles=profiles,
            lookup=lookup,
            members=Members(RecordedLinks(work), lookup),
            work=work,
            changes=befall(self.changes),
            fanout=OneByOne(),
            clock=self.clock,
        )

    def task(self, key: str) -> Task:
        self._runs += 1
        steps = tuple(Step(name=name) for name in self.runs().kind().steps)
        compiled = self.directory.catalogue.accounts[key]
        return Task(
            task_id=f"run-{self._runs}",
            kind="batch",
            space_id=self.space_id,
            slot=str(self._runs),
            steps=steps,
            created_at=self.clock.now(),
            computation_id=compiled.computation.id,
            status="running",
        )

    def work_on(self, task: Task, runs: BatchRuns, deadline: Any = None) -> Task:
        """One call of the present step."""
        step = task.current_step
        assert step is not None
        result = runs.kind().steps[step.name](task, step, deadline or NoDeadline())
        if isinstance(result, Done):
            return machine.complete(task, step.name, self.clock.now(), result.output_ref)
        assert result.value != step.cursor, "a step that stands still"
        return machine.save_cursor(task, step.name, result.value, self.clock.now())

    def run(self, key: str, deadline: Any = None) -> tuple[int, int]:
        """How many it added and removed."""
        task, runs = self.task(key), self.runs()
        while task.current_step is not None:
            task = self.work_on(task, runs, deadline)
        return self.changes.of[task.task_id]

    def account(self, name: str) -> Any:
        return self.profile(f"group_id:{name}", "accounts")

    def of_account(self, name: str, key: str) -> Any:
        return self.account(name).trait_values().get(key)

    def versions(self) -> dict[Any, int]:
        keys = self.profiles.keys()
        return {key: profile.version for key, profile in self.profiles.load(keys).items()}
