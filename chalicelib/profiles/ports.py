"""What the profile pipeline needs from a store. Implementations: `store.memory`, `store.dynamodb`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from ..identity.external_id import Identifier
from ..tracking.event import Event
from .profile import Profile


class ProfileKey(NamedTuple):
    space_id: str
    profile_id: str


class Claim(msgspec.Struct, frozen=True):
    """Who owns an identifier."""

    space_id: str
    identifier: Identifier
    profile_id: str
    created_at: int
    source_id: str
    message_id: str


class DuePage(NamedTuple):
    """Due profiles in the order of their edges; `cursor` None at the end."""

    keys: Sequence[ProfileKey]
    cursor: str | None


class Profiles(Protocol):
    def load(self, keys: Iterable[ProfileKey]) -> dict[ProfileKey, Profile]:
        """The profiles that exist, strongly consistent, in as few batch reads as possible."""
        ...

    def save(self, profile: Profile) -> None:
        """One conditional put: succeeds only while the stored version is `profile.version`; then that is one more.

        Sets `profile.version` to the new one. Raises VersionConflict when somebody else wrote first.
        """
        ...

    def delete(self, profile: Profile) -> None:
        """Remove a profile that was saved without streams. Raises VersionConflict when somebody else wrote first."""
        ...

    def due(self, shard: int, before: int, limit: int, cursor: str | None = None) -> DuePage:
        """Profiles of one shard with `due_at` <= `before` (epoch ms)."""
        ...

    def newest(self, space_id: str, collection: str, limit: int, start: str = "") -> list[str]:
        """Ids of at most `limit` profiles, the last created first, from the id `start` on.

        Those merged away or deleted are left out. May be a moment behind the writes.
        """
        ...


class Identifiers(Protocol):
    def owners(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        """Identifier → profile id for those that are mapped, strongly consistent."""
        ...

    def claim(self, mapping: Claim) -> str:
        """Map the identifier unless it is mapped already; the id of the profile that owns it afterwards."""
        ...

    def release(self, space_id: str, identifier: Identifier, profile_id: str) -> None:
        """Remove the mapping if it still leads to `profile_id`."""
        ...


class Timeline(Protocol):
    def put(self, key: ProfileKey, tag: bytes, events: Sequence[Event], expires_at: int) -> None:
        """Store the events of one queue message for one profile; the same tag overwrites. Times in epoch ms."""
        ...

    def events(self, key: ProfileKey, since: int) -> list[Event]:
        """Events with `timestamp` >= since, in no particular order."""
        ...


class Archive(Protocol):
    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Write one object; the same key overwrites."""
        ...

    def get(self, key: str) -> bytes:
        """Raises NotFound."""
        ...

    def list(self, prefix: str) -> list[str]:
        """All keys under the prefix, in byte order."""
        ...
