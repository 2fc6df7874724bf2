"""What owners order and come back for, put together: previews, exports, imports and replays."""

from collections.abc import Mapping

from .archive.history import History
from .clock import Clock
from .exports.exporting import Exporting
from .exports.service import Exports
from .ids import Ids
from .previews.previewing import Previewing
from .previews.quota import Quota
from .previews.service import AudiencePreviews
from .profiles.ports import Archive
from .queues import Queues
from .records import Records
from .replay.feed import Feed
from .replay.importing import Importing
from .replay.imports import Imports
from .replay.replaying import Replaying
from .replay.replays import Replays
from .tasks.kind import Kind
from .tasks.service import Tasks
from .workspace.service import Workspaces

PREVIEWS_PER_MONTH = 700  # and space, where rates are limited at all


class Errands:
    """`kinds` are the tasks behind them."""

    def __init__(
        self, work: Records, archive: Archive, history: History, queues: Queues, ids: Ids, clock: Clock
    ) -> None:
        self._work, self._archive, self._ids, self._clock = work, archive, ids, clock
        feed = Feed(queues)
        kinds = (
            Previewing(work, archive, history, clock).kind(),
            Exporting(work, archive, history, clock).kind(),
            Importing(work, archive, feed, ids, clock).kind(),
            Replaying(work, archive, history, feed, clock).kind(),
        )
        self.kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}

    def desk(self, tasks: Tasks, workspaces: Workspaces, *, limited: bool) -> "Desk":
        """Where they are ordered."""
        work, ids, clock = self._work, self._ids, self._clock
        quota = Quota(work, clock, PREVIEWS_PER_MONTH if limited else 0)
        return Desk(
            previews=AudiencePreviews(work, workspaces, tasks, quota, ids, clock),
            exports=Exports(work, self._archive, tasks, ids, clock),
            imports=Imports(work, self._archive, workspaces, tasks, ids, clock),
            replays=Replays(work, workspaces, tasks, ids, clock),
        )


class Desk:
    def __init__(self, previews: AudiencePreviews, exports: Exports, imports: Imports, replays: Replays) -> None:
        self.previews, self.exports, self.imports, self.replays = previews, exports, imports, replays
