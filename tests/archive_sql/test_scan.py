"""A scan gives the states that adding every event one by one gives."""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import query
from chalicelib.archive.scan import scan
from tests.query.generate import DAY, HOUR, T0, Generator
from tests.query.test_agreement import made
from tests.query.timeline import Occurrence, compiled, fed

from .shop import Session

bounded = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 1 << 48)


def order(event: Occurrence) -> tuple[int, str]:
    return event.received_at, event.message_id


def scanned(session: Session, streams: Any, settled_before: int, **parts: int) -> dict[str, Any]:
    return {found.profile_id: found for found in scan(session, streams, settled_before=settled_before, **parts)}


@bounded
@given(seeds)
def test_a_scan_gives_what_adding_each_event_gives(seed: int):
    generator, plan = made(seed)
    people = {f"p{n}": generator.timeline(prefix=f"m{n}") for n in range(generator.whole(0, 4))}
    settled = T0 - generator.whole(-1, 25) * HOUR
    with Session((name, event) for name, events in people.items() for event in events) as session:
        found = scanned(session, plan.streams, settled)
    for name, events in people.items():
        old = sorted((event for event in events if event.received_at < settled), key=order)
        new = sorted((event for event in events if event.received_at >= settled), key=order)
        got = found.get(name)
        assert (got.states if got else {}) == fed(plan, old)
        assert [(e.message_id, e.streams) for e in (got.fresh if got else [])] == [
            (e.message_id, keys) for e in new if (keys := [s.key for s in plan.streams if s.admits(e)])
        ]


@bounded
@given(seeds)
def test_scans_of_single_days_join_to_the_whole(seed: int):
    generator, plan = made(seed)
    events = sorted(generator.timeline(), key=order)
    cut = generator.whole(0, len(events))
    joined: dict[str, Any] = {}
    for part in (events[:cut], events[cut:]):
        with Session(("p", event) for event in part) as session:
            for found in scan(session, plan.streams, settled_before=T0 + DAY):
                for stream in plan.streams:
                    if stream.key in found.states:
                        known = joined.get(stream.key)
                        state = found.states[stream.key]
                        joined[stream.key] = state if known is None else stream.merge(known, state)
    held = generator.traits()
    assert query.evaluate(plan, joined, held, T0) == query.evaluate(plan, fed(plan, events), held, T0)


def event(number: int, **given: Any) -> Occurrence:
    made: dict[str, Any] = {"event": "A", "timestamp": T0, "received_at": T0, "message_id": f"m{number}"}
    return Occurrence(**made | given)


def test_parts_share_out_all_profiles():
    plan = compiled("event('A').count() >= 1")
    with Session((f"p{n}", event(n)) for n in range(50)) as session:
        parts = [set(scanned(session, plan.streams, T0 + 1, part=part, parts=3)) for part in range(3)]
        whole = set(scanned(session, plan.streams, T0 + 1))
    assert all(parts)
    assert sorted(name for part in parts for name in part) == sorted(whole) == sorted(f"p{n}" for n in range(50))


def test_fresh_events_come_once_for_each_candidate():
    plan = compiled("event('A').count() >= 1")
    late = event(1, received_at=T0 + 5)
    with Session([("p1", late)], candidates=[("p1", late), ("p2", late)]) as session:
        found = scanned(session, plan.streams, T0)
    assert {name: [e.message_id for e in one.fresh] for name, one in found.items()} == {"p1": ["m1"], "p2": ["m1"]}
    assert not any(one.states for one in found.values())


@pytest.mark.parametrize("landed", [None, "p1"])
def test_events_of_nobody_are_left_out(landed: str | None):
    plan = compiled("event('A').count() >= 1")
    with Session([(landed, event(1))]) as session:  # type: ignore[list-item]
        assert list(scanned(session, plan.streams, T0 + 1)) == ([landed] if landed else [])


def test_a_long_history_is_bounded_like_a_live_one():
    plan = compiled("event('A').within(90 days).count()", kind="trait")
    random = Random(1)
    events = [event(n, timestamp=(at := T0 - random.randrange(80 * DAY)), received_at=at) for n in range(1_700)]
    events.sort(key=order)
    with Session(("p", one) for one in events) as session:
        found = scanned(session, plan.streams, T0 + 1)
    assert found["p"].states == fed(plan, events)


def test_generated_timelines_are_not_all_empty():
    assert Generator(Random(3)).timeline()
