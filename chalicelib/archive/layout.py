"""Where the files of a space lie in the archive.

    events/landing/<space>/dt=<day>/…       what workers wrote, see `pipeline.landing`
    profiles/landing/<space>/dt=<day>/…     see `delivery.snapshots`
    events/parquet/<space>/dt=<day>/…       compacted
    profiles/parquet/<space>/dt=<day>/…
    profiles/parquet/<space>/base/…         every profile's newest snapshot at one moment
    manifests/<space>/…                     what of all this makes up history, see `manifest`
    erasures/<space>/…                      who must not be seen any more, see `profiles.erasure`
    athena/<table>/space=<space>/dt=<day>/  lists of the compacted files, for Athena

A day is a name like 2026-01-31 and begins at midnight UTC.
"""

from ..clock import DAY
from ..instants import parse_iso, to_iso

EVENTS = "events"
PROFILES = "profiles"
TABLES = (EVENTS, PROFILES)


def day_of(instant: int) -> str:
    return to_iso(instant)[:10]


def start_of(day: str) -> int:
    """The first instant of a day. Raises ValueError."""
    instant = parse_iso(day)
    if instant is None or len(day) != len("2026-01-31"):
        raise ValueError(f"not a day: {day}")
    return instant


def day_before(day: str) -> str:
    return day_of(start_of(day) - DAY)


def day_after(day: str) -> str:
    return day_of(start_of(day) + DAY)


def landing(table: str, space_id: str, day: str | None = None) -> str:
    prefix = f"{table}/landing/{space_id}/"
    return prefix if day is None else f"{prefix}dt={day}/"


def compacted(table: str, space_id: str) -> str:
    return f"{table}/parquet/{space_id}/"


def erasures(space_id: str) -> str:
    return f"erasures/{space_id}/"


def manifests(space_id: str) -> str:
    return f"manifests/{space_id}/"


def listing(table: str, space_id: str, day: str) -> str:
    return f"athena/{table}/space={space_id}/dt={day}/files"


def day_in(key: str) -> str:
    """The day that a key names."""
    return key.partition("/dt=")[2].partition("/")[0]
