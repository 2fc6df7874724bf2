"""The things an owner sets up, as they are stored. Times are epoch ms."""

from typing import Any

import msgspec

from ..filters.actions import Action

ENGAGE = "engage"  # metadata id of the source every space owns; destinations on it can take computations

API_TOKEN = "api"  # noqa: S105 - the kind of a token, not a token
PROFILE_TOKEN = "profile"  # noqa: S105

READ, WRITE, ADMIN = "read", "write", "admin"
SCOPES = (READ, WRITE, ADMIN)  # each may what those before it may; ADMIN may also issue and revoke tokens

COMBINATION = "combination"  # one message per combination of a person's user ids and addresses
PER_IDENTIFIER = "per_identifier"  # one message per identifier


class Workspace(msgspec.Struct, kw_only=True):
    id: str
    slug: str
    name: str
    created_at: int


class Space(msgspec.Struct, kw_only=True):
    """`id` is the bare form; `spa_<id>` is accepted in paths and used in `context.personas`."""

    id: str
    workspace_id: str
    slug: str
    name: str
    engage_source_id: str
    created_at: int


class Label(msgspec.Struct, kw_only=True):
    key: str
    value: str
    description: str | None = None


class Source(msgspec.Struct, kw_only=True):
    """`space_id` is the space its events go to."""

    id: str
    workspace_id: str
    space_id: str
    slug: str
    name: str
    metadata_id: str
    enabled: bool
    write_keys: list[str]
    created_at: int
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    labels: list[Label] = msgspec.field(default_factory=list)


class Token(msgspec.Struct, kw_only=True):
    """Of the token itself only the SHA-256 is kept. `kind` is API_TOKEN or PROFILE_TOKEN (then of one space).
    `created_by` is the id of another token; nobody's for those a workspace was founded with."""

    id: str
    kind: str
    workspace_id: str
    space_id: str | None
    created_at: int
    scope: str = ADMIN
    name: str = ""
    created_by: str = ""


class SpaceFilter(msgspec.Struct, kw_only=True):
    """Which events do not reach a space: those that meet the condition `when`, if it is to `drop` them. `since` is the
    instant from which on it is in force: what was received before is not touched."""

    id: str
    workspace_id: str
    space_id: str
    name: str
    when: str
    enabled: bool
    drop: bool
    created_at: int
    updated_at: int
    since: int
    description: str | None = None


class SpaceFilters(msgspec.Struct, kw_only=True):
    """All filters of a space, oldest first: together they keep to their number, and are read in one go."""

    filters: list[SpaceFilter] = msgspec.field(default_factory=list)


class DestinationFilter(msgspec.Struct, kw_only=True):
    """What happens to those events for a destination that meet the condition `when`. `since` is the instant from which
    on it is in force: an event that waits since before is not stopped by it."""

    id: str
    title: str
    when: str
    actions: list[Action]
    enabled: bool
    created_at: int
    updated_at: int
    since: int
    description: str | None = None


class Subscription(msgspec.Struct, kw_only=True):
    """A mapping: events that meet the condition `trigger` are sent as the action says, with these settings by field.
    `secrets` holds sealed values by field; they are never returned."""

    id: str
    name: str
    action_id: str
    trigger: str
    enabled: bool
    created_at: int
    updated_at: int
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)


class Destination(msgspec.Struct, kw_only=True):
    """An instance of a partner. `secrets` holds sealed values by setting name; they are never returned. `filters` and
    `subscriptions` are in the order of their creation; without subscriptions every event is sent, as the settings say.
    """

    id: str
    workspace_id: str
    source_id: str
    metadata_id: str
    name: str
    enabled: bool
    created_at: int
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    filters: list[DestinationFilter] = msgspec.field(default_factory=list)
    subscriptions: list[Subscription] = msgspec.field(default_factory=list)


class IdSync(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    external_id: str
    strategy: str
    map_to: str | None = None


class Connection(msgspec.Struct, kw_only=True):
    """A computation feeding a destination.

    `settings` are the caller's `connectionSettings`, of which these are understood: `sendIdentify` (default true),
    `sendTrack`, `sendMobileIds` and `sendAlias` (of merges; default false), `sendGroup` (of accounts, default true for
    traits), `fanout` (COMBINATION or PER_IDENTIFIER), `enterEventName`, `exitEventName`, `computeEventName`.

    `traits` are those that go along, by key, with the names they are sent under.

    `external_audience_id` names the list that was made for it at the partner, if the destination takes lists.
    """

    id: str
    workspace_id: str
    space_id: str
    computation_id: str
    destination_id: str
    enabled: bool
    created_at: int
    updated_at: int
    id_sync: list[IdSync] = msgspec.field(default_factory=list)  # empty: every value of the standard types
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    external_audience_id: str | None = None


class Entity(msgspec.Struct, kw_only=True, rename="camel"):
    """Which properties of a related entity go along."""

    relationship_slug: str
    properties: list[str]


class DestinationMapping(msgspec.Struct, kw_only=True):
    """How the events of an activation are sent: as the action says, with these settings by field. `secrets` holds
    sealed values by field; they are never returned."""

    action_id: str
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)


class Activation(msgspec.Struct, kw_only=True):
    """What a connection of an audience sends on which change. `type` is one of `activations.TYPES`; `properties` are
    the keys of the traits that go along, `mapping` the names some of them are sent under. `entities` are those
    of linked audiences, as they were given. With a `destination_mapping` it has events of its own."""

    id: str
    workspace_id: str
    space_id: str
    computation_id: str
    connection_id: str
    type: str
    name: str
    enabled: bool
    created_at: int
    updated_at: int
    display_name: str | None = None
    properties: list[str] = msgspec.field(default_factory=list)
    mapping: dict[str, str] = msgspec.field(default_factory=dict)
    entities: list[Entity] = msgspec.field(default_factory=list)
    destination_mapping: DestinationMapping | None = None
