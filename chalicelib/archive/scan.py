"""Feeds history to streams: the state each of them would have, had it known of every event when that arrived."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from .. import query

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = tuple[Any, ...]

BATCH = 10_000  # rows fetched at a time


class Session(Protocol):
    """A connection whose views show history."""

    @property
    def connection(self) -> "DuckDBPyConnection": ...


class FreshEvent(msgspec.Struct, kw_only=True):
    """An event that profiles may have counted already; `streams` are the keys of those that admit it."""

    event: str
    timestamp: int
    received_at: int
    message_id: str
    source_id: str | None
    properties: dict[str, Any]
    context: dict[str, Any]
    streams: list[str] = []


class Scanned(msgspec.Struct):
    """What history holds for one profile id as landed; only streams that remember something have a state."""

    profile_id: str
    states: dict[str, Any]
    fresh: list[FreshEvent]


def scan(
    session: Session, streams: Sequence[query.Stream], *, settled_before: int, part: int = 0, parts: int = 1
) -> Iterator[Scanned]:
    """Every profile id of the part to which some event matters, in no particular order.

    Events received before `settled_before` (epoch ms) are in the states. Later ones are in `fresh`, in order of
    arrival, once for each profile they may have been counted in: the caller knows which of them were.
    """
    names = sorted({stream.event for stream in streams})
    rows = session.connection.cursor().execute(
        _SQL, {"names": names, "at": settled_before, "part": part, "parts": parts}
    )
    for profile_id, group in groupby(fetched(rows), key=itemgetter(0)):
        found = _scanned(profile_id, group, streams)
        if found.states or found.fresh:
            yield found


_COLUMNS = "profile_id, event, timestamp, received_at, message_id, source_id, properties, context"
_SQL = f"""
    with settled as (select {_COLUMNS}, false as fresh from events where received_at < $at),
    candidate as (select {_COLUMNS}, true as fresh from candidates where received_at >= $at),
    other as (
        select {_COLUMNS}, true as fresh from events
        where received_at >= $at and message_id not in (select message_id from candidate)
    )
    select * from (from settled union all from candidate union all from other)
    where list_contains($names, event) and profile_id is not null
        and ($parts = 1 or md5_number_lower(profile_id) % $parts = $part)
    order by profile_id, received_at, message_id
"""  # noqa: S608


def fetched(rows: "DuckDBPyConnection") -> Iterator[Row]:
    while batch := rows.fetchmany(BATCH):
        yield from batch


def _scanned(profile_id: str, rows: Iterator[Row], streams: Sequence[query.Stream]) -> Scanned:
    found = Scanned(profile_id, {}, [])
    for row in rows:
        occurrence = occurrence_of(row[1:8])
        if row[8]:
            occurrence.streams = [s.key for s in streams if s.admits(occurrence)]
            if occurrence.streams:
                found.fresh.append(occurrence)
        else:
            add(found.states, streams, occurrence)
    return found


def occurrence_of(row: Row) -> FreshEvent:
    event, timestamp, received_at, message_id, source_id, properties, context = row
    return FreshEvent(
        event=event,
        timestamp=timestamp,
        received_at=received_at,
        message_id=message_id,
        source_id=source_id,
        properties=json_object(properties),
        context=json_object(context),
    )


def json_object(text: str | None) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(text) if text else {}
    return found


def add(states: dict[str, Any], streams: Sequence[query.Stream], occurrence: query.Occurrence) -> None:
    for stream in streams:
        before = states.get(stream.key)
        known = stream.empty() if before is None else before
        after = stream.add(known, occurrence)
        if after is not known:
            states[stream.key] = after
