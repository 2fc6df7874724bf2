"""What of the landing objects and erasures of a space is still open."""

import msgspec

from ..instants import parse_iso
from ..pipeline.fanout import Fanout
from ..profiles.ports import Archive
from .cut import Landing
from .layout import erasures, landing
from .manifest import Table, consumed_of


class Erasure(msgspec.Struct, rename="camel", frozen=True):
    """What is read of an erasure's object."""

    profile_ids: list[str]
    erased_at: str

    @property
    def at(self) -> int:
        return parse_iso(self.erased_at) or 0


_erasure = msgspec.json.Decoder(Erasure)


def unread(archive: Archive, table: str, space_id: str, known: Table) -> tuple[Landing, ...]:
    """Landing objects whose rows are in no file of the table, in byte order of their keys."""
    found = archive.stat(landing(table, space_id))
    days = {landed.day for landed in (Landing(*one) for one in found)}
    consumed = consumed_of(archive, [entry for entry in known.consumed if entry.day in days])
    return tuple(Landing(*one) for one in found if (one.key, one.etag) not in consumed)


def erased(archive: Archive, space_id: str, fanout: Fanout) -> dict[str, Erasure]:
    """Erasures by the keys of their objects."""
    keys = archive.list(erasures(space_id))
    return {key: _erasure.decode(body) for key, body in zip(keys, fanout.map(archive.get, keys), strict=True)}
