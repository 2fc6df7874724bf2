"""One worker at one task: step after step under the lease, until the task is closed or handed over."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..clock import SECOND, Clock
from ..deadline import Deadline
from ..errors import MusterError, place_of
from . import machine
from .kind import LONGEST_WAIT, Cursor, Done, Kind, Later, StepFailed, StepHopeless
from .lease import Lease
from .pace import Pace
from .ports import Purpose
from .task import Step, Task
from .watch import YIELD_MARGIN, StepTimeout, TimeIsUp, Watch

LARGEST_NOTE = 16 * 1024  # bytes of a cursor or a reference to output: they are written again with every step
STANDSTILL = SECOND  # how long to wait when a step comes back where it was


@dataclass(frozen=True)
class Shift:
    """Every method returns with the task as the lease holds it; `run` decides what comes next."""

    lease: Lease
    invocation: Deadline
    watch: Watch
    kinds: Mapping[str, Kind]
    purpose: Purpose
    pace: Pace
    clock: Clock
    jitter: float

    def run(self) -> Task:
        """The task closed, handed over or waiting for its retry. Raises LeaseLost."""
        while self.lease.task.lease_owner is not None:
            self._go_on(self.lease.task)
        return self.lease.task

    def _go_on(self, task: Task) -> None:
        """One call of the present step, unless the task has to stop here."""
        if not self.purpose.holds(task):
            self.lease.write(machine.cancel)
        elif self.clock.now() >= (task.deadline_at or 0):
            self._fail(machine.TASK_DEADLINE, "The time for the whole task is over.")
        elif self.invocation.remaining() <= YIELD_MARGIN:
            self.lease.write(machine.hand_over)
        else:
            self._take_turn(task)

    def _take_turn(self, task: Task) -> None:
        step = task.current_step
        assert step is not None, "an open task has a step to do"  # noqa: S101
        try:
            self._save(step, self._call(task, step))
        except StepTimeout:
            self._fail(machine.STEP_TIMEOUT, "The step made no progress in time.")
        except TimeIsUp:
            self.lease.write(machine.hand_over)
        except StepFailed as error:
            self._fail(error.code, error.message, for_good=isinstance(error, StepHopeless))

    def _call(self, task: Task, step: Step) -> Done | Cursor | Later:
        """Raises StepFailed for whatever goes wrong inside the step."""
        kind = self.kinds.get(task.kind)
        if kind is None or step.name not in kind.steps:
            raise StepFailed("UNKNOWN_STEP", f"This version knows no step {step.name} of {task.kind}.")
        function = kind.steps[step.name]
        ended = self.pace.run(lambda: function(task, step, self.watch), self._beat)
        if ended.error is not None:
            raise _told(ended.error)
        return _checked(ended.value)

    def _beat(self) -> int:
        wait = self.watch.check()
        if self.lease.is_due_for_renewal:
            self.lease.write(machine.renew)
        return wait

    def _save(self, step: Step, result: Done | Cursor | Later) -> None:
        if isinstance(result, Done):
            self.lease.write(lambda task, now: machine.complete(task, step.name, now, result.output_ref))
            self.watch.moved()
        elif isinstance(result, Later):
            at = min(result.at, self.clock.now() + LONGEST_WAIT)
            self.lease.write(lambda task, now: machine.postpone(task, step.name, result.value, at, now))
        elif result.value != step.cursor:
            self.lease.write(lambda task, now: machine.save_cursor(task, step.name, result.value, now))
            self.watch.moved()
        else:
            self._beat()
            self.pace.pause(STANDSTILL)

    def _fail(self, code: str, message: str, *, for_good: bool = False) -> None:
        self.lease.write(lambda task, now: machine.fail(task, code, message, now, self.jitter, for_good=for_good))


def _checked(result: Done | Cursor | Later | None) -> Done | Cursor | Later:
    if not isinstance(result, Done | Cursor | Later):
        raise StepFailed("BAD_STEP_RESULT", f"A step returned {type(result).__name__}.")
    note = result.output_ref or "" if isinstance(result, Done) else result.value
    if len(note.encode()) > LARGEST_NOTE:
        raise StepFailed("NOTE_TOO_LARGE", f"A cursor or reference takes at most {LARGEST_NOTE} bytes.")
    return result


def _told(error: BaseException) -> BaseException:
    """What the owner is told; the message of an error that nobody wrote for owners may quote personal data."""
    if isinstance(error, StepFailed) or not isinstance(error, Exception):
        return error
    name = type(error).__name__.upper() if isinstance(error, MusterError) else "STEP_ERROR"
    told = StepFailed(name, place_of(error))
    told.__cause__ = error
    return told
