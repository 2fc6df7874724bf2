"""Gathering: landing objects of any day become files of the same rows, whatever stands of them later, and many small
files of a day become a larger one.

Readers would spend all their time with listing and fetching a day's landing objects. They find them gathered, and list
only what landed since.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..clock import MINUTE
from ..profiles.landing_place import minute_of
from . import views
from .columns import LANDED, SCHEMA
from .cut import Landing
from .event_files import expiry
from .landings import overlooked, recent
from .layout import EVENTS, minute_in
from .manifest import File
from .workshop import Piece, Workshop, Workshops

# The longest that a function may run, and so the longest that may lie between the minute in a landing object's key and
# its being there.
LONGEST_LANDING = 15 * MINUTE
PORTION = 128 << 20  # bytes of landing objects: some 1.5 GB of lines, that are sorted on the disk of one worker
OBJECTS = 20_000  # of a portion: fetched within a minute
# A reader opens few files of each of these sizes (in bytes), and larger ones as they come; what lands is written once
# for each size.
SIZES = (2 << 20, 16 << 20)
FAN_IN = 8


class Look(NamedTuple):
    """Whether there is more to do, and how many objects landed within LONGEST_LANDING."""

    more: bool
    recent: int


class YoungFiles:
    def __init__(self, workshops: Workshops) -> None:
        self._workshops = workshops

    def gather(self, space_id: str, table: str) -> Look:
        """One portion of what waits. Raises VersionConflict: then look again."""
        with self._workshops.open(space_id) as workshop:
            settled = minute_of(workshop.clock.now() - LONGEST_LANDING)  # before looking what there is
            found, waiting = recent(workshop.archive, table, space_id, workshop.manifest.table(table))
            portion = _portion(waiting)
            left = waiting[len(portion) :]
            if portion:
                self._write(workshop, table, portion, min([settled, *(landed.minute for landed in left[:1])]))
            return Look(bool(left), sum(minute_in(one.key) >= settled for one in found))

    def rescue(self, space_id: str, table: str) -> bool:
        """One portion of what readers overlook, if there is any. Raises VersionConflict: then look again."""
        with self._workshops.open(space_id) as workshop:
            known, fanout = workshop.manifest.table(table), workshop.files.fanout
            portion = _portion(overlooked(workshop.archive, table, space_id, known, fanout))
            if portion:
                self._write(workshop, table, portion, known.watermark)
            return bool(portion)

    def merge(self, space_id: str, table: str) -> bool:
        """Many files of a day and size into one, if there are too many. Raises VersionConflict: then look again."""
        with self._workshops.open(space_id) as workshop:
            crowd = _crowd(workshop.manifest.table(table).gathered)
            if crowd:
                rows = views.everything(workshop.files.parquet(crowd), SCHEMA[table])
                made_of = [file.key for file in crowd]
                merged = workshop.write(table, [Piece(crowd[0].day, rows)], made_of, as_landed=True)
                workshop.swap(table, out=crowd, gathered=merged)
            return bool(crowd)

    def _write(self, workshop: Workshop, table: str, portion: Sequence[Landing], watermark: str) -> None:
        oldest = expiry(workshop.manifest, workshop.clock.now()) if table == EVENTS else ""
        days = sorted({landed.day for landed in portion if landed.day >= oldest})
        pieces = (_piece(workshop, table, day, [one for one in portion if one.day == day]) for day in days)
        made_of = [f"{one.key} {one.etag}" for one in portion]
        gathered = workshop.write(table, pieces, made_of, as_landed=True)
        consumed = workshop.consumed(table, portion)
        workshop.swap(table, gathered=gathered, consumed=[consumed], watermark=watermark)


def _piece(workshop: Workshop, table: str, day: str, landings: Iterable[Landing]) -> Piece:
    return Piece(day, LANDED[table](workshop.files.lines(landings)))


def _portion(waiting: Sequence[Landing]) -> list[Landing]:
    portion: list[Landing] = []
    size = 0
    for landed in waiting[:OBJECTS]:
        size += landed.size
        if portion and size > PORTION:
            break
        portion.append(landed)
    return portion


def _crowd(gathered: Sequence[File]) -> list[File]:
    """The first files of a day and size of which there are too many."""
    classes = Counter((file.day, _class(file)) for file in gathered if _class(file) is not None)
    for key, count in sorted(classes.items()):
        if count >= FAN_IN:
            return [file for file in gathered if (file.day, _class(file)) == key][:FAN_IN]
    return []


def _class(file: File) -> int | None:
    return next((number for number, size in enumerate(SIZES) if file.size < size), None)
