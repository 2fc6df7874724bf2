"""One run of a computation over all accounts of its space, as a task: prepare → evaluate → finalize.

Whatever was done before a crash is found done: an account is written only if its value changed, its people only if
they do not stand as the account does. An outcome keeps the instant of the run that made it, which tells the changes of
this run from those of others, also when it is interrupted and goes on.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from ..clock import DAY, Clock
from ..computations.catalogue import Catalogue, Compiled
from ..computations.editions import BATCH_RUN
from ..deadline import Deadline
from ..errors import VersionConflict
from ..identity.external_id import ACCOUNTS
from ..pipeline.fanout import Fanout
from ..profiles import evaluation, membership
from ..profiles.lookup import Lookup
from ..profiles.merging import without_members
from ..profiles.ports import ProfileKey, Profiles
from ..profiles.profile import Profile
from ..profiles.travelling import meet_all
from ..records import Key, Records
from ..tasks.kind import BATCH, Cursor, Done, Kind, StepFailed, per_computation
from ..tasks.task import Step, Task
from ..workspace.ports import Directory
from .members import Members
from .valuation import Gathered, gather, store, value_of

PAGE = 100  # accounts between two cursors: a cursor is a write of the whole task
AT_ONCE = 8  # accounts read side by side, with all of their people
PEOPLE = 100  # written between two looks at the deadline and at the space: one batch read
ROUNDS = 20  # each lost round is somebody else's success
REMEMBERED = 90 * DAY  # the instant of the last run; by then any clock has passed it


class Changes(Protocol):
    """Keeps how many a run added and removed. Implementation: `overview.changes`."""

    def put(self, run_id: str, added: int, removed: int) -> None: ...


class Progress(msgspec.Struct, frozen=True):
    """Where a run is: the account to go on with and what came of those before. `written` counts people, so that the
    cursor moves inside an account, too."""

    start: str = ""
    added: int = 0
    removed: int = 0
    written: int = 0


class Verdict(NamedTuple):
    """What the run says of an account, and whose profiles have to hear of it. `change` is 1 for an account that this
    run let in, -1 for one that it let go."""

    account: Profile
    value: Any
    misfits: Sequence[str]
    change: int


_progress = msgspec.json.Decoder(Progress)


@dataclass(frozen=True)
class BatchRuns:
    directory: Directory
    profiles: Profiles
    lookup: Lookup
    members: Members
    work: Records
    changes: Changes
    fanout: Fanout
    clock: Clock

    def kind(self) -> Kind:
        steps = {"prepare": self._prepare, "evaluate": self._evaluate, "finalize": self._finalize}
        return Kind(BATCH_RUN, steps, one_at_a_time=per_computation, most_waiting=1, pool=BATCH)

    def _prepare(self, task: Task, step: Step, deadline: Deadline) -> Done:
        """Freezes the one instant of the run."""
        if not self._compiled(task).computation.ready:
            raise StepFailed("NOT_READY", "The events that it reads have not been read back in.")
        return Done(str(self._instant(task)))

    def _evaluate(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """A page of accounts, or as many as there is time for; one piece of work at least, so that it moves."""
        progress = _progress.decode(step.cursor) if step.cursor else Progress()
        run = Run(self, task, self._compiled(task), int(task.steps[0].output_ref or 0))
        ids = self.profiles.newest(task.space_id, ACCOUNTS, PAGE + 1, progress.start)
        for place, verdict in enumerate(run.verdicts(ids[:PAGE])):
            if verdict is not None:
                for people in _parts(verdict.misfits, PEOPLE):
                    run.tell(verdict, people)
                    progress = replace(progress, written=progress.written + len(people))
                    if deadline.remaining() <= 0:
                        return _cursor(progress)
                progress = _counted(progress, verdict.change)
            if place + 1 == len(ids):
                break
            progress = replace(progress, start=ids[place + 1])
            if deadline.remaining() <= 0:
                return _cursor(progress)
        return _cursor(progress) if len(ids) > PAGE else Done(f"{progress.added},{progress.removed}")

    def _finalize(self, task: Task, step: Step, deadline: Deadline) -> Done:
        added, removed = (task.steps[1].output_ref or "0,0").split(",")
        self.changes.put(task.run_id or task.task_id, int(added), int(removed))
        return Done()

    def _compiled(self, task: Task) -> Compiled:
        compiled = self.directory.view(task.space_id).catalogue.by_id.get(task.computation_id)
        if compiled is None:
            raise StepFailed("NOT_FOUND", "There is no such computation, or its query is not understood any more.")
        return compiled

    def _instant(self, task: Task) -> int:
        """Later than that of any run before, however the clock goes; the same for the same task."""
        key = Key(f"batch_runs#{task.space_id}", task.computation_id)
        record = self.work.get(key)
        name, _, at = record.data.decode().rpartition("=") if record else ("", "", "0")
        if name == task.task_id:
            return int(at)
        now = max(self.clock.now(), int(at) + 1)
        data, expires_at = f"{task.task_id}={now}".encode(), now + REMEMBERED
        if record is None:
            self.work.create(key, data, expires_at=expires_at)
        else:
            self.work.replace(record, data, expires_at=expires_at)
        return now


@dataclass(frozen=True)
class Run:
    """A call of the step that evaluates; `now` is the instant of the run."""

    runs: BatchRuns
    task: Task
    compiled: Compiled
    now: int

    def verdicts(self, account_ids: Sequence[str]) -> Iterator[Verdict | None]:
        """In order, some at a time; None for an account that has gone meanwhile."""
        for some in _parts(account_ids, AT_ONCE):
            loaded = self.runs.profiles.load([self._key(account_id) for account_id in some])
            accounts = [loaded.get(self._key(account_id)) for account_id in some]
            yield from self.runs.fanout.map(self._judge, accounts)

    def tell(self, verdict: Verdict, user_ids: Sequence[str]) -> None:
        """Let these people stand as the account does."""
        # Read anew each time: people's own audiences must not be decided by what the space was long ago.
        catalogue = self._catalogue()
        living = self.runs.lookup.living(self.task.space_id, user_ids)
        people = {user.profile_id: user for user in living.values()}
        self.runs.fanout.map(functools.partial(self._settle, verdict, catalogue), people.values())

    def _judge(self, account: Profile | None) -> Verdict | None:
        gathered, of = None, list[str]()
        for _ in range(ROUNDS):
            if account is None or account.merged_into is not None:
                return None  # whoever took it in speaks for it
            if gathered is None or of != account.ids:
                gathered, of = gather(self.compiled, account, self.runs.members.of(account)), account.ids
            was_held = self.compiled.computation.key in account.head.outcomes
            value = value_of(self.compiled, account, gathered, self.now)
            try:
                if store(account, self.compiled, value, self.now):
                    self._save(account)
            except VersionConflict:
                key = ProfileKey(account.space_id, account.profile_id)
                account = self.runs.profiles.load([key]).get(key)
                continue
            return Verdict(account, value, _misfits(account, value, gathered), self._change(account, was_held))
        raise VersionConflict("an account is written by others all the time")

    def _change(self, account: Profile, was_held: bool) -> int:
        """Told from the outcome as it is, so that an account that was written before a crash counts, too."""
        outcome = account.head.outcomes.get(self.compiled.computation.key)
        if outcome is None:
            return -1 if was_held else 0
        if outcome.changed_at != self.now:
            return 0
        return 1 if outcome.is_held else -1

    def _settle(self, verdict: Verdict, catalogue: Catalogue, user: Profile) -> None:
        for _ in range(ROUNDS):
            if user.head.catalogue > catalogue.version:
                catalogue = self._catalogue()
            if not self._let_stand(verdict, user, catalogue):
                return
            try:
                self._save(user)
                return
            except VersionConflict:
                found = self.runs.lookup.living(self.task.space_id, [user.profile_id])
            if user.profile_id not in found:
                return  # deleted
            user = found[user.profile_id]
        raise VersionConflict("a person is written by others all the time")

    def _let_stand(self, verdict: Verdict, user: Profile, catalogue: Catalogue) -> bool:
        """True if the profile is to be saved."""
        computation, account = self.compiled.computation, verdict.account
        if membership.agrees(membership.standing(user, computation.key, account), account, verdict.value):
            return False
        now = max(self.runs.clock.now(), user.head.updated_at)
        meet_all(user, catalogue)
        if membership.settle(user, computation.key, computation.id, account, verdict.value, now):
            evaluation.evaluate(user, catalogue, catalogue.readers_of_trait.get(computation.key, ()), now)
        return True

    def _save(self, profile: Profile) -> None:
        """Without what was said of the change before."""
        head = profile.head
        head.merges, head.news = [without_members(merge) for merge in head.merges], None
        self.runs.profiles.save(profile)

    def _catalogue(self) -> Catalogue:
        return self.runs.directory.view(self.task.space_id).catalogue

    def _key(self, profile_id: str) -> ProfileKey:
        return ProfileKey(self.task.space_id, profile_id)


def _misfits(account: Profile, value: Any, gathered: Gathered) -> list[str]:
    standings = gathered.standings.items()
    return [user_id for user_id, one in standings if not membership.agrees(one, account, value)]


def _counted(progress: Progress, change: int) -> Progress:
    return replace(progress, added=progress.added + (change > 0), removed=progress.removed + (change < 0))


def _cursor(progress: Progress) -> Cursor:
    return Cursor(msgspec.json.encode(progress).decode())


def _parts(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
