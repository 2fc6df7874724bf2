"""What the profile pipeline needs from a store. Implementations: `store.memory`, `store.dynamodb`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from ..identity.external_id import Identifier
from ..tracking.event import Event
from .profile import Profile


class ProfileKey(NamedTuple):
    space_id: str
    profile_id: str


class Claim(msgspec.Struct, frozen=True):
    """Who owns an identifier. `version` is that of the owner's profile on which the claim was decided: as long as the
    profile is at this version it may still come to list the identifier; later, only if it does list it."""

    space_id: str
    identifier: Identifier
    profile_id: str
    created_at: int
    source_id: str
    message_id: str
    version: int = 0


class DuePage(NamedTuple):
    """Due profiles in the order of their edges; `cursor` None at the end."""

    keys: Sequence[ProfileKey]
    cursor: str | None


class Membership(NamedTuple):
    """A person who belongs to an account since `at` (epoch ms)."""

    at: int
    user_id: str


class Profiles(Protocol):
    def load(self, keys: Iterable[ProfileKey]) -> dict[ProfileKey, Profile]:
        """The profiles that exist, strongly consistent, in as few batch reads as possible."""
        ...

    def save(self, profile: Profile) -> None:
        """One conditional put: succeeds only while the stored version is `profile.version`; then that is one more.

        Sets `profile.version` to the new one. Raises VersionConflict when somebody else wrote first.
        """
        ...

    def bury(self, profile: Profile) -> None:
        """Leave nothing of a profile but the mark DELETED, so that nobody uses its id again.

        Conditional like `save`. Raises VersionConflict; once it has returned, all that was stored beside it is gone.
        """
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

    def find(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, Claim]:
        """The whole mappings of those that are mapped, strongly consistent."""
        ...

    def claim(self, mapping: Claim, over: Claim | None = None) -> str:
        """Map the identifier unless it is mapped already; the id of the profile that owns it afterwards.

        A mapping to the same profile that was decided on an older version of it is brought up to this one. One that
        is still as `over` is replaced.
        """
        ...

    def move(self, claim: Claim, profile_id: str, version: int) -> None:
        """Let the mapping lead to another profile, of this version, if it is still as it was found."""
        ...

    def release(self, space_id: str, identifier: Identifier, profile_id: str, version: int | None = None) -> None:
        """Remove the mapping if it still leads to `profile_id` and, when given, was decided on this version."""
        ...


class Links(Protocol):
    """Which people belong to an account."""

    def add(self, space_id: str, account_id: str, user_id: str, at: int) -> None:
        """Repeating it changes nothing, the first `at` (epoch ms) stands."""
        ...

    def remove(self, space_id: str, account_id: str, user_id: str) -> None:
        """Absent is fine."""
        ...

    def users(self, space_id: str, account_id: str, limit: int, after: Membership | None = None) -> list[Membership]:
        """The oldest first, those after the given one. Linked under exactly these ids: people and accounts merged away
        since are to be followed by the reader."""
        ...

    def times(self, space_id: str, account_id: str, user_ids: Iterable[str]) -> dict[str, int]:
        """Since when each of these people belongs to the account, for those that do."""
        ...


class Timeline(Protocol):
    def put(self, key: ProfileKey, tag: bytes, events: Sequence[Event], expires_at: int) -> None:
        """Store the events of one queue message for one profile; the same tag overwrites. Times in epoch ms."""
        ...

    def events(self, key: ProfileKey, since: int) -> list[Event]:
        """Events with `timestamp` >= since, in no particular order."""
        ...

    def delete(self, key: ProfileKey) -> None:
        """Remove all events of one profile."""
        ...


class Stored(NamedTuple):
    """An object of the archive: its size in bytes, and when it was written last, in epoch ms."""

    key: str
    size: int
    etag: str
    at: int


class Archive(Protocol):
    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Write one object; the same key overwrites."""
        ...

    def put_if(self, key: str, body: bytes, etag: str | None) -> str:
        """Write it only while it has this etag, or with None only while there is none; its new etag.

        Raises VersionConflict, also when a first try was written and its answer lost: read again before judging.
        """
        ...

    def get(self, key: str) -> bytes:
        """Raises NotFound."""
        ...

    def find(self, key: str) -> tuple[bytes, str] | None:
        """The object and its etag; None when there is none."""
        ...

    def fetch(self, key: str, path: Path) -> None:
        """Download it into a file. Raises NotFound."""
        ...

    def upload(self, key: str, path: Path) -> None:
        """Write a file of at most 5 GB as one object; the same key overwrites."""
        ...

    def stat(self, prefix: str, after: str = "", most: int | None = None) -> list[Stored]:
        """The objects under the prefix whose keys come `after` this one, by key in byte order, at most so many."""
        ...

    def url(self, key: str) -> str:
        """Where other services of AWS find it."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """What stands between the prefix and the next slash, of all keys that have one there, in byte order."""
        ...

    def list(self, prefix: str) -> list[str]:
        """All keys under the prefix, in byte order."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Absent is fine."""
        ...

    def link(self, key: str, seconds: int, filename: str) -> str:
        """A URL under which anybody can download it for so long, under this name. It ends earlier where the credentials
        that sign it do, those of a function within hours: for longer, make another one."""
        ...

    def upload_link(self, key: str, seconds: int) -> str:
        """A URL to which anybody can PUT the object for so long, or as long as `link` allows."""
        ...
