"""Pages of lists."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.management.paging import page

from .api import cursor


@pytest.fixture
def many(api, world):
    for name in "abcde":
        world.clock.advance(1)
        api.create_audience(name)
    return api


def names(reply):
    return [audience["name"] for audience in reply.data["audiences"]]


def test_walking_forth_and_back(many):
    first = many.get(many.audiences, pagination={"count": 2})
    assert first.data["pagination"]["previous"] is None
    assert first.data["pagination"]["totalEntries"] == 5
    seen, reply = names(first), first
    while reply.data["pagination"]["next"] is not None:
        reply = many.get(many.audiences, pagination={"count": 2, "cursor": reply.data["pagination"]["next"]})
        seen += names(reply)
    assert seen == list("abcde")
    while reply.data["pagination"]["previous"] is not None:
        reply = many.get(many.audiences, pagination={"count": 2, "cursor": reply.data["pagination"]["previous"]})
    assert names(reply) == names(first)


@pytest.mark.parametrize(
    "query",
    [
        "pagination=" + quote(json.dumps({"count": 2})),
        "pagination=" + quote(json.dumps({"count": 2.0})),
        "pagination[count]=2",
        "pagination%5Bcount%5D=2",
        "pagination.count=2",
        "pagination.count=2.0",
    ],
)
def test_every_way_to_ask(many, query):
    assert names(many.send("GET", f"{many.audiences}?{query}")) == ["a", "b"]
    with_cursor = query.replace(quote('"count"'), quote(f'"cursor": "{cursor(2)}", "count"'))
    if with_cursor == query:
        with_cursor += "&" + query.split("=")[0].replace("count", "cursor") + "=" + cursor(2)
    assert names(many.send("GET", f"{many.audiences}?{with_cursor}")) == ["c", "d"]


def test_without_pagination_all_are_listed(many):
    assert names(many.get(many.audiences)) == list("abcde")


@pytest.mark.parametrize("count", [0, 201, -1, 1.5, "x", True, "nan", "inf", "1e400", 10**400, [], {}])
def test_counts_out_of_range(api, count):
    reply = api.get(api.audiences, pagination={"count": count})
    assert (reply.status, reply.fields) == (422, ["pagination.count"])


@pytest.mark.parametrize(("count", "status"), [(1000, 200), (1001, 422)])
def test_other_lists_give_out_more(api, count, status):
    assert api.get("/sources", pagination={"count": count}).status == status


@pytest.mark.parametrize("wrong", ["", "!", "MA", cursor(1), cursor(-1), "eA==", 7, "Mi4w", "wrI=", None])
def test_cursors_that_were_not_given_out(api, wrong):
    api.create_audience()
    reply = api.get(api.audiences, pagination={"count": 1, "cursor": wrong})
    if wrong is None:
        assert reply.status == 200
    else:
        assert (reply.status, reply.fields) == (422, ["pagination.cursor"])


@pytest.mark.parametrize("wrong", ["[]", "x", "1", "", "null", '{"count":', "[" * 100_000])
def test_a_parameter_that_is_no_object(api, wrong):
    reply = api.get(api.audiences, pagination=wrong)
    assert (reply.status, reply.fields) == (422, ["pagination"])


def test_both_problems_of_a_page_are_listed(api):
    reply = api.get(api.audiences, pagination={"count": 0, "cursor": "?"})
    assert reply.fields == ["pagination.count", "pagination.cursor"]


def test_an_empty_list_has_a_first_page(api):
    assert api.get(api.audiences).data == {
        "audiences": [],
        "pagination": {"current": "MA==", "next": None, "previous": None, "totalEntries": 0},
    }


@given(st.integers(0, 40), st.integers(1, 12))
def test_pages_neither_miss_nor_repeat_anything(total, count):
    items, seen, asked = list(range(total)), [], {"count": count}
    while True:
        found, described = page(items, asked)
        seen += found
        if described["next"] is None:
            break
        asked = {"count": count, "cursor": described["next"]}
    assert seen == items
