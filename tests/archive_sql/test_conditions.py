"""Conditions in SQL say what the comparators say, or that they cannot tell."""

from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.archive.sql.cells import Cells
from chalicelib.archive.sql.conditions import where
from chalicelib.query import printer
from chalicelib.query.admission import test as python_test
from chalicelib.query.comparators import relative
from chalicelib.query.paths import follow
from chalicelib.query.syntax import And, Comparison, Condition, Context, Duration, Not, Or, Property, Trait
from chalicelib.query.values import cell
from tests.query.generate import DAY, HOUR, T0
from tests.query.timeline import Occurrence, compiled

bounded = settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)

ODD_TEXTS = [
    *(
        "",
        "x",
        "X",
        "xy",
        "2",
        "2.0",
        "02",
        "-0",
        "007",
        " 7 ",
        "\t7",
        "0.30",
        ".5",
        "5.",
        "+5",
        "1e3",
        "NaN",
        "Infinity",
    ),
    *("true", "false", "null", "[]", "{}", "[1,2]", '{"a":1}', "a'b", 'a"b', "a\\b", "a\nb", "Zürich", "Zu\u0308rich"),
    *("ZÜRICH", "😀", "\u2028", "\x7f", "\x00", "%", "_", "٣", "2024٣", "9007199254740993", "0.1234567890123456789"),
    *("2024-05-15", "2024-05-15T12:00:00Z", "2024-05-15T12:00:00.000Z", "2024-05-15T12:00:00.5Z", "2024-05-15 12:00"),
    *(
        "2024-02-30",
        "2024-05-15T14:00:00+02:00",
        " 2024-05-15 ",
        "0000-01-01",
        "0001-01-01",
        "9999-12-31T23:59:59.999Z",
    ),
    *("2024-05-15T24:00:00Z", "2024-05-15T23:59:60Z", "2024-13-01", "20240515", "\n2024-05-15", "2024-05-15t12:00:00z"),
    *("1" * 40, "-" + "9" * 15, "0." + "0" * 20 + "1", "123456789012345", "1234567890123456", "\u20032", "2\u00a0"),
]
ODD_NUMBERS = [
    *(
        0,
        -0.0,
        1,
        2,
        2.0,
        0.1,
        0.3,
        0.1 + 0.2,
        2.5,
        -1,
        1e21,
        1e-7,
        1e300,
        5e-324,
        2**53,
        2**53 + 1,
        2**63,
        2**64,
        -(2**63),
    ),
    *(123456789.12345678, 999999999999999, 1e15, 10**30, -0.5, 100, 1e2, 12345678901.5),
]
texts = st.one_of(
    st.sampled_from(ODD_TEXTS), st.text(max_size=6), st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True)
)
numbers = st.one_of(
    st.sampled_from(ODD_NUMBERS),
    st.integers(-100, 100),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
steps = st.sampled_from(["a", "b", "0", "a.b", "é", "it's", "a b", 'q"q', "b\\b", "*", "$x", "\x01", "#-1", "/"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(steps, inner, max_size=3)),
    max_leaves=6,
)


def lists(made: Any) -> Any:
    return st.lists(made, min_size=1, max_size=3)


def quoted(value: str) -> str:
    return printer.quoted(value)


plain_numbers = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.decimals(-1000, 1000, allow_nan=False, places=3).map(lambda d: f"{d:f}"),
    st.sampled_from(
        ["0", "2.0", "0.30", "9007199254740993", "123456789012345678901234567890", "0.1234567890123456789"]
    ),
)
moments = st.sampled_from(["2024-05-15", "2024-05-15T12:00Z", "2024-05-15T12:00:00.000Z", "1969-12-31T23:59:59Z"])
literals = st.one_of(texts.map(quoted), texts.map(quoted), plain_numbers, moments, st.sampled_from(["true", "false"]))


@st.composite
def comparisons(draw: Any, left: Any) -> str:
    kind = draw(st.integers(0, 6))
    start = draw(left)
    if kind <= 2:
        return f"{start} {draw(st.sampled_from(['=', '!=', '>', '>=', '<', '<=']))} {draw(literals)}"
    if kind == 3:
        return f"{start}.{draw(st.sampled_from(['exists', 'absent']))}()"
    if kind == 4:
        return f"{start}.{draw(st.sampled_from(['one_of', 'none_of', 'contains']))}({', '.join(draw(lists(literals)))})"
    if kind == 5:
        return f"{start}.{draw(st.sampled_from(['omits', 'starts_with', 'ends_with', 'contains']))}({draw(literals)})"
    return f"{start}.{draw(st.sampled_from(['before_date', 'after_date']))}({draw(moments)})"


references = st.sampled_from(["property('a')", "property('b')", "context('a')", "property('timestamp')"])


@st.composite
def conditions(draw: Any) -> str:
    terms = draw(lists(comparisons(references)))
    terms = [f"NOT {term}" if draw(st.booleans()) else term for term in terms]
    return str(draw(st.sampled_from([" AND ", " OR "])).join(terms))


CONNECTION = duckdb.connect(config={"threads": 1})


def in_sql(node: Condition, columns: dict[str, Any], now: int | None = None) -> Any:
    """True, False or None; the columns are values to be held as JSON, except for the timestamp."""
    cells = Cells()
    answer = where(node, cells, now)
    row = {name: _column(value) for name, value in columns.items()}
    given = ", ".join(f"?::{'bigint' if name == 'timestamp' else 'varchar'} as {name}" for name in row)
    select = ", ".join([*cells.select(), "1"])
    found = CONNECTION.execute(f"select {answer} from (select {select} from (select {given}))", list(row.values()))
    return found.fetchall()[0][0]


def _column(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else msgspec.json.encode(value).decode()


def static(text: str) -> Condition:
    plan = compiled(f"event('A').where({text}).count() >= 1")
    found = plan.streams[0].spec.conditions
    return found[0] if len(found) == 1 else And(found)


def both(text: str, properties: Any, context: Any, timestamp: int) -> tuple[Any, bool]:
    """What SQL and what Python says of the same stored event."""
    node = static(text)
    event = Occurrence(
        event="A",
        timestamp=timestamp,
        received_at=T0,
        message_id="m",
        properties=msgspec.json.decode(msgspec.json.encode(properties)),
        context=msgspec.json.decode(msgspec.json.encode(context)),
    )
    columns = {"properties": properties or None, "context": context or None, "timestamp": timestamp}
    return in_sql(node, columns), python_test(node)(event)


objects = st.fixed_dictionaries({}, optional={"a": values, "b": scalars, "timestamp": scalars, "é": scalars})
times = st.sampled_from([T0, T0 + 7, 0, -1, -62_135_596_800_001, -40_000_000_000_000, 253_402_300_800_000])


@bounded
@given(conditions(), objects, objects, times)
def test_sql_says_what_the_comparators_say_or_nothing(text: str, properties: Any, context: Any, timestamp: int):
    got, wanted = both(text, properties, context, timestamp)
    assert got is None or got is wanted


@bounded
@given(comparisons(st.just("property('a')")), scalars)
@example("property('a') = 'x'", 'x"')
def test_one_comparison(text: str, value: Any):
    got, wanted = both(text, {"a": value}, {}, T0)
    assert got is None or got is wanted


@bounded
@given(st.lists(steps, min_size=1, max_size=3), values)
def test_any_path_is_followed_alike(path: list[str], value: Any):
    node = Comparison(Property(tuple(path)), "exists")
    got = in_sql(node, {"properties": {"a": value, "é": value, "a.b": value}, "context": None, "timestamp": T0})
    assert got is None or got is (follow({"a": value, "é": value, "a.b": value}, tuple(path)) is not None)


ORDINARY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.integers(-(10**6), 10**6).map(lambda cents: cents / 100),
    st.sampled_from(
        ["x", "pro", "Zürich", "sku-17", "it's", "12", "9.99", "2024-05-15", "2024-05-15T12:00:00.000Z", "true"]
    ),
)


@bounded
@given(comparisons(references), st.fixed_dictionaries({"a": ORDINARY, "b": ORDINARY}))
def test_ordinary_values_are_decided(text: str, properties: Any):
    got, wanted = both(text, properties, {"a": properties["b"]}, T0)
    hard = {"9007199254740993", "123456789012345678901234567890", "0.1234567890123456789", "1" * 40, "1234567890123456"}
    hard |= {"0." + "0" * 20 + "1", "\x00"}
    assert got is wanted or any(word in text for word in hard)


DATES = st.one_of(scalars, st.integers(-5, 5).map(lambda days: f"2024-05-{15 + days:02}"), st.sampled_from(ODD_TEXTS))


@bounded
@given(
    st.sampled_from(["within_last", "within_next", "before_last", "after_next"]),
    st.builds(Duration, st.integers(0, 3), st.sampled_from(["hour", "day"])),
    DATES,
    st.integers(-3 * DAY, 3 * DAY).map(lambda offset: offset // HOUR * HOUR),
)
def test_looking_from_the_present(name: str, duration: Duration, value: Any, offset: int):
    node = Comparison(Trait(("a",)), name, (), duration)
    got = in_sql(node, {"traits": {"a": value}, "outcomes": None}, T0 + offset)
    wanted = relative(name, duration)(cell(value), T0 + offset)[0]
    assert got is None or got is wanted


@pytest.mark.parametrize(
    ("traits", "outcomes", "found"),
    [
        ({"a": 1}, {}, True),
        ({"a": 2}, {"a": {"value": 1}}, True),
        ({"a": 1}, {"a": {"value": 2}}, False),
        ({"a": 1}, {"a": {"value": None}}, False),
        ({"a": 1}, {"b": {"value": 2}}, True),
        (None, None, False),
    ],
)
def test_values_of_computations_stand_in_front_of_traits(traits: Any, outcomes: Any, found: bool):
    node = compiled("trait('a') = 1").definition.body
    assert not isinstance(node, Property | Context)
    assert in_sql(node, {"traits": traits, "outcomes": outcomes}) is found  # type: ignore[arg-type]


def test_junctions_settle_what_a_part_leaves_open():
    known, open_ = Comparison(Property(("a",)), "exists"), Comparison(Property(("$",)), "exists")
    columns = {"properties": {"a": 1}, "context": None, "timestamp": T0}
    assert in_sql(Or((known, open_)), columns) is True
    assert in_sql(And((Not(known), open_)), columns) is False
    assert in_sql(And((known, open_)), columns) is None


@pytest.mark.parametrize("text", ["'; drop table x; --", "a' or '1'='1", "\\'", '"', "$1", "?", "{x}"])
def test_texts_of_a_definition_stay_texts(text: str):
    assert both(f"property('a') = {quoted(text)}", {"a": text}, {}, T0) == (True, True)
    assert both(f"property('a').contains({quoted(text)})", {"a": f"<{text}>"}, {}, T0) == (True, True)
    path = text.replace(".", "\\.")
    got, wanted = both(f"property({quoted(path)}) = 1", {text: 1}, {}, T0)
    assert wanted
    assert got is not False
