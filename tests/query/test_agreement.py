"""Streams against the oracle: whatever the definition and the timeline, both give the same value."""

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from chalicelib import query

from . import oracle
from .cases import same
from .generate import DAY, HOUR, T0, Generator
from .timeline import compiled, fed, stored

# The same examples in every run: a failure can be repeated, and a change does not fail for another's luck.
bounded = settings(
    max_examples=1_000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)
seeds = st.integers(0, 1 << 48)


def agrees(got: Any, wanted: Any) -> bool:
    """Large sums are compared in proportion."""
    if isinstance(wanted, int | float) and isinstance(got, int | float) and abs(wanted) > 1e6:
        return abs(got - wanted) <= abs(wanted) * 1e-9
    return same(got, wanted)


def made(seed: int) -> tuple[Generator, query.Plan]:
    """A generator with the plan of its first definition of allowed size."""
    generator = Generator(Random(seed))
    while True:
        kind, text = generator.definition()
        try:
            plan = compiled(text, kind=kind)
        except query.QueryError as error:
            if error.code != "too_many_expressions":
                raise
        else:
            note(text)
            return generator, plan


@bounded
@given(seeds)
def test_streams_and_oracle_agree_at_any_instant(seed: int):
    generator, plan = made(seed)
    events, held = generator.timeline(), generator.traits()
    states, user = stored(fed(plan, events)), oracle.User(events, held)
    for now in (T0, T0 + generator.whole(0, 60) * HOUR, T0 + generator.whole(0, 8 * DAY)):
        got, wanted = query.evaluate(plan, states, held, now).value, oracle.user_value(plan.definition, user, now)
        assert agrees(got, wanted), (got, wanted, now - T0)


@bounded
@given(seeds)
def test_neither_the_order_of_arrival_nor_a_merge_changes_anything(seed: int):
    generator, plan = made(seed)
    events, held = generator.timeline(), generator.traits()
    now = T0 + generator.whole(0, 60) * HOUR
    whole = query.evaluate(plan, fed(plan, events), held, now)
    Random(seed).shuffle(events)
    assert query.evaluate(plan, fed(plan, events), held, now) == whole
    cut = generator.whole(0, len(events))
    empty = {stream.key: stream.empty() for stream in plan.streams}
    one, other = empty | fed(plan, events[:cut]), empty | fed(plan, events[cut:])
    merged = {stream.key: stream.merge(one[stream.key], other[stream.key]) for stream in plan.streams}
    assert query.evaluate(plan, stored(merged), held, now) == whole


@bounded
@given(seeds)
def test_every_change_by_time_alone_happens_at_an_edge(seed: int):
    generator, plan = made(seed)
    events, held = generator.timeline(), generator.traits()
    user, states, now = oracle.User(events, held), fed(plan, events), T0
    for _ in range(12):
        value, edge = query.evaluate(plan, states, held, now)
        assert edge is None or edge > now
        last = now + 10 * DAY if edge is None else edge - 1
        probes = {now, last, generator.whole(now, last), min(last, now + generator.whole(0, 48) * HOUR)}
        for instant in probes:
            assert agrees(value, oracle.user_value(plan.definition, user, instant)), (instant - T0, edge)
        if edge is None:
            return
        now = edge
        states = {s.key: s.trim(states[s.key], now) for s in plan.streams if s.key in states}


@bounded
@given(seeds)
def test_what_is_trimmed_is_never_missed(seed: int):
    generator, plan = made(seed)
    events, held = generator.timeline(), generator.traits()
    now = T0 + generator.whole(0, 80) * HOUR
    kept = fed(plan, events)
    trimmed = {s.key: s.trim(kept[s.key], now) for s in plan.streams if s.key in kept}
    for later in (now, now + HOUR, now + DAY):
        assert query.evaluate(plan, trimmed, held, later) == query.evaluate(plan, kept, held, later)
    for s in plan.streams:
        if s.key in trimmed:
            assert s.trim(trimmed[s.key], now) is trimmed[s.key]


@bounded
@given(seeds)
def test_printing_and_parsing_again_gives_the_same_definition(seed: int):
    _, plan = made(seed)
    text = query.to_text(plan.definition)
    again = compiled(text, kind=plan.definition.kind)
    assert again.definition == plan.definition
    assert query.to_text(again.definition) == text
    assert [s.key for s in again.streams] == [s.key for s in plan.streams]


@bounded
@given(seeds)
def test_an_explanation_says_what_the_evaluation_says(seed: int):
    generator, plan = made(seed)
    events, held = generator.timeline(), generator.traits()
    states = fed(plan, events)
    explained = query.explain(plan, states, held, T0)
    assert explained["value"] == query.evaluate(plan, states, held, T0).value
    for part in explained.get("parts", []):
        plan_of_part = compiled(part["text"])
        assert part["value"] == query.evaluate(plan_of_part, fed(plan_of_part, events), held, T0).value


@bounded
@given(seeds)
def test_accounts_agree_too(seed: int):
    generator = Generator(Random(seed))
    kind, text = generator.account_definition()
    note(text)
    try:
        plan = compiled(text, kind=kind, scope="ACCOUNTS")
    except query.QueryError as error:
        assert error.code == "too_many_expressions"  # noqa: PT017
        return
    users = [
        oracle.User(generator.timeline(6, prefix), generator.traits()) for prefix in "abc"[: generator.whole(0, 3)]
    ]
    states = [(stored(fed(plan, user.events)), user.traits) for user in users]
    account, now = generator.traits(), T0 + generator.whole(0, 40) * HOUR
    got, edge = query.evaluate_account(plan, account, states, now)
    last = now + 10 * DAY if edge is None else edge - 1
    for instant in (now, last, generator.whole(now, last)):
        assert agrees(got, oracle.account_value(plan.definition, account, users, instant)), (instant - T0, edge)
