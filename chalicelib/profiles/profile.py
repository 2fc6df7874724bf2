"""The state kept of one person or one account."""

from typing import Any

import msgspec

from ..identity.external_id import USERS, ExternalId
from ..journeys.passage import Passage

# Reserved: never the ids of profiles. A user id that leads to SUPPRESSED names somebody who must not be tracked.
SUPPRESSED = "suppressed"
DELETED = "deleted"

TRAIT_PREFIX = "tra_"  # of the ids of computed traits; audiences have another
MOST_LINKS = 500  # accounts of one person


class Trait(msgspec.Struct, array_like=True, frozen=True):
    """A custom trait. None as value is a removal: it has its time like any other value."""

    value: Any
    updated_at: int
    source_id: str


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """The present value of one computation on this profile, stored under the computation's key.

    An audience never entered and a trait never computed have no outcome. `changed_at` is epoch ms.
    """

    value: Any
    computation_id: str
    changed_at: int

    @property
    def is_held(self) -> bool:
        """Whether it makes the profile a member of the audience, or a holder of the trait."""
        return self.value is not None if self.computation_id.startswith(TRAIT_PREFIX) else self.value is True


class Counted(msgspec.Struct, array_like=True):
    """Message ids counted from one queue message: `tag` names it, `hashes` is 8 bytes per message id."""

    tag: bytes
    at: int
    hashes: bytes


class Sighting(msgspec.Struct, array_like=True, frozen=True):
    """The message that first or last touched the profile."""

    at: int
    message_id: str
    source_id: str


class Trigger(msgspec.Struct, array_like=True, frozen=True):
    """What kind of event brought something about: its type, its name as far as there is room, and when it was received
    (epoch ms)."""

    type: str
    name: str
    received_at: int


class News(msgspec.Struct, array_like=True):
    """What the last write brought, for those who tell the story of the profile; gone with the next change.

    The last `added` external ids belonged to nobody before. `triggers` are events that brought them, by message id.
    `at` is when an external id was taken away (epoch ms).
    """

    added: int = 0
    triggers: dict[str, Trigger] = msgspec.field(default_factory=dict)
    at: int = 0


class Merge(msgspec.Struct, array_like=True, frozen=True):
    """A profile that was merged away, on its survivor. `at` (epoch ms), `message_id` and `source_id` are of the event
    that joined the two.

    `members` are the keys of the computations that destinations had been told of it: audiences it was in, traits it
    had. They are kept only on the profile that took it in, for the one change that did. `kept` are the type and value
    of the identifiers that the event joined the two by, kept only while the merge is under way. `trigger` is kept
    as long as either, and marks the merge that a change completed among those that only came along. `journeys` are the
    passages that it had, by version, kept as long as `members`.
    """

    profile_id: str
    at: int
    message_id: str
    source_id: str
    members: list[str] = msgspec.field(default_factory=list)
    kept: list[tuple[str, str]] = msgspec.field(default_factory=list)
    trigger: Trigger | None = None
    journeys: dict[str, Passage] = msgspec.field(default_factory=dict)


class Preference(msgspec.Struct, array_like=True, frozen=True):
    """Whether a person agrees to a category of use, or CONFLICT, and since when (epoch ms)."""

    value: bool | str
    at: int


class Link(msgspec.Struct, array_like=True, frozen=True):
    """An account that a person belongs to, since `at` (epoch ms). The account may have been merged away since."""

    account_id: str
    at: int


class Fill(msgspec.Struct, array_like=True, frozen=True):
    """How far a stream is filled with history. `filled` are the profile ids whose old events are in it; `ids` are
    8 bytes per message id of the other events that are."""

    filled: list[str]
    ids: bytes


class Head(msgspec.Struct, kw_only=True):
    """The part every reader needs; always stored inside the profile's item. New fields go to the end.

    `via`: per audience of accounts that the person is in, the ids of the accounts by which.

    `merges` lists everybody who was merged into this profile, at first or second hand. `links` are in order of
    creation. `merging` is on a frozen profile: the merge it is waiting for, naming the survivor. `refused` names
    frozen profiles that can no longer be taken in, with the version in which they were frozen. `expecting` names
    profiles that somebody was about to freeze for this one, with the version they had: they may be waiting. `fills`
    are of the streams, by key, that are being filled with history.

    `journeys` are the passages through versions of journeys, by version id. `met` is the newest cut of a journey that
    was known when the profile was written.
    """

    collection: str = USERS
    created_at: int = 0
    updated_at: int = 0
    first: Sighting | None = None
    last: Sighting | None = None
    external_ids: list[ExternalId] = msgspec.field(default_factory=list)
    traits: dict[str, Trait] = msgspec.field(default_factory=dict)
    outcomes: dict[str, Outcome] = msgspec.field(default_factory=dict)
    edges: dict[str, int] = msgspec.field(default_factory=dict)  # computation key → next edge, epoch ms
    recent: list[Counted] = msgspec.field(default_factory=list)
    catalogue: int = 0  # version of the space's computations this profile was last evaluated against
    merges: list[Merge] = msgspec.field(default_factory=list)
    links: list[Link] = msgspec.field(default_factory=list)
    merging: Merge | None = None
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    via: dict[str, list[str]] = msgspec.field(default_factory=dict)
    expecting: dict[str, int] = msgspec.field(default_factory=dict)
    fills: dict[str, Fill] = msgspec.field(default_factory=dict)
    news: News | None = None
    consent: dict[str, Preference] = msgspec.field(default_factory=dict)
    journeys: dict[str, Passage] = msgspec.field(default_factory=dict)
    met: int = 0


class Profile(msgspec.Struct, kw_only=True):
    """A profile as loaded: `version` 0 means that no item exists yet.

    `streams` maps a stream's key to what the query package keeps of it. `merged_into` names the survivor of a
    merge; such a profile is frozen. DELETED there marks one whose person was deleted: it stands for nobody any more.
    """

    space_id: str
    profile_id: str
    version: int = 0
    merged_into: str | None = None
    head: Head = msgspec.field(default_factory=Head)
    streams: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def due_at(self) -> int | None:
        """The earliest instant at which time alone can change this profile; never once it is frozen."""
        if self.merged_into is not None:
            return None
        return min(self.head.edges.values(), default=None)

    @property
    def ids(self) -> list[str]:
        """Its own and those of all that were merged into it."""
        return [self.profile_id, *(merge.profile_id for merge in self.head.merges)]

    def find(self, type: str, value: str) -> ExternalId | None:
        return next((e for e in self.head.external_ids if e.type == type and e.value == value), None)

    def trait_values(self) -> dict[str, Any]:
        """Custom traits overlaid with the values of computations, as queries and the Profile API see them."""
        values = {key: trait.value for key, trait in self.head.traits.items() if trait.value is not None}
        values.update((key, outcome.value) for key, outcome in self.head.outcomes.items())
        return values


def buried(profile: Profile) -> Profile:
    """What is left of a deleted profile: nothing but its id, and that it stands for nobody."""
    return Profile(
        space_id=profile.space_id,
        profile_id=profile.profile_id,
        version=profile.version,
        merged_into=DELETED,
        head=Head(collection=profile.head.collection),
    )
