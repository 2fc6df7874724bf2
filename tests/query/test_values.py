"""How values are read, and that no data can make an evaluation fail."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import query
from chalicelib.query.values import cell, instant, number, plain, text

from .timeline import Occurrence, compiled, fed

T0 = 1_715_774_400_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (100.0, "100"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (10**40, "1" + "0" * 40),
        (True, "true"),
        ("x", "x"),
        ([], "[]"),
        ({"b": [1.0, None], "a": {"ö": 'q"\n'}}, '{"a":{"ö":"q\\"\\n"},"b":[1,null]}'),
        (Decimal("12.500"), "12.5"),
        (Decimal("1E+3"), "1000"),
    ],
)
def test_text(value: Any, expected: str):
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("007", 7),
        (" -2.50 ", Decimal("-2.5")),
        (2.0, 2),
        (0.1, Decimal("0.1")),
        ("1e5", None),
        ("+1", None),
        (".5", None),
        ("1.", None),
        ("٣", None),
        ("", None),
        (True, None),
        (None, None),
        ([1], None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_number(value: Any, expected: Any):
    assert number(value) == expected


def test_instant():
    assert instant("2024-05-15") == instant("2024-05-15T00:00:00Z") == instant(" 2024-05-15T02:00:00+02:00")
    assert instant("2024-05-15T12:00") == T0
    for other in ("05/15/2024", "2024-13-01", "2024", 1_715_774_400_000, None, True, ["2024-05-15"]):
        assert instant(other) is None


def test_a_deeply_nested_value_has_a_text():
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    assert text(deep) == "[" * 50_001 + "]" * 50_001


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("16"), 16),
        (Decimal("12.5"), 12.5),
        (Decimal("1E+5"), 100_000),
        (10**30, 1e30),
        (Decimal(10) ** 400, "1" + "0" * 400),
        ("x", "x"),
        (True, True),
        (["a"], ["a"]),
        (None, None),
    ],
)
def test_results_are_plain_json(value: Any, expected: Any):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_cells_fit_into_msgpack():
    for value in (2**64, -(2**63) - 1, 10**5_000, {"a": 10**30}, [2**70]):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(cell(value))) == cell(value)
    assert cell(2**64 - 1) == 2**64 - 1


ODD = st.sampled_from(
    [2**64, -(2**80), 10**400, 1e308, -1e308, 5e-324, "9" * 400, "-" + "9" * 50 + "." + "9" * 50, "\x00", "2024-02-30"]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), ODD)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("pqnk$"), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.sampled_from(["p", "q", "timestamp"]), JSON, max_size=3)
PLANS = [
    compiled(text, kind)
    for kind, text in [
        *[
            ("trait", f"event('A').{window}{reducer}({ref}{cast})")
            for window in ("", "within(1 day).", "expires_after(1 hour).", "where(property('q') != trait('q')).")
            for reducer, cast in [
                *[(name, "") for name in ("sum", "avg", "first", "last", "unique", "min", "max", "mode")],
                ("min", " as string"),
                ("mode", " as array, 1"),
            ]
            for ref in ("property('p')", "property('p.$.n')")
        ],
        *[
            (
                "audience",
                f"event('A').where(property('p') {symbol} property('q')).count() >= 1 OR trait('p') {symbol} 5",
            )
            for symbol in ("=", "!=", "<", ">=")
        ],
        *[
            ("audience", f"trait('p').{call} OR event('A').where(property('p.$').{call}).count() >= 1")
            for call in (
                "contains('a', 5)",
                "starts_with(1)",
                "within_last(1 day)",
                "one_of(1, 'a', 2024-05-15)",
                "absent()",
            )
        ],
        (
            "audience",
            "event('A').where(event('A').where(property('p') = property(parent: 'q')).count() >= 1).count() = 0",
        ),
        ("trait", "event('A').first(property('timestamp'))"),
        ("trait", "event('A').mode(context('p'))"),
    ]
]


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(OBJECTS, st.integers(-(10**16), 10**16)), max_size=3), OBJECTS)
def test_no_json_makes_an_evaluation_fail(happened: list[tuple[dict[str, Any], int]], held: dict[str, Any]):
    events = [
        Occurrence(
            event="A", timestamp=at, received_at=T0, message_id=str(n), properties=properties, context=properties
        )
        for n, (properties, at) in enumerate(happened)
    ]
    for plan in PLANS:
        states = fed(plan, events)
        packed = msgspec.msgpack.decode(msgspec.msgpack.encode(states))
        for now in (T0, 10**16):
            got = query.evaluate(plan, packed, held, now)
            msgspec.msgpack.encode(got.value)
            assert got == query.evaluate(plan, states, held, now)


@pytest.mark.parametrize("order", [(0.1, 0.2, 0.3), (0.3, 0.1, 0.2), (1e21, 0.1, -1e21), (0.1, 1e21, -1e21)])
def test_sums_are_exact_in_any_order(order: tuple[float, ...]):
    for window in ("", "within(1 day)."):
        plan = compiled(f"event('A').{window}sum(property('p'))", "trait")
        events = [
            Occurrence(event="A", timestamp=T0, received_at=T0, message_id=str(n), properties={"p": size})
            for n, size in enumerate(order)
        ]
        assert query.evaluate(plan, fed(plan, events), {}, T0).value == (0.6 if 0.3 in order else 0.1)


@pytest.mark.parametrize(
    ("value", "listed"),
    [("a", True), ("7", True), (7, True), (7.0, True), ("7.0", False), (True, True), ("b", False), (None, None)],
)
def test_a_list_of_texts_is_met_by_text_and_by_number(value: Any, listed: bool | None):
    for left, events in (("trait('p')", []), ("event('A').last(property('p'))", [value])):
        held = [
            Occurrence(event="A", timestamp=T0, received_at=T0, message_id="m", properties={"p": item})
            for item in events
        ]
        for name, expected in (("one_of", listed is True), ("none_of", listed is False)):
            plan = compiled(f"{left}.{name}('a', '7', 'true')")
            assert query.evaluate(plan, fed(plan, held), {"p": value}, T0).value is expected
