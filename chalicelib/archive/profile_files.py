"""Compaction of profiles: gathered snapshots become one file per day, and from time to time the newest of every profile
become a base, so that readers need not go through all that ever happened.
"""

from msgspec.structs import replace

from . import views
from .columns import SNAPSHOT
from .layout import PROFILES
from .manifest import File, Manifest, Replaced, within
from .workshop import Piece, Workshop, Workshops

PORTION = 64 << 20  # bytes of gathered files
# The base is written anew when what came since is as large as this part of it: over time everybody is written a few
# times more often than they change, however many people there are.
WORTH_A_BASE = 0.5


class ProfileFiles:
    def __init__(self, workshops: Workshops) -> None:
        self._workshops = workshops

    def compact(self, space_id: str) -> bool:
        """One portion; False when there is nothing left to do. Raises VersionConflict: then look again."""
        with self._workshops.open(space_id) as workshop:
            gathered = workshop.manifest.profiles.gathered
            if gathered:
                self._merge(workshop, [file for file in gathered if file.day == gathered[0].day])
            elif _is_base_due(workshop.manifest):
                self._rebase(workshop)
            else:
                return False
            return True

    def _merge(self, workshop: Workshop, of_day: list[File]) -> None:
        """Into one file with those that the day has already; a version that landed twice is kept once."""
        day = of_day[0].day
        out = [*within(PORTION, of_day), *workshop.manifest.profiles.of(day)]
        everything = views.everything(workshop.files.parquet(out), SNAPSHOT)
        once = f"{everything} QUALIFY {_first('profile_id, version', 'deleted DESC')}"
        into = workshop.write(PROFILES, [Piece(day, once)], [file.key for file in out])
        workshop.swap(PROFILES, out=out, into=into)

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


def _since_base(manifest: Manifest) -> list[File]:
    return [file for file in manifest.profiles.files if manifest.base is None or file.seq > manifest.base.seq]


def _is_base_due(manifest: Manifest) -> bool:
    fresh = sum(file.size for file in _since_base(manifest))
    return fresh > 0 and (manifest.base is None or fresh >= WORTH_A_BASE * manifest.base.size)


def _first(of: str, order: str) -> str:
    return f"row_number() OVER (PARTITION BY {of} ORDER BY {order}) = 1"
