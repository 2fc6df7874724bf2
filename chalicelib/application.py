"""The services on top of the adapters, wired."""

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .adapters import Adapters
from .archive.compaction import COMPACTION, Compaction
from .archive.gathering import GATHERING, Gathering
from .archive.history import History
from .archive.rounds import Rounds
from .archive.workshop import Workshops
from .backfill.past import ArchivedPast
from .backfill.run import Backfill
from .backfill.watching import RunEnds, RunPurpose
from .backfill.wishes import Wishes
from .batch.chain import Chain, InTurn
from .batch.linked import LINKED_RUN, linked_runs
from .batch.members import Members
from .batch.requests import RunRequests
from .batch.run import BatchRuns
from .batch.timetable import Timetable
from .clock import SECOND
from .computations.editions import BATCH_RUN
from .delivery.debugger import Debugger
from .delivery.deliver import Deliverer
from .delivery.dispatch import Dispatch
from .delivery.emissions import Emissions
from .delivery.emit import Emitter
from .delivery.figures import Figures
from .delivery.flush import Flush
from .delivery.graph import Graph
from .delivery.journey_figures import JourneyFigures
from .delivery.ledger import Ledger
from .delivery.lists import SYNC, Lists
from .delivery.pace import Pacer
from .delivery.replays import REPLAY, Replays
from .delivery.sending import Sender
from .delivery.sizes import Sizes
from .delivery.snapshots import Snapshots
from .delivery.sync import Syncs
from .delivery.tester import Tester
from .delivery.tokens import Tokens
from .delivery.told import Told
from .destinations.registry import KINDS
from .errands import Errands
from .operations import Operations
from .overview.changes import RunChanges
from .overview.service import Overviews
from .pipeline.books import Books
from .pipeline.discards import Discards
from .pipeline.identity_log import IdentityLog
from .pipeline.intake import Intake
from .pipeline.milestones import Milestones
from .pipeline.reminder import Reminder
from .pipeline.resolve import Resolver
from .pipeline.tick import Ticker
from .pipeline.vocabulary import Vocabulary
from .profiles.erasure import Eraser
from .profiles.events import Events
from .profiles.links import RecordedLinks
from .profiles.links_view import LinksView
from .profiles.lookup import Lookup
from .profiles.preview import Previews
from .profiles.rate import Rate
from .profiles.removal import Removal
from .profiles.suppression import Suppression
from .store.keys import SHARDS
from .tasks.engine import Engine
from .tasks.pace import Threaded
from .tasks.purpose import ComputationsPurpose
from .workspace.directory import StoredDirectory
from .workspace.rates import Rates
from .workspace.regulations import Regulations
from .workspace.service import Workspaces
from .workspace.storage import Storage

# By which the delay of a task's retry is stretched: what failed together must not come back together.
JITTER = (0.8, 1.2)

# Of external ids, from one profile: what the API promises, whatever a space may ask for in all.
REMOVALS_PER_SECOND = 100


class Application:
    """The services, wired. `profile_api_rate` is requests per second and space, `management_rate` per minute, workspace
    and operation; 0 for any number. Whoever knows the `founding_secret` may found a workspace; nobody without one. No
    worker goes on for longer than `settle_seconds` with what it knew of a space before."""

    def __init__(
        self,
        adapters: Adapters,
        profile_api_rate: int = 0,
        management_rate: int = 0,
        founding_secret: str = "",
        settle_seconds: int = 90,
    ) -> None:
        a = adapters
        self.adapters = a
        self.founding_secret = founding_secret
        self.clock = a.clock
        self.directory = StoredDirectory(a.workspace, a.secrets, a.clock)
        self.discards = Discards(a.work, a.clock)
        self.vocabulary = Vocabulary(a.work, a.clock)
        self.ledger = Ledger(a.work, a.clock)
        self.sizes = Sizes(a.work)
        self.links = RecordedLinks(a.work)
        self.identity_log = IdentityLog(a.work, a.clock)
        self.lookup = Lookup(a.profiles, a.identifiers, Reminder(a.queues, a.ids))
        self.removal = Removal(self.lookup, a.profiles, a.identifiers, a.clock)
        self.previews = Previews(self.lookup, a.identifiers)
        self.links_view = LinksView(self.links, self.lookup)
        self.events = Events(a.timeline, a.clock)
        self.profile_rate = Rate(a.work, a.clock, profile_api_rate)
        self.removal_rate = Rate(a.work, a.clock, REMOVALS_PER_SECOND if profile_api_rate else 0)
        self.rates = Rates(a.work, a.clock, management_rate)
        storage = Storage(a.workspace, a.clock)
        self.wishes = Wishes(a.work, storage, lambda: self.engine.tasks, a.clock, a.ids)
        self.told = Told(a.work, a.clock)
        tokens = Tokens(a.work, a.secrets, a.transport, a.clock)
        self.debugger = Debugger(a.work, a.clock)
        self.emissions = Emissions(a.archive, self.ledger.counters, self.debugger, a.clock)
        self.lists = Lists(a.work, lambda: self.engine.tasks, self._settings_of, a.clock)
        self.dispatch = Dispatch(a.queues, self.lists, self.emissions)
        self.syncs = self._syncs(a, storage, tokens)
        self.workspaces = Workspaces(a.workspace, a.secrets, KINDS, self.sizes, a.ids, a.clock, self.wishes, self.syncs)
        self.regulations = self._regulations(a)
        self.intake = Intake(self.directory, a.queues, self.discards, a.clock, a.ids)
        self.resolver = self._resolver(a)
        self.ticker = Ticker(a.profiles, SHARDS, a.queues, a.clock, a.ids)
        self.figures = Figures(self.ledger, a.clock)
        self.replays = Replays(self.emissions, self.ledger, a.identifiers, a.queues, self.directory, a.clock)
        self.tester = Tester(self.directory, a.transport, tokens, a.ids, a.clock)
        self.snapshots = Snapshots(a.archive, a.clock)
        self.history = History(a.archive, a.clock, _scratch, a.fanout)
        workshops = Workshops(a.archive, a.clock, _scratch, a.fanout)
        self.compaction, self.gathering = Compaction(workshops), Gathering(workshops)
        self.rounds = Rounds(a.archive, a.work, lambda: self.engine.tasks, a.clock)
        self.journey_figures = JourneyFigures(a.work, a.clock)
        self.emitter = self._emitter(a)
        self.deliverer = self._deliverer(a, tokens)
        self.operations = self._operations(a)
        self.errands = Errands(a.work, a.archive, self.history, a.queues, a.ids, a.clock)
        changes = RunChanges(a.work, a.clock)
        self.batch_runs = self._batch_runs(a, changes)
        self.backfill = self._backfill(a, storage, changes, settle_seconds * SECOND)
        self.completions = InTurn([self.operations.completions, RunEnds(storage, a.archive)])
        self.engine = self._engine(a, storage)
        self.completions.add(self.syncs)
        self.timetable = Timetable(self.engine.schedules, a.ids, a.clock)
        self.run_requests = RunRequests(self.engine.tasks, self.timetable, a.ids)
        self.completions.add(Chain(a.workspace, self.engine.tasks, self.timetable, a.clock))
        self.desk = self.errands.desk(self.engine.tasks, self.workspaces, limited=management_rate > 0)
        self.overviews = Overviews(self.workspaces, self.engine.tasks, changes, self.ledger, a.clock)

    def _settings_of(self, destination_id: str) -> Mapping[str, Any]:
        destination = self.directory.destination(destination_id)
        return destination.settings if destination else {}

    def _syncs(self, a: Adapters, storage: Storage, tokens: Tokens) -> Syncs:
        sender = Sender(a.transport, tokens, a.clock)
        flush = Flush(storage, self.directory, a.archive, a.work, self.lists, sender, self.ledger, a.clock)
        return Syncs(
            storage=storage,
            directory=self.directory,
            profiles=a.profiles,
            archive=a.archive,
            work=a.work,
            told=self.told,
            dispatch=self.dispatch,
            lists=self.lists,
            flush=flush,
            tasks=lambda: self.engine.tasks,
            clock=a.clock,
        )

    def _resolver(self, a: Adapters) -> Resolver:
        return Resolver(
            directory=self.directory,
            profiles=a.profiles,
            identifiers=a.identifiers,
            timeline=a.timeline,
            archive=a.archive,
            links=self.links,
            log=self.identity_log,
            clock=a.clock,
            fanout=a.fanout,
            witness=Books(self.discards, self.vocabulary).close,
        )

    def _emitter(self, a: Adapters) -> Emitter:
        return Emitter(
            directory=self.directory,
            dispatch=self.dispatch,
            sizes=self.sizes,
            snapshots=self.snapshots,
            told=self.told,
            clock=a.clock,
            chronicles=(Graph(a.archive), Milestones(self.identity_log), self.journey_figures),
            abreast=a.fanout.map,
        )

    def _batch_runs(self, a: Adapters, changes: RunChanges) -> BatchRuns:
        return BatchRuns(
            directory=self.directory,
            profiles=a.profiles,
            lookup=self.lookup,
            members=Members(self.links, self.lookup),
            work=a.work,
            changes=changes,
            fanout=a.fanout,
            clock=a.clock,
        )

    def _backfill(self, a: Adapters, storage: Storage, changes: RunChanges, settle: int) -> Backfill:
        return Backfill(
            storage=storage,
            profiles=a.profiles,
            archive=a.archive,
            resolver=self.resolver,
            past=ArchivedPast(self.history),
            changes=changes,
            clock=a.clock,
            settle=settle,
        )

    def _deliverer(self, a: Adapters, tokens: Tokens) -> Deliverer:
        return Deliverer(
            directory=self.directory,
            queues=a.queues,
            ledger=self.ledger,
            pacer=Pacer(a.work, a.clock),
            sender=Sender(a.transport, tokens, a.clock),
            clock=a.clock,
            random=random.SystemRandom(),
        )

    def _engine(self, a: Adapters, storage: Storage) -> Engine:
        return Engine(
            work=a.work,
            queues=a.queues,
            kinds={
                BATCH_RUN: self.batch_runs.kind(),
                LINKED_RUN: linked_runs(),
                COMPACTION: self.compaction.kind(),
                GATHERING: self.gathering.kind(),
                REPLAY: self.replays.kind(),
                SYNC: self.syncs.kind(),
                **self.backfill.kinds(),
                **self.errands.kinds,
            },
            purpose=RunPurpose(storage, ComputationsPurpose(a.workspace)),
            failures=self.operations.failures,
            completions=self.completions,
            pace=Threaded(),
            clock=a.clock,
            ids=a.ids,
            jitter=lambda: random.SystemRandom().uniform(*JITTER),
        )

    def _operations(self, a: Adapters) -> Operations:
        return Operations(
            workspace=a.workspace,
            work=a.work,
            secrets=a.secrets,
            transport=a.transport,
            topics=a.topics,
            directory=self.directory,
            workspaces=self.workspaces,
            intake=self.intake,
            ledger=self.ledger,
            ids=a.ids,
            clock=a.clock,
        )

    def _regulations(self, a: Adapters) -> Regulations:
        eraser = Eraser(
            lookup=self.lookup,
            profiles=a.profiles,
            identifiers=a.identifiers,
            timeline=a.timeline,
            links=self.links,
            archive=a.archive,
            log=self.identity_log,
            work=a.work,
            clock=a.clock,
        )
        suppression = Suppression(a.identifiers, self.lookup)
        return Regulations(a.workspace, self.workspaces, suppression, eraser, a.ids, a.clock)


def _scratch() -> Path:
    return Path(tempfile.gettempdir())
