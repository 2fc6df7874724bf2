"""Which of several rows of one message stands.

A row's key is its message id with the ids the client sent: a client that repeats a message repeats these too. Of the
rows of one key that arrived within one day, the first arrival stands, and of its landings the last one, because that
was resolved with the most knowledge. None stands if one of the day before does: a repetition at midnight counts once.

Compacted files hold what stands, so only keys that landed since are looked at, and of them the rows in the files of
these days and, as far back as days have landings without a gap, of the days before. Most messages land once: what is
written down are the rows of the others that do not stand.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .columns import EVENT
from .database import listed
from .layout import day_before
from .views import everything, nothing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KEY = "message_id, user_id, anonymous_id"
DAY = "received_at // 86400000"  # as a number; by our own clock, so never before 1970

_PLACED = "filename = 'of_file', file_row_number = true"
_DECIDING = ("message_id", "user_id", "anonymous_id", "received_at", "landed_at", "profile_id", "account_id")
_COPY = {"file": "VARCHAR", "place": "BIGINT", **{name: EVENT[name] for name in _DECIDING}}


def reach(days: Iterable[str], has_landings: Callable[[str], bool]) -> set[str]:
    """These days and those before that decide about them."""
    reached = set[str]()
    for day in days:
        reached.add(day)
        before = day_before(day)
        if not has_landings(day) and not has_landings(before):
            continue
        reached.add(before)
        while has_landings(before) and (before := day_before(before)) not in reached:
            reached.add(before)
    return reached


def settle(connection: "DuckDBPyConnection", landed: Sequence[Path], compacted: Sequence[Path]) -> None:
    """Makes the tables `copies`, of the rows that may be of one message, and `rejected` (file, place), of those that
    do not stand. `landed` and `compacted` are Parquet files with the columns of events.
    """
    connection.execute(f"CREATE TEMP TABLE copies AS {_copies(connection, landed, compacted)}")
    connection.execute(f"CREATE TEMP TABLE standing AS {_best()}")
    for (day,) in connection.execute("SELECT DISTINCT day FROM standing ORDER BY day").fetchall():
        connection.execute(f"DELETE FROM standing WHERE day = {day} AND {_stands_before(day)}")
    connection.execute(
        "CREATE TEMP TABLE rejected AS SELECT file, place FROM copies ANTI JOIN standing USING (file, place)"
    )


def standing(connection: "DuckDBPyConnection", paths: Sequence[Path]) -> str:
    """A query for the rows of these files that stand, after `settle`."""
    return _without(connection, "rejected", paths)


def lost(connection: "DuckDBPyConnection", path: Path, table: str = "rejected") -> bool:
    """Whether rows of this file stand no longer."""
    found = connection.execute(f"SELECT 1 FROM {table} WHERE file = ? LIMIT 1", [str(path)])
    return bool(found.fetchall())


def candidates(connection: "DuckDBPyConnection", landed: Sequence[Path]) -> str:
    """A query for the best row of each message and profile in these files, after `settle`."""
    connection.execute(
        "CREATE TEMP TABLE superseded AS SELECT file, place FROM copies "
        f"WHERE file IN (SELECT unnest({listed(landed)}::VARCHAR[])) "
        "QUALIFY row_number() OVER (PARTITION BY message_id, profile_id ORDER BY received_at, landed_at DESC) > 1"
    )
    return _without(connection, "superseded", landed)


def _without(connection: "DuckDBPyConnection", table: str, paths: Sequence[Path]) -> str:
    """Files of which every row is to be shown are read as they are, so that whatever is asked of them skips what it
    can."""
    torn = [path for path in paths if lost(connection, path, table)]
    query = everything([path for path in paths if path not in torn], EVENT)
    if not torn:
        return query
    rows = f"read_parquet({listed(torn)}, {_PLACED})"
    join = f"ANTI JOIN {table} ON of_file = {table}.file AND file_row_number = place"
    return f"{query} UNION ALL SELECT {', '.join(EVENT)} FROM {rows} {join}"


def _copies(connection: "DuckDBPyConnection", landed: Sequence[Path], compacted: Sequence[Path]) -> str:
    """Rows whose message id is there more than once. By hashes first: they are small, and few collide."""
    if not landed:
        return nothing(_COPY)
    connection.execute(
        "CREATE TEMP TABLE arrived AS SELECT hash(message_id) AS id, count(*) AS landed "
        f"FROM read_parquet({listed(landed)}) GROUP BY id"
    )
    repeated = "SELECT id FROM arrived WHERE landed > 1"
    if compacted:
        again = f"SELECT hash(message_id) AS id FROM read_parquet({listed(compacted)})"
        repeated = f"{repeated} UNION FROM ({again}) SEMI JOIN arrived USING (id)"
    connection.execute(f"CREATE TEMP TABLE repeated AS {repeated}")
    connection.execute("DROP TABLE arrived")
    found = _repeated(landed)
    if not compacted:
        return found
    # Where a client gives one id to several messages, those that did not land are none of ours.
    landed_too = f"EXISTS (SELECT 1 FROM landed WHERE {_same('known', 'landed')})"
    return (
        f"WITH landed AS MATERIALIZED ({found}), known AS ({_repeated(compacted)}) "
        f"SELECT * FROM landed UNION ALL SELECT * FROM known WHERE {landed_too}"
    )


def _repeated(paths: Sequence[Path]) -> str:
    columns = ", ".join(("of_file AS file", "file_row_number AS place", *_DECIDING))
    return f"SELECT {columns} FROM read_parquet({listed(paths)}, {_PLACED}) SEMI JOIN repeated ON hash(message_id) = id"


def _best() -> str:
    """The best row of each key and day."""
    # The last of them only make the choice the same every time.
    order = "received_at, landed_at DESC, profile_id NULLS LAST, account_id NULLS LAST, place, file"
    return (
        f"SELECT file, place, {KEY}, {DAY} AS day FROM copies "
        f"QUALIFY row_number() OVER (PARTITION BY day, {KEY} ORDER BY {order}) = 1"
    )


def _stands_before(day: int) -> str:
    same = _same("before", "standing")
    return f"EXISTS (SELECT 1 FROM standing AS before WHERE before.day = {day - 1} AND {same})"


def _same(one: str, other: str) -> str:
    names = KEY.split(", ")
    return " AND ".join(f"{one}.{name} IS NOT DISTINCT FROM {other}.{name}" for name in names)
