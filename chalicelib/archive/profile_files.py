"""Compaction of profiles: snapshots become one file per day and version of the archive, and from time to time the
newest of every profile become a base, so that readers need not go through all that ever happened.
"""

from msgspec.structs import replace

from . import views
from .columns import SNAPSHOT, landed_snapshots
from .cut import Landing
from .landings import unread
from .layout import PROFILES
from .manifest import File, Manifest, Replaced
from .workshop import Piece, Workshop, Workshops

PORTION = 64 << 20  # bytes of landing objects
# The base is written anew when what came since is as large as this part of it: over time everybody is written a few
# times more often than they change, however many people there are.
WORTH_A_BASE = 0.5


class ProfileFiles:
    def __init__(self, workshops: Workshops) -> None:
        self._workshops = workshops

    def compact(self, space_id: str) -> bool:
        """One portion; False when there is nothing left to do. Raises VersionConflict: then look again."""
        with self._workshops.open(space_id) as workshop:
            landings = unread(workshop.archive, PROFILES, space_id, workshop.manifest.profiles)
            if landings:
                self._merge(workshop, _portion(landings))
            elif _is_base_due(workshop.manifest):
                self._rebase(workshop)
            else:
                return False
            return True

    def _merge(self, workshop: Workshop, portion: list[Landing]) -> None:
        """Into one file with those of the day before; a version that landed twice is kept once."""
        day = portion[0].day
        out = workshop.manifest.profiles.of(day)
        lines = workshop.files.lines(portion)
        paths = [workshop.copied(landed_snapshots(lines)), *workshop.files.parquet(out)]
        lines.unlink()
        made_of = [f"{one.key} {one.etag}" for one in portion] + [file.key for file in out]
        query = f"{views.everything(paths, SNAPSHOT)} QUALIFY {_first('profile_id, version', 'deleted DESC')}"
        into = workshop.write(PROFILES, [Piece(day, query)], made_of)
        workshop.swap(PROFILES, out=out, into=into, consumed=[workshop.consumed(PROFILES, day, portion)])

    def _rebase(self, workshop: Workshop) -> None:
        """Who was deleted is deleted whatever came later, late snapshots included."""
        manifest = workshop.manifest
        sources = [*([manifest.base] if manifest.base else []), *_since_base(manifest)]
        query = views.everything(workshop.files.parquet(sources), SNAPSHOT)
        newest = f"{query} QUALIFY {_first('profile_id', 'deleted DESC, version DESC')}"
        (base,) = workshop.write(PROFILES, [Piece("", newest)], [file.key for file in sources])
        last = max(file.last for file in sources)
        replaced = [Replaced(manifest.base.key, workshop.clock.now())] if manifest.base else []
        workshop.put(replace(manifest, base=replace(base, last=last), replaced=(*manifest.replaced, *replaced)))


def _portion(landings: tuple[Landing, ...]) -> list[Landing]:
    portion: list[Landing] = []
    for landed in landings:
        if landed.day != landings[0].day or (portion and sum(one.size for one in portion) + landed.size > PORTION):
            break
        portion.append(landed)
    return portion


def _since_base(manifest: Manifest) -> list[File]:
    return [file for file in manifest.profiles.files if manifest.base is None or file.seq > manifest.base.seq]


def _is_base_due(manifest: Manifest) -> bool:
    fresh = sum(file.size for file in _since_base(manifest))
    return fresh > 0 and (manifest.base is None or fresh >= WORTH_A_BASE * manifest.base.size)


def _first(of: str, order: str) -> str:
    return f"row_number() OVER (PARTITION BY {of} ORDER BY {order}) = 1"
