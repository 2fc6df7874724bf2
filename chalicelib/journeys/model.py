"""A journey as its owner drew it, as it is stored. Times are epoch ms, durations ms."""

from typing import Any

import msgspec

# Of steps. Those of an audience are ENTRY, CONDITION, SEND and AD; splits have one per side or branch.
ENTRY, CONDITION, DELAY = "entry", "condition", "delay"
TRUE_FALSE, MULTI_BRANCH, RANDOM = "true_false", "multi_branch", "random_split"
SEND, AD = "send_to_destination", "show_ad"
TYPES = (ENTRY, CONDITION, DELAY, TRUE_FALSE, MULTI_BRANCH, RANDOM, SEND, AD)

# Of versions. PUBLISHING and FAILED are not stored: they are how the first run of a LIVE one does.
DRAFT, LIVE, PAUSED, DRAINING, ARCHIVED = "draft", "live", "paused", "draining", "archived"
PUBLISHING, FAILED = "publishing", "failed"
MOVING = (LIVE, PAUSED, DRAINING)  # people inside move on

HIDDEN_ENTRY = "_hidden_entry"  # after a key: whether somebody ever joined, in this cycle
JOINED_AT = "_hidden_entry_joined_at"  # after a key: when


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """`history`: who ever met the entry condition comes in. `exit_after` counts from the entry, `reentry_after` from
    the exit; None: never."""

    history: bool = False
    anonymous: bool = False
    exit_after: int | None = None
    reentry_after: int | None = None


class Target(msgspec.Struct, kw_only=True, frozen=True):
    """Where a step sends. `settings` and `id_sync` are what a connection of an audience takes; `connection_id` is that
    of the connection, made when the journey is published."""

    destination_id: str
    connection_id: str
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    id_sync: list[dict[str, Any]] = msgspec.field(default_factory=list)


class Side(msgspec.Struct, kw_only=True, frozen=True):
    """What has an audience of its own: a step, or one side or branch of a split. `name` is that of the branch, "true"
    or "false" of a side, and empty where the step itself is meant. `share` is of a random branch, in percent. `next`
    is the id of the step to go on with; None ends the path."""

    name: str
    key: str
    computation_id: str
    query: str | None = None
    share: float | None = None
    next: str | None = None


class Step(msgspec.Struct, kw_only=True, frozen=True):
    """`id` is the owner's, unique in its version. `lineage` stays the same through versions of the journey.

    `sides`: one for the step itself; of TRUE_FALSE first the true one (both have the query), then the false one; of
    other splits the branches in order. A DELAY has none, but `wait` and `next`. `remove_after` is of an AD.
    """

    id: str
    type: str
    name: str
    lineage: str
    sides: list[Side] = msgspec.field(default_factory=list)
    wait: int = 0
    next: str | None = None
    targets: list[Target] = msgspec.field(default_factory=list)
    remove_after: int | None = None


class Version(msgspec.Struct, kw_only=True):
    """What a version does. It never changes once it is published, but for the targets of its steps. Its `id` grows
    with time."""

    id: str
    journey_id: str
    space_id: str
    number: int
    created_at: int
    created_by: str
    settings: Settings = Settings()
    steps: list[Step] = msgspec.field(default_factory=list)


class Standing(msgspec.Struct, kw_only=True, frozen=True):
    """How a version stands. `cuts` are when it was published and each time it was resumed: only what happened since the
    last one lets somebody in. `exclusive`: nobody who was in an earlier version comes in. `was_drained`: it was
    archived after having been draining. `exits`: its settings name an exit time; said at the publication, for the
    versions after it."""

    version_id: str
    number: int
    status: str = DRAFT
    cuts: list[int] = msgspec.field(default_factory=list)
    exclusive: bool = False
    was_drained: bool = False
    exits: bool = False


class Journey(msgspec.Struct, kw_only=True):
    """`versions` in order of their numbers; all that changes with a version is here, so that publishing one and
    pausing another is one write."""

    id: str
    workspace_id: str
    space_id: str
    name: str
    created_at: int
    created_by: str
    updated_at: int
    updated_by: str
    description: str | None = None
    versions: list[Standing] = msgspec.field(default_factory=list)

    def standing(self, version_id: str) -> Standing | None:
        return next((standing for standing in self.versions if standing.version_id == version_id), None)
