"""The table `profiles`: one item per profile, changed by one conditional write."""

import heapq
from collections.abc import Iterable

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from ...errors import Invalid, Problem, Retryable, Unavailable, VersionConflict
from ...profiles.ports import DuePage, ProfileKey
from ...profiles.profile import Profile, buried
from .. import codec
from ..keys import listing_of, listings, profile_key, profile_pk, shard_of
from .parts import Parts, Reference
from .table import ConditionFailed, Raw, Table

DUE_INDEX = "due"
LISTING_INDEX = "listing"
INLINE = 100_000  # bytes of streams kept in the item itself
LARGEST_HEAD = 305_000  # bytes; with INLINE and the keys still below the 400 KB of an item
LOAD_ATTEMPTS = 4  # a profile may get a new version between the read of its item and of its parts


class DueIndex(GlobalSecondaryIndex["ProfileItem"]):  # type: ignore[no-untyped-call]
    class Meta:
        index_name = DUE_INDEX
        projection = KeysOnlyProjection()

    due_shard = NumberAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


class ListingIndex(GlobalSecondaryIndex["ProfileItem"]):  # type: ignore[no-untyped-call]
    """The ids of profiles begin with the time they were made at, so the table's own key is the order of the list."""

    class Meta:
        index_name = LISTING_INDEX
        projection = KeysOnlyProjection()

    listing = UnicodeAttribute(hash_key=True)
    pk = UnicodeAttribute(range_key=True)


class ProfileItem(Model):
    """`due_shard` and `due_at` are absent when time alone changes nothing, `listing` when the profile was merged away:
    that keeps the indexes sparse. `listing` never changes otherwise, so a save costs no write of its index."""

    pk = UnicodeAttribute(hash_key=True)
    version = NumberAttribute()
    due_shard = NumberAttribute(null=True)
    due_at = NumberAttribute(null=True)
    listing = UnicodeAttribute(null=True)
    merged_into = UnicodeAttribute(null=True)
    head = BinaryAttribute(legacy_encoding=False)
    streams = BinaryAttribute(legacy_encoding=False, null=True)
    parts = UnicodeAttribute(null=True)
    due = DueIndex()
    listed = ListingIndex()


class DynamoProfiles:
    """`parts_table` is the table that takes what is too large for an item; it must not be in the profile stream."""

    def __init__(self, connection: Connection, table: str, parts_table: str, inline: int = INLINE) -> None:
        self._table = Table(ProfileItem, connection, table)
        self._parts = Parts(connection, parts_table)
        self._inline = inline

    def load(self, keys: Iterable[ProfileKey]) -> dict[ProfileKey, Profile]:
        wanted = {profile_pk(key) for key in keys}
        found: dict[ProfileKey, Profile] = {}
        for _ in range(LOAD_ATTEMPTS):
            items = {item.pk: item for item in self._table.get_many((pk,) for pk in sorted(wanted))}
            whole = {pk: blob for pk, item in items.items() if (blob := self._streams(item)) is not None}
            found.update((profile_key(pk), _profile(items[pk], blob)) for pk, blob in whole.items())
            wanted = items.keys() - whole.keys()
            if not wanted:
                return found
        raise Unavailable("a profile changes faster than it can be read")

    def save(self, profile: Profile) -> None:
        item = self._item(profile)
        unchanged = ProfileItem.version == profile.version if profile.version else ProfileItem.pk.does_not_exist()
        try:
            old = self._table.put_returning(item, unchanged)
        except ConditionFailed as error:
            raise VersionConflict(f"profile {profile.profile_id} is not at version {profile.version}") from error
        profile.version += 1
        if item.parts or "parts" in old:
            self._clean(item.pk, profile.version)

    def bury(self, profile: Profile) -> None:
        self.save(buried(profile))
        self._parts.remove_all(profile_pk(ProfileKey(profile.space_id, profile.profile_id)))

    def due(self, shard: int, before: int, limit: int, cursor: str | None = None) -> DuePage:
        after = _start(shard, cursor) if cursor else None
        page = self._table.query(shard, ProfileItem.due_at <= before, index=DUE_INDEX, limit=limit, after=after)
        return DuePage([profile_key(item.pk) for item in page.items], _cursor(page.last) if page.last else None)

    def newest(self, space_id: str, collection: str, limit: int, start: str = "") -> list[str]:
        until = ProfileItem.pk <= profile_pk(ProfileKey(space_id, start)) if start else None
        found = (
            self._table.query(shard, until, index=LISTING_INDEX, limit=limit, descending=True).items
            for shard in listings(space_id, collection)
        )
        newest = heapq.nlargest(limit, (item.pk for items in found for item in items))
        return [profile_key(pk).profile_id for pk in newest]

    def _streams(self, item: ProfileItem) -> bytes | None:
        if not item.parts:
            return item.streams or b""
        return self._parts.read(item.pk, int(item.version), Reference.parse(item.parts))

    def _item(self, profile: Profile) -> ProfileItem:
        """The item of the next version; parts are written here, before anything leads to them."""
        pk = profile_pk(ProfileKey(profile.space_id, profile.profile_id))
        item = self._table.model(pk=pk, version=profile.version + 1, merged_into=profile.merged_into)
        item.head = _head(profile)
        if profile.merged_into is None:
            item.listing = listing_of(pk, profile.head.collection)
        if profile.due_at is not None:
            item.due_shard, item.due_at = shard_of(pk), profile.due_at
        if profile.streams:
            blob = codec.encode_streams(profile.streams)
            if len(blob) <= self._inline:
                item.streams = blob
            else:
                item.parts = str(self._parts.write(pk, profile.version + 1, blob))
        return item

    def _clean(self, pk: str, version: int) -> None:
        try:
            self._parts.remove_before(pk, version)
        except Retryable:
            return  # the profile is saved; its next large save removes them


def _head(profile: Profile) -> bytes:
    blob = codec.encode_head(profile.head)
    if len(blob) > LARGEST_HEAD:
        raise Invalid(Problem("traits and external ids of one profile have grown past what an item can hold"))
    return blob


def _profile(item: ProfileItem, streams: bytes) -> Profile:
    key = profile_key(item.pk)
    return Profile(
        space_id=key.space_id,
        profile_id=key.profile_id,
        version=int(item.version),
        merged_into=item.merged_into,
        head=codec.decode_head(item.head),
        streams=codec.decode_streams(streams) if streams else {},
    )


def _cursor(last: Raw) -> str:
    return f"{last['due_at']['N']}#{last['pk']['S']}"


def _start(shard: int, cursor: str) -> Raw:
    due_at, _, pk = cursor.partition("#")
    return {"pk": {"S": pk}, "due_shard": {"N": str(shard)}, "due_at": {"N": due_at}}
