"""How things are named in tables: partition keys and shards."""

import hashlib
from zlib import crc32

from ..identity.external_id import Identifier
from ..profiles.ports import ProfileKey

SHARDS = 16  # of the due index: each takes 1,000 writes a second, and a tick reads all of them
LISTING_SHARDS = 4  # of the list of a space: each takes 1,000 new profiles a second, and a page reads all of them
LONGEST_KEY = 1_024  # bytes; DynamoDB allows 2,048


def profile_pk(key: ProfileKey) -> str:
    return f"{key.space_id}#{key.profile_id}"


def profile_key(pk: str) -> ProfileKey:
    space_id, _, profile_id = pk.partition("#")
    return ProfileKey(space_id, profile_id)


def shard_of(pk: str) -> int:
    """Which shard of the due index holds the profile: the same in every process."""
    return crc32(pk.encode()) % SHARDS


def listings(space_id: str, collection: str) -> list[str]:
    """The shards of the list of a space's profiles."""
    return [f"{space_id}#{collection}#{shard}" for shard in range(LISTING_SHARDS)]


def listing_of(pk: str, collection: str) -> str:
    """Which of them holds the profile."""
    return listings(profile_key(pk).space_id, collection)[crc32(pk.encode()) % LISTING_SHARDS]


def identifier_pk(space_id: str, identifier: Identifier) -> str:
    """Two identifiers never share a key: `#` is escaped within the parts, and only hashed keys hold `###`."""
    parts = (space_id, identifier.collection, identifier.type, identifier.value)
    pk = "#".join(part.replace("%", "%25").replace("#", "%23") for part in parts)
    if len(pk.encode()) <= LONGEST_KEY:
        return pk
    return f"{space_id}#{identifier.collection}###{hashlib.sha256(pk.encode()).hexdigest()}"
