"""The filter query language: what conditions mean, and what is said of those that mean nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.filters.condition import condition
from chalicelib.filters.glob import glob
from chalicelib.filters.parser import DEEPEST, LONGEST
from chalicelib.query.errors import QueryError

from . import generate

CLICKED = {
    "type": "track",
    "event": "Button Clicked",
    "context": {"library": {"name": "analytics.js", "version": "1.0"}, "ip": "10.1.2.3"},
    "properties": {"features": ["discounts", "dark-mode"], "price": 19.5, "sold": True, "product 1": {"a.b": 1}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event = 'Button Clicked'", True),
        ('event = "Button Clicked"', True),
        ("event = 'button clicked'", False),
        ("context.path.path = '/login'", False),
        ("type = 'identify' or type = 'track'", True),
        ("type = 'identify' OR type = 'track' AND event = 'x'", False),
        ("type = 'track' or type = 'x' and event = 'y'", True),
        ("(type = 'track' or type = 'x') and event = 'y'", False),
        ("match( context.library.version, '1.*' )", True),
        ("match( context.library.version, '2.*' )", False),
        ("!contains( context.library.name, 'js' )", False),
        ("not contains( context.library.name, 'py' )", True),
        ("'dark-mode' in properties.features", True),
        ("'blink' in properties.features", False),
        ("type in ['track', 'identify']", True),
        ("type in []", False),
        ("!( type in ['track', 'identify'] )", False),
        ("properties.price > 19 and properties.price <= 19.5", True),
        ("properties.price = '19.5'", False),
        ("properties.price != '19.5'", True),
        ("properties.missing < 5", False),
        ("properties.missing >= 5", False),
        ("!( properties.missing >= 5 )", True),
        ("properties.missing = null", True),
        ("properties.sold", True),
        ("properties.price", False),
        ("properties.sold = 1", False),
        ("properties.features = properties.features", True),
        (r"properties.product\ 1.a\.b = 1.0", True),
        ("length( userId ) > 0", False),
        ("length( userId ) = 0", True),
        ("length( properties.features ) = 2", True),
        ("length( properties ) = 0", False),
        ("lowercase( event ) = 'button clicked'", True),
        ("uppercase( type ) = 'TRACK'", True),
        ("lowercase( userId ) = null", True),
        ("typeof( userId ) = 'null' and typeof( properties.sold ) = 'bool'", True),
        ("typeof( properties.features ) = 'list' and typeof( event ) = 'string'", True),
        ("cidr( context.ip, '10.0.0.0/8' )", True),
        ("cidr( context.ip, '11.0.0.0/8' )", False),
        ("cidr( context.ip, '::/0' )", False),
        ("cidr( event, '0.0.0.0/0' )", False),
        ("contains( properties.features, 'dark-mode' )", False),
        ("all", True),
        (" all\n", True),
        ("all = null", True),
    ],
)
def test_what_conditions_mean(text, expected):
    assert condition(text)(CLICKED) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a*d", "abcd", True),
        ("*", "", True),
        ("ab", "abc", False),
        ("a??d", "abcd", True),
        ("*d", "abcd", True),
        (r"ab\*d", "ab*d", True),
        (r"ab\*d", "abcd", False),
        ("ab[cC]d", "abCd", True),
        ("ab[a-z]d", "abcd", True),
        ("ab[A-Z]d", "abcd", False),
        ("ab[^c]d", "abcd", False),
        (r"[\]]", "]", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a*a", "a", False),
        ("*/*.html", "/shop/a.html", True),
        ("a*", "a\nb", True),
        ("[.-0]", "/", True),
    ],
)
def test_patterns(pattern, text, expected):
    assert glob(pattern)(text) is expected


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ("", 1, "empty"),
        ('userId = oops"', 14, "closing quote"),
        ("event == 'x'", 8, "unexpected `=`"),
        ("event = 'x' &&", 13, "operator"),
        ("event = 'x' and", 16, "ends here"),
        ("(event = 'x'", 13, "`)`"),
        ("event = 'x')", 12, "unexpected `)`"),
        ("event 'x'", 7, "unexpected"),
        ("shout(event) = 'x'", 1, "no function `shout`"),
        ("contains(event)", 1, "2 arguments"),
        ("length(event, type) = 1", 1, "one argument"),
        ("lowercase(event)", 1, "neither true nor false"),
        ("'x' or type = 'x'", 1, "neither true nor false"),
        ("!length(event)", 2, "neither true nor false"),
        ("!type = 'x'", 7, "not clear"),
        ("event > 'a'", 9, "numbers"),
        ("event in 'abc'", 10, "list"),
        ("event in [a]", 11, "a list holds"),
        ("match(event, type)", 14, "text in quotes"),
        ("match(event, '[z-a]')", 14, "wrong way round"),
        ("match(event, '[')", 14, "ends where"),
        ("match(event, 'a\\\\')", 14, "ends where"),
        ("match(event, '[]')", 14, "no character"),
        ("cidr(context.ip, '10.0.0.0/33')", 18, "10.0.0.0/33"),
        ("properties.$x = 1", 11, "unexpected"),
        ("a = 1e999", 5, "no number"),
        ("a = " + "9" * 5_000, 5, "no number"),
        ("a\n  = 'b' c", 9, "unexpected `c`"),
    ],
)
def test_mistakes_are_shown_where_they_are(text, column, part):
    with pytest.raises(QueryError) as caught:
        condition(text)
    assert part in caught.value.report()
    assert caught.value.column == column


def test_bounds_of_a_condition():
    longest = "event = '" + "x" * (LONGEST - 10) + "'"
    assert condition(longest)({"event": "x" * (LONGEST - 10)})
    with pytest.raises(QueryError, match="longer"):
        condition(longest[:-1] + "ü'")
    assert condition("(" * DEEPEST + "a" + ")" * DEEPEST)({"a": True})
    assert not condition("!" * (DEEPEST - 1) + "a")({"a": True})
    for opening in ("(", "!", "length("):
        with pytest.raises(QueryError, match=r"deep|ends"):
            condition(opening * 600 + "a")
    wide = " or ".join(["a"] * 1_000)
    assert condition(wide)({"a": True})


def test_many_stars_are_no_labyrinth():
    """Whoever tried every way through it would not come back."""
    assert glob("*a" * 60 + "b")("a" * 30_000) is False


def test_events_may_be_as_deep_as_they_like():
    deep: list = []
    for _ in range(5_000):
        deep = [deep]
    assert condition("a = b")({"a": deep, "b": deep})
    assert condition("a in b")({"a": deep, "b": [deep]})


@settings(max_examples=600)
@given(generate.CONDITIONS, generate.EVENTS)
def test_they_mean_what_the_plain_reading_says(part, event):
    assert condition(generate.written(part))(event) is generate.holds(part, event)


@settings(max_examples=300)
@given(st.text(alphabet="ab.'\"\\()[]!=<>, \n1-and or in not match(contains,*", max_size=40), generate.EVENTS)
def test_any_text_is_a_condition_or_is_told_where_it_is_not(text, event):
    try:
        asked = condition(text)
    except QueryError as error:
        place, answer = error.offset, None
    else:
        place, answer = 0, asked(event)
    assert 0 <= place <= len(text)
    assert answer in (True, False, None)
