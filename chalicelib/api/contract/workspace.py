"""Declared: the workspace, its spaces, tokens, labels and the kinds there are to choose from."""

from typing import Annotated, Any

from ...workspace.model import API_TOKEN, PROFILE_TOKEN, SCOPES
from .operation import ANYBODY, FOUNDING, Group, Operation
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

MOST = 1_000


class Workspace(Shown, kw_only=True):
    id: str
    slug: str
    name: str


class Space(Shown, kw_only=True):
    """What people are united in: events go in, profiles, audiences and traits are computed inside."""

    id: Annotated[str, about("22 characters; paths also take it with `spa_` in front.")]
    slug: str
    name: str


class GotWorkspace(Shown, kw_only=True):
    workspace: Workspace


class ListedSpaces(Shown, kw_only=True):
    spaces: list[Space]
    pagination: Pagination


class GotSpace(Shown, kw_only=True):
    space: Space


class NewToken(Sent, kw_only=True):
    name: Name
    kind: Annotated[str, one_of([API_TOKEN, PROFILE_TOKEN], "Of the management API (default) or the Profile API.")] = (
        API_TOKEN
    )
    scope: Annotated[
        str | None,
        one_of(SCOPES, "What a token of the management API may: each may what those before it may."),
    ] = None
    space_id: Annotated[Text | None, about("Of a token of the Profile API.")] = None


class Token(Shown, kw_only=True):
    id: str
    name: str
    kind: Annotated[str, one_of([API_TOKEN, PROFILE_TOKEN])]
    created_by: Annotated[str, about("The id of a token; empty for the first ones.")]
    created_at: Instant
    scope: Annotated[str | Absent, one_of(SCOPES)] = ABSENT
    space_id: str | Absent = ABSENT
    secret: Annotated[str | Absent, about("Shown once, when the token is made.")] = ABSENT


class GotToken(Shown, kw_only=True):
    token: Token


class ListedTokens(Shown, kw_only=True):
    tokens: list[Token]
    pagination: Pagination


class LabelFields(Sent, kw_only=True):
    key: Name
    value: Name
    description: Text | None = None


class NewLabel(Sent, kw_only=True):
    label: LabelFields


class LabelsOfSource(Sent, kw_only=True):
    labels: list[LabelFields]


class Label(Shown, kw_only=True):
    key: str
    value: str
    description: str | Absent = ABSENT


class GotLabel(Shown, kw_only=True):
    label: Label


class ListedLabels(Shown, kw_only=True):
    labels: list[Label]


class Logos(Shown, kw_only=True):
    default: str


class KindOption(Shown, kw_only=True):
    """One setting."""

    name: str
    type: str
    required: bool
    description: str | Absent = ABSENT
    default_value: Annotated[Any, about("Used when nothing is set.")] = ABSENT


class KindName(Shown, kw_only=True):
    id: str
    name: str
    slug: str


class SourceKind(Shown, kw_only=True):
    """A kind of source."""

    id: Annotated[str, about("What `metadataId` takes.")]
    name: str
    slug: str
    description: str
    logos: Logos
    options: list[KindOption]
    categories: list[str]
    is_cloud_event_source: bool
    status: str


class ListedSourceKinds(Shown, kw_only=True):
    sources_catalog: list[SourceKind]
    pagination: Pagination


class GotSourceKind(Shown, kw_only=True):
    source_metadata: SourceKind


class DestinationKind(Shown, kw_only=True):
    """A kind of destination."""

    id: Annotated[str, about("What `metadataId` takes.")]
    name: str
    slug: str
    description: str
    logos: Logos
    options: list[KindOption]
    status: str
    previous_names: list[str]
    categories: list[str]
    website: str
    components: list[JsonObject]
    supported_features: JsonObject
    supported_methods: JsonObject
    supported_platforms: JsonObject
    actions: list[JsonObject]
    presets: list[JsonObject]


class ListedDestinationKinds(Shown, kw_only=True):
    destinations_catalog: list[DestinationKind]
    pagination: Pagination


class GotDestinationKind(Shown, kw_only=True):
    destination_metadata: DestinationKind


class EchoQuery(Sent, kw_only=True):
    message: str


class Echo(Shown, kw_only=True):
    method: str
    message: str
    headers: JsonObject


class Founding(Sent, kw_only=True):
    slug: Annotated[Text | None, about("What tells this workspace from others; `main` by default.")] = None
    name: Text | None = None
    space_name: Text | None = None


class Founded(Shown, kw_only=True):
    is_new: bool
    workspace_id: str
    space_id: str
    source_id: str
    engage_source_id: str
    write_key: Annotated[str | Absent, about("Secrets are told once, of a workspace that is new.")] = ABSENT
    api_token: str | Absent = ABSENT
    profile_token: str | Absent = ABSENT


GROUPS = (
    Group(
        "Workspace",
        "What a token opens: one workspace with its spaces.",
        (
            Operation("GET", "/", "The workspace of the token", GotWorkspace),
            Operation("GET", "/spaces", "List spaces", ListedSpaces, most=MOST),
            Operation("GET", "/spaces/{space_id}", "Get a space", GotSpace),
            Operation("GET", "/echo", "Try the connection and the token", Echo, asks=EchoQuery),
            Operation(
                "POST",
                "/bootstrap",
                "Found the first workspace",
                Founded,
                takes=Founding,
                access=FOUNDING,
                note="Takes the secret of the deployment as bearer token. Where none is set there is no such route.",
            ),
        ),
    ),
    Group(
        "Documentation",
        "What you are reading.",
        (
            Operation("GET", "/openapi.json", "This document", JsonObject, access=ANYBODY),
            Operation("GET", "/reference", "The same, to be read by people", None, media="text/html", access=ANYBODY),
        ),
    ),
    Group(
        "Tokens",
        "Who may do what. Secrets are shown once; only their hashes are kept.",
        (
            Operation("POST", "/tokens", "Issue a token", GotToken, takes=NewToken, note="Needs the scope admin."),
            Operation("GET", "/tokens", "List tokens", ListedTokens, most=MOST),
            Operation("GET", "/tokens/{token_id}", "Get a token", GotToken),
            Operation(
                "DELETE",
                "/tokens/{token_id}",
                "Revoke a token",
                Success,
                note="Needs the scope admin. It may open doors for up to 30 seconds more.",
            ),
        ),
    ),
    Group(
        "Labels",
        "Words to sort sources by.",
        (
            Operation("POST", "/labels", "Create a label", GotLabel, takes=NewLabel, status=201),
            Operation("GET", "/labels", "List labels", ListedLabels),
            Operation("DELETE", "/labels/{label_key}/{label_value}", "Delete a label no source has", Success),
            Operation(
                "POST", "/sources/{source_id}/labels", "Add labels to a source", ListedLabels, takes=LabelsOfSource
            ),
            Operation(
                "PUT",
                "/sources/{source_id}/labels",
                "Replace the labels of a source",
                ListedLabels,
                takes=LabelsOfSource,
            ),
        ),
    ),
    Group(
        "Catalog",
        "The kinds of source and destination there are.",
        (
            Operation("GET", "/catalog/sources", "List kinds of source", ListedSourceKinds, most=MOST),
            Operation("GET", "/catalog/sources/{metadata_id}", "Get a kind of source", GotSourceKind),
            Operation("GET", "/catalog/destinations", "List kinds of destination", ListedDestinationKinds, most=MOST),
            Operation("GET", "/catalog/destinations/{metadata_id}", "Get a kind of destination", GotDestinationKind),
        ),
    ),
)
