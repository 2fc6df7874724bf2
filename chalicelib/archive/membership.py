"""The value of a definition for everybody, from history alone."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .. import query
from ..query.vocabulary import ACCOUNTS, AUDIENCE
from . import people
from .scan import Row, Session, add, fetched, json_object, occurrence_of
from .sql.admissions import named
from .sql.states import States
from .sql.whole import verdicts

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "members"
SAMPLE = 100  # ids of profiles to show
STORED_AT_ONCE = 10_000  # rows

_ABSENT: tuple[Any, ...] = (None, [])  # a computed trait with such a value is not there
_EVENT = "e.event, e.timestamp, e.received_at, e.message_id, e.source_id, e.properties, e.context"
_PERSON = 6  # columns of the table of people


class Membership(NamedTuple):
    """`table` is a temporary table of the session's connection: (profile_id VARCHAR, value VARCHAR holding JSON).

    It has one row for each member of an audience, or for each profile that has a value of a trait; `size` in all.
    """

    table: str
    size: int
    sample: list[str]


def evaluate_history(
    session: Session,
    plan: query.Plan,
    *,
    now: int,
    external_ids: Sequence[str] | None = None,
    traits_from_outcomes: bool = True,
    table: str = TABLE,
) -> Membership:
    """The value at the instant `now` (epoch ms) for every living profile.

    `external_ids`: only profiles that have one of these types; None for all of them, and of no meaning for accounts.
    `traits_from_outcomes`: whether `trait()` also sees the values of computations. An existing `table` is replaced.
    """
    con, source = session.connection, people.source(session.connection, now)
    asked = people.accounts() if plan.definition.scope == ACCOUNTS else people.users(external_ids)
    whole = verdicts(plan, now, traits_from_outcomes)
    if whole is None:
        con.execute(f"create or replace temp table {table} (profile_id varchar, value varchar)")
        con.execute(f"create or replace temp table people as {asked}")
    elif not _decide(con, table, f"{source}, people as not materialized ({asked}){whole}", asked):
        return _summary(con, table)
    _store(con, table, list(_Evaluation(con, source, plan, now, traits_from_outcomes).values()))
    return _summary(con, table)


def _decide(con: "DuckDBPyConnection", table: str, query: str, asked: str) -> bool:
    """Store members. Whether there are people about whom SQL is not sure; they are the table `people` then."""
    decided = f"select subject as profile_id, if(verdict, 'true', null) as value from ({query})"  # noqa: S608
    con.execute(f"create or replace temp table {table} as {decided}")
    unsure = f"select profile_id from {table} where value is null"  # noqa: S608
    if not con.execute(f"select exists ({unsure})").fetchall()[0][0]:
        return False
    con.execute(f"create or replace temp table people as select * from ({asked}) where subject in ({unsure})")  # noqa: S608
    con.execute(f"delete from {table} where value is null")  # noqa: S608
    return True


def _store(con: "DuckDBPyConnection", table: str, found: Sequence[tuple[str, str]]) -> None:
    for start in range(0, len(found), STORED_AT_ONCE):
        batch = found[start : start + STORED_AT_ONCE]
        ids, values = [row[0] for row in batch], [row[1] for row in batch]
        con.execute(f"insert into {table} select unnest($1::varchar[]), unnest($2::varchar[])", [ids, values])


def _summary(con: "DuckDBPyConnection", table: str) -> Membership:
    size = con.execute(f"select count(*) from {table}").fetchall()[0][0]  # noqa: S608
    rows = con.execute(f"select profile_id from {table} order by profile_id limit {SAMPLE}").fetchall()  # noqa: S608
    return Membership(table, size, [row[0] for row in rows])


class _Evaluation:
    """Asks the evaluator for each of the people: with states that SQL gathered, or from the events themselves."""

    def __init__(self, con: "DuckDBPyConnection", source: str, plan: query.Plan, now: int, outcomes: bool) -> None:
        self._con, self._source, self._plan, self._now, self._outcomes = con, source, plan, now, outcomes
        self._account = plan.definition.scope == ACCOUNTS

    def values(self) -> Iterator[tuple[str, str]]:
        """(profile id, value as JSON) of those who have one."""
        undecided: list[str] = []
        for subject, rows in self._subjects():
            states = [states for _, states in rows]
            if None in states:
                undecided.append(subject)
            else:
                yield from self._value(subject, rows)
        if undecided:
            for subject, rows in self._from_events(undecided):
                yield from self._value(subject, rows)

    def _subjects(self) -> Iterator[tuple[str, list[Any]]]:
        states = States(self._plan.streams)
        order = "order by subject, person" if self._account else ""
        if not states.streams:
            rows = self._con.execute(f"select *, null as states from people {order}")  # noqa: S608
        else:
            joined = "people left join states on states.profile_id = people.person"
            rows = self._con.execute(
                f"{self._source}, states as ({states.query}) select * exclude (profile_id) from {joined} {order}"  # noqa: S608
            )
        for subject, group in groupby(fetched(rows), key=itemgetter(0)):
            yield subject, [(row, states.read(row[_PERSON])) for row in group]

    def _from_events(self, subjects: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
        names = named([stream.event for stream in self._plan.streams])
        rows = self._con.execute(
            f"{self._source} select people.*, {_EVENT} from people"  # noqa: S608
            f" left join (select * from source where {names}) e on e.profile_id = person"
            " where subject in (select unnest($1::varchar[])) order by subject, person, received_at, message_id",
            [list(subjects)],
        )
        for subject, group in groupby(fetched(rows), key=itemgetter(0)):
            yield subject, [self._replayed(list(events)) for _, events in groupby(group, key=itemgetter(1))]

    def _replayed(self, rows: Sequence[Row]) -> tuple[Row, dict[str, Any]]:
        states: dict[str, Any] = {}
        for row in rows:
            if row[_PERSON] is not None:
                add(states, self._plan.streams, occurrence_of(row[_PERSON:]))
        return rows[0], states

    def _value(self, subject: str, rows: Sequence[tuple[Row, dict[str, Any]]]) -> Iterator[tuple[str, str]]:
        value = self._of_account(rows) if self._account else self._of_user(*rows[0])
        if self._plan.definition.kind == AUDIENCE:
            there = value is True
        else:  # and nobody has a trait who never did what it is about
            there = value not in _ABSENT and any(states for _, states in rows)
        if there:
            yield subject, msgspec.json.encode(value).decode()

    def _of_user(self, row: Row, states: dict[str, Any]) -> Any:
        return query.evaluate(self._plan, states, self._traits(row[2], row[3]), self._now).value

    def _of_account(self, rows: Sequence[tuple[Row, dict[str, Any]]]) -> Any:
        users = [(states, self._traits(row[2], row[3])) for row, states in rows if row[1] is not None]
        of_account = self._traits(*rows[0][0][4:_PERSON])
        return query.evaluate_account(self._plan, of_account, users, self._now).value

    def _traits(self, custom: str | None, outcomes: str | None) -> dict[str, Any]:
        if not self._plan.traits:
            return {}
        values = {key: value for key, value in json_object(custom).items() if value is not None}
        if self._outcomes:
            values |= {key: outcome["value"] for key, outcome in json_object(outcomes).items()}
        return values
