"""What else is known of those whom a definition found."""

from collections.abc import Sequence

from .history import Session


def has_types(session: Session, table: str, types: Sequence[str]) -> list[tuple[str, int]]:
    """For each type in turn, how many of them have an external id of it."""
    rows = session.connection.execute(
        f"select type, count(*) from (select unnest(list_distinct(p.id_types)) as type from {table} m "  # noqa: S608
        "join profiles p on p.profile_id = m.profile_id) group by type"
    ).fetchall()
    found = dict(rows)
    return [(type, found.get(type, 0)) for type in types]


def shared(session: Session, table: str, key: str, computation_id: str) -> int:
    """How many of them are members of an audience, as their profiles say."""
    path = '$."' + key.replace('"', '\\"') + '"'
    rows = session.connection.execute(
        f"select count(*) from {table} m join profiles p on p.profile_id = m.profile_id "  # noqa: S608
        "where json_extract_string(p.outcomes, $owner) = $id and json_extract(p.outcomes, $value)::varchar = 'true'",
        {"owner": f"{path}.computationId", "value": f"{path}.value", "id": computation_id},
    ).fetchall()
    return int(rows[0][0])
