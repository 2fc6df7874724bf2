"""From queue messages to profiles: each event counted exactly once, whatever is repeated, reordered or interrupted.

For the events of a space, in passes:

    leave out what filters hold back → read owners and profiles → assign events → tell survivors whom to expect
    → claim identifiers → land in the archive → freeze who is merged away → save profiles → timeline and log

Every write is conditional or repeats itself exactly, so a pass may be broken off anywhere and done again; a pass
that finds everything done writes no profile. Somebody else's write in between means another pass on fresh reads.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..clock import DAY, Clock
from ..computations.catalogue import Catalogue
from ..deadline import Deadline
from ..errors import Malformed, Retryable, VersionConflict, place_of
from ..identity.external_id import USERS
from ..identity.rulebook import rulebook
from ..profiles.application import Applied, apply
from ..profiles.filling import Part
from ..profiles.merging import expect, freeze
from ..profiles.ports import Archive, Identifiers, Links, ProfileKey, Profiles, Timeline
from ..profiles.profile import Profile
from ..profiles.recent import tag_of
from ..queues import Received
from ..workspace.ports import Directory
from .admission import Admitted, admitted
from .assignment import Assignment
from .batches import Batch, batch_of, groups
from .fanout import Fanout
from .identity_log import Entry, IdentityLog
from .landing import Landed, land
from .roster import Roster
from .share import Share

logger = logging.getLogger(__name__)

MOST_PASSES = 40  # of one group of messages, those that went well and only left something to the next one included
PASSES = 8  # a profile that others write this often meanwhile is tried again with the redelivered message
TIMELINE_DAYS = 14

Look = Callable[[Profile], None]


class Visit(NamedTuple):
    """What a pass does besides resolving messages: what it brings for profile ids, and who is shown the profiles."""

    parts: Mapping[str, Part]
    look: Look | None


_NO_VISIT = Visit({}, None)

# Is told of a space, what got into it, and of the queue ids of messages that are not done.
Witness = Callable[[str, Admitted, Collection[str]], None]


def _nobody(space_id: str, admitted: Admitted, left: Collection[str]) -> None:
    """Where nobody needs to know."""


@dataclass(frozen=True)
class Resolver:
    directory: Directory
    profiles: Profiles
    identifiers: Identifiers
    timeline: Timeline
    archive: Archive
    links: Links
    log: IdentityLog
    clock: Clock
    fanout: Fanout
    witness: Witness = _nobody

    def resolve(self, messages: Sequence[Received], deadline: Deadline) -> set[str]:
        """The ids of the queue messages that are not done and must be delivered again."""
        batches: list[Batch] = []
        failed: set[str] = set()
        for message in messages:
            try:
                batches.append(batch_of(message))
            except Malformed:
                logger.error("An ingest message is not an envelope; it is left to the dead-letter queue.")
                failed.add(message.id)
            except Exception as error:  # an envelope of another version of this code, perhaps
                logger.error("An ingest message cannot be read: %s", place_of(error))
                failed.add(message.id)
        for group in groups(batches):
            if deadline.remaining() > 0:
                failed |= self._resolve_isolated(group, _NO_VISIT)
            else:
                failed |= {b.queue_id for b in group}
        return failed

    def touch(
        self, space_id: str, profile_ids: Iterable[str], parts: Mapping[str, Part], look: Look | None = None
    ) -> set[str]:
        """Look at the profiles that these ids lead to now, as when time has passed, and take in what history holds for
        the ids. `look` is shown each of the profiles as it became, perhaps more than once. The ids that are not done.
        """
        batches = [Batch(profile_id, "", space_id, (), (profile_id,)) for profile_id in profile_ids]
        return self._resolve_isolated(batches, Visit(parts, look)) if batches else set()

    def _resolve_isolated(self, batches: Sequence[Batch], visit: Visit) -> set[str]:
        """A message that breaks the code must not take its neighbours with it into the dead-letter queue."""
        try:
            return self._resolve_space(batches, visit)
        except Retryable as error:
            logger.warning("Messages will be resolved again: %s", place_of(error))
            return {b.queue_id for b in batches}
        except Exception as error:
            if len(batches) == 1:
                logger.error("An ingest message cannot be resolved: %s", place_of(error))
                return {batches[0].queue_id}
            return {queue_id for batch in batches for queue_id in self._resolve_isolated([batch], visit)}

    def _resolve_space(self, batches: Sequence[Batch], visit: Visit) -> set[str]:
        left, attempt, let_in = set[str](), 0, Admitted(batches, {})
        for number in range(MOST_PASSES):
            one = Pass(self, batches, attempt, visit, number)
            let_in = one.admitted
            try:
                left, contested = one.run()
            except VersionConflict:
                left, contested = {b.queue_id for b in batches}, True
            attempt += contested
            if not left or attempt == PASSES:
                break
        self.witness(batches[0].space_id, let_in, left)
        return left


class Pass:
    """One attempt at the batches of a space. `number` is how many passes went before, `attempt` how many of them were
    contested."""

    def __init__(self, resolver: Resolver, batches: Sequence[Batch], attempt: int, visit: Visit, number: int) -> None:
        self._resolver, self._visit, self._number = resolver, visit, number
        self._space_id = batches[0].space_id
        self._now = resolver.clock.now()
        view = resolver.directory.view(self._space_id)
        self.admitted = admitted(batches, view.filters)
        self._batches = self.admitted.batches
        self._catalogue, book = view.catalogue, rulebook(view.rules)
        self._roster = Roster(self._space_id, resolver.profiles, resolver.identifiers, attempt)
        self._assignment = Assignment(self._roster, book)
        self._entries: Mapping[str | None, list[Entry]] = {}
        self._due: Mapping[str, set[str]] = {}

    def run(self) -> tuple[set[str], bool]:
        """Queue ids of messages that are not done, and whether somebody else wrote a profile meanwhile; if not, the
        rest only waits for what this pass has written."""
        assignment = self._assignment
        assignment.load(
            (event for batch in self._batches for event in batch.events),
            {profile_id for batch in self._batches for profile_id in batch.due},
        )
        rows = self._place()
        self._expect()
        self._entries = assignment.findings.entries(assignment.final)
        self._claim()
        self._land(rows)  # not under ids that nobody could claim: nothing may ever be counted there
        self._due = self._named()
        touched = sorted(assignment.shares.keys() | self._roster.folds.keys() | self._due.keys())
        outcomes = self._resolver.fanout.map(self._commit, touched)
        self._resolver.log.write(self._space_id, self._entries.get(None, ()))
        contested = {profile_id for profile_id, saved in zip(touched, outcomes, strict=True) if not saved}
        return self._waiting(contested), bool(contested)

    def _place(self) -> list[Landed]:
        assignment = self._assignment
        placed = [
            (event, *assignment.place(event, tag_of(batch.batch_id)))
            for batch in self._batches
            for event in batch.events
            if not assignment.is_suppressed(event)
        ]
        return [Landed(event, assignment.final(user), assignment.final(account)) for event, user, account in placed]

    def _expect(self) -> None:
        """Before any claim, because it makes another version of the profiles that claims are decided on."""
        profiles, shares = self._roster.profiles, self._assignment.shares
        losers = {profile_id: [loser for loser, _ in share.freezes] for profile_id, share in shares.items()}
        told = [profiles[profile_id] for profile_id, gone in losers.items() if expect(profiles[profile_id], gone)]
        self._resolver.fanout.map(self._resolver.profiles.save, told)

    def _land(self, rows: Sequence[Landed]) -> None:
        if rows:
            batch_ids = [b.batch_id for b in self._batches if b.events]
            # The last landing of an event stands, also when two passes fall into one millisecond.
            land(self._resolver.archive, self._space_id, batch_ids, rows, self._now + self._number)

    def _claim(self) -> None:
        """Take possession of identifiers."""
        resolver, void = self._resolver, self._roster.void
        claims = self._assignment.claims()
        owners = resolver.fanout.map(lambda c: resolver.identifiers.claim(c, void.get(c.identifier)), claims)
        if any(owner != claim.profile_id for owner, claim in zip(owners, claims, strict=True)):
            raise VersionConflict("an identifier was claimed by somebody else")
        resolver.fanout.map(lambda move: resolver.identifiers.move(*move), self._roster.moves)

    def _named(self) -> dict[str, set[str]]:
        """Living profiles by the due ids that lead to them, and the queue messages that named these."""
        found: dict[str, set[str]] = {}
        for batch in self._batches:
            for profile_id in batch.due:
                living = self._assignment.final(self._roster.end(profile_id))
                if living is not None and living in self._roster.profiles:
                    found.setdefault(living, set()).add(batch.queue_id)
        return found

    def _commit(self, profile_id: str) -> bool:
        """Fold, apply, save and note; False if the profile was written by somebody else meanwhile."""
        profile, frozen = self._roster.profiles[profile_id], self._roster.folds.get(profile_id, [])
        share = self._assignment.shares.get(profile_id, Share())
        catalogue = self._catalogue_for(profile)
        if any(p.head.catalogue > catalogue.version for p in (profile, *frozen)):
            return False  # a colleague knows the space better: look again
        fresh_links, links = self._assignment.links(profile_id) if share.links else ([], [])
        try:
            self._freeze(profile_id)
            applied = apply(
                profile,
                share.batches(),
                share.external_ids,
                catalogue,
                self._now,
                links=fresh_links,
                frozen=frozen,
                recent=self._roster.recent(profile_id),
                triggers=share.triggers,
                parts=self._parts(profile_id),
            )
            if applied.changed:
                self._resolver.profiles.save(profile)
        except VersionConflict:
            return False
        if self._visit.look is not None:
            self._visit.look(profile)
        for link in links:
            self._resolver.links.add(self._space_id, link.account_id, profile_id, link.at)
        self._note(profile, applied)
        return True

    def _freeze(self, profile_id: str) -> None:
        if profile_id not in self._assignment.shares:
            return
        for loser, merge in self._assignment.merges(profile_id):
            freeze(loser, merge)
            self._resolver.profiles.save(loser)

    def _parts(self, profile_id: str) -> list[Part]:
        """What history holds for the ids that lead to this profile; the queue ids of a visit are profile ids."""
        parts = self._visit.parts
        return [parts[landed] for landed in sorted(self._due.get(profile_id, ())) if landed in parts]

    def _catalogue_for(self, profile: Profile) -> Catalogue:
        return self._catalogue if profile.head.collection == USERS else self._catalogue.beside_users()

    def _note(self, profile: Profile, applied: Applied) -> None:
        for tag, events in applied.counted.items():
            shown = [event for event in events if event.event is not None]
            if shown:
                key = ProfileKey(profile.space_id, profile.profile_id)
                expires_at = max(event.received_at for event in shown) + TIMELINE_DAYS * DAY
                # Named by what is in it, too: a slow worker that knew less must not overwrite one that knew more.
                name = tag + tag_of("\n".join(event.message_id for event in shown))
                self._resolver.timeline.put(key, name, shown, expires_at)
        self._resolver.log.write(self._space_id, self._entries.get(profile.profile_id, ()))

    def _waiting(self, contested: set[str]) -> set[str]:
        shares = self._assignment.shares
        tags = {tag for p in contested if p in shares for _, tag, _ in shares[p].arrivals} | self._assignment.deferred
        if not contested and not tags:
            return set()
        due = {queue_id for p, queue_ids in self._due.items() if p in contested for queue_id in queue_ids}
        return due | {b.queue_id for b in self._batches if tag_of(b.batch_id) in tags}
