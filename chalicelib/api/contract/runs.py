"""Declared: schedules, runs, overviews and tasks as they are sent and shown."""

from typing import Annotated

from msgspec import Meta, field

from .definitions import AudienceFull, Cadence, Schedule, Size
from .shape import ABSENT, Absent, Instant, JsonObject, Sent, Shown, Text, about, one_of
from .workspace import KindName


class ScheduleConfig(Sent, kw_only=True):
    """`interval` for PERIODIC, the others for SPECIFIC_DAYS."""

    interval: Annotated[str | None, one_of(["15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"])] = None
    days: Annotated[list[Annotated[int, Meta(ge=0, le=6)]] | None, about("0 is Sunday.")] = None
    hours: list[Annotated[int, Meta(ge=0, le=23)]] | None = None
    timezone: Annotated[Text | None, about("A name of the IANA database.")] = None


class NewSchedule(Sent, kw_only=True):
    strategy: Annotated[str, one_of(["PERIODIC", "SPECIFIC_DAYS"])]
    config: ScheduleConfig


class GotAudienceSchedule(Shown, kw_only=True):
    audience_schedule: Schedule


class ListedAudienceSchedules(Shown, kw_only=True):
    audience_schedules: list[Schedule]


class GotSchedule(Shown, kw_only=True):
    schedule: Schedule


class ListedSchedules(Shown, kw_only=True):
    schedules: list[Schedule]


class RunId(Shown, kw_only=True):
    id: str


class ForcedRun(Shown, kw_only=True):
    run: RunId


class RefreshedAudience(Shown, kw_only=True):
    audience: AudienceFull
    progress: int | float | None


class Counts(Shown, kw_only=True):
    successful: int
    failed: int


class DeliveryCounts(Shown, kw_only=True):
    last_day: Counts = field(name="last24Hours")
    last_two_weeks: Counts = field(name="last14Days")


class Sync(Shown, kw_only=True):
    task_id: str
    status: str


class Mappings(Shown, kw_only=True):
    count: int
    enabled: int
    disabled: int


class OverviewTarget(Shown, kw_only=True):
    connection_id: str
    destination_id: str
    name: str
    metadata: KindName
    matching_mappings: Annotated[Mappings | str, about("`Not applicable` to a destination without any.")]
    status: str
    sync_status: str | None
    last_sync: Sync | None
    delivery: DeliveryCounts


class Overview(Shown, kw_only=True):
    id: str
    space_id: str
    name: str
    key: str
    description: str | None
    audience_type: str | Absent = ABSENT
    type: str | Absent = ABSENT
    enabled: bool
    created_by: str
    created_at: Instant
    updated_by: str
    updated_at: Instant
    definition: JsonObject
    options: JsonObject
    compute_cadence: Cadence
    schedules: list[Schedule]
    size: Annotated[Size | Absent, about("Once the first run is through.")] = ABSENT
    status: str
    status_reason: Annotated[str | Absent, about("Why nothing is computed.")] = ABSENT
    locked: bool
    progress: int | float | None
    destinations: list[OverviewTarget]


class GotOverview(Shown, kw_only=True):
    overview: Overview


class Changes(Shown, kw_only=True):
    added: int
    removed: int


class Failure(Shown, kw_only=True):
    code: str
    message: str
    step: str | None
    attempt: int
    at: Instant
    will_retry: bool


class Run(Shown, kw_only=True):
    id: str
    task_id: str
    kind: str
    created_at: Instant
    started_at: Instant | None
    completed_at: Instant | None
    duration_ms: int | None
    result: str
    progress: int | float | None
    changes: Changes | None
    error: Annotated[Failure | Absent, about("Why it failed.")] = ABSENT
    queueing_ms: int | None
    extracting_ms: int | Absent = ABSENT
    preparing_delivery_ms: int | Absent = ABSENT


class ListedRuns(Shown, kw_only=True):
    runs: list[Run]


class Step(Shown, kw_only=True):
    name: str
    started_at: Instant | None
    completed_at: Instant | None
    attempts: int
    last_error: Failure | None


class Execution(Shown, kw_only=True):
    attempt: int
    started_at: Instant
    ended_at: Instant | None
    result: str | None
    error: Failure | None


class Task(Shown, kw_only=True):
    """Work in steps, each done once."""

    id: str
    kind: str
    space_id: str
    computation_id: str | None
    destination_id: str | None
    run_id: str | None
    status: str
    attempt: int
    max_retries: int
    continuations: int
    progress: int | float | None
    steps: list[Step]
    attempts: list[Execution]
    error: Failure | None
    next_attempt_at: Instant | None
    deadline_at: Instant | None
    created_at: Instant
    started_at: Instant | None
    completed_at: Instant | None


class GotTask(Shown, kw_only=True):
    task: Task
