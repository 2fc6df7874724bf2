"""Whatever happens, and whenever it is gathered and compacted, the views show the same."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.archive import young_files
from chalicelib.clock import DAY, HOUR, FixedClock
from chalicelib.profiles.profile import Trait
from chalicelib.tracking.event import Event
from tests.events import T0

from .people import Person
from .storehouse import SPACE, Storehouse, sent

PEOPLE = ("a", "b", "c", "d")

indexes = st.integers(0, 30)
people = st.sampled_from(PEOPLE)
steps = st.one_of(
    st.tuples(st.just("land"), st.integers(1, 4), people),
    st.tuples(st.just("redeliver"), indexes, people),
    st.tuples(st.just("repeat"), indexes, people),
    st.tuples(st.just("regroup"), indexes, indexes, people),
    st.tuples(st.just("wait"), st.sampled_from((HOUR, 7 * HOUR, DAY, 3 * DAY, 9 * DAY))),
    st.tuples(st.just("change"), people, st.integers(0, 3)),
    st.tuples(st.just("merge"), people, people),
    st.tuples(st.just("erase"), people),
    st.tuples(st.just("gather")),
    st.tuples(st.just("gather")),
    st.tuples(st.just("compact")),
)


class Pair:
    """Two archives in which the same lands; only one of them is gathered and compacted."""

    def __init__(self, scratch: Path) -> None:
        clock = FixedClock(T0)
        self.clock = clock
        self.houses = [Storehouse(scratch, clock=clock), Storehouse(scratch, clock=clock)]
        self.people = [{name: Person(house, name) for name in PEOPLE} for house in self.houses]
        self.batches: list[tuple[str, list[Event]]] = []
        self.repeated: set[str] = set()
        self.gone: set[str] = set()
        self.touched: dict[str, set[str]] = {}  # message id → profiles it ever landed with
        self.merged: set[str] = set()

    def take(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0])(*step[1:])
        self.clock.advance(1)

    def land(self, size: int, profile_id: str) -> None:
        number = len(self.batches)
        events = [sent(f"{number}-{n}", self.clock.now(), "AB"[n % 2]) for n in range(size)]
        self._land(f"b{number}", events, profile_id)

    def redeliver(self, index: int, profile_id: str) -> None:
        if self.batches:
            self._land(*self.batches[index % len(self.batches)], profile_id)

    def regroup(self, index: int, other: int, profile_id: str) -> None:
        """Queue messages come again in other company."""
        if self.batches:
            some = [self.batches[one % len(self.batches)] for one in sorted({index, other})]
            name = "+".join(name for name, _ in some)
            self._land(name, [event for _, events in some for event in events], profile_id, known=True)

    def repeat(self, index: int, profile_id: str) -> None:
        """The client sends again what it sent within the last day; a second repetition is none of this test's."""
        if not self.batches:
            return
        name, events = self.batches[index % len(self.batches)]
        if name in self.repeated or "~" in name or self.clock.now() - events[0].received_at > DAY - HOUR:
            return
        if any(self.touched[event.message_id] & self.gone for event in events):
            return
        self.repeated.add(name)
        again = [sent(e.message_id, self.clock.now(), e.event or "A") for e in events]
        self._land(f"{name}~", again, profile_id)

    def wait(self, time: int) -> None:
        self.clock.advance(time)

    def change(self, profile_id: str, value: int) -> None:
        if profile_id not in self.gone | self.merged:
            for people in self.people:
                people[profile_id].becomes(self.clock.now(), traits={"plan": Trait(value, self.clock.now(), "s")})

    def merge(self, one: str, other: str) -> None:
        loser, survivor = max(one, other), min(one, other)
        if one != other and not {one, other} & (self.gone | self.merged):
            self.merged.add(loser)
            for people in self.people:
                people[loser].goes_into(people[survivor], self.clock.now())

    def erase(self, profile_id: str) -> None:
        if profile_id in self.gone | self.merged:
            return
        self.gone.add(profile_id)
        for house, people in zip(self.houses, self.people, strict=True):
            people[profile_id].is_deleted(self.clock.now())
            house.erase(profile_id)

    def gather(self) -> None:
        self.houses[0].gather()

    def compact(self) -> None:
        self.houses[0].compact()

    def _land(self, name: str, events: list[Event], profile_id: str, known: bool = False) -> None:
        ids = {event.message_id for event in events}
        if profile_id in self.gone or any(self.touched.get(one, set()) & self.gone for one in ids):
            return
        if not known and name not in {batch for batch, _ in self.batches}:
            self.batches.append((name, events))
        for one in ids:
            self.touched.setdefault(one, set()).add(profile_id)
        for house in self.houses:
            house.land(name, *((event, profile_id) for event in events))

    def check(self) -> None:
        compacted, plain = (shown(house) for house in self.houses)
        assert compacted == plain


def shown(house: Storehouse) -> dict[str, Any]:
    cut = house.history.cut(SPACE)
    found: dict[str, Any] = {}
    columns = "message_id, profile_id, event, received_at, landed_at"
    with house.history.open(cut) as session:
        for view in ("events", "candidates"):
            found[view] = session.rows(f"SELECT {columns} FROM {view} ORDER BY ALL")
        for view in ("profiles", "redirects"):
            found[view] = session.rows(f"SELECT * FROM {view} ORDER BY ALL")
    parts = [house.rows(f"SELECT {columns} FROM events", cut, days=days, profiles=False) for days in cut.groups(0)]
    assert sorted((row for part in parts for row in part), key=repr) == sorted(found["events"], key=repr)
    with house.history.open(cut, as_of=(T0 + house.clock.now()) // 2) as session:
        found["then"] = [
            session.rows("SELECT message_id, profile_id FROM events ORDER BY ALL"),
            session.rows("SELECT profile_id, version FROM profiles ORDER BY ALL"),
            session.rows("SELECT * FROM redirects ORDER BY ALL"),
        ]
    return found


@settings(max_examples=12)  # every look at an archive opens a database
@given(st.lists(steps, min_size=5, max_size=25))
def test_gathering_and_compaction_never_change_what_is_shown(history: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patched:
        patched.setattr(young_files, "FAN_IN", 2)
        pair = Pair(Path(scratch))
        for step in history:
            pair.take(step)
            if step[0] in ("gather", "compact"):
                pair.check()
        for _ in range(2):
            pair.compact()
            pair.check()
            pair.wait(9 * DAY)
        pair.compact()
        pair.check()
