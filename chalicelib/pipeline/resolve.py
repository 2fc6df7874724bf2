"""From queue messages to profiles: each event counted exactly once, whatever is repeated, reordered or interrupted.

For the events of a space, in passes:

    read owners and profiles → assign events → land in the archive → claim identifiers → save profiles → timeline

Every write is conditional or repeats itself exactly, so a pass may be broken off anywhere and done again; a pass
that finds everything done writes no profile. Somebody else's write in between means another pass on fresh reads.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from ..clock import DAY, Clock
from ..computations.catalogue import Catalogue
from ..deadline import Deadline
from ..errors import Malformed, Retryable, VersionConflict, place_of
from ..identity.external_id import USERS
from ..profiles.application import Applied, apply
from ..profiles.ports import Archive, Identifiers, ProfileKey, Profiles, Timeline
from ..profiles.profile import Profile
from ..profiles.recent import tag_of
from ..queues import Received
from ..tracking.decode import events as decode_events
from ..tracking.envelope import Accepted, Envelope, unpack
from ..tracking.event import Event
from ..workspace.ports import Directory
from .assignment import Assignment
from .fanout import Fanout
from .landing import Landed, land

logger = logging.getLogger(__name__)

PASSES = 5  # a profile that others write this often meanwhile is tried again with the redelivered message
EVENTS_PER_PASS = 1_000  # bounds memory and the time between two looks at the deadline
TIMELINE_DAYS = 14


class Batch(NamedTuple):
    """One queue message, decoded. `due` are profile ids to look at because time has passed."""

    queue_id: str
    batch_id: str
    space_id: str
    events: Sequence[Event]
    due: Sequence[str]


@dataclass(frozen=True)
class Resolver:
    directory: Directory
    profiles: Profiles
    identifiers: Identifiers
    timeline: Timeline
    archive: Archive
    clock: Clock
    fanout: Fanout

    def resolve(self, messages: Sequence[Received], deadline: Deadline) -> set[str]:
        """The ids of the queue messages that are not done and must be delivered again."""
        batches: list[Batch] = []
        failed: set[str] = set()
        for message in messages:
            try:
                batches.append(_batch(message.id, unpack(message.body)))
            except Malformed:
                logger.error("An ingest message is not an envelope; it is left to the dead-letter queue.")
                failed.add(message.id)
            except Exception as error:  # an envelope of another version of this code, perhaps
                logger.error("An ingest message cannot be read: %s", place_of(error))
                failed.add(message.id)
        for group in _groups(batches):
            if deadline.remaining() > 0:
                failed |= self._resolve_isolated(group)
            else:
                failed |= {b.queue_id for b in group}
        return failed

    def _resolve_isolated(self, batches: Sequence[Batch]) -> set[str]:
        """A message that breaks the code must not take its neighbours with it into the dead-letter queue."""
        try:
            return self._resolve_space(batches)
        except Retryable as error:
            logger.warning("Messages will be resolved again: %s", place_of(error))
            return {b.queue_id for b in batches}
        except Exception as error:
            if len(batches) == 1:
                logger.error("An ingest message cannot be resolved: %s", place_of(error))
                return {batches[0].queue_id}
            return {queue_id for batch in batches for queue_id in self._resolve_isolated([batch])}

    def _resolve_space(self, batches: Sequence[Batch]) -> set[str]:
        contested: set[str] = set()
        for _ in range(PASSES):
            work = Pass(self, batches)
            try:
                contested = work.run()
            except VersionConflict:
                contested = {b.queue_id for b in batches}
            if not contested:
                break
        return contested


class Pass:
    """One attempt at the batches of a space."""

    def __init__(self, resolver: Resolver, batches: Sequence[Batch]) -> None:
        self._resolver, self._batches = resolver, batches
        self._space_id = batches[0].space_id
        self._now = resolver.clock.now()
        self._catalogue = resolver.directory.view(self._space_id).catalogue
        self._assignment = Assignment(self._space_id, resolver.profiles, resolver.identifiers)

    def run(self) -> set[str]:
        """Queue ids of messages with events for a profile that somebody else wrote meanwhile."""
        events = [event for batch in self._batches for event in batch.events]
        due = {profile_id for batch in self._batches for profile_id in batch.due}
        self._assignment.load(events, due)
        rows = [
            Landed(event, *self._assignment.place(event, tag_of(batch.batch_id)))
            for batch in self._batches
            for event in batch.events
        ]
        if rows:
            land(self._resolver.archive, self._space_id, [b.batch_id for b in self._batches if b.events], rows)
        self._claim()
        touched = sorted((self._assignment.arrivals.keys() | due) & self._assignment.loaded.keys())
        outcomes = self._resolver.fanout.map(self._commit, touched)
        return self._waiting({profile_id for profile_id, saved in zip(touched, outcomes, strict=True) if not saved})

    def _claim(self) -> None:
        claims = self._assignment.claims
        owners = self._resolver.fanout.map(self._resolver.identifiers.claim, claims)
        if any(owner != claim.profile_id for owner, claim in zip(owners, claims, strict=True)):
            raise VersionConflict("an identifier was claimed by somebody else")

    def _commit(self, profile_id: str) -> bool:
        """Apply, save and note on the timeline; False if the profile was written by somebody else meanwhile."""
        profile = self._assignment.loaded[profile_id]
        if profile.merged_into is not None:
            return True
        catalogue = self._catalogue_for(profile)
        if profile.head.catalogue > catalogue.version:
            return False  # a colleague knows the space better: look again
        additions = self._assignment.additions.get(profile_id, ())
        applied = apply(profile, self._assignment.of(profile_id), additions, catalogue, self._now)
        if applied.changed:
            try:
                self._resolver.profiles.save(profile)
            except VersionConflict:
                return False
        self._note(profile, applied)
        return True

    def _catalogue_for(self, profile: Profile) -> Catalogue:
        return self._catalogue if profile.head.collection == USERS else Catalogue(self._catalogue.version)

    def _note(self, profile: Profile, applied: Applied) -> None:
        for tag, events in applied.counted.items():
            shown = [event for event in events if event.event is not None]
            if shown:
                key = ProfileKey(profile.space_id, profile.profile_id)
                expires_at = max(event.received_at for event in shown) + TIMELINE_DAYS * DAY
                self._resolver.timeline.put(key, tag, shown, expires_at)

    def _waiting(self, contested: set[str]) -> set[str]:
        tags = {tag for profile_id in contested for tag in self._assignment.arrivals.get(profile_id, {})}
        return {b.queue_id for b in self._batches if tag_of(b.batch_id) in tags or not contested.isdisjoint(b.due)}


def _batch(queue_id: str, envelope: Envelope) -> Batch:
    if isinstance(envelope, Accepted):
        return Batch(queue_id, envelope.batch_id, envelope.space_id, decode_events(envelope), ())
    return Batch(queue_id, envelope.batch_id, envelope.space_id, (), envelope.profile_ids)


def _groups(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Batches of one space, in order of arrival, together up to EVENTS_PER_PASS events."""
    for _, of_space in groupby(sorted(batches, key=lambda b: b.space_id), key=lambda b: b.space_id):
        group: list[Batch] = []
        for batch in of_space:
            if group and sum(len(b.events) for b in group) + len(batch.events) > EVENTS_PER_PASS:
                yield group
                group = []
            group.append(batch)
        yield group
