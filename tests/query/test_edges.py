"""When time alone changes a value: the exact instant, and no wake-up without need."""

from typing import Any

import pytest

from chalicelib import instants, query

from .timeline import Occurrence, compiled, fed

HOUR = 3_600_000
DAY = 24 * HOUR
T0 = 1_715_774_400_000  # 2024-05-15T12:00Z
MIDNIGHT = T0 - 12 * HOUR


def at(text: str) -> int:
    instant = instants.parse_iso(text)
    assert instant is not None
    return instant


def evaluated(
    text: str, events: list[tuple[str, int]], kind: str = "audience", now: int = T0, **traits: Any
) -> query.Evaluation:
    plan = compiled(text, kind)
    occurrences = [
        Occurrence(event=name, timestamp=when, received_at=min(T0, now), message_id=f"m{n}", properties={"p": n})
        for n, (name, when) in enumerate(events)
    ]
    return query.evaluate(plan, fed(plan, occurrences), traits, now)


@pytest.mark.parametrize(
    ("text", "events", "expected"),
    [
        ("event('A').within(2 hours).count() >= 1", [("A", T0)], (True, T0 + 2 * HOUR + 1)),
        ("event('A').within(2 hours).count() = 0", [("A", T0)], (False, T0 + 2 * HOUR + 1)),
        ("event('A').within(2 hours).count() >= 1", [("A", T0 - 2 * HOUR)], (True, T0 + 1)),
        ("event('A').within(2 hours).count() >= 1", [("A", T0 - 2 * HOUR - 1)], (False, None)),
        ("event('A').count() >= 1", [("A", T0)], (True, None)),
        ("event('A').count() >= 1", [("A", T0 + HOUR)], (False, T0 + HOUR)),
        ("event('A').within(2 hours).count() >= 1", [("A", T0 + HOUR)], (False, T0 + HOUR)),
        # Five events: only the second newest decides whether there are two.
        (
            "event('A').within(7 days).count() >= 2",
            [("A", T0 - n * DAY) for n in range(5)],
            (True, T0 - DAY + 7 * DAY + 1),
        ),
        (
            "event('A').within(7 days).count() = 2",
            [("A", T0 - n * DAY) for n in range(4)],
            (False, T0 - 2 * DAY + 7 * DAY + 1),
        ),
        ("event('A').within(7 days).count() > 5", [("A", T0)], (False, None)),
        ("event('A').within(7 days).count() < -1", [("A", T0)], (False, None)),
        ("event('A').within(7 days).count() = 0.5", [("A", T0)], (False, None)),
        ("event('A').between(1 day, 3 days).count() >= 1", [("A", T0)], (False, T0 + DAY)),
        ("event('A').between(1 day, 3 days).count() >= 1", [("A", T0 - DAY)], (True, T0 + 2 * DAY + 1)),
        # While one side of an AND is false nothing else matters.
        ("event('B').count() >= 1 AND event('A').within(1 day).count() >= 1", [("A", T0)], (False, None)),
        ("event('A').within(1 day).count() >= 1 AND event('B').count() >= 1", [("A", T0)], (False, None)),
        ("event('A').count() >= 1 OR event('A').within(1 day).count() >= 1", [("A", T0)], (True, None)),
        # A maximum that stays the same when a lesser value leaves.
        ("event('A').within(1 day).max(property('p')) >= 1", [("A", T0 - HOUR), ("A", T0)], (True, T0 + DAY + 1)),
        # Funnels: the parent window needs no timer, the window from now does.
        (
            "event('A').where(event('B').within(parent: 1 day).count() = 0).count() >= 1",
            [("A", T0 - HOUR)],
            (True, None),
        ),
        (
            "event('A').where(event('B').within(parent: 1 day).count() = 0).within(7 days).count() >= 1",
            [("A", T0 - HOUR)],
            (True, T0 - HOUR + 7 * DAY + 1),
        ),
        (
            "event('A').where(event('B').within(2 days).count() = 0).count() >= 1",
            [("A", T0 - 3 * DAY), ("B", T0 - DAY)],
            (False, T0 + DAY + 1),
        ),
    ],
)
def test_edges_of_audiences(text: str, events: list[tuple[str, int]], expected: tuple[bool, int | None]):
    assert evaluated(text, events) == expected


@pytest.mark.parametrize(
    ("text", "events", "expected"),
    [
        ("event('A').within(1 day).count()", [("A", T0 - HOUR), ("A", T0)], (2, T0 - HOUR + DAY + 1)),
        ("event('A').between(1 hour, 1 day).count()", [("A", T0)], (0, T0 + HOUR)),
        ("event('A').within(1 day).sum(property('p'))", [("A", T0)], (0, T0 + DAY + 1)),
        ("event('A').within(1 day).last(property('p'))", [("A", T0 - HOUR), ("A", T0)], (1, T0 + DAY + 1)),
        ("event('A').within(1 day).first(property('p'))", [("A", T0 - HOUR), ("A", T0)], (0, T0 - HOUR + DAY + 1)),
        ("event('A').expires_after(1 hour).count()", [("A", T0)], (1, None)),
        ("event('A').expires_after(1 hour).count()", [("A", T0), ("A", T0 + 2 * HOUR)], (1, None)),
        ("event('A').expires_after(1 hour).count()", [("A", T0), ("A", T0 + HOUR)], (1, T0 + HOUR)),
        ("event('A').last(property('p'))", [("A", T0), ("A", T0 + HOUR)], (0, T0 + HOUR)),
    ],
)
def test_edges_of_computed_traits(text: str, events: list[tuple[str, int]], expected: tuple[Any, int | None]):
    assert evaluated(text, events, "trait") == expected


@pytest.mark.parametrize(
    ("comparator", "value", "holds_from", "holds_until"),
    [
        ("within_last(2 hours)", "2024-05-15T12:00Z", T0, T0 + 2 * HOUR),
        ("before_last(2 hours)", "2024-05-15T12:00Z", T0 + 2 * HOUR, None),
        ("within_next(2 hours)", "2024-05-15T12:00Z", T0 - 2 * HOUR, T0),
        ("after_next(2 hours)", "2024-05-15T12:00Z", None, T0 - 2 * HOUR),
        ("within_last(1 day)", "2024-05-15T12:00Z", T0, T0 + DAY),
        ("within_last(2 days)", "2024-05-15", MIDNIGHT, MIDNIGHT + 3 * DAY - 1),
        ("before_last(2 days)", "2024-05-15", MIDNIGHT + 2 * DAY, None),
        ("within_next(2 days)", "2024-05-15", MIDNIGHT - 2 * DAY, MIDNIGHT + DAY - 1),
        ("after_next(2 days)", "2024-05-15", None, MIDNIGHT - DAY - 1),
        ("within_last(0 days)", "2024-05-15", MIDNIGHT, MIDNIGHT + DAY - 1),
        ("within_next(0 days)", " 2024-05-15 ", MIDNIGHT, MIDNIGHT + DAY - 1),
        ("within_last(48 hours)", "2024-05-15", MIDNIGHT, MIDNIGHT + 2 * DAY),
    ],
)
def test_date_comparators_hold_from_and_until(
    comparator: str, value: str, holds_from: int | None, holds_until: int | None
):
    plan = compiled(f"trait('d').{comparator}")

    def at_instant(now: int) -> query.Evaluation:
        return query.evaluate(plan, {}, {"d": value}, now)

    end = None if holds_until is None else holds_until + 1
    if holds_from is not None:
        assert at_instant(holds_from - 1) == (False, holds_from)
        assert at_instant(holds_from) == (True, end)
    if holds_until is not None:
        assert at_instant(holds_until) == (True, end)
        assert at_instant(holds_until + 1) == (False, None)


def test_several_dates_behind_one_path():
    plan = compiled("trait('d.$').within_last(1 day)")
    held = {"d": ["2024-05-10T12:00Z", "2024-05-15T06:00Z", "2024-05-20T12:00Z", "no date", None]}
    assert query.evaluate(plan, {}, held, T0) == (True, at("2024-05-16T06:00:00.001Z"))
    assert query.evaluate(plan, {}, held, at("2024-05-17T00:00Z")) == (False, at("2024-05-20T12:00Z"))


def test_a_date_in_an_event_is_looked_at_again():
    plan = compiled("event('Trial').where(property('ends').within_next(2 days)).count() >= 1")
    trial = Occurrence(
        event="Trial", timestamp=T0 - DAY, received_at=T0, message_id="m", properties={"ends": "2024-05-20T12:00Z"}
    )
    states = fed(plan, [trial])
    assert query.evaluate(plan, states, {}, T0) == (False, at("2024-05-18T12:00Z"))
    assert query.evaluate(plan, states, {}, at("2024-05-18T12:00Z")) == (True, at("2024-05-20T12:00:00.001Z"))


def funnel(*children: tuple[int, str], reducer: str = "count() >= 1") -> tuple[query.Plan, dict[str, Any]]:
    """An A two hours ago with Bs some milliseconds after it, each with a date."""
    condition = f"event('B').where(property('d').within_last(1 hour)).within(parent: 1 hour).{reducer}"
    plan = compiled(f"event('A').where({condition}).count() >= 1")
    happened = [("A", 0, ""), *(("B", after, date) for after, date in children)]
    events = [
        Occurrence(event=name, timestamp=T0 - 2 * HOUR + after, received_at=T0, message_id=date, properties={"d": date})
        for name, after, date in happened
    ]
    return plan, fed(plan, events)


@pytest.mark.parametrize("after", [1, HOUR])
@pytest.mark.parametrize("reducer", ["count() >= 1", "last(property('d')).exists()"])
def test_a_date_in_a_child_is_looked_at_again(after: int, reducer: str):
    plan, states = funnel((after, "2024-05-15T14:00Z"), reducer=reducer)
    assert query.evaluate(plan, states, {}, T0) == (False, T0 + 2 * HOUR)
    assert query.evaluate(plan, states, {}, T0 + 2 * HOUR) == (True, T0 + 3 * HOUR + 1)
    assert query.evaluate(plan, states, {}, T0 + 3 * HOUR + 1) == (False, None)


def test_looking_ahead_sees_the_children_of_then():
    plan, states = funnel((1, "2024-05-15T11:30Z"), (2, "2024-05-15T12:00Z"))
    assert query.evaluate(plan, states, {}, T0) == (True, T0 + HOUR + 1)


def test_a_value_that_only_changes_its_type_changes():
    plan = compiled("event('A').within(2 hours).first(property('p'))", "trait")
    events = [
        Occurrence(event="A", timestamp=T0 - age * HOUR, received_at=T0, message_id=str(age), properties={"p": held})
        for age, held in ((1, 0), (0, False))
    ]
    assert query.evaluate(plan, fed(plan, events), {}, T0) == (0, T0 + HOUR + 1)


def test_edges_of_accounts_look_ahead_over_all_users():
    plan = compiled("ANY event('A').within(1 day).max(property('p')) >= 0", scope="ACCOUNTS")
    users: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (
            fed(plan, [Occurrence(event="A", timestamp=when, received_at=T0, message_id="m", properties={"p": 1})]),
            {},
        )
        for when in (T0 - 2 * DAY, T0 - HOUR, T0)
    ]
    value, edge = query.evaluate_account(plan, {}, users, T0)
    assert (value, edge) == (True, T0 + DAY + 1)


def test_trimming_keeps_an_event_at_its_last_instant():
    for text in (
        "event('A').within(1 day).count() >= 1",
        "event('A').within(1 day).sum(property('p')) >= 0",
        "event('A').where(property('p') >= trait('t')).within(1 day).count() >= 1",
    ):
        plan = compiled(text)
        (stream,) = plan.streams
        states = fed(plan, [Occurrence(event="A", timestamp=T0, received_at=T0, message_id="m", properties={"p": 1})])
        for now, held in ((T0 + DAY, True), (T0 + DAY + 1, False)):
            trimmed = {stream.key: stream.trim(states[stream.key], now)}
            assert query.evaluate(plan, trimmed, {"t": 1}, now).value is held
            assert (trimmed[stream.key] == stream.empty()) is not held
