"""What went well with identities, for the identity log: identifiers that became somebody's, and merges.

It is told from the difference of two versions of a profile, beside the hot path, and only where there is one.
"""

import logging
from collections.abc import Iterator, Sequence

from ..errors import place_of
from ..profiles.change import ProfileChange
from ..profiles.identities import fresh, taken_in
from ..profiles.profile import Head
from . import identity_log as log
from .identity_log import Entry, IdentityLog, Named

logger = logging.getLogger(__name__)

PER_ENTRY = 50  # identifiers, of the longest values some hundred kilobytes: what one change brought is one entry


class Milestones:
    def __init__(self, identity_log: IdentityLog) -> None:
        self._log = identity_log

    def write(self, changes: Sequence[ProfileChange]) -> set[str]:
        """The `record_id`s of the changes whose merges could not be written down; writing them again changes nothing.

        New identifiers that the log does not take are missing there: a flood of visitors must not hold up the stream.
        """
        failed: set[str] = set()
        for change in changes:
            try:
                self._log.write(change.space_id, entries(change))
            except Exception as error:
                # Whatever it is, the neighbours of this change must not wait for it.
                logger.warning("The identity log lacks a change: %s", place_of(error))
                if change.new is not None and any(taken_in(change.old, change.new)):
                    failed.add(change.record_id)
        return failed


def entries(change: ProfileChange) -> Iterator[Entry]:
    new = change.new
    if new is None or change.merged_into is not None:
        return
    yield from _mapped(change, new)
    for taken, _ in taken_in(change.old, new):
        yield Entry(
            at=taken.trigger.received_at or taken.at if taken.trigger else taken.at,
            kind=log.MERGED,
            message_id=taken.message_id,
            source_id=taken.source_id,
            profile_ids=[change.profile_id, taken.profile_id],
        )


def _mapped(change: ProfileChange, new: Head) -> Iterator[Entry]:
    found = fresh(change.old, new)
    triggers = new.news.triggers if new.news else {}
    for start in range(0, len(found), PER_ENTRY):
        some = found[start : start + PER_ENTRY]
        trigger = triggers.get(some[0].message_id)
        yield Entry(
            at=trigger.received_at if trigger else some[0].created_at,
            kind=log.MAPPED,
            message_id=some[0].message_id,
            source_id=some[0].source_id,
            profile_ids=[change.profile_id],
            identifiers=[Named(e.type, e.value) for e in some],
        )
