"""Which of several rows of one message stands.

A row's key is its message id with the ids the client sent: a client that repeats a message repeats these too. Of the
rows of one key that arrived within one day, the first arrival stands, and of its landings the last one, because that
was resolved with the most knowledge. None stands if one of the day before does: a repetition at midnight counts once.

Compacted files hold what stands, so only keys that landed since are looked at, and of them the rows in the files of
these days and, as far back as days have landings without a gap, of the days before.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .columns import EVENT
from .database import listed
from .layout import day_before

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KEY = "hash(message_id, user_id, anonymous_id)"
DAY = "received_at // 86400000"  # as a number; by our own clock, so never before 1970
COLUMNS = ", ".join(EVENT)


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


def settle(connection: "DuckDBPyConnection", landed: list[Path], compacted: list[Path]) -> None:
    """Makes the tables `touched` (hash), of keys that landed, and `standing` (file, place), of their rows that stand.

    `landed` and `compacted` are Parquet files with the columns of events.
    """
    connection.execute(
        f"CREATE TEMP TABLE touched AS SELECT DISTINCT {KEY} AS hash FROM read_parquet({listed(landed)})"
    )
    connection.execute(f"CREATE TEMP TABLE standing AS {_ranked(landed, compacted)}")
    days = connection.execute("SELECT DISTINCT day FROM standing ORDER BY day").fetchall()
    for (day,) in days:
        connection.execute(f"DELETE FROM standing WHERE day = {day} AND {_stands_before(day)}")


def rows(landed: list[Path], compacted: list[Path]) -> str:
    """A query for the rows that stand, after `settle`."""
    source = f"read_parquet({listed(landed + compacted)}, filename = 'file', file_row_number = true)"
    return f"SELECT {COLUMNS} FROM {source} SEMI JOIN standing ON file = of_file AND file_row_number = place"


def untouched(compacted: list[Path]) -> str:
    """A query for all other rows of these files."""
    return f"SELECT {COLUMNS} FROM read_parquet({listed(compacted)}) ANTI JOIN touched ON {KEY} = touched.hash"


def _ranked(landed: list[Path], compacted: list[Path]) -> str:
    """The best row of each key and day."""
    needed = "message_id, user_id, anonymous_id, received_at, landed_at, profile_id, account_id"
    read = f"SELECT file, file_row_number AS place, {needed} FROM read_parquet"
    numbered = "filename = 'file', file_row_number = true"
    parts = [f"{read}({listed(landed)}, {numbered})"]
    if compacted:
        parts.append(f"{read}({listed(compacted)}, {numbered}) SEMI JOIN touched ON {KEY} = touched.hash")
    # The last two only make the choice the same every time.
    order = "received_at, landed_at DESC, profile_id NULLS LAST, account_id NULLS LAST, place"
    return (
        "SELECT file AS of_file, place, message_id, user_id, anonymous_id, received_at, "
        f"{DAY} AS day FROM ({' UNION ALL '.join(parts)}) "
        f"QUALIFY row_number() OVER (PARTITION BY day, message_id, user_id, anonymous_id ORDER BY {order}) = 1"
    )


def _stands_before(day: int) -> str:
    same = " AND ".join(
        f"before.{name} IS NOT DISTINCT FROM standing.{name}" for name in ("message_id", "user_id", "anonymous_id")
    )
    return f"EXISTS (SELECT 1 FROM standing AS before WHERE before.day = {day - 1} AND {same})"
