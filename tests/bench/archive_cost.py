"""What the archive costs: landing, compaction and reading of a day of events, and snapshots of profiles.

python -m tests.bench.archive_cost [EVENTS]

Everything is in memory except the database and its files, so no time goes to a network.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalicelib.clock import DAY, FixedClock
from chalicelib.delivery.snapshots import Snapshots, is_shown
from chalicelib.pipeline.landing import Landed, land
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.profile import Head, Outcome, Trait
from chalicelib.tracking.event import Event
from tests.archive.storehouse import SPACE, Storehouse
from tests.events import T0

EVENTS_PER_OBJECT = 400  # 20 requests of 20 events: one invocation at some load
PEOPLE = 10  # events per person
NAMES = ("Page Viewed", "Product Viewed", "Product Added", "Order Completed", "Signed In")
CONTEXT = {
    "ip": "203.0.113.7",
    "locale": "en-GB",
    "library": {"name": "analytics.js", "version": "2.11.1"},
    "page": {"path": "/shop/shoes", "url": "https://shop.example/shop/shoes", "title": "Shoes"},
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
}


def landed(number: int, people: int) -> Landed:
    person = number * 7_919 % people
    at = T0 - T0 % DAY + number % (DAY // 1_000) * 1_000
    return Landed(
        Event(
            type="track",
            message_id=f"ajs-next-{number:016x}-{number * 2_654_435_761 % 2**64:016x}",
            source_id="src_shop",
            timestamp=at - number % 3_000,
            received_at=at,
            sent_at=at - 40,
            original_timestamp=at - number % 3_000,
            user_id=f"user-{person}",
            anonymous_id=f"{person:08x}-0000-4000-8000-{person:012x}",
            event=NAMES[number % len(NAMES)],
            properties={"sku": f"S-{number % 5_000}", "price": number % 20_000 / 100, "currency": "EUR", "quantity": 1},
            context=CONTEXT,
        ),
        f"use_{person:027d}",
        None,
    )


def batches(events: int) -> Iterator[list[Landed]]:
    people = max(1, events // PEOPLE)
    for start in range(0, events, EVENTS_PER_OBJECT):
        yield [landed(number, people) for number in range(start, min(start + EVENTS_PER_OBJECT, events))]


def timed(what: str, events: int, call: Any) -> None:
    begun = time.perf_counter()
    call()
    took = time.perf_counter() - begun
    print(f"{what:<44}{took:>9.2f} s {events / took:>12,.0f} events/s")


def history(events: int, scratch: Path) -> None:
    house = Storehouse(scratch, clock=FixedClock(T0))
    made = [(f"b{number}", rows) for number, rows in enumerate(batches(events))]

    def landing() -> None:
        for name, rows in made:
            land(house.archive, SPACE, [name], rows, T0)

    timed("landing", events, landing)
    size = sum(one.size for one in house.archive.stat("events/landing/"))
    print(f"{'landing objects':<44}{size / events:>9.1f} bytes/event, {events / EVENTS_PER_OBJECT:,.0f} objects")
    count = "SELECT count(*), count(DISTINCT profile_id) FROM events WHERE event = 'Order Completed'"
    timed("reading, not compacted", events, lambda: house.rows(count, profiles=False))
    house.clock.advance(4 * DAY)
    timed("compaction", events, house.compact)
    files = house.manifest.events.files
    print(f"{'Parquet':<44}{sum(f.size for f in files) / events:>9.1f} bytes/event in {len(files)} files")
    timed("reading, compacted", events, lambda: house.rows(count, profiles=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(f"{'peak memory, with the archive in it':<44}{peak:>9.0f} MB")


def snapshots(scratch: Path, changes: int = 1_000, batch: int = 100) -> None:
    """Of ten changes seven only count, two enter or leave an audience, one brings a trait."""
    house = Storehouse(scratch, clock=FixedClock(T0))
    made = []
    for n in range(changes):
        old = Head(updated_at=T0, traits={"plan": Trait("free", T0, "s")})
        new = Head(updated_at=T0 + n, traits=dict(old.traits))
        if n % 10 in (3, 7):
            new.outcomes = {"vip": Outcome(True, "aud_1", T0)}
        elif n % 10 == 5:
            new.traits["plan"] = Trait("pro", T0 + n, "s")
        made.append(ProfileChange(f"r{n}", SPACE, f"p{n}", 2, None, old, new))
    for start in range(0, changes, batch):
        Snapshots(house.archive, house.clock).land(made[start : start + batch])
    puts, shown = len(house.keys("profiles/landing/")), sum(map(is_shown, made))
    print(f"snapshots of {changes} changes, {shown} of which show, {batch} per invocation: {puts} puts")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        history(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, Path(directory))
        snapshots(Path(directory))
