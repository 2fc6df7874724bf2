"""Which profile each event of a pass belongs to, and everything that this profile gets in the pass."""

from collections.abc import Iterable, Sequence

from .. import ids
from ..errors import VersionConflict
from ..identity import extraction
from ..identity.external_id import ACCOUNTS, USERS, ExternalId, Identifier
from ..identity.extraction import Extracted
from ..identity.resolution import MAPPINGS, STORED, Resolution, Violation, resolve
from ..identity.rulebook import Rulebook
from ..profiles.ports import Claim
from ..profiles.profile import MOST_LINKS, Link, Merge, Profile
from ..profiles.recent import hash_of
from ..profiles.room import EXTERNAL_IDS, size_of
from ..tracking.event import Event
from .findings import Findings
from .roster import Roster, kept_by
from .share import Cause, Share, time_of

_PREFIX = {USERS: "use_", ACCOUNTS: "acc_"}


class Assignment:
    """Filled by `load` and then event by event, in order, by `place`: an event sees what the events before it brought,
    identifiers, profiles and merges alike. Nothing of it is written yet; `final` tells where a profile went after all.

    Two workers may be given the same message, see different states and yet must not both count it. They cannot, since
    whoever counts an event writes the profile that owns its most trusted identifier, or claims it if nobody does:
    where the profile has no room for it that claim is an anchor only, which is void once the event is counted, and
    stands in the way of whoever decided before.

    What a pass changes may yet fail, each profile by itself. So an event that was decided by a change of another
    profile than its own, or wants an anchored identifier for another one, has to wait for the next pass: its queue
    message is `deferred`.

    """

    def __init__(self, roster: Roster, book: Rulebook) -> None:
        self.roster, self.findings = roster, Findings()
        self.shares: dict[str, Share] = {}
        self._book = book
        self._found: dict[int, tuple[Extracted, Extracted]] = {}  # by the identity of the event
        self.deferred: set[bytes] = set()
        self._claimed: dict[Identifier, Cause] = {}
        self._anchors: dict[Identifier, tuple[str, Cause]] = {}
        self._joined: dict[str, str] = {}
        self._placed: dict[str, str] = {}  # message id → user profile, within this pass
        self._sizes: dict[str, int] = {}
        self._count = 0

    def load(self, events: Iterable[Event], profile_ids: Iterable[str] = ()) -> None:
        """Read the owners of all identifiers of these events, and their profiles."""
        for event in events:
            self._found[id(event)] = extraction.of_user(event, self._book), extraction.of_account(event, self._book)
        self.roster.load((i for both in self._found.values() for found in both for i in found.usable), profile_ids)
        for frozen in self.roster.waiting:
            self._complete(frozen)

    def is_suppressed(self, event: Event) -> bool:
        """Whether it names somebody who must not be tracked."""
        suppressed = self.roster.suppressed
        return bool(suppressed) and not suppressed.isdisjoint(self._found[id(event)][0].usable)

    def place(self, event: Event, tag: bytes) -> tuple[str | None, str | None]:
        """The ids of the user profile and of the account profile the event belongs to, both not yet final."""
        self._count += 1
        user, account = self._found[id(event)]
        user_id = self._place_user(user, event, tag)
        if not account.usable and not account.blocked:
            return user_id, None
        account_id = self._place(account, event, tag)
        if user_id is not None and account_id is not None:
            self._share(user_id).links.setdefault(account_id, []).append(event.received_at)
        return user_id, account_id

    def final(self, profile_id: str | None) -> str | None:
        """Where a profile of this pass went after all."""
        while profile_id in self._joined:
            profile_id = self._joined[profile_id]
        return profile_id

    def claims(self) -> list[Claim]:
        """For the identifiers that led nowhere until now."""
        claimed = [self._claim(i, self.roster.owners[i], cause) for i, cause in self._claimed.items()]
        anchors = [self._claim(i, self.final(p) or p, cause) for i, (p, cause) in self._anchors.items()]
        return claimed + anchors

    def links(self, profile_id: str) -> tuple[list[Link], list[Link]]:
        """Accounts that the person was not linked to yet; and with them those that the person was linked to by these
        very calls, in an attempt that perhaps did not get to tell the account."""
        members = self.roster.profiles[profile_id], *self.roster.folds.get(profile_id, ())
        known = {link.account_id: link for member in reversed(members) for link in member.head.links}
        fresh: dict[str, Link] = {}
        again: list[Link] = []
        for account_id, times in self.shares[profile_id].links.items():
            account = self.final(account_id) or account_id
            links = [known[name] for name in self._names_of(account) if name in known]
            again += [link for link in links if link.at in times]
            if not links:
                fresh.setdefault(account, Link(account, times[0]))
        made = list(fresh.values())[: max(0, MOST_LINKS - len(known))]
        return made, [*made, *again]

    def merges(self, profile_id: str) -> list[tuple[Profile, Merge]]:
        """Stored profiles to be frozen for this one."""
        return [(loser, cause.merge(profile_id)) for loser, cause in self.shares[profile_id].freezes]

    def _complete(self, frozen: Profile) -> None:
        """Do on behalf of an event what it began with this profile, or take that back. Only counting it is left to
        whoever has the event."""
        merging, suppressed = frozen.head.merging, self.roster.suppressed
        kept = [i for i in kept_by(frozen) if i not in suppressed and not self._book.of(i.type).blocks(i.value)]
        if merging is None or self.final(frozen.profile_id) == self.final(self.roster.end(frozen.profile_id)):
            return
        cause = Cause(merging.at, merging.message_id, merging.source_id, kept, merging.trigger)
        chosen = resolve(kept, self.roster.owners, self.roster.people, self._book, cause.at)
        if chosen.blocked_by is not None:
            self.roster.settle(chosen.blocked_by)
        group = {chosen.owner, *chosen.joined}
        if not {self.final(frozen.profile_id), self.final(self.roster.end(frozen.profile_id))} <= group:
            self.roster.let_go(frozen)
        self._take(chosen, chosen.owner or "", cause._replace(kept=chosen.kept))

    def _names_of(self, account_id: str) -> set[str]:
        members = self.roster.profiles[account_id], *self.roster.folds.get(account_id, ())
        return {name for member in members for name in member.ids}

    def _place_user(self, found: Extracted, event: Event, tag: bytes) -> str | None:
        counted = self._counted(found.usable, event)
        if counted is None:
            placed = self._place(found, event, tag)
            if placed is not None:
                self._placed[event.message_id] = placed
            return placed
        profile_id, by = counted
        if by == tag:  # a redelivery: what there was to say may not have been written down
            self._note(found, self._resolve(found.usable, event), profile_id, event, tag)
        self._share(profile_id).arrivals.append((self._count, tag, event))
        return profile_id

    def _counted(self, identifiers: Sequence[Identifier], event: Event) -> tuple[str, bytes | None] | None:
        """The profile that has counted the message, and from which queue message. Nothing of it may happen again, be
        it that its identifiers would now lead elsewhere."""
        owners = self.roster.owners
        if event.message_id in self._placed:
            placed = self.final(self._placed[event.message_id])
            if placed is not None and any(owners.get(i) == placed for i in identifiers):
                return placed, None
        digest = hash_of(event.message_id)
        only = self._owner_of_all(identifiers)
        for profile_id in (only,) if only else dict.fromkeys(owners[i] for i in identifiers if i in owners):
            if self.roster.people[profile_id].age[0] == STORED:
                tag = self.roster.recent(profile_id).counted_by(digest)
                if tag is not None:
                    return profile_id, tag
        return None

    def _resolve(self, identifiers: Sequence[Identifier], event: Event) -> Resolution:
        return resolve(identifiers, self.roster.owners, self.roster.people, self._book, time_of(event))

    def _owner_of_all(self, identifiers: Sequence[Identifier]) -> str | None:
        """The profile that has every one of them: then nothing is to be decided. Most events are of this kind."""
        owner = self.roster.owners.get(identifiers[0]) if identifiers else None
        if owner is None:
            return None
        held = self.roster.people[owner].held
        return owner if all(i in held for i in identifiers) else None

    def _place(self, found: Extracted, event: Event, tag: bytes) -> str | None:
        profile_id = self._owner_of_all(found.usable)
        if profile_id is None:
            profile_id = self._decide(found, event, tag)
        elif found.blocked:
            self._note(found, None, profile_id, event, tag)
        if profile_id is not None:
            self._share(profile_id).arrivals.append((self._count, tag, event))
        return profile_id

    def _decide(self, found: Extracted, event: Event, tag: bytes) -> str | None:
        """None when the event names nobody, or has to wait."""
        if not found.usable:
            self._note(found, None, None, event, tag)
            return None
        chosen = self._resolve(found.usable, event)
        if chosen.blocked_by is not None:
            self.roster.settle(chosen.blocked_by)
        if self._depends_on_others(found.usable, chosen) or self._is_anchored_elsewhere(found.usable, chosen):
            self.deferred.add(tag)
            return None
        profile_id = chosen.owner or self._create(min(chosen.kept, key=self._book.trust), event)
        cause = Cause.of(event, chosen.kept)
        left_out = self._take(chosen, profile_id, cause)
        if chosen.violations or left_out:
            self._anchor(found.usable, profile_id, cause)
        self._note(found, chosen, profile_id, event, tag, left_out)
        return profile_id

    def _depends_on_others(self, identifiers: Sequence[Identifier], chosen: Resolution) -> bool:
        """Whether it was decided by what profiles that it does not write have become in this very pass."""
        owners = self.roster.owners
        others = {owners[i] for i in identifiers if i in owners}.difference((chosen.owner,), chosen.joined)
        shares = [self.shares[p] for p in others if p in self.shares]
        return any(share.external_ids or share.freezes for share in shares)

    def _is_anchored_elsewhere(self, identifiers: Sequence[Identifier], chosen: Resolution) -> bool:
        if not self._anchors:
            return False
        wanted = {*chosen.fresh, *self._most_trusted(identifiers)} & self._anchors.keys()
        return any(self.final(self._anchors[i][0]) != chosen.owner for i in wanted)

    def _anchor(self, identifiers: Sequence[Identifier], profile_id: str, cause: Cause) -> None:
        for identifier in self._most_trusted(identifiers):
            if identifier not in self.roster.owners:
                self._anchors.setdefault(identifier, (profile_id, cause))

    def _most_trusted(self, identifiers: Sequence[Identifier]) -> list[Identifier]:
        best = min(map(self._book.trust, identifiers))
        return [i for i in identifiers if self._book.trust(i) == best]

    def _note(
        self,
        found: Extracted,
        chosen: Resolution | None,
        profile_id: str | None,
        event: Event,
        tag: bytes,
        left_out: Sequence[Identifier] = (),
    ) -> None:
        violations = [*(chosen.violations if chosen else ()), *(Violation(i, MAPPINGS, None) for i in left_out)]
        if violations or found.blocked or profile_id is None:
            self.findings.add(event, tag, profile_id, found.blocked, violations)

    def _create(self, first: Identifier, event: Event) -> str:
        for salt in ("", event.message_id, *(f"{event.message_id}#{n}" for n in range(8))):
            profile_id = ids.derived(
                _PREFIX[first.collection], event.received_at, self.roster.space_id, *first, *([salt] if salt else ())
            )
            if not self.roster.is_used(profile_id):
                self.roster.open_new(profile_id, first.collection, self._count)
                return profile_id
        raise VersionConflict("no id is left for a new profile")

    def _take(self, chosen: Resolution, profile_id: str, cause: Cause) -> list[Identifier]:
        """Give the profile whom and what it gains; the identifiers that it has no room for."""
        for loser_id in chosen.joined:
            self._join(loser_id, profile_id, cause)
        return [i for i in chosen.fresh if not self._attach(i, profile_id, cause)]

    def _join(self, loser_id: str, survivor_id: str, cause: Cause) -> None:
        self.roster.join(loser_id, survivor_id)
        share, loser = self._share(survivor_id), self.roster.profiles[loser_id]
        if loser.version and loser.merged_into is None:
            share.freezes.append((loser, cause))
        share.absorb(self.shares.pop(loser_id, Share()))
        self._sizes.pop(survivor_id, None)
        self._joined[loser_id] = survivor_id

    def _attach(self, identifier: Identifier, profile_id: str, cause: Cause) -> bool:
        """False when the profile has no room for it."""
        roster, (at, message_id, source_id, _, trigger) = self.roster, cause
        mapping_id = ids.derived("map_", at, roster.space_id, *identifier)
        external_id = ExternalId(identifier.type, identifier.value, mapping_id, at, source_id, message_id)
        if not self._fits(external_id, profile_id):
            return False
        share = self._share(profile_id)
        share.external_ids.append(external_id)
        if trigger is not None:
            share.triggers[message_id] = trigger
        roster.people[profile_id].held[identifier] = at
        if identifier not in roster.owners or identifier in roster.loose:
            # A claim found loose is made again, on the version from which it will be written.
            roster.owners[identifier] = profile_id
            self._claimed[identifier] = cause
        return True

    def _fits(self, external_id: ExternalId, profile_id: str) -> bool:
        if profile_id not in self._sizes:
            added = self._share(profile_id).external_ids
            self._sizes[profile_id] = self.roster.size(profile_id) + sum(map(size_of, added))
        size = self._sizes[profile_id] + size_of(external_id)
        if size > EXTERNAL_IDS:
            return False
        self._sizes[profile_id] = size
        return True

    def _claim(self, identifier: Identifier, profile_id: str, cause: Cause) -> Claim:
        version = self.roster.profiles[profile_id].version
        return Claim(self.roster.space_id, identifier, profile_id, cause.at, cause.source_id, cause.message_id, version)

    def _share(self, profile_id: str) -> Share:
        return self.shares.setdefault(profile_id, Share())
