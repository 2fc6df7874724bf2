"""Bodies held to their declaration."""

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from chalicelib.api.contract.reading import read
from chalicelib.api.contract.shape import JsonObject, Name, Sent, one_of
from chalicelib.workspace.body import Body


class Inner(Sent, kw_only=True):
    wanted_name: Name
    flag: bool | None = None


class Whole(Sent, kw_only=True):
    name: Name
    kind: Annotated[str | None, one_of(["a", "b"])] = None
    count: Annotated[int, Meta(ge=1, le=5)] | None = None
    share: Annotated[float, Meta(gt=0)] | None = None
    inner: Inner | None = None
    listed: Annotated[list[Inner], Meta(max_length=2)] | None = None
    by_name: dict[str, Inner] | None = None
    free: JsonObject | None = None
    either: str | list[str] | None = None
    anything: Any = None


COMPLETE = {
    "name": "N",
    "kind": "a",
    "count": 5,
    "share": 0.5,
    "inner": {"wantedName": "x", "flag": True},
    "listed": [{"wantedName": "y"}],
    "byName": {"z": {"wantedName": "z"}},
    "free": {"a": [1, None, {"b": 2}]},
    "either": ["x"],
    "anything": [1],
}


def test_what_is_declared_comes_through_and_nothing_else():
    more = {**COMPLETE, "other": 1, "inner": {"wantedName": "x", "flag": True, "other": 1}}
    content = read(Whole, more)
    assert content == COMPLETE
    assert content.problems == []


def test_null_stays_null():
    assert read(Whole, {"name": "N", "kind": None, "inner": None}) == {"name": "N", "kind": None, "inner": None}


def test_a_whole_number_may_be_written_with_a_point():
    assert read(Whole, {"name": "N", "count": 2.0})["count"] == 2
    assert isinstance(read(Whole, {"name": "N", "count": 2.0})["count"], int)


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"name": "x" * 256}, ["name"]),
        ({"name": "N", "kind": "c"}, ["kind"]),
        ({"name": "N", "count": 0}, ["count"]),
        ({"name": "N", "count": 6}, ["count"]),
        ({"name": "N", "count": 1.5}, ["count"]),
        ({"name": "N", "count": float("inf")}, ["count"]),
        ({"name": "N", "count": True}, ["count"]),
        ({"name": "N", "share": 0}, ["share"]),
        ({"name": "N", "inner": {}}, ["inner.wantedName"]),
        ({"name": "N", "inner": []}, ["inner"]),
        ({"name": "N", "listed": {}}, ["listed"]),
        ({"name": "N", "listed": [{}, {"wantedName": 1}]}, ["listed.0.wantedName", "listed.1.wantedName"]),
        ({"name": "N", "listed": ["x"]}, ["listed.0"]),
        ({"name": "N", "listed": [None] * 3}, ["listed"]),
        ({"name": "N", "byName": {"z": {"wantedName": "z", "flag": 1}}}, ["byName.z.flag"]),
        ({"name": 1, "kind": 2, "free": 3}, ["name", "kind", "free"]),
    ],
)
def test_everything_wrong_is_found_and_kept_for_whoever_knows_more(sent, fields):
    content = read(Whole, sent)
    assert [problem.field for problem in content.problems] == fields
    body = Body(content)
    with pytest.raises(Exception, match=r"must|required"):
        body.done()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*COMPLETE, "other"]), JSON))
def test_whatever_comes_it_never_fails_and_lets_through_only_what_is_declared(sent):
    content = read(Whole, sent)
    assert content.keys() <= COMPLETE.keys()
    if not content.problems:
        assert read(Whole, content) == content
