"""Whose values are asked for: (subject, person, traits, outcomes, subject_traits,
subject_outcomes).

Of users everybody is their own subject. The subjects of account definitions are accounts, with a row for each of their
users, or one row without a person.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .sql.text import quoted, speakable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS = "subject, person, traits, outcomes, subject_traits, subject_outcomes"
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


def users(external_ids: Sequence[str] | None) -> str:
    """A query for those who have an external id of these types; None for all."""
    eligible = "true"
    if external_ids is not None:
        types = ", ".join(quoted(one) for one in external_ids if speakable(one))
        eligible = f"list_has_any(id_types, [{types}]::varchar[])"
    return (
        "select profile_id as subject, profile_id as person, traits, outcomes, null::varchar as subject_traits,"  # noqa: S608
        f" null::varchar as subject_outcomes from profiles where collection = 'users' and {eligible}"
    )


def accounts() -> str:
    """A query for them."""
    return f"select * from ({_ACCOUNTS}) people({_COLUMNS})"  # noqa: S608


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
