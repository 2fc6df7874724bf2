"""Reading definitions: what is refused, with which code, where, and in which words."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import query
from chalicelib.query import syntax as s


def refused(text: str, kind: str = "audience", scope: str = "USERS") -> query.QueryError:
    with pytest.raises(query.QueryError) as caught:
        query.parse(text, kind=kind, scope=scope)
    return caught.value


@pytest.mark.parametrize(
    ("text", "code", "offset"),
    [
        ("  \n\t ", "empty_definition", 0),
        ("trait('a') = ", "syntax_error", 12),
        ("trait('a') = 1 and trait('b') = 1", "syntax_error", 15),
        ("not (trait('a') = 1)", "syntax_error", 0),
        ("trait('a') = 1 and(trait('b') = 1)", "syntax_error", 15),
        ("trait('a')  = = 1", "syntax_error", 14),
        ("trait('a') = \u00a01", "syntax_error", 13),
        ("trait('a') = .5", "syntax_error", 13),
        ("trait('a') = 1.", "syntax_error", 15),
        ("trait('a') = 1e5", "syntax_error", 14),
        ("trait('a').equals(1e5)", "syntax_error", 18),
        ("trait('a') = +1", "syntax_error", 13),
        ("trait('a') = True", "syntax_error", 13),
        ("trait('a') = (1)", "syntax_error", 13),
        ("(trait('a')) = 1", "syntax_error", 13),
        ("(trait('a')) AND trait('b') = 1", "syntax_error", 0),
        ("(trait('a')).exists()", "syntax_error", 12),
        ("event('A').count >= 1", "syntax_error", 11),
        ("event('A').within(Parent: 1 day).count() >= 1", "syntax_error", 18),
        ("event('A').within(exclude: 1 day).count() >= 1", "scope_error", 18),
        ("event('A').sources(parent: 's').count() >= 1", "syntax_error", 19),
        ("event('A').where({{property('x') = 1}}).count() >= 1", "syntax_error", 18),
        ("event({'A'}).count() >= 1", "syntax_error", 0),
        ("event('A').max(property('x') AS number) = 1", "syntax_error", 29),
        ("trait('a').equals(property('x') as number)", "syntax_error", 18),
        ("Event('A').count() >= 1", "unknown_function", 0),
        ("trait('a').gte (1)", "unknown_function", 11),
        ("trait('a') = 1 OR foo('b') ==", "unknown_function", 18),
        ("count() >= 1", "type_error", 0),
        ("5 = 5", "type_error", 2),
        ("5", "type_error", 0),
        ("trait('a')", "type_error", 0),
        ("NOT trait('a')", "type_error", 4),
        ("trait('a').event('b') = 1", "type_error", 11),
        ("trait('a') = event('b')", "type_error", 13),
        ("trait('a') = trait('b').exists()", "type_error", 13),
        ("trait('a').exists() = true", "type_error", 20),
        ("trait('a').exists(1)", "type_error", 11),
        ("trait('a').equals(1, 2)", "type_error", 11),
        ("trait('a').equals(7 days)", "type_error", 18),
        ("trait('a').equals(['x'])", "type_error", 19),
        ("trait('a').one_of(trait('b'))", "type_error", 18),
        ("trait('a').one_of([])", "type_error", 11),
        ("trait('a').contains(['x'], 'y')", "type_error", 21),
        ("trait('a').before_date(5)", "type_error", 23),
        ("trait('a').within_last(parent: 1 day)", "type_error", 23),
        ("trait(5) = 1", "type_error", 6),
        ("trait('a', 'b') = 1", "type_error", 0),
        ("event('A').where().count() >= 1", "type_error", 11),
        ("event('A').where('x').count() >= 1", "type_error", 17),
        ("event('A').where(property('x')).count() >= 1", "type_error", 17),
        ("event('A').sources('s').count() >= 1", "type_error", 19),
        ("event('A').sources(exclude: 5).count() >= 1", "type_error", 28),
        ("event('A').within('7 days').count() >= 1", "type_error", 18),
        ("event('A').between(7 days).count() >= 1", "type_error", 11),
        ("event('A').count(1) >= 1", "type_error", 11),
        ("event('A').max(trait('x')) > 1", "type_error", 15),
        ("event('A').mode(property('x'), 'y') = 'z'", "type_error", 31),
        ("context('page.url') = 'x'", "scope_error", 0),
        ("trait('a') = property('b')", "scope_error", 13),
        ("event('A').sum(property(parent: 'x')) > 1", "scope_error", 24),
        ("ALL event('A').count() >= 1", "scope_error", 0),
        ("trait('a').equals('x', property('y'))", "type_error", 11),
        ("event('A').within(8 DAYS).count() >= 1", "invalid_argument", 20),
        ("event('A').within(30 minutes).count() >= 1", "invalid_argument", 21),
        ("event('A').within(-1 days).count() >= 1", "invalid_argument", 18),
        ("event('A').between(1 day, 24 hours).count() >= 1", "invalid_argument", 19),
        ("event('A').mode(property('x'), 0) = 'z'", "invalid_argument", 31),
        ("event('A').mode(property('x'), 1.5) = 'z'", "invalid_argument", 31),
        ("event('A').mode(property('x') as Number) = 'z'", "invalid_argument", 33),
        ("trait('a') = 2024-02-30", "invalid_argument", 13),
        ("trait('a') = 2024-02-03T25:00Z", "invalid_argument", 13),
        ("trait('a') = 2024-02-03T10:00+30:00", "invalid_argument", 13),
        ("trait('.a') = 1", "invalid_argument", 6),
        ("trait('a.') = 1", "invalid_argument", 6),
    ],
)
def test_the_first_error_is_reported_with_its_place(text: str, code: str, offset: int):
    error = refused(text)
    assert (error.code, error.offset) == (code, offset), error.report()


@pytest.mark.parametrize(
    ("text", "kind", "scope", "code"),
    [
        ("ANY ANY event('A').count() >= 1", "audience", "ACCOUNTS", "scope_error"),
        ("ALL (trait('a') = 1 AND NOT ANY trait('b') = 1)", "audience", "ACCOUNTS", "scope_error"),
        ("event('A').where(ANY property('x') = 1).count() >= 1", "audience", "ACCOUNTS", "scope_error"),
        ("ANY event('A').count()", "trait", "ACCOUNTS", "scope_error"),
        ("event('A').where(trait('a') = 1).mode(trait('b'), 2)", "trait", "USERS", "type_error"),
        ("event('A').mode(trait('b'), 2) = 'x'", "audience", "ACCOUNTS", "type_error"),
        ("entity('E').count()", "trait", "LINKED", "scope_error"),
        ("event('A').expires_after(1 hour).within(1 day).count()", "trait", "USERS", "scope_error"),
        (
            "event('A').where(event('B').expires_after(1 hour).count() > 0).count()",
            "trait",
            "USERS",
            "scope_error",
        ),
        ("event('A').expires_after(parent: 1 hour).count()", "trait", "USERS", "type_error"),
        ("event('A').count().count()", "trait", "USERS", "type_error"),
        ("event('A').unique(property('x')).count().count()", "trait", "USERS", "type_error"),
        ("NOT event('A').count()", "trait", "USERS", "type_error"),
        ("(event('A').count())", "trait", "USERS", "syntax_error"),
        ("event('A').count() AND event('B').count()", "trait", "USERS", "type_error"),
        ("literal(5)", "trait", "USERS", "type_error"),
    ],
)
def test_kind_and_scope_decide_what_is_allowed(text: str, kind: str, scope: str, code: str):
    assert refused(text, kind, scope).code == code


def nested(levels: int) -> str:
    inner = "event('E').count() >= 1"
    for _ in range(levels - 1):
        inner = f"event('E').where({inner}).count() >= 1"
    return inner


def test_events_nest_six_levels_deep():
    query.compile(query.parse(nested(6), kind="audience", scope="USERS"))
    assert refused(nested(7)).code == "invalid_argument"


def test_the_fifty_first_condition_is_the_one_reported():
    error = refused(" OR ".join(f"trait('t{n}') = 1" for n in range(51)))
    assert error.code == "too_many_expressions"
    assert error.offset == len(" OR ".join(f"trait('t{n}') = 1" for n in range(50))) + len(" OR trait('t50') ")


def test_a_report_shows_the_line_a_caret_and_one_line_of_advice():
    error = refused("trait('plan') = 'pro' AND\n  event('A').cuont() >= 1")
    assert (error.line, error.column, error.offset) == (2, 14, 39)
    lines = error.report().split("\n")
    assert lines[0] == "there is no function `cuont` (line 2, column 14)"
    assert lines[1].endswith("event('A').cuont() >= 1")
    assert lines[2].index("^") == lines[1].index("cuont")
    assert len(lines) == 4
    assert lines[3] == error.advice


def test_a_report_of_a_long_line_stays_short():
    error = refused("trait('a') = 1 OR " * 40 + "trait('b') = foo('x')")
    shown, caret = error.report().split("\n")[1:3]
    assert len(shown) < 140
    assert shown[caret.index("^") :].startswith("foo")


def test_advice_names_what_was_meant():
    assert refused("trait('a').GREATER_THAN(1)").advice == "Did you mean `greater_than`?"
    assert "exists" in refused("trait('a').is_set()").advice
    assert "single quote" in refused('trait("a") = 1').message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("trait('a')=1", "trait('a') . equals ( literal( 1.0 ) )"),
        ("event('A').within(7days).count()>=1", "event('A').within( 7\r\n\tdays ).count().at_least(1)"),
        ("trait('a').contains('x','y')", "trait('a').contains(['x', 'y'])"),
        ("event('A').sources({exclude: ['s']}).count() = 1", "event('A').sources(exclude: 's').count() == 1"),
        ("((trait('a') = 1))", "trait('a') = 1"),
        (
            "trait('a') = 1 OR trait('b') = 1 AND NOT trait('c') = 1",
            "trait('a')=1 OR (trait('b')=1 AND (NOT trait('c')=1))",
        ),
        (r"trait('a\\.b\\\\.c') = 1", r"trait('a\.b\.c') = 1"),
        ("event('A').within(1 days).count() = 1", "event('A').within(1 day).count() = 1"),
        ("event('A').mode(property('x')) = 'y'", "event('A').mode(property('x'), 2) = 'y'"),
    ],
)
def test_spellings_of_the_same(one: str, other: str):
    assert query.parse(one, kind="audience", scope="USERS") == query.parse(other, kind="audience", scope="USERS")


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("a.b", ("a", "b")),
        (r"a\.b", ("a.b",)),
        (r"a\\\\.b.c", ("a.b", "c")),
        (r"\.", (".",)),
        (r"a\\b", ("a\\b",)),
        (r"a\b.c", ("a\\b", "c")),
        ("items.$.sku", ("items", "$", "sku")),
        (r"it\'s", ("it's",)),
    ],
)
def test_paths(written: str, path: tuple[str, ...]):
    parsed = query.parse(f"trait('{written}').exists()", kind="audience", scope="USERS")
    assert isinstance(parsed.body, s.Comparison)
    assert parsed.body.left == s.Trait(path)
    assert query.parse(query.to_text(parsed), kind="audience", scope="USERS") == parsed


def test_an_unknown_kind_or_scope_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="no such kind or scope"):
        query.parse("trait('a') = 1", kind="segment", scope="USERS")


WORDS = (
    "event( trait( property( context( entity( literal( where( within( between( sources( expires_after( count() sum( "
    "mode( unique( first( equals( contains( one_of( exists() before_date( within_last( 'a' 'a.b' 'A' 1 -2 1.5 7 days "
    "hours 2024-05-15 2024-05-15T12:00Z true false AND OR NOT ANY ALL and as number parent: exclude: ( ) { } [ ] , . : "
    "= == >= < != ' \\ \" é \ud800 \x00 foo foo("
)
PIECES = st.sampled_from(WORDS.split(" "))
fuzzed = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=25).map(" ".join), st.lists(PIECES, max_size=25).map("".join)
)


@settings(max_examples=600, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(fuzzed, st.sampled_from(["audience", "trait"]), st.sampled_from(["USERS", "ACCOUNTS", "LINKED"]))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str, kind: str, scope: str):
    definition, error = attempted(text, kind, scope)
    if error is not None:
        assert 0 <= error.offset <= len(text)
        assert error.line >= 1
        assert error.column >= 1
        assert error.report().count("\n") >= 3
    elif definition is not None:
        assert query.parse(query.to_text(definition), kind=kind, scope=scope) == definition


def attempted(text: str, kind: str, scope: str) -> tuple[query.Definition | None, query.QueryError | None]:
    try:
        return query.parse(text, kind=kind, scope=scope), None
    except query.QueryError as error:
        return None, error


SIZE = 10_000


@pytest.mark.parametrize(
    "text",
    [
        "(" * SIZE,
        "NOT " * (SIZE // 4),
        "(trait('a') = 1" * (SIZE // 15),
        "trait('x').one_of(" + "1," * (SIZE // 2),
        "trait('x').one_of(" + ",".join("1" * (SIZE // 2)) + ")",
        "trait('x').equals(" * (SIZE // 18),
        "event('A').where(" * (SIZE // 17),
        "event('A')" + ".within(1 day)" * (SIZE // 14) + ".count() = 1",
        " OR ".join(["trait('a') = 1"] * (SIZE // 18)),
        "trait('a') = '" + "x" * SIZE,
        "trait('a') = '" + "\\" * SIZE,
        "trait('" + "a." * (SIZE // 2) + "a') = 1",
        "trait('" + "\\" * SIZE + ".a') = 1",
        "trait('a') = " + "9" * SIZE,
        "trait('a') = -" + "9" * SIZE + "." + "9" * SIZE,
        "event('A').within(" + "9" * SIZE + " days).count() = 1",
        "event('A').mode(property('x'), " + "9" * SIZE + ") = 'x'",
        "[" * SIZE,
        "{" * SIZE,
        " " * SIZE + "x",
        "trait('a') = 1\n" * (SIZE // 15),
    ],
    ids=lambda text: text[:24].strip(),
)
def test_long_texts_are_answered_without_exhausting_anything(text: str):
    started = time.process_time()
    definition, error = attempted(text, "audience", "USERS")
    if error is not None:
        assert len(error.report()) < 1_000
    elif definition is not None:
        assert query.parse(query.to_text(definition), kind="audience", scope="USERS") == definition
        query.evaluate(query.compile(definition), {}, {"a": "9" * 50, "x": 1}, 0)
    assert time.process_time() - started < 1  # tens of milliseconds each; this only catches what explodes
