"""Landing what profiles have become in the archive, so that history can be read with the people who made it.

Only what the views of history show counts as a change: a profile that merely counted events is not landed again.
Landing is at least once. Rows carry the version of the profile, and the newest version of those that landed is it.
"""

import gzip
import logging
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from ..clock import DAY, Clock
from ..errors import MusterError, place_of
from ..profiles.change import ProfileChange
from ..profiles.landing_place import PROFILES, landing_key
from ..profiles.ports import Archive
from ..profiles.profile import DELETED, Head

logger = logging.getLogger(__name__)

_encoder = msgspec.json.Encoder()


class Snapshots:
    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive, self._clock = archive, clock

    def land(self, changes: Iterable[ProfileChange]) -> set[str]:
        """The `record_id`s of the changes that must come again. One object per space and day of change, which the same
        changes write again within a minute."""
        now = self._clock.now()
        objects, failed = _objects(changes, now)
        for (space_id, day), lines in objects.items():
            name = blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()
            body = b"\n".join(lines.values()) + b"\n"
            key = landing_key(PROFILES, space_id, now, day, name)
            try:
                self._archive.put(key, gzip.compress(body, compresslevel=6, mtime=0))
            except MusterError as error:
                logger.warning("The archive did not take %d snapshots: %s", len(lines), type(error).__name__)
                failed |= lines.keys()
        return failed


def is_shown(change: ProfileChange) -> bool:
    """Whether history looks different after this change."""
    if change.new is None or change.merged_into is not None or change.old is None or change.old.merging is not None:
        return True
    # Compared as JSON, where 1 and true differ.
    return _encoder.encode(_content(change.old)) != _encoder.encode(_content(change.new))


def _objects(changes: Iterable[ProfileChange], now: int) -> tuple[dict[tuple[str, int], dict[str, bytes]], set[str]]:
    """By space and beginning of the day the lines of each change, by `record_id`; and the changes that cannot be
    written."""
    found: dict[tuple[str, int], dict[str, bytes]] = {}
    failed = set[str]()
    for change in changes:
        try:
            if is_shown(change):
                written_at = _written_at(change, now)
                lines = found.setdefault((change.space_id, written_at // DAY * DAY), {})
                lines[change.record_id] = _encoder.encode(_line(change, written_at))
        except Exception as error:
            # Whatever it is, the neighbours of this change must not wait for it.
            logger.warning("Change %s cannot be landed: %s", change.record_id, place_of(error))
            failed.add(change.record_id)
    return {place: lines for place, lines in found.items() if lines}, failed


def _line(change: ProfileChange, written_at: int) -> dict[str, Any]:
    """Of who was merged away only where to is told, of who was deleted nothing but that."""
    head = change.new or change.old or Head()
    line = {
        "profileId": change.profile_id,
        "version": change.version,
        "writtenAt": written_at,
        "collection": head.collection,
        "deleted": change.new is None or change.merged_into == DELETED,
    }
    if line["deleted"]:
        return line
    if change.merged_into is not None:
        return {**line, "mergedInto": change.merged_into}
    return {**line, "createdAt": head.created_at, "updatedAt": head.updated_at, **_content(head)}


def _content(head: Head) -> dict[str, Any]:
    return {
        "externalIds": [{"type": e.type, "value": e.value, "createdAt": e.created_at} for e in head.external_ids],
        "idTypes": sorted({e.type for e in head.external_ids}),
        "traits": {key: trait.value for key, trait in head.traits.items() if trait.value is not None},
        "outcomes": {
            key: {"value": o.value, "computationId": o.computation_id, "changedAt": o.changed_at}
            for key, o in head.outcomes.items()
        },
        "links": [link.account_id for link in head.links],
    }


def _written_at(change: ProfileChange, now: int) -> int:
    """A freeze leaves the time of the last update as it was, and a burial leaves none. What joined two profiles may be
    told long after it happened: until it was received they were two. What time alone takes away leaves no trace of
    when: it lands at once."""
    instants = [instant for head in (change.old, change.new) if head is not None for instant in _instants(head)]
    merging = change.new.merging if change.new is not None else None
    if merging is not None:
        instants.append(merging.trigger.received_at if merging.trigger else merging.at)
    if change.old is not None and change.new is not None and _without_event(change.old, change.new):
        instants.append(now)
    return max(instants, default=0)


def _instants(head: Head) -> Iterator[int]:
    """Those of its writes that are still told; time alone changes values too."""
    yield head.updated_at
    yield head.news.at if head.news else 0
    yield from (outcome.changed_at for outcome in head.outcomes.values())


def _without_event(old: Head, new: Head) -> bool:
    """Whether a value is gone that no event took."""
    return old.last == new.last and not old.outcomes.keys() <= new.outcomes.keys()
