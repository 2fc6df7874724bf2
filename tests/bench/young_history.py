"""What reading history costs before a day is compacted: as it landed, and gathered.

python -m tests.bench.young_history [OBJECTS] [EVENTS PER OBJECT]

Objects land over twenty hours of one day. The archive is once in memory, and once in files, as near to a store of
objects as a disk is; no time goes to a network.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from chalicelib.archive.gathering import Gathering
from chalicelib.archive.workshop import Workshops
from chalicelib.clock import DAY, HOUR, MINUTE, FixedClock
from chalicelib.pipeline.fanout import Threads
from chalicelib.pipeline.landing import land
from chalicelib.profiles.ports import Stored
from chalicelib.store.memory import MemoryArchive
from tests.archive.storehouse import SPACE, Storehouse
from tests.bench.archive_cost import PEOPLE, landed
from tests.events import T0

MIDNIGHT = T0 - T0 % DAY
LANDING_TIME = 20 * HOUR
QUERY = "SELECT count(*), count(DISTINCT profile_id) FROM events WHERE event = 'Order Completed'"


class FileArchive(MemoryArchive):
    """Bodies in files; sizes, etags and times in memory, where a store keeps an index of them too."""

    def __init__(self, clock: FixedClock, directory: Path) -> None:
        super().__init__(clock)
        self._at, self._directory = clock, directory
        self._stored: dict[str, Stored] = {}

    def put(self, key: str, body: bytes, metadata: Any = None) -> None:
        self._path(key).write_bytes(body)
        etag = blake2b(body, digest_size=16).hexdigest()
        self._stored[key] = Stored(key, len(body), etag, self._at.now())
        self.objects[key] = b""

    def put_if(self, key: str, body: bytes, etag: str | None) -> str:
        self.put(key, body)
        return self._stored[key].etag

    def get(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    def find(self, key: str) -> tuple[bytes, str] | None:
        return (self.get(key), self._stored[key].etag) if key in self._stored else None

    def stat(self, prefix: str, after: str = "", most: int | None = None) -> list[Stored]:
        return [self._stored[key] for key in self.list(prefix) if key > after][:most]

    def _path(self, key: str) -> Path:
        return self._directory / blake2b(key.encode(), digest_size=16).hexdigest()


def timed(what: str, events: int, call: Callable[[], Any]) -> Any:
    begun = time.perf_counter()
    found = call()
    took = time.perf_counter() - begun
    print(f"  {what:<42}{took:>9.3f} s {events / took:>14,.0f} events/s", flush=True)
    return found


def objects(number: int, size: int) -> dict[str, bytes]:
    archive = MemoryArchive()
    for place in range(number):
        at = MIDNIGHT + place * LANDING_TIME // number
        rows = [landed(place * size + n, number * size // PEOPLE) for n in range(size)]
        for row in rows:
            row.event.received_at = at
        land(archive, SPACE, [f"b{place}"], rows, at + 2_000)
    return archive.objects


def read(house: Storehouse, events: int, how: str) -> None:
    cut = timed(f"cut, {how}", events, lambda: house.history.cut(SPACE))
    print(f"  {'':<42}{len(cut.landings):,} landing objects, {len(cut.gathered)} gathered files")
    print(f"  {'':<42}{timed(f'opening and one query, {how}', events, lambda: ask(house, cut))}")


def ask(house: Storehouse, cut: Any) -> Any:
    with house.history.open(cut, profiles=False) as session:
        opened = time.perf_counter()
        rows = session.rows(QUERY)
        return f"{rows[0]} of which the query took {time.perf_counter() - opened:.3f} s"


def measure(house: Storehouse, made: dict[str, bytes], events: int) -> None:
    """As it is at the end of the twenty hours."""
    gathering = Gathering(Workshops(house.archive, house.clock, lambda: house.scratch, Threads(8)))
    for key, body in made.items():
        house.archive.put(key, body)
    house.clock.move_to(MIDNIGHT + LANDING_TIME)
    read(house, events, "as it landed")
    timed("gathering, all at once", events, lambda: gather(gathering))
    read(house, events, "gathered at once")


def as_it_lands(house: Storehouse, made: dict[str, bytes], events: int) -> None:
    """Gathered every half hour, and read just before it would be gathered again."""
    gathering = Gathering(Workshops(house.archive, house.clock, lambda: house.scratch, Threads(8)))
    waiting, took, slowest = sorted(made.items()), 0.0, 0.0
    while waiting:
        house.clock.advance(30 * MINUTE)
        here = len(made) * 30 * MINUTE // LANDING_TIME
        for key, body in waiting[:here]:
            house.archive.put(key, body)
        waiting = waiting[here:]
        if waiting:
            begun = time.perf_counter()
            gather(gathering)
            slowest = max(slowest, time.perf_counter() - begun)
            took += time.perf_counter() - begun
    print(f"  gathered every half hour: {took:.2f} s, {events / took:,.0f} events/s, the slowest {slowest:.2f} s")
    read(house, events, "gathered while it landed")


def gather(gathering: Gathering) -> None:
    while gathering.gather(SPACE).more:
        pass


def main(number: int = 20_000, size: int = 150) -> None:
    made = objects(number, size)
    print(
        f"{number:,} landing objects of {size} events, {sum(map(len, made.values())) / number / size:.0f} bytes/event"
    )
    for where in ("memory", "files"):
        for way in (measure, as_it_lands):
            with tempfile.TemporaryDirectory() as name:
                clock, directory = FixedClock(MIDNIGHT), Path(name)
                (directory / "archive").mkdir()
                archive = MemoryArchive(clock) if where == "memory" else FileArchive(clock, directory / "archive")
                print(f"archive in {where}")
                way(Storehouse(directory, archive, clock), made, number * size)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
