"""Histories for the tests: random people and their events as the views of a session show them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any

import duckdb

from tests.query.timeline import Occurrence

EVENT_COLUMNS = (
    "message_id varchar, profile_id varchar, event varchar, source_id varchar, timestamp bigint, received_at bigint,"
    " properties varchar, context varchar"
)


@cache
def database() -> duckdb.DuckDBPyConnection:
    """Made once: a new one costs more than all that a test asks of it. The tables of a session are its own."""
    return duckdb.connect(config={"threads": 1})


@dataclass
class Person:
    profile_id: str
    traits: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Mapping[str, Any] = field(default_factory=dict)
    id_types: Sequence[str] = ("user_id",)
    links: Sequence[str] = ()
    collection: str = "users"


class Session:
    """`events` are (profile id as landed, event)."""

    def __init__(
        self,
        events: Iterable[tuple[str, Occurrence]],
        people: Iterable[Person] = (),
        redirects: Mapping[str, str] | None = None,
        candidates: Iterable[tuple[str, Occurrence]] = (),
    ) -> None:
        self.connection = con = database().cursor()
        for table, rows in (("events", events), ("candidates", candidates)):
            con.execute(f"create temp table {table} ({EVENT_COLUMNS})")
            self._insert(table, [_event(*row) for row in rows])
        con.execute(
            "create temp table profiles (profile_id varchar, collection varchar, traits varchar, outcomes varchar,"
            " id_types varchar[], links varchar[])"
        )
        self._insert("profiles", [_person(person) for person in people])
        con.execute("create temp table redirects (profile_id varchar, canonical_id varchar)")
        self._insert("redirects", list((redirects or {}).items()))

    def _insert(self, table: str, rows: list[Any]) -> None:
        if rows:
            marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
            self.connection.execute(f"insert into {table} values {marks}", list(chain(*rows)))

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()


def _event(profile_id: str, event: Occurrence) -> list[Any]:
    return [
        event.message_id,
        profile_id,
        event.event,
        event.source_id,
        event.timestamp,
        event.received_at,
        _json(event.properties),
        _json(event.context),
    ]


def _person(person: Person) -> list[Any]:
    outcomes = {
        key: {"value": value, "computationId": "aud_1", "changedAt": 0} for key, value in person.outcomes.items()
    }
    return [
        person.profile_id,
        person.collection,
        _json(person.traits),
        _json(outcomes),
        list(person.id_types),
        list(person.links),
    ]


def _json(value: Mapping[str, Any]) -> str | None:
    return json.dumps(value, ensure_ascii=False) if value else None
