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
from ..identity.resolution import CLAIMED, NEW, STORED, Person
from ..profiles import room
from ..profiles.merging import Redirects, unfreeze
from ..profiles.ports import Claim, Identifiers, ProfileKey, Profiles
from ..profiles.profile import DELETED, SUPPRESSED, Head, Profile, buried
from ..profiles.recent import Recent

PATIENCE = 3  # attempts that wait for another worker's write; between its claim and the write it makes a call or two


class Roster:
    """`owners` leads from identifiers to profiles that live, or that are frozen and `waiting` to be folded. `folds` are
    the frozen profiles that a living one is about to take in, in order. `loose` are identifiers that lead to a profile
    which does not list them, `void` the claims that lead nowhere. These are replaced, never removed: somebody who
    decided without them must not find the place empty. `moves` are mappings that lead to a profile merged away, with
    the id and version of the survivor that lists them."""

    def __init__(self, space_id: str, profiles: Profiles, identifiers: Identifiers, attempt: int = 0) -> None:
        self.space_id = space_id
        self.profiles: dict[str, Profile] = {}
        self.people: dict[str, Person] = {}
        self.owners: dict[Identifier, str] = {}
        self.folds: dict[str, list[Profile]] = {}
        self.waiting: list[Profile] = []
        self.loose: set[Identifier] = set()
        self.void: dict[Identifier, Claim] = {}
        self.suppressed: set[Identifier] = set()
        self.moves: list[tuple[Claim, str, int]] = []
        self._store, self._identifiers, self._attempt = profiles, identifiers, attempt
        self._redirects = Redirects(profiles, space_id)
        self._recent: dict[str, Recent] = {}

    def load(self, identifiers: Iterable[Identifier], profile_ids: Iterable[str] = ()) -> None:
        """Everything about them, in as few batch reads as there are links in the longest chain of merges."""
        claims: dict[Identifier, Claim] = {}
        wanted, further = set(identifiers), set(profile_ids)
        looked_up: set[Identifier] = set()
        while wanted or further:
            found = self._identifiers.find(self.space_id, sorted(wanted)) if wanted else {}
            claims |= found
            self._redirects.load({*further, *(c.profile_id for c in found.values() if c.profile_id != SUPPRESSED)})
            looked_up |= wanted
            self.waiting = self._redirects.waiting()
            wanted, further = {i for frozen in self.waiting for i in kept_by(frozen)} - looked_up, set()
        self.suppressed = {identifier for identifier, claim in claims.items() if claim.profile_id == SUPPRESSED}
        self._open_all()
        for identifier, claim in claims.items():
            if identifier not in self.suppressed:
                self._own(identifier, claim)
        # Mappings were read before profiles: what a profile has come to list since is its own.
        for profile_id, person in self.people.items():
            self.owners.update((i, profile_id) for i in person.held.keys() & looked_up - self.owners.keys())

    def end(self, profile_id: str) -> str:
        """The id of the profile that an id leads to: it lives, or was never stored, or stands for nobody."""
        return self._redirects.end(profile_id)

    def open_new(self, profile_id: str, collection: str, number: int) -> Profile:
        """A profile of this pass; `number` is its place among them."""
        return self._open(_blank(self.space_id, profile_id, collection), (NEW, number))

    def is_used(self, profile_id: str) -> bool:
        """Whether a profile has this id. At the first attempt the store is not asked: it has the last word anyway when
        the profile is saved, and then there is another attempt."""
        if profile_id in self.profiles or profile_id in self._redirects.known:
            return True
        key = ProfileKey(self.space_id, profile_id)
        return self._attempt > 0 and key in self._store.load([key])

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
        if loser.age[0] == CLAIMED or any(self.owners.get(i) == loser_id for i in self.loose):
            self.fence(loser_id)
        survivor.merges += loser.weight
        survivor.held.update(loser.held)
        for identifier in loser.held:
            self.owners[identifier] = survivor_id
        folds = [*self.folds.pop(loser_id, ()), *([self.profiles[loser_id]] if loser.age[0] == STORED else ())]
        if folds:
            self.folds.setdefault(survivor_id, []).extend(folds)
        self._recent.pop(survivor_id, None)

    def settle(self, profile_id: str) -> NoReturn:
        """Somebody claimed an identifier for this profile and has not written it yet. Most likely they are about to; if
        not, the claim is given up."""
        if self._attempt < PATIENCE:
            raise VersionConflict("a claim is not settled yet")
        self.fence(profile_id)

    def fence(self, profile_id: str) -> NoReturn:
        """Move a profile one version on: claims that were decided on this version lead nowhere from then on.

        One that was never stored is taken out of use: two workers that met the same new person at once may each have
        claimed an identifier for a profile of its own, and whoever still means to write this one finds it taken.
        """
        profile = self.profiles[profile_id]
        if not profile.version:
            profile = buried(profile)
        self._store.save(profile)
        raise VersionConflict("a claim that cannot be kept was given up")

    def _open(self, profile: Profile, age: tuple[int, int] | None = None) -> Profile:
        profile_id, head = profile.profile_id, profile.head
        first, second = age or ((STORED, head.created_at) if profile.version else (CLAIMED, 0))
        self.profiles[profile_id] = profile
        self.people[profile_id] = Person(
            (first, second, profile_id), _held(profile), len(head.merges), lambda: self.size(profile_id)
        )
        return profile

    def let_go(self, frozen: Profile) -> NoReturn:
        """Take a merge back. First it is written down that nobody may fold this version of the profile any more."""
        survivor = self.profiles.get(self._redirects.end(frozen.profile_id))
        if survivor is not None and not self._redirects.is_refused(frozen):
            survivor.head.refused[frozen.profile_id] = frozen.version
            self._store.save(survivor)
        unfreeze(frozen)
        self._store.save(frozen)
        raise VersionConflict("a merge was taken back")

    def _open_all(self) -> None:
        self._redirects.forget_outdated(self.waiting)
        for profile in self._redirects.known.values():
            if profile.merged_into is None:
                self._open(profile)
        for profile in self._redirects.abandoned():
            self._erase(profile)
        for profile in self.waiting:
            if self._redirects.is_refused(profile):
                self.let_go(profile)
            self._open(profile)

    def _stands_for(self, profile_id: str) -> str:
        """Who has the identifiers of a profile: itself, as long as it waits to be folded; whoever folded it; the end of
        its chain."""
        path = self._redirects.path(profile_id)
        for passed in path:
            holder = self.profiles.get(passed)
            if holder is not None and profile_id in holder.ids:
                return passed
        return path[-1]

    def _erase(self, loser: Profile) -> None:
        """Whose survivor was deleted before it could take them in was deleted with it."""
        loser.head, loser.streams, loser.merged_into = Head(collection=loser.head.collection), {}, DELETED
        self._store.save(loser)

    def _own(self, identifier: Identifier, claim: Claim) -> None:
        owner = self._stands_for(claim.profile_id)
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
        elif owner == DELETED:
            self._identifiers.release(self.space_id, identifier, claim.profile_id, claim.version)
        else:
            self.void[identifier] = claim


def _blank(space_id: str, profile_id: str, collection: str = USERS) -> Profile:
    return Profile(space_id=space_id, profile_id=profile_id, head=Head(collection=collection))


def kept_by(frozen: Profile) -> list[Identifier]:
    """The identifiers by which an event joined this profile to another."""
    merging = frozen.head.merging
    return [Identifier(frozen.head.collection, *kept) for kept in merging.kept] if merging else []


def _held(profile: Profile) -> dict[Identifier, int]:
    collection = profile.head.collection
    return {Identifier(collection, e.type, e.value): e.created_at for e in profile.head.external_ids}
