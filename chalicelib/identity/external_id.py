"""An external id: what the outside world calls a person or an account."""

from typing import NamedTuple

import msgspec

USERS = "users"
ACCOUNTS = "accounts"


class Identifier(NamedTuple):
    """Names at most one live profile of a space."""

    collection: str
    type: str
    value: str


class ExternalId(msgspec.Struct, array_like=True, frozen=True):
    """An identifier on a profile, with where it was first seen. `created_at` is epoch ms, `id` is `map_…`."""

    type: str
    value: str
    id: str
    created_at: int
    source_id: str
    message_id: str
