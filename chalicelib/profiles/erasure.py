"""Deleting a person, with everything that was merged into them and everything that leads to them.

    note ─► mark ─► archive's list ─► timeline, links, log ─► mappings ─► profiles merged in ─► the profile ─► note gone

The mark is one conditional write, and it decides: from then on the profile stands for nobody, no worker that read it
before can save it, and no message follows from it. It keeps the names of what is still to be removed. The note leads
to it, so that whoever deletes next in this space completes what a killed worker began. Every step may be repeated.

Ids are not given out again: of a deleted profile a mark without content stays.
"""

from collections.abc import Collection
from typing import Protocol

import msgspec

from ..clock import MINUTE, Clock
from ..errors import VersionConflict
from ..identity.external_id import Identifier
from ..instants import to_iso
from ..records import Key, Record, Records, every
from .lookup import Lookup, set_aside
from .ports import Archive, Identifiers, Links, ProfileKey, Profiles, Timeline
from .profile import DELETED, Head, Profile, buried

ATTEMPTS = 5  # against workers that write the profile at this moment
ABANDONED_AFTER = MINUTE  # no request lives that long


class Log(Protocol):
    """What was written down about people. Implementation: `pipeline.identity_log`."""

    def forget(self, space_id: str, profile_ids: Collection[str], values: Collection[str]) -> None:
        """Remove every entry that names one of these profiles or values."""
        ...


class Eraser:
    def __init__(
        self,
        lookup: Lookup,
        profiles: Profiles,
        identifiers: Identifiers,
        timeline: Timeline,
        links: Links,
        archive: Archive,
        log: Log,
        work: Records,
        clock: Clock,
    ) -> None:
        self._lookup, self._profiles, self._identifiers = lookup, profiles, identifiers
        self._timeline, self._links, self._archive, self._log = timeline, links, archive, log
        self._work, self._clock = work, clock

    def erase(self, space_id: str, user_id: Identifier) -> str | None:
        """The id of the profile that had this user id and is gone now; None when nobody has it. Raises Retryable."""
        for _ in range(ATTEMPTS):
            person = self._lookup.whole(self._lookup.by_identifier(space_id, user_id))
            if person is None:
                return None
            try:
                self._mark(person)
            except VersionConflict:
                continue
            self._finish(person)
            return person.profile_id
        raise VersionConflict("the profile is written by others all the time")

    def resume(self, space_id: str) -> None:
        """Complete the deletions that others of this space began and did not end."""
        for record in every(self._work, _notes(space_id)):
            key = ProfileKey(space_id, record.key.sort)
            profile = self._profiles.load([key]).get(key)
            if profile is not None and profile.merged_into == DELETED and profile != buried(profile):
                self._finish(profile)
            elif profile is None or profile.merged_into == DELETED or self._is_abandoned(record):
                self._work.delete(record.key)

    def _is_abandoned(self, record: Record) -> bool:
        """Whoever wrote this note died before the mark, so nothing was begun."""
        return int(record.data) < self._clock.now() - ABANDONED_AFTER

    def _mark(self, profile: Profile) -> None:
        """Who was frozen to be merged into the person goes along: the mark names them as well."""
        now, head = self._clock.now(), profile.head
        self._work.put(_note(profile), str(now).encode())
        profile.merged_into, profile.streams = DELETED, {}
        profile.head = Head(
            collection=head.collection,
            updated_at=now,
            external_ids=head.external_ids,
            merges=head.merges,
            links=head.links,
        )
        self._profiles.save(profile)

    def _finish(self, profile: Profile) -> None:
        space_id, ids, head = profile.space_id, profile.ids, profile.head
        self._archive.put(f"erasures/{space_id}/{profile.profile_id}.json", _erasure(profile))
        for profile_id in ids:
            self._timeline.delete(ProfileKey(space_id, profile_id))
        for link in head.links:
            for user_id in self._links.times(space_id, link.account_id, ids):
                self._links.remove(space_id, link.account_id, user_id)
        self._log.forget(space_id, ids, [e.value for e in head.external_ids])
        self._release(profile)
        for merged in self._profiles.load(ProfileKey(space_id, profile_id) for profile_id in ids[1:]).values():
            self._profiles.bury(merged)
        self._profiles.bury(profile)
        self._work.delete(_note(profile))

    def _release(self, profile: Profile) -> None:
        named = [Identifier(profile.head.collection, e.type, e.value) for e in profile.head.external_ids]
        for identifier, claim in self._identifiers.find(profile.space_id, [*named, *map(set_aside, named)]).items():
            if claim.profile_id in profile.ids:
                self._identifiers.release(profile.space_id, identifier, claim.profile_id)


def _erasure(profile: Profile) -> bytes:
    """What readers of the archive leave out: everything of these profiles. The events themselves stay in their files
    until those are rewritten."""
    erased_at = to_iso(profile.head.updated_at)
    content: bytes = msgspec.json.encode(
        {"spaceId": profile.space_id, "profileIds": profile.ids, "erasedAt": erased_at}
    )
    return content


def _notes(space_id: str) -> str:
    return f"erasures#{space_id}"


def _note(profile: Profile) -> Key:
    return Key(_notes(profile.space_id), profile.profile_id)
