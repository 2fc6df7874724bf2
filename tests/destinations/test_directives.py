"""Bodies made from events by directives, and what cannot be one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.destinations.directives import problems_of, rendered

EVENT = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "properties": {"total": 12.5, "items": [{"sku": "a"}], "paid": True, "coupon": None},
    "context": {"traits": {"name": "Jo"}},
}


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ({"@path": "$"}, EVENT),
        ({"@path": "$."}, EVENT),
        ({"@path": "$.properties"}, EVENT["properties"]),
        ({"n": {"@path": "$.properties.total"}}, {"n": 12.5}),
        ({"n": {"@path": "$.properties.coupon"}}, {"n": None}),
        ({"n": {"@path": "$.properties.nothing"}, "m": 1}, {"m": 1}),
        ({"n": {"@path": "$.event.length"}}, {}),
        ({"@path": "$.nothing"}, None),
        ([{"@path": "$.userId"}, {"@path": "$.nothing"}, [1, None]], ["u1", None, [1, None]]),
        ({"a": {"b": [{"c": {"@path": "$.userId"}}]}}, {"a": {"b": [{"c": "u1"}]}}),
        ({"t": {"@template": "Hello {{context.traits.name}}!"}}, {"t": "Hello Jo!"}),
        ({"t": {"@template": "{{ $.userId }}/{{properties.total}}/{{properties.paid}}"}}, {"t": "u1/12.5/true"}),
        ({"t": {"@template": "[{{nothing}}{{properties.coupon}}]"}}, {"t": "[]"}),
        ({"t": {"@template": "{{properties.items}}"}}, {"t": '[{"sku":"a"}]'}),
        ({"t": {"@template": "plain"}}, {"t": "plain"}),
        ({"literal": True, "none": None}, {"literal": True, "none": None}),
    ],
)
def test_what_a_body_becomes(body, made):
    assert list(problems_of(body, "data")) == []
    assert rendered(body, EVENT) == made


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"a": {"@if": {"exists": {"@path": "$.userId"}}}}, "data.a"),
        ({"a": [{"@arrayPath": ["$.properties"]}]}, "data.a.0"),
        ({"@path": "$.userId", "more": 1}, "data"),
        ({"@path": 7}, "data"),
        ({"@path": "userId"}, "data"),
        ({"@path": "$.a..b"}, "data"),
        ({"@path": "$.a[0]"}, "data"),
        ({"@path": ""}, "data"),
        ({"a": {"@template": ["x"]}}, "data.a"),
        ({"a": {"@template": "{{a"}}, "data.a"),
        ({"a": {"@template": "a}} {{b}}"}}, "data.a"),
        ({"a": {"@template": "{{}}"}}, "data.a"),
        ({"a": {"@template": "{{#if a}}x{{/if}}"}}, "data.a"),
    ],
)
def test_what_cannot_be_made_is_told_with_its_place(body, field):
    assert [problem.field for problem in problems_of(body, "data")] == [field]


def test_nothing_is_nested_without_end():
    body: dict[str, Any] = {}
    for _ in range(1_000):
        body = {"a": body}
    (problem,) = problems_of(body, "data")
    assert "20 levels" in problem.message


NAMES = st.text("abc@$", min_size=1, max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("a$.{}@", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.fixed_dictionaries({"@path": st.text("$.ab", max_size=6)})
        | st.fixed_dictionaries({"@template": st.text("{}ab.", max_size=8)})
    ),
)


@given(JSON, st.dictionaries(NAMES, JSON, max_size=3))
def test_whatever_has_no_problems_is_made_and_keeps_the_event(body, event):
    before = repr(event)
    if not list(problems_of(body, "data")):
        rendered(body, event)
    assert repr(event) == before


@given(
    st.recursive(st.none() | st.integers() | st.text("a$.{}"), lambda x: st.lists(x) | st.dictionaries(st.just("k"), x))
)
def test_what_holds_no_directive_is_taken_as_it_is(body):
    assert rendered(body, EVENT) == body
