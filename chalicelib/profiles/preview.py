"""What an event with certain identifiers would do now: decided by the rules that decide for events, and not done."""

from collections.abc import Sequence
from typing import NamedTuple

from ..identity.external_id import Identifier
from ..identity.resolution import STORED, Person, Resolution, resolve
from ..identity.rulebook import Rulebook
from .lookup import Lookup
from .ports import Identifiers
from .profile import SUPPRESSED, Profile
from .room import size_of


class Preview(NamedTuple):
    """`owners` are the profiles that have an identifier each, `blocked` the values that count as none.

    `resolution` is None when nobody would be tracked, because the user id is suppressed or no identifier is left.
    """

    owners: dict[Identifier, Profile]
    blocked: Sequence[Identifier]
    suppressed: Sequence[Identifier]
    resolution: Resolution | None

    @property
    def profiles(self) -> list[Profile]:
        """Everybody who has one of the identifiers, the first created first."""
        found = {profile.profile_id: profile for profile in self.owners.values()}
        return sorted(found.values(), key=lambda profile: _person(profile).age)

    @property
    def result(self) -> list[Profile]:
        """Whom the event would be about, the survivor first; empty for somebody new."""
        found = self.resolution
        named = () if found is None or found.owner is None else (found.owner, *found.joined)
        return [profile for profile in self.profiles if profile.profile_id in named]


class Previews:
    def __init__(self, lookup: Lookup, identifiers: Identifiers) -> None:
        self._lookup, self._identifiers = lookup, identifiers

    def of(self, space_id: str, named: Sequence[Identifier], book: Rulebook, at: int) -> Preview:
        """`named` in their stored form and in the order of extraction, of one collection; `at` in epoch ms."""
        blocked = [i for i in named if book.of(i.type).blocks(i.value)]
        usable = [i for i in dict.fromkeys(named) if i not in blocked]
        mapped = self._identifiers.owners(space_id, usable) if usable else {}
        suppressed = [i for i in usable if mapped.get(i) == SUPPRESSED]
        owners = {i: profile for i in usable if (profile := self._owner(space_id, i)) is not None}
        resolution = None
        if usable and not suppressed:
            people = {profile.profile_id: _person(profile) for profile in owners.values()}
            leads_to = {identifier: profile.profile_id for identifier, profile in owners.items()}
            resolution = resolve(usable, leads_to, people, book, at)
        return Preview(owners, blocked, suppressed, resolution)

    def _owner(self, space_id: str, identifier: Identifier) -> Profile | None:
        return self._lookup.find(space_id, identifier.collection, f"{identifier.type}:{identifier.value}")


def _person(profile: Profile) -> Person:
    head = profile.head
    held = {Identifier(head.collection, e.type, e.value): e.created_at for e in head.external_ids}
    age = STORED, head.created_at, profile.profile_id
    return Person(age, held, len(head.merges), lambda: size_of(profile))
