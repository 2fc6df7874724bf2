"""The machinery of tasks, put together from its ports."""

from collections.abc import Callable, Mapping

from ..clock import Clock
from ..deadline import Deadline
from ..ids import Ids
from ..queues import Queues
from ..records import Records
from .book import Book
from .closing import Closing
from .kind import Kind
from .lanes import Lanes
from .pace import Pace
from .ports import Completions, Failures, Purpose
from .post import Post
from .scheduler import Scheduler
from .schedules import Schedules
from .service import Tasks
from .sweeper import Sweeper
from .worker import Worker


class Engine:
    """`kinds` by name. `jitter` gives the factor by which a retry's delay is stretched."""

    def __init__(
        self,
        work: Records,
        queues: Queues,
        kinds: Mapping[str, Kind],
        purpose: Purpose,
        failures: Failures,
        completions: Completions,
        pace: Pace,
        clock: Clock,
        ids: Ids,
        jitter: Callable[[], float],
    ) -> None:
        book, post = Book(work), Post(queues, clock)
        lanes = Lanes(work, book.find_many, clock)
        closing = Closing(book, lanes, post, failures, completions)
        self.tasks = Tasks(book, lanes, closing, post, kinds, clock)
        self.schedules = Schedules(work, clock)
        self.scheduler = Scheduler(self.schedules, self.tasks, clock)
        self.sweeper = Sweeper(book, closing, post, clock)
        self.worker = Worker(book, lanes, closing, post, kinds, purpose, pace, clock, ids, jitter)

    def next_look(self) -> int | None:
        """The earliest instant at which a tick may find something to do, epoch ms."""
        rows = [agenda.first() for agenda in (self.schedules.agenda, self.sweeper.agenda)]
        return min((row.at for row in rows if row), default=None)

    def tick(self, deadline: Deadline) -> dict[str, int]:
        """What the minute brings: slots that became tasks, and workers called to tasks that stood still."""
        return {"scheduled": self.scheduler.tick(deadline), "called": self.sweeper.sweep(deadline)}
