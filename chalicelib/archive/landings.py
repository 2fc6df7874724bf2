"""What of the landing objects and erasures of a space is still open."""

from collections.abc import Iterable

import msgspec

from ..instants import parse_iso
from ..pipeline.fanout import Fanout
from ..profiles.ports import Archive, Stored
from .cut import Landing
from .layout import erasures, hour_in, landed, landed_from, landing
from .manifest import Consumed, Table, consumed_of


class Erasure(msgspec.Struct, rename="camel", frozen=True):
    """What is read of an erasure's object."""

    profile_ids: list[str]
    erased_at: str

    @property
    def at(self) -> int:
        return parse_iso(self.erased_at) or 0


_erasure = msgspec.json.Decoder(Erasure)


def recent(archive: Archive, table: str, space_id: str, known: Table) -> tuple[list[Stored], list[Landing]]:
    """The landing objects since the watermark, and those of them whose rows are in no file of the table; both in byte
    order of their keys."""
    found = archive.stat(landed(table, space_id), landed_from(table, space_id, known.watermark))
    return found, _open(archive, found, [one for one in known.consumed if one.last >= known.watermark])


def unread(archive: Archive, table: str, space_id: str, known: Table) -> tuple[Landing, ...]:
    """What readers have to read beside the files."""
    return tuple(recent(archive, table, space_id, known)[1])


def hours(archive: Archive, table: str, space_id: str) -> list[str]:
    """The beginnings that keys of landing objects have in common, hour by hour, after that of the space."""
    return sorted({hour_in(folder) for folder in archive.folders(landing(table, space_id))})


def overlooked(archive: Archive, table: str, space_id: str, known: Table, fanout: Fanout) -> list[Landing]:
    """Landing objects below the watermark whose rows are in no file: their writer took longer than anybody may. To
    look for them takes listing all landing objects there are."""
    watermark = landed_from(table, space_id, known.watermark)

    def of_hour(hour: str) -> list[Landing]:
        found = archive.stat(f"{landing(table, space_id)}{hour}")
        below = [one for one in found if one.key < watermark]
        return _open(archive, below, of(hour, known.consumed)) if below else []

    return [one for some in fanout.map(of_hour, hours(archive, table, space_id)) for one in some]


def of(hour: str, consumed: Iterable[Consumed]) -> list[Consumed]:
    """Those that may name objects of this hour."""
    return [one for one in consumed if hour_in(f"at={one.first}") <= hour <= hour_in(f"at={one.last}")]


def erased(archive: Archive, space_id: str, fanout: Fanout) -> dict[str, Erasure]:
    """Erasures by the keys of their objects."""
    keys = archive.list(erasures(space_id))
    return {key: _erasure.decode(body) for key, body in zip(keys, fanout.map(archive.get, keys), strict=True)}


def _open(archive: Archive, found: Iterable[Stored], entries: list[Consumed]) -> list[Landing]:
    consumed = consumed_of(archive, entries)
    return [Landing(*one) for one in found if (one.key, one.etag) not in consumed]
