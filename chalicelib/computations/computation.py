"""An audience or a computed trait as its owner defined it."""

import msgspec

AUDIENCE = "audience"
TRAIT = "trait"
USERS = "USERS"
ACCOUNTS = "ACCOUNTS"

DEFAULT_EXTERNAL_IDS = ("user_id", "email", "android.idfa", "ios.idfa")


class Computation(msgspec.Struct, kw_only=True):
    """`scope` is USERS or ACCOUNTS. `key` never changes and is never given to another computation.

    Times are epoch ms. Only events received after `created_at` count (no history yet).
    `external_ids`: a profile can be a member only if it has an external id of one of these types.
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
