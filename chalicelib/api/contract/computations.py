"""Declared: audiences, computed traits, their schedules and runs, and the tasks behind them."""

from typing import Annotated

from msgspec import Meta, field

from ...workspace.audiences import TYPES
from ...workspace.computed_traits import TYPES as TRAIT_TYPES
from .operation import Group, Operation
from .shape import (
    ABSENT,
    Absent,
    Instant,
    JsonObject,
    Name,
    Pagination,
    Sent,
    Shown,
    Success,
    Text,
    about,
    one_of,
)
from .workspace import MOST, KindName

AUDIENCES = "/spaces/{space_id}/audiences"
AUDIENCE = AUDIENCES + "/{audience_id}"
TRAITS = "/spaces/{space_id}/computed-traits"
TRAIT = TRAITS + "/{trait_id}"
SCHEDULE = "/schedules/{schedule_id}"
TASK = "/spaces/{space_id}/tasks/{task_id}"

MOST_AUDIENCES = 200

Query = Annotated[str, about("In the definition language.", min_length=1)]
Days = Annotated[int, about("How many days before the creation events count; without it all that are needed.")]
Key = Annotated[str | None, about("Never changes; taken if it is the present one.")]


class AudienceDefinition(Sent, kw_only=True):
    query: Query
    target_entity: Text | None = None
    type: Annotated[str | None, about("Where older clients say the type of the audience.")] = None


class AudienceOptions(Sent, kw_only=True):
    include_historical_data: Annotated[bool | None, about("Whether events from before the creation count.")] = None
    filter_by_external_ids: Annotated[
        list[Name] | None, about("Only people with an identifier of one of these types are members.")
    ] = None
    backfill_event_data_days: Days | None = None
    include_anonymous_users: Annotated[bool | None, about("As older clients ask for `anonymous_id`.")] = None


class NewAudience(Sent, kw_only=True):
    name: Name
    audience_type: Annotated[str | None, one_of(TYPES)] = None
    definition: AudienceDefinition
    enabled: bool | None = None
    description: str | None = None
    options: AudienceOptions | None = None


class AudienceChanges(Sent, kw_only=True):
    name: Name | None = None
    description: str | None = None
    enabled: bool | None = None
    definition: AudienceDefinition | None = None
    options: AudienceOptions | None = None
    audience_type: Key = None
    key: Key = None


class TraitDefinition(Sent, kw_only=True):
    query: Query
    type: Annotated[str, one_of(TRAIT_TYPES)]


class TraitOptions(Sent, kw_only=True):
    include_historical_data: bool | None = None
    include_anonymous_users: bool | None = None
    backfill_duration_days: Days | None = None


class NewTrait(Sent, kw_only=True):
    name: Name
    definition: TraitDefinition
    enabled: bool | None = None
    description: str | None = None
    options: TraitOptions | None = None


class TraitChanges(Sent, kw_only=True):
    name: Name | None = None
    description: str | None = None
    enabled: bool | None = None
    definition: TraitDefinition | None = None
    key: Key = None


class ShownAudienceDefinition(Shown, kw_only=True):
    query: str
    target_entity: str | Absent | None = ABSENT


class ShownAudienceOptions(Shown, kw_only=True):
    include_historical_data: bool
    filter_by_external_ids: list[str]
    backfill_event_data_days: int | Absent = ABSENT


class Audience(Shown, kw_only=True):
    """Everybody for whom the definition holds at this moment."""

    id: str
    space_id: str
    name: str
    key: Annotated[str, about("Made from the name once; what the audience is called on profiles and in events.")]
    enabled: bool
    status: str
    created_by: str
    updated_by: str
    created_at: Instant
    updated_at: Instant
    definition: ShownAudienceDefinition
    audience_type: Annotated[str, one_of(TYPES)]
    options: ShownAudienceOptions
    description: str | Absent = ABSENT


class Cadence(Shown, kw_only=True):
    type: Annotated[str, one_of(["REALTIME", "BATCH"])]


class Size(Shown, kw_only=True):
    type: Annotated[str, one_of(["USERS", "ACCOUNTS", "ENTITIES"])]
    count: int
    unique_count: int


class Schedule(Shown, kw_only=True):
    id: str
    strategy: str
    config: JsonObject | None
    next_execution: Instant | Absent = ABSENT


class AudienceFull(Audience, kw_only=True):
    """An audience with its size."""

    compute_cadence: Cadence
    size: Annotated[Size | Absent, about("Once the first run is through.")] = ABSENT
    schedules: Annotated[list[Schedule] | Absent, about("Only with `include=schedules`.")] = ABSENT


class ChangedAudience(Shown, kw_only=True):
    audience: Audience


class GotAudience(Shown, kw_only=True):
    audience: AudienceFull


class ListedAudiences(Shown, kw_only=True):
    audiences: list[AudienceFull]
    pagination: Pagination


class ListedConsumers(Shown, kw_only=True):
    audiences: list[Audience]
    pagination: Pagination


class ShownTraitDefinition(Shown, kw_only=True):
    query: str
    type: Annotated[str, one_of(TRAIT_TYPES)]


class ShownTraitOptions(Shown, kw_only=True):
    include_historical_data: bool
    include_anonymous_users: bool
    backfill_duration_days: int | Absent = ABSENT


class ComputedTrait(Shown, kw_only=True):
    """A value per person or account, reduced from events."""

    id: str
    space_id: str
    name: str
    key: str
    enabled: bool
    status: str
    created_by: str
    updated_by: str
    created_at: Instant
    updated_at: Instant
    definition: ShownTraitDefinition
    options: ShownTraitOptions
    description: str | Absent = ABSENT


class GotTrait(Shown, kw_only=True):
    computed_trait: ComputedTrait


class ListedTraits(Shown, kw_only=True):
    computed_traits: list[ComputedTrait]
    pagination: Pagination


class Search(Sent, kw_only=True):
    """In any case of letters: a part of the name or definition, or the beginning of the key."""

    type: Annotated[str, one_of(["NAME", "KEY", "DEFINITION"])]
    query: Name


class Sort(Sent, kw_only=True):
    field: Annotated[str, one_of(["NAME", "CREATED_AT", "UPDATED_AT"])]
    direction: Annotated[str, one_of(["ASC", "DESC"])]


class AudienceQuery(Sent, kw_only=True):
    include: Annotated[str | None, about("`schedules` shows these too.")] = None


class AudiencesQuery(AudienceQuery, kw_only=True):
    search: Search | None = None


class ConsumersQuery(Sent, kw_only=True):
    search: Search | None = None
    sort: Sort | None = None


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


class OverviewTarget(Shown, kw_only=True):
    connection_id: str
    destination_id: str
    name: str
    metadata: KindName
    matching_mappings: str
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


GROUPS = (
    Group(
        "Audiences",
        "People or accounts for whom a definition holds, kept right at every moment.",
        (
            Operation("POST", AUDIENCES, "Create an audience", ChangedAudience, takes=NewAudience),
            Operation("GET", AUDIENCES, "List audiences", ListedAudiences, asks=AudiencesQuery, most=MOST_AUDIENCES),
            Operation("GET", AUDIENCE, "Get an audience", GotAudience, asks=AudienceQuery),
            Operation("PATCH", AUDIENCE, "Update an audience", ChangedAudience, takes=AudienceChanges),
            Operation("DELETE", AUDIENCE, "Delete an audience", Success, note="Its key is never used again."),
            Operation(
                "GET",
                AUDIENCE + "/audience-references",
                "List audiences that refer to this one",
                ListedConsumers,
                asks=ConsumersQuery,
                most=MOST,
            ),
            Operation("GET", AUDIENCE + "/overview", "See how an audience does", GotOverview),
            Operation("POST", AUDIENCE + "/refresh", "Take a fresh look at size and progress", RefreshedAudience),
            Operation("GET", AUDIENCE + "/runs", "List runs of an audience", ListedRuns),
            Operation("POST", AUDIENCE + "/runs", "Run an audience of accounts now", ForcedRun),
            Operation("GET", AUDIENCE + "/schedules", "List schedules of an audience", ListedAudienceSchedules),
            Operation("POST", AUDIENCE + "/schedules", "Schedule an audience", GotAudienceSchedule, takes=NewSchedule),
            Operation("GET", AUDIENCE + SCHEDULE, "Get a schedule of an audience", GotAudienceSchedule),
            Operation(
                "PATCH", AUDIENCE + SCHEDULE, "Change a schedule of an audience", GotAudienceSchedule, takes=NewSchedule
            ),
            Operation("DELETE", AUDIENCE + SCHEDULE, "Remove a schedule of an audience", Success),
        ),
    ),
    Group(
        "Computed traits",
        "A value per person or account, reduced from events.",
        (
            Operation("POST", TRAITS, "Create a computed trait", GotTrait, takes=NewTrait),
            Operation("GET", TRAITS, "List computed traits", ListedTraits, most=MOST),
            Operation("GET", TRAIT, "Get a computed trait", GotTrait),
            Operation("PATCH", TRAIT, "Update a computed trait", GotTrait, takes=TraitChanges),
            Operation("DELETE", TRAIT, "Delete a computed trait", Success, note="Its values stay as ordinary traits."),
            Operation("GET", TRAIT + "/overview", "See how a computed trait does", GotOverview),
            Operation("GET", TRAIT + "/runs", "List runs of a computed trait", ListedRuns),
            Operation("POST", TRAIT + "/runs", "Run a computed trait of accounts now", ForcedRun),
            Operation("GET", TRAIT + "/schedules", "List schedules of a computed trait", ListedSchedules),
            Operation("POST", TRAIT + "/schedules", "Schedule a computed trait", GotSchedule, takes=NewSchedule),
            Operation(
                "PATCH", TRAIT + SCHEDULE, "Change a schedule of a computed trait", GotSchedule, takes=NewSchedule
            ),
            Operation("DELETE", TRAIT + SCHEDULE, "Remove a schedule of a computed trait", Success),
        ),
    ),
    Group(
        "Tasks",
        "Work in steps behind backfills, runs and syncs.",
        (
            Operation("GET", TASK, "Get a task", GotTask),
            Operation("POST", TASK + "/cancel", "Cancel a task", GotTask, note="A closed one stays as it is."),
            Operation("POST", TASK + "/retry", "Retry a task now", GotTask),
        ),
    ),
)
