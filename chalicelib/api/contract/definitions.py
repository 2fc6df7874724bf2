"""Declared: audiences and computed traits as they are sent and shown."""

from typing import Annotated

from ...workspace.audiences import TYPES
from ...workspace.computed_traits import TYPES as TRAIT_TYPES
from .shape import ABSENT, Absent, Instant, JsonObject, Name, Pagination, Sent, Shown, Text, about, one_of

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
