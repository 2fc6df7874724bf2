"""Who is in an audience or holds a trait by the newest snapshots, with what is known of them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from .history import Session

FETCHED_AT_ONCE = 1_000  # people
TABLE = "exported"

_Ids = msgspec.json.Decoder(list[dict[str, Any]])
_Object = msgspec.json.Decoder(dict[str, Any])


class Holder(NamedTuple):
    """A person. `ids` are values by type, the oldest first; `traits` as queries see them; `value` is the outcome's."""

    profile_id: str
    ids: dict[str, list[str]]
    traits: dict[str, Any]
    value: Any


def select(session: Session, key: str, computation_id: str, *, members: bool) -> int:
    """Find the members, or who has a value at all; how many there are. Audiences of accounts are kept on the people
    who belong to these."""
    path = '$."' + key.replace('"', '\\"') + '"'
    session.connection.execute(
        _SELECT, {"value": f"{path}.value", "owner": f"{path}.computationId", "id": computation_id, "members": members}
    )
    return int(session.rows(f"select count(*) from {TABLE}")[0][0])  # noqa: S608


def widths(session: Session) -> dict[str, int]:
    """How many ids of each type somebody of them has at most."""
    return dict(session.rows(_WIDTHS))


def holders(session: Session, key: str) -> Iterator[Holder]:
    """In order of their ids."""
    found = session.connection.execute(_HOLDERS)
    while rows := found.fetchmany(FETCHED_AT_ONCE):
        for profile_id, external_ids, traits, outcomes in rows:
            values = {name: outcome["value"] for name, outcome in _decoded(outcomes).items()}
            yield Holder(profile_id, _by_type(external_ids), _decoded(traits) | values, values.get(key))


def _by_type(external_ids: str | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in _Ids.decode(external_ids or "[]"):
        found.setdefault(one["type"], []).append(one["value"])
    return found


def _decoded(text: str | None) -> dict[str, Any]:
    return _Object.decode(text) if text else {}


_SELECT = f"""
    create or replace temp table {TABLE} as
    select profile_id, external_ids, traits, outcomes from profiles
    where collection = 'users' and json_extract_string(outcomes, $owner) = $id
        and case when $members then json_extract(outcomes, $value)::varchar = 'true'
            else json_extract(outcomes, $value)::varchar <> 'null' end
"""  # noqa: S608
_WIDTHS = f"""
    select type, max(found)::bigint from (
        select profile_id, one ->> 'type' as type, count(*) as found
        from (select profile_id, unnest(json_extract(external_ids, '$[*]')) as one from {TABLE})
        group by all
    ) group by type
"""  # noqa: S608
_HOLDERS = f"select profile_id, external_ids, traits, outcomes from {TABLE} order by profile_id"  # noqa: S608
