"""Declared: what connects computations with destinations."""

from typing import Annotated

from msgspec import Meta

from ...workspace.activations import TYPES as ACTIVATION_TYPES
from ...workspace.connections import MOST_ID_SYNCS, STRATEGIES
from ...workspace.model import COMBINATION, PER_IDENTIFIER
from .operation import Group, Operation
from .shape import ABSENT, Absent, Instant, JsonObject, Name, Pagination, Sent, Shown, Success, Text, about, one_of
from .subscriptions import ActionId
from .subscriptions import Settings as MappingSettings
from .workspace import MOST, KindName

AUDIENCE = "/spaces/{space_id}/audiences/{audience_id}"
TRAIT = "/spaces/{space_id}/computed-traits/{trait_id}"
CONNECTIONS = "/destination-connections"
CONNECTION = CONNECTIONS + "/{connection_id}"


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


class Resync(Shown, kw_only=True):
    connection: ConnectionId
    perform_resync: Annotated[bool, about("Whether it is under way.")]


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


class ProfileChoice(Sent, kw_only=True):
    properties: Annotated[list[Name] | None, about("Keys of the traits that go along.")] = None
    mapping: Annotated[dict[str, Name] | None, about("Names some of them are sent under, by key.")] = None


class EntityChoice(Sent, kw_only=True):
    relationship_slug: Name
    properties: list[Name]


class Personalization(Sent, kw_only=True):
    profile: ProfileChoice | None = None
    entities: Annotated[list[EntityChoice] | None, about("For LINKED audiences alone.")] = None


class NewMapping(Sent, kw_only=True):
    """With one, the activation has events of its own, which are sent as the action says: a track call where somebody
    enters or exits, an identify call where the membership changes, and of all events what the connection sends."""

    action_id: ActionId
    settings: MappingSettings | None = None


class MappingChanges(Sent, kw_only=True):
    """The action never changes: another one than there is, and one that is unknown, is ignored."""

    action_id: Text | None = None
    settings: Annotated[MappingSettings | None, about("Each replaces the one there is, null takes it away.")] = None


class ShownMapping(Shown, kw_only=True):
    action_id: str
    settings: Annotated[JsonObject, about("Without those that are secret.")]


class NewActivation(Sent, kw_only=True):
    activation_name: Name
    activation_type: Annotated[str, one_of(ACTIVATION_TYPES)]
    perform_resync: Annotated[bool, about("Whether all members are sent once, now.")]
    enabled: bool | None = None
    display_name: Text | None = None
    personalization: Personalization | None = None
    destination_mapping: NewMapping | None = None


class ActivationChanges(Sent, kw_only=True):
    enabled: bool | None = None
    activation_name: Annotated[Text | None, about("An empty one changes nothing.")] = None
    display_name: Annotated[Text | None, about("Null takes it away.")] = None
    personalization: Personalization | None = None
    destination_mapping: MappingChanges | None = None
    perform_resync: bool | None = None


class ShownProfileChoice(Shown, kw_only=True):
    properties: list[str]
    mapping: dict[str, str] | Absent = ABSENT


class ShownEntityChoice(Shown, kw_only=True):
    relationship_slug: str
    properties: list[str]


class ShownPersonalization(Shown, kw_only=True):
    profile: ShownProfileChoice
    entities: Annotated[list[ShownEntityChoice] | Absent, about("Of LINKED audiences.")] = ABSENT


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
    destination_mapping: Annotated[ShownMapping | Absent, about("Where it has one.")] = ABSENT


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
        Operation(
            "POST",
            of + CONNECTION + "/resync",
            f"Tell a destination of {what} once more",
            Resync,
            note="In the background, as things stand then. Asking again while it is under way changes nothing.",
        ),
    ]


GROUPS = (
    Group(
        "Connections",
        "Which destinations hear of which computation.",
        (*_connections(AUDIENCE, "an audience"), *_connections(TRAIT, "a computed trait")),
    ),
    Group(
        "Activations",
        "On which change of an audience a connection sends, which traits go along, and how. An activation with a "
        "mapping takes its events out of what the connection sends anyway; switched off, they are sent nowhere.",
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
