"""The value of a definition for everybody, from history alone."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .. import query
from ..query.vocabulary import ACCOUNTS, AUDIENCE
from .scan import Row, Session, add, fetched, json_object, occurrence_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "members"
SAMPLE = 100  # ids of profiles to show
STORED_AT_ONCE = 10_000  # rows

_ABSENT: tuple[Any, ...] = (None, [])  # a computed trait with such a value is not there


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
    con = session.connection
    con.execute(f"create or replace temp table {table} (profile_id varchar, value varchar)")
    store(con, table, members(con, plan, now, external_ids, traits_from_outcomes))
    return summary(con, table)


def summary(con: "DuckDBPyConnection", table: str) -> Membership:
    size = con.execute(f"select count(*) from {table}").fetchall()[0][0]  # noqa: S608
    rows = con.execute(f"select profile_id from {table} order by profile_id limit {SAMPLE}").fetchall()  # noqa: S608
    return Membership(table, size, [row[0] for row in rows])


def store(con: "DuckDBPyConnection", table: str, found: Iterable[tuple[str, Any]]) -> None:
    waiting = iter(found)
    while batch := list(islice(waiting, STORED_AT_ONCE)):
        ids, values = [row[0] for row in batch], [msgspec.json.encode(row[1]).decode() for row in batch]
        con.execute(f"insert into {table} select unnest($1), unnest($2)", [ids, values])


def members(
    con: "DuckDBPyConnection",
    plan: query.Plan,
    now: int,
    external_ids: Sequence[str] | None,
    traits_from_outcomes: bool,
) -> Iterator[tuple[str, Any]]:
    """(profile id, value) of those who have a value, each decided by the evaluator."""
    accounts = plan.definition.scope == ACCOUNTS
    find = _account_people if accounts else _people
    people = find(con, plan, now, external_ids, traits_from_outcomes)
    for profile_id, group in groupby(people, key=lambda person: person.subject):
        found = list(group)
        value = _account_value(plan, found, now) if accounts else _user_value(plan, found[0], now)
        if value is not None:
            yield profile_id, value


class _Person(NamedTuple):
    """`subject` is the profile whose value is asked for; an account without users has a person without id."""

    subject: str
    profile_id: str | None
    traits: dict[str, Any]
    subject_traits: dict[str, Any]
    states: dict[str, Any]


def _user_value(plan: query.Plan, person: _Person, now: int) -> Any:
    value = query.evaluate(plan, person.states, person.traits, now).value
    return _kept(plan, value, bool(person.states))


def _account_value(plan: query.Plan, people: Sequence[_Person], now: int) -> Any:
    users = [(person.states, person.traits) for person in people if person.profile_id is not None]
    value = query.evaluate_account(plan, people[0].subject_traits, users, now).value
    return _kept(plan, value, any(person.states for person in people))


def _kept(plan: query.Plan, value: Any, seen: bool) -> Any:
    """None for who is no member, or has no trait: because there is nothing to show or no event was ever seen."""
    if plan.definition.kind == AUDIENCE:
        return value or None
    return value if seen and value not in _ABSENT else None


def _people(
    con: "DuckDBPyConnection",
    plan: query.Plan,
    now: int,
    external_ids: Sequence[str] | None,
    traits_from_outcomes: bool,
) -> Iterator[_Person]:
    wanted = {"types": list(external_ids) if external_ids is not None else None}
    people = con.cursor().execute(_USERS_SQL, wanted)
    return _joined(fetched(people), _events(con, _EVENTS_SQL, plan, now), plan, traits_from_outcomes)


def _account_people(
    con: "DuckDBPyConnection",
    plan: query.Plan,
    now: int,
    external_ids: Sequence[str] | None,
    traits_from_outcomes: bool,
) -> Iterator[_Person]:
    people = con.cursor().execute(_ACCOUNT_USERS_SQL)
    return _joined(fetched(people), _events(con, _ACCOUNT_EVENTS_SQL, plan, now), plan, traits_from_outcomes)


def _events(con: "DuckDBPyConnection", sql: str, plan: query.Plan, now: int) -> Iterator[Row]:
    names = sorted({stream.event for stream in plan.streams})
    return fetched(con.cursor().execute(sql, {"names": names, "now": now})) if names else iter(())


def _joined(
    people: Iterator[Row], events: Iterator[Row], plan: query.Plan, traits_from_outcomes: bool
) -> Iterator[_Person]:
    """Both are ordered by subject and person."""
    groups = groupby(events, key=lambda row: row[:2])
    key, group = next(groups, (None, iter(())))
    for subject, profile_id, traits, outcomes, subject_traits, subject_outcomes in people:
        while key is not None and key < (subject, profile_id or ""):
            key, group = next(groups, (None, iter(())))
        states: dict[str, Any] = {}
        if key == (subject, profile_id):
            for row in group:
                add(states, plan.streams, occurrence_of(row[2:]))
        yield _Person(
            subject,
            profile_id,
            _traits(traits, outcomes if traits_from_outcomes else None),
            _traits(subject_traits, subject_outcomes if traits_from_outcomes else None),
            states,
        )


def _traits(custom: str | None, outcomes: str | None) -> dict[str, Any]:
    values = {key: value for key, value in json_object(custom).items() if value is not None}
    return values | {key: outcome["value"] for key, outcome in json_object(outcomes).items()}


_COLUMNS = "e.event, e.timestamp, e.received_at, e.message_id, e.source_id, e.properties, e.context"
_CANONICAL = """
    canonical as (
        select coalesce(r.canonical_id, e.profile_id) as person, e.*
        from events e left join redirects r on r.profile_id = e.profile_id
        where list_contains($names, e.event) and e.received_at <= $now
    )
"""
_LINKED = """
    linked as (
        select distinct coalesce(r.canonical_id, l.account_id) as account, l.profile_id as person
        from (select profile_id, unnest(links) as account_id from profiles where collection = 'users') l
        left join redirects r on r.profile_id = l.account_id
    )
"""
_USERS_SQL = """
    select profile_id, profile_id, traits, outcomes, null, null from profiles
    where collection = 'users' and ($types is null or list_has_any(id_types, $types::varchar[]))
    order by profile_id
"""
_EVENTS_SQL = f"""
    with {_CANONICAL} select person, person, {_COLUMNS} from canonical e
    order by person, received_at, message_id
"""  # noqa: S608
_ACCOUNT_USERS_SQL = f"""
    with {_LINKED} select a.profile_id, u.profile_id, u.traits, u.outcomes, a.traits, a.outcomes
    from profiles a left join linked l on l.account = a.profile_id left join profiles u on u.profile_id = l.person
    where a.collection = 'accounts' order by a.profile_id, coalesce(u.profile_id, '')
"""  # noqa: S608
_ACCOUNT_EVENTS_SQL = f"""
    with {_LINKED}, {_CANONICAL} select l.account, e.person, {_COLUMNS}
    from canonical e join linked l on l.person = e.person
    order by l.account, e.person, e.received_at, e.message_id
"""  # noqa: S608
