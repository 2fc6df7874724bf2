"""Declared: sources and destinations."""

from typing import Annotated

from msgspec import Meta

from ...destinations.registry import KINDS
from ...workspace.source_kinds import SOURCE_KINDS
from .operation import Group, Operation
from .shape import (
    ABSENT,
    Absent,
    ForwardPagination,
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
from .workspace import MOST, DestinationKind, Label, SourceKind

SOURCE = "/sources/{source_id}"
DESTINATION = "/destinations/{destination_id}"


Slug = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._-]+$")]


class NewSource(Sent, kw_only=True):
    slug: Slug
    enabled: bool
    metadata_id: Annotated[str, one_of(SOURCE_KINDS, "A kind out of /catalog/sources.")]
    name: Text | None = None
    settings: JsonObject | None = None


class SourceChanges(Sent, kw_only=True):
    name: Text | None = None
    enabled: bool | None = None
    slug: Annotated[str, Meta(max_length=255, pattern=r"^[A-Za-z0-9._-]*$")] | None = None
    settings: Annotated[JsonObject | None, about("Merged into the present ones.")] = None


class Source(Shown, kw_only=True):
    """Where events come from."""

    id: str
    slug: str
    name: str
    metadata: SourceKind
    workspace_id: str
    enabled: bool
    write_keys: Annotated[list[str], about("What lets events in. Hidden from tokens that may only read.")]
    settings: JsonObject
    labels: list[Label]


class ChangedSource(Shown, kw_only=True):
    source: Source


class GotSource(Shown, kw_only=True):
    source: Source
    tracking_plan_id: None


class ListedSources(Shown, kw_only=True):
    sources: list[Source]
    pagination: Pagination


class Discard(Shown, kw_only=True):
    code: str
    count: int


class ListedDiscards(Shown, kw_only=True):
    discards: list[Discard]


class SchemaSettings(Sent, kw_only=True):
    """Nothing is held against a plan: only what lets everything through is taken."""

    track: JsonObject | None = None
    identify: JsonObject | None = None
    group: JsonObject | None = None
    forwarding_violations_to: Text | None = None
    forwarding_blocked_events_to: Text | None = None


class GotSchemaSettings(Shown, kw_only=True):
    source_id: str
    settings: JsonObject


class NewDestination(Sent, kw_only=True):
    source_id: Annotated[Name, about("The Engage source of a space, for what is to take audiences and traits.")]
    metadata_id: Annotated[str, one_of(KINDS, "A kind out of /catalog/destinations.")]
    settings: Annotated[JsonObject, about("As the kind's options say; required ones may follow later.")]
    name: Text | None = None
    enabled: bool | None = None


class DestinationChanges(Sent, kw_only=True):
    name: Annotated[Text | None, about("Null brings back the name of the kind.")] = None
    enabled: bool | None = None
    settings: Annotated[JsonObject | None, about("Merged into the present ones; null takes one away.")] = None


class Destination(Shown, kw_only=True):
    """An instance of a partner. Secret settings are never shown."""

    id: str
    name: str
    enabled: bool
    metadata: DestinationKind
    source_id: str
    settings: JsonObject


class GotDestination(Shown, kw_only=True):
    destination: Destination


class ListedDestinations(Shown, kw_only=True):
    destinations: list[Destination]
    pagination: Pagination


class DeadLetter(Shown, kw_only=True):
    """A delivery that was given up."""

    message_id: str
    connection_id: str
    computation_id: str
    space_id: str
    destination_id: str
    created_at: Instant
    code: str
    detail: str
    attempts: int
    first_attempt_at: Instant
    failed_at: Instant
    retries_exhausted: bool
    payload: JsonObject
    replayed: Annotated[bool | Absent, about("It had been sent again.")] = ABSENT
    subscription_id: Annotated[str | Absent, about("The one it was sent through, if any.")] = ABSENT
    activation_id: Annotated[str | Absent, about("The one through whose mapping it was sent, if any.")] = ABSENT
    request: Annotated[JsonObject | Absent, about("What was asked last, without secrets.")] = ABSENT
    response: Annotated[JsonObject | Absent, about("What was answered last.")] = ABSENT


class ListedDeadLetters(Shown, kw_only=True):
    dead_letters: list[DeadLetter]
    pagination: Annotated[ForwardPagination | Absent, about("Only where `pagination` was given.")] = ABSENT


class DebuggerQuery(Sent, kw_only=True):
    search: Annotated[str | None, about("A part of the payload's text, in any case.")] = None


class NewestEvents(Shown, kw_only=True):
    events: list[JsonObject]


class SupportedQuery(Sent, kw_only=True):
    slug: str | None = None
    action_id: str | None = None


class SupportedDestinations(Shown, kw_only=True):
    destinations: Annotated[dict[str, DestinationKind], about("By slug.")]


GROUPS = (
    Group(
        "Sources",
        "Where events come from, and the keys that let them in.",
        (
            Operation("POST", "/sources", "Create a source", ChangedSource, takes=NewSource, status=201),
            Operation("GET", "/sources", "List sources", ListedSources, most=MOST),
            Operation("GET", SOURCE, "Get a source", GotSource),
            Operation("PATCH", SOURCE, "Update a source", ChangedSource, takes=SourceChanges),
            Operation("DELETE", SOURCE, "Delete a source with its destinations", Success),
            Operation("POST", SOURCE + "/writekey", "Add a write key", ChangedSource),
            Operation("DELETE", SOURCE + "/writekey/{write_key}", "Remove a write key", Success),
            Operation(
                "GET",
                SOURCE + "/connected-destinations",
                "List destinations of a source",
                ListedDestinations,
                most=MOST,
            ),
            Operation("GET", SOURCE + "/discards", "Count messages that were left out", ListedDiscards),
            Operation("GET", SOURCE + "/settings", "Get the schema settings of a source", GotSchemaSettings),
            Operation(
                "PATCH",
                SOURCE + "/settings",
                "Check schema settings of a source",
                GotSchemaSettings,
                takes=SchemaSettings,
            ),
        ),
    ),
    Group(
        "Destinations",
        "Instances of partners that take audiences and traits.",
        (
            Operation("POST", "/destinations", "Create a destination", GotDestination, takes=NewDestination),
            Operation("GET", "/destinations", "List destinations", ListedDestinations, most=MOST),
            Operation("GET", DESTINATION, "Get a destination", GotDestination),
            Operation("PATCH", DESTINATION, "Update a destination", GotDestination, takes=DestinationChanges),
            Operation("DELETE", DESTINATION, "Delete a destination with its connections", Success),
            Operation(
                "GET", DESTINATION + "/dead-letters", "List deliveries that were given up", ListedDeadLetters, most=MOST
            ),
            Operation("GET", DESTINATION + "/debugger", "See the newest events", NewestEvents, asks=DebuggerQuery),
            Operation(
                "GET",
                "/spaces/{space_id}/audienceType/{audience_type}/supported-destinations",
                "List kinds of destination that take audiences",
                SupportedDestinations,
                asks=SupportedQuery,
            ),
        ),
    ),
)
