"""A large history made in SQL, the same in every run: files as compaction writes them, one directory per day."""

import shutil
from pathlib import Path

import duckdb

from chalicelib.archive.columns import EVENT, SNAPSHOT
from chalicelib.archive.workshop import ORDER, ROW_GROUP
from tests.bench.history_questions import DAY, NOW

DAYS = 90

_NAMES = "['Product Viewed', 'Product Added', 'Page Viewed', 'Order Completed', 'Signed In']"
_NAME = f"{_NAMES}[1 + case when e < 45 then 0 when e < 60 then 1 when e < 90 then 2 when e < 95 then 3 else 4 end]"

_EVENT = (
    "message_id profile_id account_id type event source_id timestamp received_at properties traits context landed_at"
)
_PERSON = "profile_id version collection id_types traits outcomes links deleted"


def _others(columns: dict[str, str], made: str) -> str:
    """The columns that nothing is asked of."""
    return "".join(f", null::{kind} as {name}" for name, kind in columns.items() if name not in made.split())


def make(directory: Path, events: int, users: int) -> tuple[str, str]:
    """Patterns for the files of events and of profiles."""
    done = directory / f"{events}-{users}"
    if not done.exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        con = duckdb.connect(config={"threads": 2, "memory_limit": "3GB", "temp_directory": str(directory / "spill")})
        con.execute("set preserve_insertion_order = false")
        _people(con, directory, users)
        for day in range(DAYS):
            _day(con, directory, day, events // DAYS, users)
        done.touch()
    return f"{directory}/events/dt=*/*.parquet", f"{directory}/people.parquet"


def _people(con: duckdb.DuckDBPyConnection, directory: Path, users: int) -> None:
    con.execute(f"""
        copy (
            select 'prf_' || md5(i::varchar) as profile_id, 1 as version, 'users' as collection,
                ['user_id'] as id_types,
                '{{"plan":"' || ['free', 'pro', 'team'][1 + i % 3] || '","score":' || i % 100 || '}}' as traits,
                '{{}}' as outcomes, []::varchar[] as links, false as deleted{_others(SNAPSHOT, _PERSON)}
            from range({users}) t(i) order by profile_id
        ) to '{directory}/people.parquet' (format parquet, compression zstd)
    """)


def _day(con: duckdb.DuckDBPyConnection, directory: Path, day: int, rows: int, users: int) -> None:
    start = NOW - (DAYS - day) * DAY
    (directory / "events" / f"dt={day:03}").mkdir(parents=True)
    con.execute(f"""
        copy (
            select md5(i::varchar) as message_id, 'prf_' || md5(u::varchar) as profile_id, null::varchar as account_id,
                'track' as type, {_NAME} as event, 'src_1' as source_id,
                moment as timestamp, moment + 900 as received_at,
                '{{"product_id":"sku-' || h % 1000 || '","price":' || (h // 1000 % 20000) / 100.0 || ',"quantity":'
                || 1 + h % 5 || ',"category":"' || ['shoes', 'shirts', 'hats', 'bags'][1 + h // 7 % 4]
                || '","url":"https://shop.example/p/' || h % 1000 || '"}}' as properties, null::varchar as traits,
                '{{"page":{{"url":"https://shop.example/p/' || h % 1000 || '"}},"library":{{"name":"js"}}}}' as context,
                moment + 2000 as landed_at{_others(EVENT, _EVENT)}
            from (
                select i, hash(i) % {users} as u, hash(i + 1_000_000_007) % 100 as e,
                    (hash(i + 2_000_000_011) % 1_000_000_007)::bigint as h,
                    {start} + (hash(i + 3_000_000_019) % {DAY - 1_000})::bigint as moment
                from range({day * rows}::bigint, {(day + 1) * rows}::bigint) t(i)
            ) order by {ORDER["events"]}
        ) to '{directory}/events/dt={day:03}/0.parquet' (format parquet, compression zstd, row_group_size {ROW_GROUP})
    """)
