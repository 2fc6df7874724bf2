"""Definitions over a session of history, whatever part of it is compacted, gathered or has just landed."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import query
from chalicelib.archive.membership import evaluate_history
from chalicelib.archive.scan import scan
from chalicelib.clock import DAY, HOUR, FixedClock
from chalicelib.identity.external_id import ExternalId
from chalicelib.profiles.profile import Trait
from tests.archive.people import Person
from tests.archive.storehouse import SPACE, Storehouse
from tests.events import event
from tests.query.generate import T0, Generator
from tests.query.test_agreement import made
from tests.query.timeline import Occurrence, fed

from .test_membership import assert_agree, expected, order, values

few = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
seeds = st.integers(0, 1 << 48)

MIDNIGHT = T0 - 12 * HOUR  # generated events arrive on both sides of it
NOW = MIDNIGHT + 2 * DAY  # from here on the day before may be compacted
TYPES = ["user_id"]


class Shop:
    """`p0` to `p2` with what they did; `x0` went into `p0`, and `gone` was erased."""

    def __init__(self, scratch: Path, generator: Generator) -> None:
        self.house = Storehouse(scratch, clock=FixedClock(NOW))
        self.landed = [
            (name, one) for name in ("p0", "p1", "p2", "x0", "gone") for one in generator.timeline(prefix=name)
        ]
        self.traits = {name: self._known(name, generator) for name in ("p0", "p1", "p2")}
        self._known("gone", generator)
        Person(self.house, "x0").goes_into(Person(self.house, "p0"), T0)
        self._fill()
        self.house.erase("gone")

    def _known(self, name: str, generator: Generator) -> dict[str, Any]:
        traits = {key: value for key, value in generator.traits().items() if value is not None}
        held = {key: Trait(value, T0, "src") for key, value in traits.items()}
        Person(self.house, name).becomes(
            T0, external_ids=[ExternalId("user_id", name, f"map_{name}", T0, "src", "m")], traits=held
        )
        return traits

    def _fill(self) -> None:
        old = [row for row in self.landed if row[1].received_at < MIDNIGHT]
        young = [row for row in self.landed if row[1].received_at >= MIDNIGHT]
        self._land("compacted", old)
        self.house.compact()
        self._land("gathered", young[::2])
        self.house.gather()
        self._land("landed", young[1::2])
        self._land("gathered", young[::2])  # and once more

    def _land(self, batch: str, rows: list[tuple[str, Occurrence]]) -> None:
        if rows:
            self.house.land(batch, *[(sent(one), name) for name, one in rows])
        self.house.clock.advance(1)

    def history_of(self, *names: str) -> list[Occurrence]:
        return sorted((one for name, one in self.landed if name in names), key=order)


def sent(one: Occurrence) -> Any:
    return event(
        "track",
        one.event,
        at=one.timestamp,
        received_at=one.received_at,
        message_id=one.message_id,
        source_id=one.source_id,
        properties=one.properties,
        context=one.context,
    )


@few
@given(seeds)
def test_a_session_gives_everybody_the_value_that_the_evaluator_gives(seed: int):
    generator, plan = made(seed)
    now = T0 + generator.whole(0, 60) * HOUR
    with tempfile.TemporaryDirectory() as scratch:
        shop = Shop(Path(scratch), generator)
        assert shop.house.manifest.events.files or not any(one.received_at < MIDNIGHT for _, one in shop.landed)
        with shop.house.history.open(shop.house.history.cut(SPACE)) as session:
            got = values(session, evaluate_history(session, plan, now=now, external_ids=TYPES))  # type: ignore[arg-type]
    wanted = {}
    for name, traits in shop.traits.items():
        states = fed(plan, shop.history_of(name, *(["x0"] if name == "p0" else [])))
        wanted[name] = expected(plan, query.evaluate(plan, states, traits, now).value, bool(states))
    assert_agree(got, wanted)


@few
@given(seeds)
def test_a_scan_of_a_session_gives_what_adding_each_event_gives(seed: int):
    generator, plan = made(seed)
    settled = T0 - generator.whole(-1, 25) * HOUR
    with tempfile.TemporaryDirectory() as scratch:
        shop = Shop(Path(scratch), generator)
        with shop.house.history.open(shop.house.history.cut(SPACE), profiles=False) as session:
            found = {one.profile_id: one for one in scan(session, plan.streams, settled_before=settled)}
    assert found.keys() <= {"p0", "p1", "p2", "x0"}
    for name in ("p0", "p1", "p2", "x0"):
        events = shop.history_of(name)
        got = found.get(name)
        assert (got.states if got else {}) == fed(plan, [one for one in events if one.received_at < settled])
        assert [(one.message_id, one.streams) for one in (got.fresh if got else [])] == [
            (one.message_id, keys)
            for one in events
            if one.received_at >= settled and (keys := [s.key for s in plan.streams if s.admits(one)])
        ]
