"""Everything about running Muster that people look at: the audit trail, notifications and alerts, put together."""

from .alerts.history import SizeHistory
from .alerts.service import Alerts
from .alerts.watch import Watch
from .audit.failures import Completions, Failures
from .audit.forwarding import Forwarder
from .audit.preferences import SpacePreferences
from .audit.recorder import Recorder
from .audit.trail import Trail
from .clock import Clock
from .computations.computation import Computation
from .deadline import Deadline
from .delivery.ledger import Ledger
from .delivery.transport import Transport
from .ids import Ids
from .notifications.announcer import Announcer
from .notifications.channels import Channels
from .notifications.dispatch import Dispatcher
from .notifications.inbox import Inbox
from .notifications.kinds import Topics
from .notifications.outbox import Outbox
from .pipeline.intake import Intake
from .records import Records
from .secrecy import Secrets
from .workspace.ports import Directory
from .workspace.service import Workspaces
from .workspace.shelf import Shelf


class Operations:
    """`failures` and `completions` are what tasks report to."""

    def __init__(
        self,
        workspace: Records,
        work: Records,
        secrets: Secrets,
        transport: Transport,
        topics: Topics,
        directory: Directory,
        workspaces: Workspaces,
        intake: Intake,
        ledger: Ledger,
        ids: Ids,
        clock: Clock,
    ) -> None:
        outbox = Outbox(work, clock)
        self.size_history = history = SizeHistory(work, workspaces.sizes, clock)
        self.trail = Trail(work, Announcer(outbox), clock)
        self.recorder = Recorder(self.trail, ids, clock)
        self.preferences = SpacePreferences(workspace)
        computations = Shelf(workspace, Computation)
        self.failures = Failures(self.trail, self.preferences, directory, computations)
        self.completions = Completions(self.trail, directory, computations)
        self.forwarder = Forwarder(workspace, workspaces.sources, directory, intake)
        self.channels = Channels(workspace, secrets, ids, clock)
        self.inbox = Inbox(work, clock)
        self.alerts = Alerts(workspace, workspaces, self.channels, history, ids, clock)
        self.watch = Watch(self.alerts, ledger, history, directory, outbox, work, clock)
        self.dispatcher = Dispatcher(outbox, self.channels, self.inbox, self.forwarder, transport, topics, clock)

    def tick(self, deadline: Deadline) -> dict[str, int]:
        """What the minute brings: each hour a look at the alerts, and at any time what is to be told."""
        return {"fired": self.watch.look(deadline), "told": self.dispatcher.dispatch(deadline)}
