"""Who is who in one pass: the profiles behind its identifiers, stored and new, and what must be done to them first.

A mapping of an identifier says more than where it leads:

    the profile lists the identifier                    it is the profile's own
    not listed, claimed on the version just read        somebody is about to write it, or died before: it leads there
    not listed, claimed on another version              whoever claimed it can no longer write it: it leads nowhere

Where the stored state forbids going on, it is put right and the pass starts again on fresh reads (VersionConflict).
"""

from collections.abc import Iterable
from typing import NoReturn

from ..errors import VersionConflict
from ..identity.external_id import USERS, Identifier
from ..identity.resolution import CLAIMED, NEW, STORED, Person, excess
from ..identity.rulebook import Rulebook
from ..profiles import room
from ..profiles.merging import Redirects, unfreeze
from ..profiles.ports import Claim, Identifiers, Links, ProfileKey, Profiles
from ..profiles.profile import DELETED, SUPPRESSED, Head, Profile
from ..profiles.recent import Recent


class Roster:
    """`owners` leads from identifiers to living profiles. `folds` are the frozen profiles that a living one has yet to
    take in, in order. `loose` are identifiers that lead to a profile which does not list them. `moves` are mappings
    that lead to a profile merged away, with the id and version of the survivor that lists them."""

    def __init__(
        self, space_id: str, profiles: Profiles, identifiers: Identifiers, links: Links, book: Rulebook
    ) -> None:
        self.space_id = space_id
        self.profiles: dict[str, Profile] = {}
        self.people: dict[str, Person] = {}
        self.owners: dict[Identifier, str] = {}
        self.folds: dict[str, list[Profile]] = {}
        self.loose: set[Identifier] = set()
        self.suppressed: set[Identifier] = set()
        self.moves: list[tuple[Claim, str, int]] = []
        self._store, self._identifiers, self._links, self._book = profiles, identifiers, links, book
        self._redirects = Redirects(profiles, space_id)
        self._recent: dict[str, Recent] = {}

    def load(self, identifiers: Iterable[Identifier], profile_ids: Iterable[str] = ()) -> None:
        """Everything about them, in as few batch reads as there are links in the longest chain of merges."""
        wanted = list(dict.fromkeys(identifiers))
        claims = self._identifiers.find(self.space_id, wanted) if wanted else {}
        self.suppressed = {identifier for identifier, claim in claims.items() if claim.profile_id == SUPPRESSED}
        self._redirects.load({*profile_ids, *(c.profile_id for c in claims.values() if c.profile_id != SUPPRESSED)})
        for profile in self._redirects.known.values():
            if profile.merged_into is None:
                self._open(profile)
        for profile in self._redirects.abandoned():
            self._erase(profile)
        for profile_id, losers in self._redirects.waiting().items():
            self._await(profile_id, losers)
        for identifier, claim in claims.items():
            if identifier not in self.suppressed:
                self._own(identifier, claim)

    def end(self, profile_id: str) -> Profile | None:
        """The living profile that an id leads to."""
        return self.profiles.get(self._redirects.end(profile_id))

    def open_new(self, profile_id: str, collection: str, number: int) -> Profile:
        """A profile of this pass; `number` is its place among them."""
        return self._open(_blank(self.space_id, profile_id, collection), (NEW, number))

    def is_used(self, profile_id: str, *, look: bool) -> bool:
        """Whether a profile has this id; `look` in the store, too."""
        if profile_id in self.profiles or profile_id in self._redirects.known:
            return True
        key = ProfileKey(self.space_id, profile_id)
        return look and key in self._store.load([key])

    def recent(self, profile_id: str) -> Recent:
        """The messages counted by a living profile and by those it is about to take in."""
        known = self._recent.get(profile_id)
        if known is None:
            counted = list(self.profiles[profile_id].head.recent)
            for loser in self.folds.get(profile_id, ()):
                counted += loser.head.recent
            known = self._recent[profile_id] = Recent(sorted(counted, key=lambda group: group.at))
        return known

    def size(self, profile_id: str) -> int:
        """Of the identifiers of a living profile and of those it is about to take in, in bytes."""
        return sum(map(room.size_of, (self.profiles[profile_id], *self.folds.get(profile_id, ()))))

    def join(self, loser_id: str, survivor_id: str) -> None:
        """From here on the one is the other."""
        loser, survivor = self.people[loser_id], self.people[survivor_id]
        if loser.age[0] == CLAIMED:
            self._bury(loser_id, survivor_id)
        if loser.age[0] == STORED and any(self.owners.get(i) == loser_id for i in self.loose):
            self.fence(loser_id)
        survivor.merges += loser.weight
        survivor.held.update(loser.held)
        for identifier in loser.held:
            self.owners[identifier] = survivor_id
        folds = [*self.folds.pop(loser_id, ()), *([self.profiles[loser_id]] if loser.age[0] == STORED else ())]
        if folds:
            self.folds.setdefault(survivor_id, []).extend(folds)
        self._recent.pop(survivor_id, None)

    def fence(self, profile_id: str) -> NoReturn:
        """Move a stored profile one version on: claims that were decided on this version lead nowhere from then on."""
        self._store.save(self.profiles[profile_id])
        raise VersionConflict("a claim that cannot be kept was given up")

    def _open(self, profile: Profile, age: tuple[int, int] | None = None) -> Profile:
        profile_id, head = profile.profile_id, profile.head
        first, second = age or ((STORED, head.created_at) if profile.version else (CLAIMED, 0))
        self.profiles[profile_id] = profile
        self.people[profile_id] = Person(
            (first, second, profile_id), _held(profile), len(head.merges), lambda: self.size(profile_id)
        )
        return profile

    def _await(self, profile_id: str, losers: list[Profile]) -> None:
        """Check that the frozen profiles still go with what their survivor has become meanwhile."""
        if profile_id not in self.profiles:  # it was deleted, or never written
            self._open(_blank(self.space_id, profile_id, losers[0].head.collection))
        survivor = self.people[profile_id]
        for loser in losers:
            joining = _person(loser)
            at = loser.head.merging.at if loser.head.merging else loser.head.updated_at
            if self._redirects.is_refused(loser) or excess([survivor, joining], (), self._book, at):
                self._let_go(loser, self.profiles[profile_id])
            survivor.held.update(joining.held)
            survivor.merges += joining.weight
            self.folds.setdefault(profile_id, []).append(loser)

    def _let_go(self, loser: Profile, survivor: Profile) -> NoReturn:
        """First it is written down that nobody may fold this version of it any more."""
        if not self._redirects.is_refused(loser):
            survivor.head.refused[loser.profile_id] = loser.version
            self._store.save(survivor)
        unfreeze(loser)
        self._store.save(loser)
        for link in loser.head.links:
            self._links.add(self.space_id, link.account_id, loser.profile_id, link.at)
        raise VersionConflict("a merge was taken back")

    def _erase(self, loser: Profile) -> None:
        """Whose survivor was deleted before it could take them in was deleted with it."""
        loser.head, loser.streams, loser.merged_into = Head(collection=loser.head.collection), {}, DELETED
        self._store.save(loser)

    def _own(self, identifier: Identifier, claim: Claim) -> None:
        owner = self._redirects.end(claim.profile_id)
        if owner != DELETED and owner not in self.profiles:
            self._open(_blank(self.space_id, owner, identifier.collection))
        if owner != DELETED and identifier in self.people[owner].held:
            self.owners[identifier] = owner
            profile = self.profiles[owner]
            if claim.profile_id != owner and profile.find(identifier.type, identifier.value):
                self.moves.append((claim, owner, profile.version))
        elif owner == claim.profile_id and claim.version == self.profiles[owner].version:
            self.owners[identifier] = owner
            self.loose.add(identifier)
        else:
            self._identifiers.release(self.space_id, identifier, claim.profile_id, claim.version)

    def _bury(self, profile_id: str, survivor_id: str) -> NoReturn:
        """Two workers that met the same new person at once may each have claimed an identifier for a profile of its
        own. One that was never written is taken out of use: whoever still means to write it will find it taken."""
        profile = self.profiles[profile_id]
        profile.merged_into = survivor_id
        self._store.save(profile)
        raise VersionConflict("a profile that nobody had written was taken out of use")


def _blank(space_id: str, profile_id: str, collection: str = USERS) -> Profile:
    return Profile(space_id=space_id, profile_id=profile_id, head=Head(collection=collection))


def _person(loser: Profile) -> Person:
    age = STORED, loser.head.created_at, loser.profile_id
    return Person(age, _held(loser), len(loser.head.merges), lambda: room.size_of(loser))


def _held(profile: Profile) -> dict[Identifier, int]:
    collection = profile.head.collection
    return {Identifier(collection, e.type, e.value): e.created_at for e in profile.head.external_ids}
