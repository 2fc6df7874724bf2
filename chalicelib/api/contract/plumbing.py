"""Declared: sources, destinations, and what connects them with computations."""

from typing import Annotated

from msgspec import Meta

from ...workspace.activations import TYPES as ACTIVATION_TYPES
from ...workspace.connections import MOST_ID_SYNCS, STRATEGIES
from ...workspace.model import COMBINATION, PER_IDENTIFIER
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
from .workspace import MOST, DestinationKind, KindName, Label, SourceKind

SOURCE = "/sources/{source_id}"
DESTINATION = "/destinations/{destination_id}"
AUDIENCE = "/spaces/{space_id}/audiences/{audience_id}"
TRAIT = "/spaces/{space_id}/computed-traits/{trait_id}"
CONNECTIONS = "/destination-connections"
CONNECTION = CONNECTIONS + "/{connection_id}"

Slug = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._-]+$")]


class NewSource(Sent, kw_only=True):
    slug: Slug
    enabled: bool
    metadata_id: Annotated[Name, about("A kind out of /catalog/sources.")]
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
    metadata_id: Annotated[Name, about("A kind out of /catalog/destinations.")]
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
    request: Annotated[JsonObject | Absent, about("What was asked last, without secrets.")] = ABSENT
    response: Annotated[JsonObject | Absent, about("What was answered last.")] = ABSENT


class ListedDeadLetters(Shown, kw_only=True):
    dead_letters: list[DeadLetter]
    pagination: Annotated[ForwardPagination | Absent, about("Only where `pagination` was given.")] = ABSENT


class DebuggerQuery(Sent, kw_only=True):
    search: Annotated[str | None, about("A part of the payload's text, in any case.")] = None


class NewestEvents(Shown, kw_only=True):
    events: list[JsonObject]


class IdSyncFields(Sent, kw_only=True):
    """An identifier that is sent, and which of a person's values."""

    external_id: Name
    strategy: Annotated[str, one_of(STRATEGIES)]
    map_to: Text | None = None


Settings = Annotated[
    JsonObject,
    about(
        "Understood are `sendIdentify`, `sendTrack`, `sendMobileIds` (booleans), `fanout` "
        f"({COMBINATION} or {PER_IDENTIFIER}), `enterEventName`, `exitEventName` and `computeEventName`. "
        "Everything else is kept as it is."
    ),
]


class Target(Sent, kw_only=True):
    id: Name
    type: Annotated[str, one_of(["destination", "warehouse"])]


IdSyncs = Annotated[list[IdSyncFields], Meta(max_length=MOST_ID_SYNCS)]


class NewConnection(Sent, kw_only=True):
    destination: Target
    id_sync_configuration: IdSyncs | None = None
    connection_settings: Settings | None = None


class ConnectionChanges(Sent, kw_only=True):
    """At least one of these. Lists and objects replace those there are; empty ones change nothing."""

    id_sync_configuration: IdSyncs | None = None
    connection_settings: Settings | None = None
    enabled: Annotated[bool | None, about("Pauses the connection, and takes it up again.")] = None


class IdSync(Shown, kw_only=True):
    external_id: str
    strategy: str
    map_to: str | Absent = ABSENT


class ConnectionId(Shown, kw_only=True):
    id: str


class AddedConnection(Shown, kw_only=True):
    connection: ConnectionId
    id_sync_configuration: list[IdSync]
    connection_settings: JsonObject


class ChangedConnection(Shown, kw_only=True):
    destination: ConnectionId
    id_sync_configuration: list[IdSync]
    connection_settings: JsonObject


class Connection(Shown, kw_only=True):
    """A computation feeding a destination."""

    id: str
    destination_id: str
    source_id: str
    name: str
    enabled: bool
    settings: JsonObject
    metadata: KindName
    created_at: Instant
    updated_at: Instant
    id_sync_configuration: list[IdSync]
    connection_settings: JsonObject


class ListedConnections(Shown, kw_only=True):
    connections: list[Connection]
    pagination: Annotated[Pagination | Absent, about("Only where `pagination` was given.")] = ABSENT


class SupportedQuery(Sent, kw_only=True):
    slug: str | None = None
    action_id: str | None = None


class SupportedDestinations(Shown, kw_only=True):
    destinations: Annotated[dict[str, DestinationKind], about("By slug.")]


class ProfileChoice(Sent, kw_only=True):
    properties: Annotated[list[Name] | None, about("Keys of the traits that go along.")] = None
    mapping: Annotated[dict[str, Name] | None, about("Names some of them are sent under, by key.")] = None


class Personalization(Sent, kw_only=True):
    profile: ProfileChoice | None = None
    entities: Annotated[list[JsonObject] | None, about("For LINKED audiences alone.")] = None


class Mapping(Sent, kw_only=True):
    action_id: Text | None = None
    settings: JsonObject | None = None


class NewActivation(Sent, kw_only=True):
    activation_name: Name
    activation_type: Annotated[str, one_of(ACTIVATION_TYPES)]
    perform_resync: Annotated[bool, about("Whether all members are sent once, now.")]
    enabled: bool | None = None
    display_name: Text | None = None
    personalization: Personalization | None = None
    destination_mapping: Mapping | None = None


class ActivationChanges(Sent, kw_only=True):
    enabled: bool | None = None
    activation_name: Annotated[Text | None, about("An empty one changes nothing.")] = None
    display_name: Annotated[Text | None, about("Null takes it away.")] = None
    personalization: Personalization | None = None
    destination_mapping: Mapping | None = None
    perform_resync: bool | None = None


class ShownProfileChoice(Shown, kw_only=True):
    properties: list[str]
    mapping: dict[str, str] | Absent = ABSENT


class ShownPersonalization(Shown, kw_only=True):
    profile: ShownProfileChoice


class Activation(Shown, kw_only=True):
    id: str
    enabled: bool
    workspace_id: str
    space_id: str
    audience_id: str
    connection_id: str
    activation_type: Annotated[str, one_of(ACTIVATION_TYPES)]
    activation_name: str
    display_name: str | None
    personalization: ShownPersonalization
    perform_resync: Annotated[bool, about("Whether members are being sent again.")]


class GotActivation(Shown, kw_only=True):
    activation: Activation


class ListedActivations(Shown, kw_only=True):
    activations: list[Activation]
    pagination: Annotated[Pagination | Absent, about("Only where `pagination` was given.")] = ABSENT


def _connections(of: str, what: str) -> list[Operation]:
    return [
        Operation("POST", of + CONNECTIONS, f"Connect {what} to a destination", AddedConnection, takes=NewConnection),
        Operation("GET", of + CONNECTIONS, f"List the connections of {what}", ListedConnections, most=MOST),
        Operation(
            "PATCH",
            of + CONNECTION,
            f"Update a connection of {what}",
            ChangedConnection,
            takes=ConnectionChanges,
            note="The path takes the id of the connection, or of its destination.",
        ),
        Operation("DELETE", of + CONNECTION, f"Remove a connection of {what}", Success),
    ]


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
    Group(
        "Connections",
        "Which destinations hear of which computation.",
        (*_connections(AUDIENCE, "an audience"), *_connections(TRAIT, "a computed trait")),
    ),
    Group(
        "Activations",
        "On which change of an audience a connection sends, and which traits go along.",
        (
            Operation("POST", AUDIENCE + CONNECTION + "/activations", "Add one", GotActivation, takes=NewActivation),
            Operation("GET", AUDIENCE + "/activations", "List them", ListedActivations, most=MOST),
            Operation("GET", AUDIENCE + "/activations/{activation_id}", "Get one", GotActivation),
            Operation(
                "PATCH", AUDIENCE + "/activations/{activation_id}", "Update one", GotActivation, takes=ActivationChanges
            ),
            Operation("DELETE", AUDIENCE + "/activations/{activation_id}", "Remove one", Success),
        ),
    ),
)
