"""Reading request bodies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Invalid
from chalicelib.workspace.body import Body

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def problems(body):
    with pytest.raises(Invalid) as caught:
        body.done()
    return [(problem.field, problem.message) for problem in caught.value.problems]


def test_sound_fields_are_read():
    body = Body({"t": "x", "f": False, "m": {"a": 1}, "c": "ONE", "l": ["a", "b", "a"], "o": {"t": "y"}})
    assert (body.required_text("t"), body.flag("f"), body.mapping("m")) == ("x", False, {"a": 1})
    assert (body.choice("c", ("ONE", "TWO")), body.texts("l")) == ("ONE", ["a", "b"])
    assert body.inner("o").required_text("t") == "y"
    body.done()


def test_absent_and_null_are_the_same():
    body = Body({"a": None})
    for name in ("a", "b"):
        assert all(read(name) is None for read in (body.text, body.flag, body.mapping, body.texts))
        assert not body.has(name)
    assert body.gives("a")
    assert not body.gives("b")
    body.done()


def test_all_problems_are_listed_with_their_paths():
    body = Body({"flag": 1, "inner": {"text": 2}, "list": [1], "wrong": 3})
    body.required_text("name")
    body.flag("flag")
    inner = body.inner("inner")
    inner.text("text")
    inner.required_text("other")
    body.texts("list")
    body.inner("wrong", required=True).required_text("unread")
    body.inner("missing", required=True).required_text("unread")
    assert problems(body) == [
        ("name", '"name" is required'),
        ("flag", '"flag" must be true or false'),
        ("inner.text", '"inner.text" must be a string'),
        ("inner.other", '"inner.other" is required'),
        ("list", '"list" must be a list of strings that are not empty'),
        ("wrong", '"wrong" must be an object'),
        ("missing", '"missing" is required'),
    ]


def test_lengths():
    body = Body({"long": "x" * 256, "longest": "x" * 255})
    assert body.text("longest") == "x" * 255
    assert body.text("long", longest=None) == "x" * 256
    assert body.text("long") is None
    assert problems(body) == [("long", '"long" must have at most 255 characters')]


@given(json_values)
def test_no_value_gets_through_as_another_type(value):
    body = Body({"x": value})
    for read, type in ((body.text, str), (body.flag, bool), (body.mapping, dict), (body.items, list)):
        found = read("x")
        assert found is None or (found == value and isinstance(found, type))
    kinds = sum(isinstance(value, type) for type in (str, bool, dict, list))
    expected = 0 if value is None else 4 - kinds + (isinstance(value, str) and len(value) > 255)
    assert len(body.problems) == expected
