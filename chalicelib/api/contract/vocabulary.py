"""Declared: which events, properties and traits a space knows."""

from typing import Annotated

from .operation import Group, Operation
from .shape import ABSENT, Absent, Instant, Pagination, Sent, Shown, Text, about, one_of
from .workspace import MOST

SPACE = "/spaces/{space_id}"
EVENTS = SPACE + "/events"
PROPERTIES = EVENTS + "/{event_name}/properties"
TRAITS = SPACE + "/traits"

DIRECTIONS = ("asc", "desc")
COLLECTIONS = ("users", "accounts")
PROPERTY, CONTEXT = "PROPERTY", "CONTEXT"
MOST_SAMPLES = 100

Direction = Annotated[str | None, one_of(DIRECTIONS)]
Search = Annotated[Text | None, about("A part of the name, in capitals or not.")]
Collection = Annotated[str | None, one_of(COLLECTIONS, "Users unless said.")]
WithSamples = Annotated[str | None, one_of(("true", "false"))]
SampleCount = Annotated[Text | None, about(f"How many samples at most, 1 to {MOST_SAMPLES}; 20 unless said.")]
Day = Annotated[Instant, about("The beginning of the UTC day.")]
Samples = Annotated[
    list[str],
    about("A few values. None of fields and values that look as if they were about one person."),
]


class EventsQuery(Sent, kw_only=True):
    sort_by: Annotated[str | None, one_of(("lastSeenAt", "name"))] = None
    sort_dir: Direction = None
    search: Search = None


class PropertiesQuery(Sent, kw_only=True):
    sort_by: Annotated[str | None, one_of(("lastSeenAt", "name"))] = None
    sort_dir: Direction = None
    search: Search = None
    include_sample_values: WithSamples = None
    samples_count: SampleCount = None


class TraitsQuery(Sent, kw_only=True):
    sort_by: Annotated[str | None, one_of(("trait", "lastSeenAt"))] = None
    sort_dir: Direction = None
    search: Search = None
    collection: Collection = None
    include_sample_values: WithSamples = None
    samples_count: SampleCount = None


class PropertySamplesQuery(Sent, kw_only=True):
    property_type: Annotated[str | None, one_of((PROPERTY, CONTEXT), "Of contexts no samples are kept.")] = None


class TraitSamplesQuery(Sent, kw_only=True):
    collection: Collection = None


class KnownEvent(Shown, kw_only=True):
    name: str
    type: Annotated[str, one_of(("TRACK", "PAGE", "SCREEN"))]
    last_seen_at: Day


class KnownEvents(Shown, kw_only=True):
    events: list[KnownEvent]
    pagination: Pagination


class KnownProperty(Shown, kw_only=True):
    name: str
    type: Annotated[str, one_of((PROPERTY,))]
    event_name: str
    last_seen_at: Day
    samples: Samples | Absent = ABSENT


class KnownProperties(Shown, kw_only=True):
    event_properties: list[KnownProperty]
    pagination: Pagination


class KnownTrait(Shown, kw_only=True):
    trait: str
    type: Annotated[str, one_of(("AUDIENCE", "COMPUTED", "CUSTOM"))]
    last_seen_at: Instant
    samples: Samples | Absent = ABSENT


class CountedPagination(Shown, kw_only=True):
    """Where a page stands in a list that is only read forwards."""

    current: str
    next: str | None
    total_entries: int


class KnownTraits(Shown, kw_only=True):
    traits: list[KnownTrait]
    pagination: CountedPagination


class SampleValues(Shown, kw_only=True):
    sample_values: Samples


GROUPS = (
    Group(
        "Vocabulary",
        "Which events, properties and traits arrived in a space. What filters leave out is not in it; a name that has "
        "not been seen for 90 days makes room for others.",
        (
            Operation("GET", EVENTS, "List events", KnownEvents, asks=EventsQuery, most=MOST),
            Operation(
                "GET", PROPERTIES, "List properties of an event", KnownProperties, asks=PropertiesQuery, most=MOST
            ),
            Operation(
                "GET",
                PROPERTIES + "/{property_name}/sample-values",
                "List sample values of a property",
                SampleValues,
                asks=PropertySamplesQuery,
            ),
            Operation("GET", TRAITS, "List traits", KnownTraits, asks=TraitsQuery, most=MOST),
            Operation(
                "GET",
                TRAITS + "/{trait_key}/sample-values",
                "List sample values of a trait",
                SampleValues,
                asks=TraitSamplesQuery,
            ),
        ),
    ),
)
