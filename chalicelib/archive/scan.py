"""Feeds history to streams: the state each of them would have, had it known of every event when that arrived."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from .. import query
from .sql.admissions import named
from .sql.states import States

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = tuple[Any, ...]

BATCH = 10_000  # rows fetched at a time

_COLUMNS = "profile_id, event, timestamp, received_at, message_id, source_id, properties, context"


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


class Scanned(msgspec.Struct, gc=False):
    """What history holds for one profile id as landed; only streams that remember something have a state."""

    profile_id: str
    states: dict[str, Any]
    fresh: list[FreshEvent]


def scan(
    session: Session, streams: Sequence[query.Stream], *, settled_before: int, part: int = 0, parts: int = 1
) -> Iterator[Scanned]:
    """Every profile id of the part to which some event matters, once, in no particular order.

    Events received before `settled_before` (epoch ms) are in the states. Later ones are in `fresh`, in order of
    arrival, for each profile they may have been counted in: the caller knows which of them were. Until the last one
    was given, the session's connection must not be used for anything else.
    """
    states = States(streams)
    share = f"profile_id is not null and {_share(part, parts)}"
    fresh = _fresh(session.connection, states.streams, settled_before, share)
    source = (
        f"with source as not materialized (select * from events where received_at < {int(settled_before)} and {share})"  # noqa: S608
    )
    for profile_id, found in gathered(session.connection, source, states):
        recent = fresh.pop(profile_id, [])
        if found or recent:
            yield Scanned(profile_id, found, recent)
    for profile_id, recent in fresh.items():
        yield Scanned(profile_id, {}, recent)


def gathered(con: "DuckDBPyConnection", source: str, states: States) -> Iterator[tuple[str, dict[str, Any]]]:
    """The states of each profile in a `source` of events; where SQL cannot tell, from the events themselves."""
    undecided: list[str] = []
    read = states.read
    # All threads make the table; of a query that is fetched from, the last part is up to one of them.
    con.execute(f"create or replace temp table gathered as {source} {states.query}")
    for profile_id, made in fetched(con.execute("from gathered")):
        found = read(made)
        if found is None:
            undecided.append(profile_id)
        else:
            yield profile_id, found
    yield from replayed(con, source, states.streams, undecided)


def replayed(
    con: "DuckDBPyConnection", source: str, streams: Sequence[query.Stream], profile_ids: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The states of these profiles, event by event."""
    if not profile_ids:
        return
    wanted = f"{named([stream.event for stream in streams])} and profile_id in (select unnest($1::varchar[]))"
    order = "order by profile_id, received_at, message_id"
    rows = con.execute(f"{source} select {_COLUMNS} from source where {wanted} {order}", [list(profile_ids)])  # noqa: S608
    for profile_id, group in groupby(fetched(rows), key=itemgetter(0)):
        states: dict[str, Any] = {}
        for row in group:
            add(states, streams, occurrence_of(row[1:]))
        yield profile_id, states


def fetched(rows: "DuckDBPyConnection") -> Iterator[Row]:
    while batch := rows.fetchmany(BATCH):
        yield from batch


def add(states: dict[str, Any], streams: Sequence[query.Stream], occurrence: query.Occurrence) -> None:
    for stream in streams:
        before = states.get(stream.key)
        known = stream.empty() if before is None else before
        after = stream.add(known, occurrence)
        if after is not known:
            states[stream.key] = after


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


def _share(part: int, parts: int) -> str:
    """The digest is the same in every version of the database, unlike its own hashes."""
    return "true" if parts == 1 else f"md5_number_lower(profile_id) % {int(parts)} = {int(part)}"


def _fresh(
    con: "DuckDBPyConnection", streams: Sequence[query.Stream], since: int, share: str
) -> dict[str, list[FreshEvent]]:
    wanted = f"received_at >= {int(since)} and {share} and {named([stream.event for stream in streams])}"
    rows = con.execute(
        f"with candidate as (select {_COLUMNS} from candidates where {wanted}),"  # noqa: S608
        f" other as (select {_COLUMNS} from events where {wanted}"
        " and message_id not in (select message_id from candidate))"
        " select * from candidate union all select * from other order by profile_id, received_at, message_id"
    )
    found: dict[str, list[FreshEvent]] = {}
    for profile_id, *columns in fetched(rows):
        occurrence = occurrence_of(tuple(columns))
        occurrence.streams = [stream.key for stream in streams if stream.admits(occurrence)]
        if occurrence.streams:
            found.setdefault(profile_id, []).append(occurrence)
    return found
