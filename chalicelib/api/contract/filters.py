"""Declared: filters of spaces and destinations."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ...filters.actions import TYPES
from ...workspace.destination_filters import LONGEST_DESCRIPTION, MOST_ACTIONS
from ...workspace.space_filters import MOST as MOST_OF_SPACE
from .operation import Group, Operation
from .shape import ABSENT, Absent, Instant, JsonObject, Name, Pagination, Sent, Shown, Success, Text, about, one_of
from .workspace import MOST

FILTERS = "/filters"
FILTER = FILTERS + "/{filter_id}"
OF_DESTINATION = "/destination/{destination_id}/filters"
ONE_OF_DESTINATION = OF_DESTINATION + "/{filter_id}"
LIMITED = f"At most {MOST_OF_SPACE}; another one is refused with 409."

Description = Annotated[str, Meta(max_length=LONGEST_DESCRIPTION)]
Condition = Annotated[
    str,
    about(
        "In Segment's filter query language, such as `type = 'track' and event = 'Button Clicked'`; `all` for every "
        "event. At most 5 KB.",
    ),
]
SpaceId = Annotated[Name, about("The id of the space.")]


class NewSpaceFilter(Sent, kw_only=True):
    """Events that meet the condition do not reach the space, from whichever source."""

    integration_id: SpaceId
    name: Name
    condition: Condition = msgspec.field(name="if")
    enabled: Annotated[bool | None, about("True unless said.")] = None
    drop: Annotated[bool | None, about("True unless said; otherwise it does nothing.")] = None
    description: Description | None = None
    drop_properties: Annotated[JsonObject | None, about("Not supported.")] = None
    allow_properties: Annotated[JsonObject | None, about("Not supported.")] = None


class SpaceFilterChanges(Sent, kw_only=True):
    """What is given replaces what is there."""

    integration_id: SpaceId
    name: Text | None = None
    condition: Condition | None = msgspec.field(name="if", default=None)
    enabled: bool | None = None
    drop: bool | None = None
    description: Description | None = None
    drop_properties: Annotated[JsonObject | None, about("Not supported.")] = None
    allow_properties: Annotated[JsonObject | None, about("Not supported.")] = None


class SpaceFilter(Shown, kw_only=True):
    id: str
    workspace_id: str
    integration_id: SpaceId
    enabled: bool
    name: str
    condition: Condition = msgspec.field(name="if")
    drop: bool
    description: str | Absent = ABSENT
    created_at: Instant
    updated_at: Instant


class GotSpaceFilter(Shown, kw_only=True):
    filter: SpaceFilter


class NumberedPagination(Shown, kw_only=True):
    """Where a page stands; cursors are numbers here."""

    current: int
    next: Annotated[int | Absent, about("Absent on the last page.")] = ABSENT
    total_entries: int


class SpaceFiltersQuery(Sent, kw_only=True):
    integration_id: SpaceId


class ListedSpaceFilters(Shown, kw_only=True):
    filters: list[SpaceFilter]
    pagination: NumberedPagination


class DeletedSpaceFilter(Shown, kw_only=True):
    deleted: bool


Fields = Annotated[
    dict[str, list[str]],
    about(
        "Names of fields by the path of the object they are in, the empty path being that of the event. Of a list of "
        "objects, each is meant."
    ),
]
Percent = Annotated[float, Meta(ge=0, le=1, description="The share of events that is let through.")]
SamplePath = Annotated[Text, about("Events that agree in what stands here go together.")]


class FilterAction(Sent, kw_only=True):
    """What happens to an event. Of several, samples and drops come first, then fields are taken away."""

    type: Annotated[str, one_of(TYPES)]
    fields: Fields | None = None
    percent: Percent | None = None
    path: SamplePath | None = None


Actions = Annotated[list[FilterAction], Meta(min_length=1, max_length=MOST_ACTIONS)]


class NewDestinationFilter(Sent, kw_only=True):
    source_id: Annotated[Name, about("The source that the destination hears of.")]
    condition: Condition = msgspec.field(name="if")
    actions: Actions
    title: Name
    enabled: bool
    description: Description | None = None


class DestinationFilterChanges(Sent, kw_only=True):
    """What is given replaces what is there."""

    condition: Condition | None = msgspec.field(name="if", default=None)
    actions: Actions | None = None
    title: Text | None = None
    enabled: bool | None = None
    description: Description | None = None


class ShownAction(Shown, kw_only=True):
    type: Annotated[str, one_of(TYPES)]
    fields: Fields | Absent = ABSENT
    percent: float | Absent = ABSENT
    path: str | Absent = ABSENT


class DestinationFilter(Shown, kw_only=True):
    id: str
    source_id: str
    destination_id: str
    condition: Condition = msgspec.field(name="if")
    actions: list[ShownAction]
    title: str
    enabled: bool
    description: str | Absent = ABSENT
    created_at: Instant
    updated_at: Instant


class GotDestinationFilter(Shown, kw_only=True):
    filter: DestinationFilter


class ListedDestinationFilters(Shown, kw_only=True):
    filters: list[DestinationFilter]
    pagination: Pagination


class PreviewedFilter(Sent, kw_only=True):
    condition: Condition = msgspec.field(name="if")
    actions: Actions


class FilterPreview(Sent, kw_only=True):
    filter: PreviewedFilter
    payload: JsonObject


class FilterPreviewed(Shown, kw_only=True):
    input_payload: JsonObject
    result: Annotated[JsonObject | None, about("Null when nothing would be sent.")]


GROUPS = (
    Group(
        "Filters",
        "Which events reach a space, and what of events reaches a destination.",
        (
            Operation(
                "POST", FILTERS, "Create a filter of a space", GotSpaceFilter, takes=NewSpaceFilter, note=LIMITED
            ),
            Operation(
                "GET",
                FILTERS,
                "List filters of a space",
                ListedSpaceFilters,
                asks=SpaceFiltersQuery,
                most=MOST_OF_SPACE,
            ),
            Operation("GET", FILTER, "Get a filter of a space", GotSpaceFilter),
            Operation("PATCH", FILTER, "Update a filter of a space", GotSpaceFilter, takes=SpaceFilterChanges),
            Operation("DELETE", FILTER, "Delete a filter of a space", DeletedSpaceFilter),
            Operation(
                "POST",
                OF_DESTINATION,
                "Create a filter of a destination",
                GotDestinationFilter,
                takes=NewDestinationFilter,
                note=LIMITED,
            ),
            Operation("GET", OF_DESTINATION, "List filters of a destination", ListedDestinationFilters, most=MOST),
            Operation("GET", ONE_OF_DESTINATION, "Get a filter of a destination", GotDestinationFilter),
            Operation(
                "PATCH",
                ONE_OF_DESTINATION,
                "Update a filter of a destination",
                GotDestinationFilter,
                takes=DestinationFilterChanges,
            ),
            Operation("DELETE", ONE_OF_DESTINATION, "Delete a filter of a destination", Success),
            Operation(
                "POST",
                "/destination/filters/preview",
                "Preview a filter",
                FilterPreviewed,
                takes=FilterPreview,
                note="What it would leave of an event. Nothing is kept.",
            ),
        ),
    ),
)
