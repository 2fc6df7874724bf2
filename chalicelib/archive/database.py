"""A DuckDB that keeps within the memory of its function and within one directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

THREADS = 2  # what 3 GB of Lambda come with
# DuckDB's own buffers. With what it allocates beside them, Python and a client, a scan stays below 2 GB.
MEMORY = "1200MB"


def connect(directory: Path) -> "DuckDBPyConnection":
    """Reads and writes files of this directory and no others; what does not fit into memory spills there."""
    import duckdb  # only where it is needed: the other functions start without it

    offline = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(config={**offline, "threads": THREADS, "memory_limit": MEMORY})
    spill = directory / "spill"
    connection.execute(f"SET temp_directory = {quoted(spill)}")
    connection.execute(f"SET allowed_directories = [{quoted(directory)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET preserve_insertion_order = false")  # files are sorted where order matters
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def quoted(text: str | Path) -> str:
    """A string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def listed(paths: Sequence[Path]) -> str:
    """A list of string literals."""
    return "[" + ", ".join(quoted(path) for path in paths) + "]"


def exceeded(error: BaseException) -> bool:
    """Whether a query took more memory, or more room for what does not fit into it, than there is."""
    import duckdb

    return isinstance(error, duckdb.OutOfMemoryException)
