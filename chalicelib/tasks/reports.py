"""What tasks report, told to the log."""

import logging

from .task import Failure, Task

logger = logging.getLogger(__name__)


class LoggedFailures:
    def report(self, task: Task, failure: Failure) -> None:
        """A task that failed for good is an error, one that is tried again a warning."""
        level = logging.ERROR if failure.hard_failure else logging.WARNING
        logger.log(level, "Task %s failed in execution %d: %s", task.task_id, failure.attempt, failure.code)


class LoggedCompletions:
    def report(self, task: Task) -> None:
        logger.info("Task %s is %s", task.task_id, task.status)
