"""Where the files of a space lie in the archive.

    events/landing/<space>/at=<minute>/dt=<day>/…   what workers wrote, see `profiles.landing_place`
    profiles/landing/<space>/…                      the same
    events/gathered/<space>/dt=<day>/…              the same rows, many objects in one file
    profiles/gathered/<space>/dt=<day>/…
    events/parquet/<space>/dt=<day>/…               compacted
    profiles/parquet/<space>/dt=<day>/…
    profiles/parquet/<space>/base/…                 every profile's newest snapshot at one moment
    manifests/<space>/…                             what of all this makes up history, see `manifest`
    erasures/<space>/…                              who must not be seen any more, see `profiles.erasure`
    athena/<table>/space=<space>/dt=<day>/          lists of the compacted files, for Athena

A day is a name like 2026-01-31 and begins at midnight UTC.
"""

from ..clock import DAY
from ..instants import parse_iso, to_iso
from ..profiles.landing_place import EVENTS as EVENTS
from ..profiles.landing_place import PROFILES as PROFILES

TABLES = (EVENTS, PROFILES)
_HOUR = len("at=2026-01-31T12")


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


def landing(table: str, space_id: str) -> str:
    return f"{table}/landing/{space_id}/"


def landed(table: str, space_id: str) -> str:
    """What the keys of all landing objects begin with."""
    return f"{landing(table, space_id)}at="


def landed_from(table: str, space_id: str, minute: str) -> str:
    """All landing objects of this minute and later ones have keys after this."""
    return f"{landed(table, space_id)}{minute}"


def hour_in(folder: str) -> str:
    """Of the folder of a minute: the beginning that it has in common with those of the same hour."""
    return folder[:_HOUR]


def gathered(table: str, space_id: str) -> str:
    return f"{table}/gathered/{space_id}/"


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


def minute_in(key: str) -> str:
    """The minute of landing that a key names."""
    return key.partition("/at=")[2].partition("/")[0]
