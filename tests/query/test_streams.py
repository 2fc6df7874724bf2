"""What a profile remembers: which events, how much, and that states are never changed in place."""

import copy
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from chalicelib import query

from .timeline import Occurrence, compiled, fed, stored

HOUR = 3_600_000
DAY = 24 * HOUR
T0 = 1_715_774_400_000


def happened(event: str = "A", at: int = T0, received_at: int | None = None, **properties: Any) -> Occurrence:
    happened.count += 1  # type: ignore[attr-defined]
    return Occurrence(
        event=event,
        timestamp=at,
        received_at=T0 if received_at is None else received_at,
        message_id=f"m{happened.count:06}",  # type: ignore[attr-defined]
        source_id="s1",
        properties=properties,
    )


happened.count = 0  # type: ignore[attr-defined]


def value(plan: query.Plan, events: list[Occurrence], now: int = T0, traits: dict[str, Any] | None = None) -> Any:
    return query.evaluate(plan, stored(fed(plan, events)), traits or {}, now).value


DEFINITIONS = [
    ("audience", "event('A').where(property('p') > 1).sources(exclude: 's2').count() >= 1"),
    ("audience", "event('A').where(property('p') > 1).sources(exclude: 's2').within(7 days).count() >= 1"),
    ("trait", "event('A').where(property('p') > 1).sources(exclude: 's2').within(7 days).count()"),
    ("trait", "event('A').where(property('p') > 1).sources(exclude: 's2').within(7 days).max(property('p'))"),
    ("trait", "event('A').where(property('p') > 1).sources(exclude: 's2').expires_after(1 hour).sum(property('p'))"),
    ("trait", "event('A').where(property('p') > 1 AND property('p') > trait('t')).sources(exclude: 's2').count()"),
]


@pytest.mark.parametrize(("kind", "text"), DEFINITIONS)
def test_an_event_that_is_not_admitted_leaves_the_very_same_state(kind: str, text: str):
    plan = compiled(text, kind)
    (stream,) = plan.streams
    state = stream.add(stream.empty(), happened(p=5))
    assert state != stream.empty()
    other_source = happened(p=5)
    other_source.source_id = "s2"
    for other in (happened("B", p=5), happened(p=1), happened(), other_source):
        assert stream.add(state, other) is state


@pytest.mark.parametrize(("kind", "text"), DEFINITIONS)
def test_states_are_never_changed_in_place(kind: str, text: str):
    (stream,) = compiled(text, kind).streams
    first = stream.add(stream.empty(), happened(p=3, at=T0 - 8 * HOUR))
    second = stream.add(first, happened(p=2, at=T0 + HOUR))
    kept = copy.deepcopy([first, second])
    stream.add(second, happened(p=9, at=T0 - 3 * HOUR))
    stream.merge(first, second)
    stream.trim(second, T0 + 9 * DAY)
    assert [first, second] == kept
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(second)) == second


def test_only_events_received_or_dated_late_enough_count():
    text = "event('A').count()"
    events = [happened(at=T0 - n * DAY, received_at=T0 - n * HOUR) for n in range(5)]
    assert value(compiled(text, "trait", received_from=T0 - 2 * HOUR), events) == 3
    assert value(compiled(text, "trait", timestamp_from=T0 - DAY), events) == 2
    plans = [
        compiled(text, "trait"),
        compiled(text, "trait", received_from=T0),
        compiled(text, "trait", timestamp_from=T0),
        compiled(text, "trait", received_from=T0 + 1),
    ]
    assert len({plan.streams[0].key for plan in plans}) == 4


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("event('A').count()", "event( 'A' ) . count( )", True),
        ("event('A').sum(property('p'))", "event('A').avg(property('p'))", True),
        ("event('A').mode(property('p'), 2)", "event('A').mode(property('p') as string, 5)", True),
        ("event('A').unique(property('p'))", "event('A').unique(property('p')).count()", True),
        (
            "event('A').where(property('a') = 1 AND property('b') = 2).count()",
            "event('A').where(property('b') = 2).where(property('a') = 1.0).count()",
            True,
        ),
        ("event('A').within(24 hours).count()", "event('A').between(1 hour, 1 day).count()", True),
        ("event('A').count()", "event('B').count()", False),
        ("event('A').min(property('p'))", "event('A').max(property('p'))", False),
        ("event('A').min(property('p'))", "event('A').min(property('p') as string)", False),
        ("event('A').within(1 day).count()", "event('A').within(2 days).count()", False),
        ("event('A').where(property('a') = 1).count()", "event('A').where(property('a') = '1').count()", False),
        ("event('A').where(property('a') = true).count()", "event('A').where(property('a') = 'true').count()", False),
        ("event('A').sources(exclude: 'a').count()", "event('A').sources(exclude: 'b').count()", False),
    ],
)
def test_equal_streams_have_equal_keys(one: str, other: str, shared: bool):
    keys = [compiled(text, "trait").streams[0].key for text in (one, other)]
    assert (keys[0] == keys[1]) is shared


def test_keys_are_the_same_in_every_process():
    text = "event('A').where(property('p').one_of('x', 'y')).sources(exclude: 'b', 'a', 'c').within(3 days).count()"
    program = (
        "from chalicelib import query; import sys;"
        "print(query.compile(query.parse(sys.argv[1], kind='trait', scope='USERS')).streams[0].key)"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program, text],
            capture_output=True,
            check=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert printed == {compiled(text, "trait").streams[0].key}


def test_a_funnel_has_a_stream_for_each_event():
    plan = compiled("event('A').where(NOT event('B').within(parent: 1 day).count() >= 1).within(7 days).count() >= 1")
    assert sorted(stream.event for stream in plan.streams) == ["A", "B"]


def test_children_are_forgotten_with_the_parents_they_could_belong_to():
    plan = compiled("event('A').where(event('B').count() = 0).within(7 days).count() >= 1")
    states = fed(plan, [happened("B", T0 - 6 * DAY), happened("B", T0 - HOUR)])
    (child,) = [stream for stream in plan.streams if stream.event == "B"]
    assert len(child.trim(states[child.key], T0)) == 2
    assert len(child.trim(states[child.key], T0 + 2 * DAY)) == 1


def test_a_threshold_needs_only_the_newest_events():
    plan = compiled("event('A').within(30 days).count() >= 3")
    (stream,) = plan.streams
    states = fed(plan, [happened(at=T0 - n * HOUR) for n in range(200)])
    assert states[stream.key] == [[T0 - 2 * HOUR, T0 - HOUR, T0]]
    assert query.evaluate(plan, states, {}, T0) == (True, T0 - 2 * HOUR + 30 * DAY + 1)
    old = stream.add(states[stream.key], happened(at=T0 - 9 * DAY))
    assert old is states[stream.key]


def test_a_newest_value_needs_only_its_event():
    plan = compiled("event('A').within(30 days).last(property('p'))", "trait")
    states = fed(plan, [happened(at=T0 - n * HOUR, p=n) for n in (3, 1, 2, 5)])
    assert [len(state) for state in states.values()] == [1]
    assert query.evaluate(plan, states, {}, T0) == (1, T0 - HOUR + 30 * DAY + 1)


def test_an_event_older_than_every_window_is_not_remembered():
    plan = compiled("event('A').between(1 day, 7 days).count() >= 1")
    assert fed(plan, [happened(at=T0 - 7 * DAY - 1)]) == {}
    assert fed(plan, [happened(at=T0 - 7 * DAY)]) != {}


@pytest.mark.parametrize("reducer", ["count()", "sum(property('p'))", "mode(property('p'), 1)"])
def test_a_crowded_window_falls_back_to_hours_and_never_loses_an_event(reducer: str):
    plan = compiled(f"event('A').within(90 days).{reducer}", "trait")
    events = [happened(at=T0 - 2_900 * 10 * 60_000 + n * 10 * 60_000, p=1) for n in range(2_900)]
    states = fed(plan, events)
    got = query.evaluate(plan, stored(states), {}, T0).value
    assert got == ("1" if reducer.startswith("mode") else 2_900)
    (state,) = states.values()
    rows = len(state[0]) if reducer == "count()" else len(state)
    assert rows <= 1_024 + 512
    for days in (75, 88, 95):
        exact = query.evaluate(plan, fed(plan, [e for e in events if e.timestamp >= T0 + (days - 90) * DAY]), {}, T0)
        later = query.evaluate(plan, states, {}, T0 + days * DAY).value
        if not reducer.startswith("mode"):
            assert (exact.value or 0) <= (later or 0) <= (exact.value or 0) + 6  # events of one hour


def test_merged_crowds_are_bounded_too():
    plan = compiled("event('A').within(90 days).count()", "trait")
    (stream,) = plan.streams
    halves = [
        fed(plan, [happened(at=T0 - n * 60_000 - offset) for n in range(1_000)])[stream.key] for offset in (0, 30_000)
    ]
    merged = stream.merge(*halves)
    assert len(merged[0]) < 1_024
    assert query.evaluate(plan, {stream.key: merged}, {}, T0).value == 2_000


def test_rows_of_funnels_are_bounded():
    plan = compiled("event('A').where(property('p') >= trait('t')).count()", "trait")
    (stream,) = plan.streams
    full = [[T0 - 20_000 + n, 5] for n in range(10_000)]
    state = stream.add(full, happened(p=5))
    assert len(state) == 10_000
    assert state[0][0] == T0 - 20_000 + 1
    assert len(stream.merge(full, full)) == 10_000


def test_lists_and_modes_stop_at_ten_thousand_values_while_known_ones_keep_counting():
    for reducer in ("unique(property('p'))", "mode(property('p'), 1)"):
        plan = compiled(f"event('A').{reducer}", "trait")
        (stream,) = plan.streams
        names = [f"v{n:05}" for n in range(10_000)]
        known = names if reducer.startswith("unique") else dict.fromkeys(names, 1)
        state = stream.add([known, []], happened(p="new"))
        assert len(state[0]) == 10_000
        assert "new" not in state[0]
        state = stream.add(state, happened(p="v00007"))
        assert query.evaluate(plan, {stream.key: state}, {}, T0).value in (names, "v00007")


def test_old_sessions_are_forgotten():
    plan = compiled("event('A').expires_after(1 hour).count()", "trait")
    states = fed(plan, [happened(at=T0 - n * 2 * HOUR) for n in range(100)])
    (state,) = states.values()
    assert len(state[0]) == 32
    assert query.evaluate(plan, states, {}, T0).value == 1


def test_a_late_event_joins_sessions():
    plan = compiled("event('A').expires_after(1 hour).sum(property('p'))", "trait")
    events = [happened(at=T0, p=1), happened(at=T0 - 2 * HOUR, p=2), happened(at=T0 - HOUR, p="4")]
    assert value(plan, events[:2]) == 1
    assert value(plan, events) == 7


def test_a_gap_of_exactly_the_session_size_keeps_it_open():
    for condition in ("property('p') > 0", "property('p') > trait('t')"):
        plan = compiled(f"event('A').where({condition}).expires_after(1 hour).count()", "trait")
        for gap, expected in ((HOUR, 2), (HOUR + 1, 1)):
            assert value(plan, [happened(at=T0 - gap, p=1), happened(at=T0, p=1)], traits={"t": 0}) == expected


def test_two_session_sizes_mean_the_smaller():
    plan = compiled("event('A').expires_after(1 hour).expires_after(2 hours).count()", "trait")
    assert value(plan, [happened(at=T0 - 90 * 60_000), happened(at=T0)]) == 1


def test_a_property_named_timestamp_comes_before_the_time_of_the_event():
    plan = compiled("event('A').first(property('timestamp'))", "trait")
    assert value(plan, [happened(at=T0 - 1, timestamp="mine")]) == "mine"
    assert value(plan, [happened(at=T0 - 1, timestamp=None)]) == "2024-05-15T11:59:59.999Z"


@pytest.mark.parametrize(
    ("of_parent", "of_child", "matches"),
    [
        (1, "1.0", True),
        ("01", 1, True),
        ("1.0", "1", False),
        (["x", 2], "2.0", True),
        (None, None, False),
        (True, "true", True),
    ],
)
def test_parent_and_child_match_as_any_two_values_do(of_parent: Any, of_child: Any, matches: bool):
    text = "event('A').where(event('B').where(property('p.$') = property(parent: 'p.$')).count() >= 1).count() >= 1"
    events = [happened("A", T0 - 2, p=of_parent), happened("B", T0 - 1, p=of_child), happened("B", T0, p="other")]
    assert value(compiled(text), events) is matches


def test_equal_timestamps_are_ordered_by_arrival():
    tied = [happened(received_at=T0 + n, p=n) for n in range(3)]
    for events in (tied, tied[::-1]):
        assert value(compiled("event('A').last(property('p'))", "trait"), events) == 2
        assert value(compiled("event('A').first(property('p'))", "trait"), events) == 0
        assert value(compiled("event('A').within(1 day).last(property('p'))", "trait"), events) == 2


def test_the_worst_funnels_stay_cheap():
    """Thousands of parents and children, matched by a property that is never the same, or chained over levels."""
    matched = compiled(
        "event('A').where(NOT event('B').where(property('id') = property(parent: 'id')).count() >= 1).count()", "trait"
    )
    parents = [[T0 - 9_000_000 + n * 1_000, n] for n in range(3_000)]
    children = [[T0 - 9_000_000 + n * 1_000 + 1, n] for n in range(0, 3_000, 2)]
    states = {s.key: parents if s.event == "A" else children for s in matched.streams}
    assert query.evaluate(matched, states, {}, T0).value == 1_500
    chained = compiled(
        "event('A').where(event('B').where(event('C').where(property('p') = trait('t')).count() = 0).count() = 0)"
        ".count()",
        "trait",
    )
    columns = {"A": [], "B": [], "C": [1]}
    states = {s.key: [[T0 - 9_000_000 + n, *columns[s.event]] for n in range(3_000)] for s in chained.streams}
    assert query.evaluate(chained, states, {"t": 1}, T0).value == 1
