"""The views through which history is read."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .columns import EVENT, SNAPSHOT
from .database import listed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EVENT_COLUMNS = ", ".join(EVENT)
SNAPSHOT_COLUMNS = ", ".join(SNAPSHOT)
LIVING = "(profile_id IS NULL OR profile_id NOT IN (SELECT profile_id FROM erased))"


def nothing(columns: dict[str, str]) -> str:
    """A query without rows."""
    return "SELECT " + ", ".join(f"NULL::{kind} AS {name}" for name, kind in columns.items()) + " WHERE false"


def everything(paths: Sequence[Path], columns: dict[str, str]) -> str:
    """A query for all rows of these files."""
    if not paths:
        return nothing(columns)
    return f"SELECT {', '.join(columns)} FROM read_parquet({listed(tuple(paths))})"


def erased(connection: "DuckDBPyConnection", profile_ids: Sequence[str]) -> None:
    connection.execute("CREATE TEMP TABLE erased (profile_id VARCHAR)")
    if profile_ids:
        connection.execute("INSERT INTO erased SELECT unnest(?::VARCHAR[])", [list(profile_ids)])


def events(connection: "DuckDBPyConnection", name: str, query: str, first: int, end: int) -> None:
    """`query` gives rows that stand. Those that arrived in this time, `end` excluded, without erased people."""
    someone = connection.execute("SELECT EXISTS (FROM erased)").fetchall()[0][0]
    shown = f"received_at >= {first} AND received_at < {end}"
    shown += f" AND {LIVING}" if someone else ""  # it is asked of every row
    connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM ({query}) WHERE {shown}")


def people(connection: "DuckDBPyConnection", base: str, later: str, as_of: int | None) -> None:
    """`profiles` and `redirects`, from queries for snapshots: `base` holds one of a profile, `later` may hold several.

    Only who is in `later` has to be sorted out, however many people there are.
    """
    connection.execute(f"CREATE TEMP VIEW base AS {base}")
    connection.execute(f"CREATE TEMP VIEW later AS {later}")
    connection.execute(
        "CREATE TEMP TABLE gone AS SELECT profile_id FROM erased "
        "UNION SELECT profile_id FROM base WHERE deleted UNION SELECT profile_id FROM later WHERE deleted"
    )
    connection.execute("CREATE TEMP TABLE changed AS SELECT DISTINCT profile_id FROM later")
    known = "profile_id NOT IN (SELECT profile_id FROM gone)"
    if as_of is not None:
        known += f" AND written_at <= {as_of}"
    in_both = "SELECT * FROM base WHERE profile_id IN (SELECT profile_id FROM changed)"
    connection.execute(
        f"CREATE TEMP VIEW newest AS SELECT {SNAPSHOT_COLUMNS} FROM base "
        f"WHERE profile_id NOT IN (SELECT profile_id FROM changed) AND {known} "
        f"UNION ALL SELECT {SNAPSHOT_COLUMNS} FROM ({in_both} UNION ALL SELECT * FROM later) WHERE {known} "
        "QUALIFY row_number() OVER (PARTITION BY profile_id ORDER BY version DESC) = 1"
    )
    connection.execute(
        "CREATE TEMP VIEW profiles AS SELECT profile_id, version, collection, created_at, updated_at, external_ids, "
        "id_types, traits, outcomes, links FROM newest WHERE merged_into IS NULL"
    )
    _redirects(connection)


def _redirects(connection: "DuckDBPyConnection") -> None:
    """A profile goes only into an older one, so no way goes round in circles."""
    connection.execute(
        "CREATE TEMP TABLE merged AS SELECT profile_id, merged_into FROM newest WHERE merged_into IS NOT NULL"
    )
    connection.execute(
        "CREATE TEMP TABLE redirects AS WITH RECURSIVE way(profile_id, canonical_id) AS ("
        "SELECT profile_id, merged_into FROM merged UNION "
        "SELECT way.profile_id, merged.merged_into FROM way JOIN merged ON merged.profile_id = way.canonical_id) "
        "SELECT profile_id, canonical_id FROM way WHERE canonical_id NOT IN (SELECT profile_id FROM merged) "
        "AND canonical_id NOT IN (SELECT profile_id FROM gone)"
    )
