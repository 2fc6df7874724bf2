"""The graph of identities as rows for a warehouse: who became whom, which identifier led where, what traits became.

One object per table, space and day of what one call of the emitter was given, named by the changes in it:

    sync/<table>/<space>/dt=<day>/<name>.ndjson.gz

A change always makes the same rows with the same numbers, so emitting the same changes again writes the same object.
A batch of the stream that comes back in other portions writes rows a second time: (segment_id or
canonical_segment_id, seq) names a row.
"""

import gzip
import logging
from collections.abc import Iterator, Sequence
from hashlib import blake2b, sha1
from typing import Any, NamedTuple

import msgspec

from ..clock import DAY
from ..errors import MusterError, place_of
from ..identity.external_id import USERS, ExternalId
from ..instants import to_iso
from ..profiles.change import ProfileChange
from ..profiles.identities import fresh, lost, taken_in
from ..profiles.ports import Archive
from ..profiles.profile import Head, Trigger

logger = logging.getLogger(__name__)

GRAPH = "id_graph_updates"
MAPPINGS = "external_id_mapping_updates"
TRAITS = "profile_traits_updates"
TABLES = (GRAPH, MAPPINGS, TRAITS)

CREATED, REMOVED = "CREATED", "REMOVED"

PLACES = 100_000  # rows of one change, far more than a profile holds

_encoder = msgspec.json.Encoder()


class Row(NamedTuple):
    table: str
    fields: dict[str, Any]


class _Object(NamedTuple):
    table: str
    space_id: str
    day: int


class _Line(NamedTuple):
    change: ProfileChange
    text: bytes


class Graph:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def write(self, changes: Sequence[ProfileChange]) -> set[str]:
        """The `record_id`s of the changes whose rows could not be written."""
        found: dict[_Object, list[_Line]] = {}
        failed: set[str] = set()
        for change in changes:
            try:
                for name, line in list(_lines(change)):
                    found.setdefault(name, []).append(line)
            except Exception as error:
                # Whatever it is, the neighbours of this change must not wait for it.
                logger.warning("Change %s has no rows: %s", change.record_id, place_of(error))
                failed.add(change.record_id)
        for name, lines in found.items():
            try:
                self._archive.put(_key(name, lines), _compressed(lines))
            except MusterError as error:
                logger.warning("%d rows of %s are not written: %s", len(lines), name.table, place_of(error))
                failed.update(line.change.record_id for line in lines)
        return failed


def _lines(change: ProfileChange) -> Iterator[tuple[_Object, _Line]]:
    for row in rows(change):
        name = _Object(row.table, change.space_id, _day(change.new))
        yield name, _Line(change, _encoder.encode(row.fields))


def rows(change: ProfileChange) -> Iterator[Row]:
    """What a change of a person says. The survivor of a merge speaks for both; whoever is deleted says nothing."""
    new = change.new
    if new is None or new.collection != USERS or change.merged_into is not None:
        return
    made = (*_graph(change, new), *_mappings(change, new), *_traits(change, new))
    for place, row in enumerate(made):
        yield Row(row.table, row.fields | {"seq": change.version * PLACES + place})


def _graph(change: ProfileChange, new: Head) -> Iterator[Row]:
    if change.old is None and new.first is not None:
        first = next((e for e in new.external_ids if e.message_id == new.first.message_id), None)
        trigger = new.news.triggers.get(new.first.message_id) if new.news else None
        at = first.created_at if first else new.first.at
        yield _edge(change.profile_id, change.profile_id, new.first.message_id, trigger, at)
    for taken, gone in taken_in(change.old, new):
        for profile_id in gone:
            yield _edge(profile_id, change.profile_id, taken.message_id, taken.trigger, taken.at)


def _edge(segment_id: str, canonical_id: str, message_id: str, trigger: Trigger | None, at: int) -> Row:
    fields = {
        "segment_id": segment_id,
        "canonical_segment_id": canonical_id,
        "triggering_event_id": message_id or None,
        "triggering_event_type": trigger.type or None if trigger else None,
        "timestamp": to_iso(at),
    }
    return Row(GRAPH, fields)


def _mappings(change: ProfileChange, new: Head) -> Iterator[Row]:
    for external_id in fresh(change.old, new):
        trigger = new.news.triggers.get(external_id.message_id) if new.news else None
        yield _mapping(change, external_id, CREATED, trigger, external_id.created_at)
    at = new.news.at if new.news else 0
    for external_id in lost(change.old, new):
        yield _mapping(change, external_id, REMOVED, None, at or new.updated_at)


def _mapping(change: ProfileChange, external_id: ExternalId, operation: str, trigger: Trigger | None, at: int) -> Row:
    is_created = operation == CREATED
    fields = {
        "external_id_type": external_id.type,
        "external_id_value": external_id.value,
        "external_id_hash": sha1((external_id.type + external_id.value).encode(), usedforsecurity=False).hexdigest(),
        "segment_id": change.profile_id,
        "triggering_event_id": _or_none(external_id.message_id if is_created else ""),
        "triggering_event_name": trigger.name or None if trigger else None,
        "triggering_event_type": trigger.type or None if trigger else None,
        "triggering_event_source_id": _or_none(external_id.source_id if is_created else ""),
        "timestamp": to_iso(at),
        "received_at": to_iso(trigger.received_at if trigger and trigger.received_at else at),
        "__operation": operation,
    }
    return Row(MAPPINGS, fields)


def _traits(change: ProfileChange, new: Head) -> Iterator[Row]:
    """Of traits that events set; what computations make is told to destinations."""
    before = change.old.traits if change.old else {}
    for key, trait in new.traits.items():
        known = before.get(key)
        # 1 and true are equal in Python but not in a warehouse.
        if known is None or known.value != trait.value or type(known.value) is not type(trait.value):
            yield _trait(change.profile_id, key, trait.value, trait.updated_at, None)
    for taken, gone in taken_in(change.old, new):
        for profile_id in gone:
            yield _trait(profile_id, None, None, taken.at, change.profile_id)


def _trait(canonical_id: str, name: str | None, value: Any, at: int, merged_to: str | None) -> Row:
    fields = {
        "canonical_segment_id": canonical_id,
        "name": name,
        "value": value,
        "merged_to": merged_to,
        "timestamp": to_iso(at),
    }
    return Row(TRAITS, fields)


def _or_none(text: str | None) -> str | None:
    return text or None


def _day(head: Head | None) -> int:
    return max(head.updated_at, head.news.at if head.news else 0) // DAY if head else 0


def _key(name: _Object, lines: Sequence[_Line]) -> str:
    changes = sorted({f"{line.change.profile_id}#{line.change.version}" for line in lines})
    digest = blake2b("\n".join(changes).encode(), digest_size=16).hexdigest()
    return f"sync/{name.table}/{name.space_id}/dt={to_iso(name.day * DAY)[:10]}/{digest}.ndjson.gz"


def _compressed(lines: Sequence[_Line]) -> bytes:
    body = b"".join(line.text + b"\n" for line in lines)
    return gzip.compress(body, compresslevel=6, mtime=0)  # no time inside: the same rows make the same bytes
