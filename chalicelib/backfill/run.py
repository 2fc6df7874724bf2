"""The run that takes a definition in, as a task:

    prepare → settle → scan → apply → switch → wait → evaluate → finalize

Settling and waiting let all workers come to an end that may not know what was changed just before; waiting lasts until
everybody has been looked at for what the definition reads. What happens in `apply`, and why no event is lost or counted
twice, is told in `profiles.filling`. Where no stream is to be filled, settling, scanning and applying are over at once.
With the switch the new definition counts: values change in live traffic from then on, and `evaluate` looks once at
everybody whom no event comes for.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from .. import query
from ..clock import DAY, HOUR, Clock
from ..computations.catalogue import Compiled, compile_computation
from ..computations.computation import COMPUTING, PREPARING, Computation
from ..computations.computation import USERS as OF_USERS
from ..computations.editions import COMPUTE, EDIT, complete_streams, switched, taken_in, verified
from ..deadline import Deadline
from ..errors import NotFound
from ..identity.external_id import USERS
from ..pipeline.resolve import Look, Resolver
from ..profiles.filling import Part
from ..profiles.ports import Archive, Profiles
from ..profiles.profile import Profile
from ..tasks.kind import EDIT as EDITS
from ..tasks.kind import FIRST, Cursor, Done, Kind, Later, StepFailed, per_computation
from ..tasks.task import Step, Task
from ..workspace.storage import Storage, computation_key, space_partition
from .past import Past
from .results import Results
from .watching import is_run_of

PAGE = 100  # profiles looked at together: one batch read
PAGES = 20  # between two cursors: each is a write of the whole task

# Messages received that long before streams were begun were counted before, and without a note; younger ones may be
# under way, or counted by somebody who noted it. They are decided one by one, however long the run had to wait.
UNDER_WAY = DAY

# Runs hold a place in the pool of their space meanwhile, and what they wait for may be in line behind them.
PATIENCE = HOUR
_EARLY = ""

Result = Done | Cursor | Later


class Changes(Protocol):
    """Keeps how many a run added and removed. Implementation: `overview.changes`."""

    def put(self, run_id: str, added: int, removed: int) -> None: ...


class Place(NamedTuple):
    """Where a step is, as `done/total/start/added/removed`: portions that are finished and those there are, the profile
    to go on with, and whom the run made a member so far, or no longer one."""

    done: int = 0
    total: int = 0
    start: str = ""
    added: int = 0
    removed: int = 0

    @staticmethod
    def of(step: Step) -> "Place":
        if step.cursor is None:
            return Place()
        done, total, start, added, removed = step.cursor.split("/")
        return Place(int(done), int(total), start, int(added), int(removed))

    @property
    def cursor(self) -> Cursor:
        return Cursor("/".join(map(str, self)))


@dataclass(frozen=True)
class Backfill:
    """`settle` is in ms: nobody works longer on what was read before."""

    storage: Storage
    profiles: Profiles
    archive: Archive
    resolver: Resolver
    past: Past
    changes: Changes
    clock: Clock
    settle: int

    def kinds(self) -> dict[str, Kind]:
        steps = {
            "prepare": self.prepare,
            "settle": self.settle_down,
            "scan": self.scan,
            "apply": self.apply,
            "switch": self.switch,
            "wait": self.wait,
            "evaluate": self.evaluate,
            "finalize": self.finalize,
        }
        return {kind: Kind(kind, steps, per_computation, pool=pool) for kind, pool in ((COMPUTE, FIRST), (EDIT, EDITS))}

    def prepare(self, task: Task, step: Step, deadline: Deadline) -> Result:
        """What was taken over of others is looked at after everybody could see that this one wants it, too."""
        self.storage.bump(task.space_id)
        complete = complete_streams(self.storage.computations.every(space_partition(task.space_id), "computation#"))

        def prepared(present: Computation) -> Computation:
            stage = COMPUTING if present.stage == PREPARING else present.stage
            return verified(replace(present, stage=stage), complete)

        self._amend(task, prepared)
        return Done(" ".join(sorted(stream.key for stream in self._filling(task))))

    def settle_down(self, task: Task, step: Step, deadline: Deadline) -> Result:
        return self._pause(step) if self._filling(task) else Done()

    def scan(self, task: Task, step: Step, deadline: Deadline) -> Result:
        streams = self._filling(task)
        if not streams:
            return Done()
        results = Results(self.archive, task.task_id)
        cut = results.cut(lambda: self.past.cut(task.space_id))
        groups, parts, place = self.past.groups(cut), self.past.parts(cut), Place.of(step)
        if place.done < len(groups):
            begun = int(task.slot) - UNDER_WAY
            for part, found in enumerate(self.past.scan(cut, groups[place.done], streams, begun, parts)):
                results.put(place.done, part, found)
        done = place.done + 1
        return Place(done, len(groups)).cursor if done < len(groups) else Done()

    def apply(self, task: Task, step: Step, deadline: Deadline) -> Result:
        streams = self._filling(task)
        if not streams:
            return Done()
        results = Results(self.archive, task.task_id)
        cut, place = results.cut(lambda: self.past.cut(task.space_id)), Place.of(step)
        parts = self.past.parts(cut)
        found = results.of(place.done, len(self.past.groups(cut)), streams)
        left = sorted(profile_id for profile_id in found if profile_id >= place.start)
        for start in range(0, len(left), PAGE):
            if start and (deadline.remaining() <= 0 or start == PAGE * PAGES):
                return place._replace(total=parts, start=left[start]).cursor
            ids = left[start : start + PAGE]
            self._touch(task, ids, {profile_id: found[profile_id] for profile_id in ids})
        done = place.done + 1
        return Place(done, parts).cursor if done < parts else Done()

    def switch(self, task: Task, step: Step, deadline: Deadline) -> Result:
        filled = (task.steps[0].output_ref or "").split()
        if not {stream.key for stream in self._filling(task)} <= set(filled):
            raise StepFailed("STREAMS_CHANGED", "It reads streams now that were not filled by this run.")
        self._amend(task, switched)
        self.storage.bump(task.space_id)
        return Done()

    def wait(self, task: Task, step: Step, deadline: Deadline) -> Result:
        if not self._evaluates(task):
            return Done()
        now = self.clock.now()
        if self._is_early(task) and now < (step.started_at or now) + PATIENCE:
            return Later(_EARLY, now + self.settle)
        return self._pause(step)

    def evaluate(self, task: Task, step: Step, deadline: Deadline) -> Result:
        if not self._evaluates(task):
            return Done(_counts(Place()))
        place = Place.of(step)
        for _ in range(PAGES):
            page = self.profiles.newest(task.space_id, USERS, PAGE + 1, place.start)
            place = self._look_at(task, page[:PAGE], place)
            if len(page) <= PAGE:
                return Done(_counts(place))
            place = place._replace(done=place.done + 1, start=page[PAGE])
            if deadline.remaining() <= 0:
                break
        return place.cursor

    def finalize(self, task: Task, step: Step, deadline: Deadline) -> Result:
        counts = next(step.output_ref for step in task.steps if step.name == "evaluate")
        added, removed = msgspec.json.decode(counts or "[0,0]", type=tuple[int, int])
        self.changes.put(task.run_id or task.task_id, added, removed)
        Results(self.archive, task.task_id).drop()
        self._amend(task, taken_in)
        self.storage.bump(task.space_id)
        return Done()

    def _pause(self, step: Step) -> Result:
        now = self.clock.now()
        until = int(step.cursor) if step.cursor else now + self.settle
        return Later(str(until), until) if now < until else Done()

    def _look_at(self, task: Task, profile_ids: Iterable[str], place: Place) -> Place:
        """Everybody whose value changed since the switch counts, whoever wrote it."""
        computation = self._computation(task)
        since = next(step.started_at or 0 for step in task.steps if step.name == "switch")
        held: dict[str, bool] = {}

        def look(profile: Profile) -> None:
            outcome = profile.head.outcomes.get(computation.key)
            if outcome and outcome.computation_id == computation.id and outcome.changed_at >= since:
                held[profile.profile_id] = outcome.is_held

        self._touch(task, profile_ids, {}, look)
        added = sum(held.values())
        return place._replace(added=place.added + added, removed=place.removed + len(held) - added)

    def _touch(self, task: Task, profile_ids: Iterable[str], parts: dict[str, Part], look: Look | None = None) -> None:
        left = self.resolver.touch(task.space_id, profile_ids, parts, look)
        if left:
            raise StepFailed("PROFILES_BUSY", f"{len(left)} profiles could not be written.")

    def _evaluates(self, task: Task) -> bool:
        """What is computed on accounts waits for its own runs."""
        return self._computation(task).scope == OF_USERS

    def _is_early(self, task: Task) -> bool:
        """Whether something it reads has yet to be taken in itself."""
        present = self.storage.computations.every(space_partition(task.space_id), "computation#")
        return not self._compiled(task).plan.references.isdisjoint(c.key for c in present if c.is_awaited)

    def _filling(self, task: Task) -> list[query.Stream]:
        """The streams this run has to complete; none any more after the switch."""
        compiled = self._compiled(task)
        filling = compiled.filling
        return list({stream.key: stream for stream in compiled.streams if stream.key in filling}.values())

    def _compiled(self, task: Task) -> Compiled:
        try:
            return compile_computation(self._computation(task))
        except query.QueryError as error:
            raise StepFailed("BAD_QUERY", f"The query no longer compiles: {error.code}.") from error

    def _computation(self, task: Task) -> Computation:
        """Raises StepFailed once this is not its run any more; its purpose does not hold then."""
        found = self.storage.computations.find(computation_key(task.space_id, task.computation_id))
        if found is None or not is_run_of(task, found):
            raise StepFailed("SUPERSEDED", "Something else is being taken in by now.")
        return found

    def _amend(self, task: Task, change: Callable[[Computation], Computation]) -> None:
        def changed(present: Computation) -> Computation:
            return change(present) if is_run_of(task, present) else present

        try:
            self.storage.computations.amend(computation_key(task.space_id, task.computation_id), changed)
        except NotFound as error:
            raise StepFailed("SUPERSEDED", "The computation was deleted.") from error


def _counts(place: Place) -> str:
    return msgspec.json.encode((place.added, place.removed)).decode()
