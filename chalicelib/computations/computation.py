"""An audience or a computed trait as its owner defined it."""

from base64 import urlsafe_b64encode
from hashlib import blake2b

import msgspec

AUDIENCE = "audience"
TRAIT = "trait"
USERS = "USERS"
ACCOUNTS = "ACCOUNTS"
LINKED = "LINKED"

PROFILE = "profile"  # what an audience counts unless it is linked and its owner names an entity

ANONYMOUS_ID = "anonymous_id"
DEFAULT_EXTERNAL_IDS = ("user_id", "email", "android.idfa", "ios.idfa")

# How far a definition has been taken in.
PREPARING, COMPUTING, LIVE, FAILED, LOCKED = "preparing", "computing", "live", "failed", "locked"

_GENERATION_BYTES = 3  # told apart are generations of one stream, of which a space has a few


class Edition(msgspec.Struct, kw_only=True, frozen=True):
    """A change of what a computation computes that is being taken in: it takes the place of the active one at once,
    when its streams are complete. `at` (epoch ms) is later than that of any edition before."""

    query: str
    external_ids: list[str]
    version: int
    at: int
    by: str = ""
    generations: dict[str, str] = msgspec.field(default_factory=dict)


class Computation(msgspec.Struct, kw_only=True):
    """`scope` is USERS or ACCOUNTS, or LINKED for what is never computed. `key` never changes and is never given to
    another computation. `target_entity` is what a linked audience would count. Times are epoch ms.

    `external_ids`: a profile can be a member only if it has an external id of one of these types.

    Without `history` only events received after `created_at` count. With it all do, or those dated since
    `lookback_days` before `created_at`.

    `version` counts the editions that became active. `ready`: it has values; False until the streams of the first
    edition are complete. `begun_at` is when these were last begun. `generations` are those of the active edition's
    streams, by base key: see `catalogue`. `upcoming` is the edition being taken in. `counted`: a run over everybody is
    through, so its size is one; False until then. `stage` is for its owner only.

    `journey_id`: it stands for a step of this journey, which decides who is in. Its `query` may be empty, and of events
    only those dated since the publication count, unless it has `history`. A later version may take it over: which one
    it belongs to, only the versions say.
    """

    id: str
    workspace_id: str
    space_id: str
    kind: str
    scope: str
    key: str
    name: str
    query: str
    description: str | None = None
    enabled: bool = True
    external_ids: list[str] = msgspec.field(default_factory=lambda: list(DEFAULT_EXTERNAL_IDS))
    created_at: int = 0
    created_by: str = ""
    updated_at: int = 0
    updated_by: str = ""
    history: bool = False
    lookback_days: int | None = None
    version: int = 1
    ready: bool = True
    begun_at: int = 0
    generations: dict[str, str] = msgspec.field(default_factory=dict)
    upcoming: Edition | None = None
    counted: bool = True
    stage: str = LIVE
    target_entity: str = PROFILE
    journey_id: str | None = None

    @property
    def is_computed(self) -> bool:
        """False for what is only kept: nobody ever gets values of it."""
        return self.scope != LINKED

    @property
    def is_awaited(self) -> bool:
        """Whether what reads it for the first time should wait: not everybody has a value yet, but will have."""
        return self.scope == USERS and self.enabled and not self.counted and self.stage != FAILED


def generation_of(computation_id: str, at: int) -> str:
    """Of the streams that an edition begins."""
    digest = blake2b(f"{computation_id}@{at}".encode(), digest_size=_GENERATION_BYTES).digest()
    return urlsafe_b64encode(digest).decode("ascii")
