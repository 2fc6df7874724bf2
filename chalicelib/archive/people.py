"""Whose values are asked for, as a temporary table: (subject, person, traits, outcomes, subject_traits,
subject_outcomes).

Of users everybody is their own subject. The subjects of account definitions are accounts, with a row for each of their
users, or one row without a person.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "people"

_USERS = """
    select profile_id, profile_id, {traits}, null, null from profiles
    where collection = 'users' and ($1 is null or list_has_any(id_types, $1::varchar[]))
"""
_ACCOUNTS = """
    with known as materialized (select * from profiles),
    linked as (
        select distinct coalesce(r.canonical_id, l.account_id) as account, l.profile_id as person
        from (select profile_id, unnest(links) as account_id from known where collection = 'users') l
        left join redirects r on r.profile_id = l.account_id
    )
    select a.profile_id, u.profile_id, u.traits, u.outcomes, a.traits, a.outcomes
    from known a left join linked l on l.account = a.profile_id left join known u on u.profile_id = l.person
    where a.collection = 'accounts'
"""


def users(con: "DuckDBPyConnection", external_ids: Sequence[str] | None, with_traits: bool) -> None:
    """Those who have an external id of these types; None for all."""
    traits = "traits, outcomes" if with_traits else "null::varchar, null::varchar"
    _create(con, _USERS.format(traits=traits), [None if external_ids is None else list(external_ids)])


def accounts(con: "DuckDBPyConnection") -> None:
    _create(con, _ACCOUNTS, [])


def source(con: "DuckDBPyConnection", now: int) -> str:
    """The events known at an instant under the ids of those who have them now, as a common table expression."""
    (merged,) = con.execute("select exists (from redirects)").fetchall()[0]
    known = f"received_at <= {int(now)}"
    if not merged:
        return f"with source as not materialized (select * from events where {known})"  # noqa: S608
    return (
        "with source as not materialized ("  # noqa: S608
        "select coalesce(r.canonical_id, e.profile_id) as profile_id, e.* exclude (profile_id)"
        f" from events e left join redirects r on r.profile_id = e.profile_id where {known})"
    )


def _create(con: "DuckDBPyConnection", query: str, parameters: list[Any]) -> None:
    columns = "subject, person, traits, outcomes, subject_traits, subject_outcomes"
    con.execute(f"create or replace temp table {TABLE} as select * from ({query}) people({columns})", parameters)  # noqa: S608
