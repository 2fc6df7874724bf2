"""When computations of accounts run by themselves. Each has one schedule; every eight hours unless its owner says
otherwise, never when the owner removed it. Linked audiences have one if their owner adds it, and it never wakes.

No record means the schedule that every computation starts with. It gets a record, and with it a slot, when the first
run is due; so nobody has to remember anything at creation. As long as there is nothing to run, a schedule sleeps.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from ..clock import DAY, HOUR, MINUTE, Clock
from ..computations.computation import USERS, Computation
from ..computations.editions import BATCH_RUN
from ..errors import Conflict, Invalid, NotFound, Problem, VersionConflict
from ..ids import Ids, derived
from ..tasks import cadence as cadences
from ..tasks.cadence import DEFAULT_INTERVAL, INTERVALS, Cadence, Every, Manual, Weekly
from ..tasks.schedules import ROUNDS, Held, Schedule, Schedules
from ..workspace.body import Body

PERIODIC, SPECIFIC_DAYS = "PERIODIC", "SPECIFIC_DAYS"
STRATEGIES = (PERIODIC, SPECIFIC_DAYS)

# As clients write the lengths of time.
UNITS = (("d", DAY), ("h", HOUR), ("m", MINUTE))
FIELDS = {"interval": "config.interval", "days": "config.days", "hours": "config.hours", "zone": "config.timezone"}


class Planned(NamedTuple):
    """A schedule as its owner sees it. `next_at` is epoch ms; None while the computation is off. For a linked audience
    it is the slot that the schedule names, though nothing comes of it."""

    id: str
    cadence: Cadence
    next_at: int | None


class Timetable:
    """`content` is a request body."""

    def __init__(self, schedules: Schedules, ids: Ids, clock: Clock) -> None:
        self._schedules, self._ids, self._clock = schedules, ids, clock

    def of(self, computation: Computation) -> Planned | None:
        """None for what only runs when somebody asks."""
        if computation.scope == USERS:
            return None
        held = self._schedules.find(_name(computation.id))
        if held is None:
            first = self._planned(computation, _first_id(computation), Every(DEFAULT_INTERVAL))
            return first if computation.is_computed else None
        schedule = held.schedule
        if isinstance(schedule.cadence, Manual):
            return None
        return self._planned(computation, schedule.input["schedule"], schedule.cadence, schedule.next_at)

    def get(self, computation: Computation, schedule_id: str) -> Planned:
        """Raises NotFound, and Invalid for a computation without schedules."""
        self.check(computation)
        planned = self.of(computation)
        if planned is None or planned.id != schedule_id:
            raise NotFound("there is no schedule with this id")
        return planned

    def add(self, computation: Computation, content: Mapping[str, Any]) -> Planned:
        """Raises Invalid, and Conflict when it has one already."""
        self.check(computation)
        cadence = cadence_of(content)
        if self.of(computation) is not None:
            raise Conflict("it has a schedule already: change that one, or remove it first")
        return self._set(computation, self._ids.ksuid("sch_"), cadence)

    def change(self, computation: Computation, schedule_id: str, content: Mapping[str, Any]) -> Planned:
        """Raises Invalid and NotFound."""
        self.get(computation, schedule_id)
        return self._set(computation, schedule_id, cadence_of(content))

    def remove(self, computation: Computation, schedule_id: str) -> None:
        """From now on it runs only when somebody asks. Raises Invalid and NotFound."""
        self.get(computation, schedule_id)
        self._set(computation, schedule_id, Manual())

    def check(self, computation: Computation) -> None:
        """Raises Invalid for what is computed as events arrive."""
        if computation.scope == USERS:
            message = "only what is computed of ACCOUNTS runs by a schedule; this is kept up to date at every moment"
            raise Invalid(Problem(message, "audienceType" if computation.kind == "audience" else "definition.type"))

    def wake(self, computation: Computation) -> None:
        """Let it have slots, from the next one on; as its owner wishes, if that was ever said."""
        held = self._schedules.find(_name(computation.id))
        if held is None:
            self._set(computation, _first_id(computation), Every(DEFAULT_INTERVAL))
        elif held.schedule.next_at is None:
            self._schedules.set(held.schedule)  # it finds the next slot

    def sleep(self, computation_id: str) -> None:
        """No slots until it is woken."""
        for _ in range(ROUNDS):
            held = self._schedules.find(_name(computation_id))
            if held is None or held.schedule.next_at is None or self._is_saved(held, None):
                return

    def forget(self, computation_id: str) -> None:
        """Of a computation that was deleted."""
        self._schedules.remove(_name(computation_id))

    def _is_saved(self, held: Held, next_at: int | None) -> bool:
        try:
            self._schedules.save(held, replace(held.schedule, next_at=next_at))
        except VersionConflict:
            return False
        return True

    def _set(self, computation: Computation, schedule_id: str, cadence: Cadence) -> Planned:
        made = self._schedules.set(
            Schedule(
                id=_name(computation.id),
                kind=BATCH_RUN,
                space_id=computation.space_id,
                cadence=cadence,
                computation_id=computation.id,
                input={"schedule": schedule_id},
            ),
            asleep=not (computation.enabled and computation.ready),
        )
        return self._planned(computation, schedule_id, cadence, made.next_at)

    def _planned(
        self, computation: Computation, schedule_id: str, cadence: Cadence, next_at: int | None = None
    ) -> Planned:
        """What sleeps until its first computation is through, will be awake at its next slot."""
        following = next_at or cadences.next_slot(cadence, self._clock.now())
        return Planned(schedule_id, cadence, following if computation.enabled or not computation.is_computed else None)


def shape(planned: Planned) -> dict[str, Any]:
    """The strategy and its settings, as clients read and write them."""
    if isinstance(planned.cadence, Weekly):
        days, hours, zone = planned.cadence.days, planned.cadence.hours, planned.cadence.zone
        return {"strategy": SPECIFIC_DAYS, "config": {"days": days, "hours": hours, "timezone": zone}}
    interval = planned.cadence.interval if isinstance(planned.cadence, Every) else DEFAULT_INTERVAL
    return {"strategy": PERIODIC, "config": {"interval": _length(interval)}}


def cadence_of(content: Mapping[str, Any]) -> Cadence:
    """Raises Invalid."""
    body = Body(content)
    strategy = body.choice("strategy", STRATEGIES, required=True)
    config = body.inner("config", required=True)
    cadence: Cadence = Manual()
    if strategy == PERIODIC:
        lengths = {_length(interval): interval for interval in INTERVALS}
        name = config.choice("interval", lengths, required=True)
        cadence = Every(lengths[name]) if name else cadence
    elif strategy == SPECIFIC_DAYS:
        days, hours, zone = _numbers(config, "days"), _numbers(config, "hours"), config.text("timezone", required=True)
        cadence = Weekly(days, hours, zone) if zone and days is not None and hours is not None else cadence
    body.done()
    try:
        cadences.check(cadence)
    except Invalid as error:
        problems = [Problem(problem.message, FIELDS[problem.field or ""]) for problem in error.problems]
        raise Invalid(*problems) from None
    return cadence


def _numbers(body: Body, name: str) -> tuple[int, ...] | None:
    values = body.items(name)
    if values is not None and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return tuple(sorted(set(values)))
    if values is not None or not body.has(name):
        body.reject(name, f'"{body.path}{name}" must be a list of whole numbers')
    return None


def _length(interval: int) -> str:
    return next(f"{interval // length}{unit}" for unit, length in UNITS if interval % length == 0)


def _name(computation_id: str) -> str:
    return f"{BATCH_RUN}:{computation_id}"


def _first_id(computation: Computation) -> str:
    return derived("sch_", computation.created_at, computation.id)
