"""Profiles in memory, with the changes that a stream would tell."""

import threading
from collections.abc import Iterable
from typing import NamedTuple

from ...errors import VersionConflict
from ...profiles.change import ProfileChange
from ...profiles.ports import DuePage, ProfileKey
from ...profiles.profile import Profile, buried
from .. import codec
from ..keys import profile_key, profile_pk, shard_of


class _Stored(NamedTuple):
    version: int
    due_at: int | None
    merged_into: str | None
    head: bytes
    streams: bytes


class MemoryProfiles:
    """`changes` lists every successful save in order."""

    def __init__(self) -> None:
        self._items: dict[str, _Stored] = {}
        self._lock = threading.Lock()
        self.changes: list[ProfileChange] = []

    def load(self, keys: Iterable[ProfileKey]) -> dict[ProfileKey, Profile]:
        wanted = {key: self._items.get(profile_pk(key)) for key in keys}
        return {key: _profile(key, stored) for key, stored in wanted.items() if stored is not None}

    def save(self, profile: Profile) -> None:
        key = ProfileKey(profile.space_id, profile.profile_id)
        pk = profile_pk(key)
        new = _stored(profile)
        with self._lock:
            old = self._items.get(pk)
            if (old.version if old else 0) != profile.version:
                raise VersionConflict(f"profile {profile.profile_id} is not at version {profile.version}")
            self._items[pk] = new
            self.changes.append(_change(len(self.changes), key, old, new))
        profile.version = new.version

    def bury(self, profile: Profile) -> None:
        self.save(buried(profile))

    def due(self, shard: int, before: int, limit: int, cursor: str | None = None) -> DuePage:
        found = sorted(
            (stored.due_at, pk)
            for pk, stored in list(self._items.items())
            if stored.due_at is not None and stored.due_at <= before and shard_of(pk) == shard
        )
        start = int(cursor or 0)
        page = found[start : start + limit]
        more = start + limit < len(found)
        return DuePage([profile_key(pk) for _, pk in page], str(start + limit) if more else None)

    def newest(self, space_id: str, collection: str, limit: int, start: str = "") -> list[str]:
        found = (
            key.profile_id
            for pk, stored in list(self._items.items())
            for key in [profile_key(pk)]
            if key.space_id == space_id
            and stored.merged_into is None
            and codec.decode_head(stored.head).collection == collection
            and (not start or key.profile_id <= start)
        )
        return sorted(found, reverse=True)[:limit]

    def keys(self) -> list[ProfileKey]:
        """Of all profiles, in the order they were made."""
        return [profile_key(pk) for pk in self._items]


def _stored(profile: Profile) -> _Stored:
    return _Stored(
        profile.version + 1,
        profile.due_at,
        profile.merged_into,
        codec.encode_head(profile.head),
        codec.encode_streams(profile.streams),
    )


def _profile(key: ProfileKey, stored: _Stored) -> Profile:
    return Profile(
        space_id=key.space_id,
        profile_id=key.profile_id,
        version=stored.version,
        merged_into=stored.merged_into,
        head=codec.decode_head(stored.head),
        streams=codec.decode_streams(stored.streams),
    )


def _change(number: int, key: ProfileKey, old: _Stored | None, new: _Stored) -> ProfileChange:
    return ProfileChange(
        record_id=f"change-{number}",
        space_id=key.space_id,
        profile_id=key.profile_id,
        version=new.version,
        merged_into=new.merged_into,
        old=codec.decode_head(old.head) if old else None,
        new=codec.decode_head(new.head),
    )
