"""The list of a profile's events: which ones, in which order, and pages that fit together."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import DAY, FixedClock
from chalicelib.errors import Invalid
from chalicelib.identity.external_id import ExternalId, Identifier
from chalicelib.profiles import events
from chalicelib.profiles.events import Choice, Events
from chalicelib.profiles.ports import ProfileKey
from chalicelib.profiles.profile import Head, Merge, Profile
from chalicelib.store.memory import MemoryTimeline
from tests.events import T0, event

EVERYTHING = Choice()
ADA = Profile(space_id="s", profile_id="use_ada")


class Told:
    """A profile's timeline and the list over it."""

    def __init__(self):
        self.clock = FixedClock(T0)
        self._timeline = MemoryTimeline(self.clock)
        self._tags = 0
        self.list = Events(self._timeline, self.clock)

    def tell(self, *told, profile_id="use_ada"):
        self._tags += 1
        key = ProfileKey("s", profile_id)
        self._timeline.put(key, self._tags.to_bytes(4, "big"), told, T0 + 14 * DAY)

    def page(self, choice=EVERYTHING, limit=100, token=""):
        return self.list.page(ADA, choice, limit, events.position_of(token))

    def walk(self, choice=EVERYTHING, limit=100, between=lambda: None):
        seen, token = [], ""
        while True:
            page = self.page(choice, limit, token)
            seen += [e.message_id for e in page.items]
            if not page.next:
                return seen
            token = page.next
            between()


def at(days_ago, message_id, event_name="A", type="track", **fields):
    return event(type, event_name, at=T0 - round(days_ago * DAY), message_id=message_id, **fields)


def test_the_last_two_weeks_newest_first():
    told = Told()
    told.tell(at(10, "m10"), at(5, "m5"), at(14, "edge"), at(13.999, "inside"), at(15, "old"))
    told.tell(at(1, "m1"))
    assert told.walk() == ["m1", "m5", "m10", "inside"]
    assert told.walk(Choice(ascending=True)) == ["inside", "m10", "m5", "m1"]


def test_a_message_that_came_twice_is_shown_once_as_it_came_first():
    told = Told()
    told.tell(at(3, "m", "First"))
    told.tell(at(2, "m", "Second"))
    assert [e.event for e in told.page().items] == ["First"]
    assert told.page(Choice(exclude=["First"])).items == []


def test_the_events_of_all_that_were_merged_are_among_them():
    told = Told()
    told.tell(at(3, "hers"))
    told.tell(at(2, "of the other"), profile_id="use_other")
    told.tell(at(1, "of a stranger"), profile_id="use_stranger")
    merged = Profile(space_id="s", profile_id="use_ada", head=Head(merges=[Merge("use_other", T0, "m", "src")]))
    shown = told.list.page(merged, EVERYTHING, 10, None)
    assert [e.message_id for e in shown.items] == ["of the other", "hers"]


def test_both_ends_of_a_range_are_left_out():
    told = Told()
    told.tell(*(at(days, f"m{days}") for days in (1, 2, 3)))
    assert told.walk(Choice(after=T0 - 3 * DAY, before=T0 - DAY)) == ["m2"]
    assert told.walk(Choice(after=T0 - 30 * DAY)) == ["m1", "m2", "m3"]
    assert told.walk(Choice(after=T0, before=T0 - 5 * DAY)) == []


def test_names_are_chosen_exactly_and_then_some_are_taken_out():
    told = Told()
    told.tell(at(3, "1", "A"), at(2, "2", "B"), at(1, "3", "a"))
    assert told.walk(Choice(include=["A", "B"])) == ["2", "1"]
    assert told.walk(Choice(include=["A", "B"], exclude=["B"])) == ["1"]
    assert told.walk(Choice(include=[])) == []


def test_pages_and_screens_go_by_their_own_names():
    told = Told()
    told.tell(at(2, "p", type="page", name="Home"), at(1, "s", type="screen"))
    shown = [events.item(e, ADA, [], None) for e in told.page().items]
    assert [(i["type"], i["event"]) for i in shown] == [("track", "Screen Viewed"), ("track", "Home")]
    assert told.walk(Choice(include=["Home"])) == ["p"]


def test_an_event_shows_the_ids_that_it_brought_to_the_profile_and_only_those():
    ada = Profile(
        space_id="s",
        profile_id="use_ada",
        head=Head(external_ids=[ExternalId("user_id", "u1", "map_1", T0, "src", "m")]),
    )
    named = [Identifier("users", "user_id", "u1"), Identifier("users", "email", "kept.by@another.one")]
    shown = events.item(at(1, "m"), ada, named, "acc_1")
    assert shown["external_ids"] == [{"collection": "users", "type": "user_id", "id": "u1", "encoding": "none"}]
    assert shown["related"] == {"users": "use_ada", "accounts": "acc_1"}
    assert "accounts" not in events.item(at(1, "m"), ada, named, None)["related"]


times = st.lists(st.tuples(st.integers(0, 5), st.text(max_size=3)), max_size=12, unique_by=lambda t: t[1])


@given(known=times, later=times, limit=st.integers(1, 5), ascending=st.booleans())
def test_a_walk_shows_what_was_there_once_whatever_comes_meanwhile(known, later, limit, ascending):
    told = Told()
    for days, message_id in known:
        told.tell(at(days, message_id))
    waiting = [(days, f"later {message_id}") for days, message_id in later]

    def more():
        if waiting:
            days, message_id = waiting.pop()
            told.tell(at(days, message_id))

    seen = told.walk(Choice(ascending=ascending), limit, more)
    assert len(seen) == len(set(seen))
    old = [message_id for message_id in seen if not message_id.startswith("later ")]
    assert old == [m for _, m in sorted(((-d, m) for d, m in known), reverse=not ascending)]


def test_a_cursor_names_the_event_it_leads_to():
    told = Told()
    told.tell(at(1, "m1"), at(2, "m::2"))
    assert base64.b64decode(told.page(limit=1).next).decode() == f"{(T0 - 2 * DAY) * 1_000_000}::m::2"


@pytest.mark.parametrize("token", ["x", "MTIz", "OjpteA==", "é", base64.b64encode(b"\xff::m").decode()])
def test_what_no_page_gave_out_is_no_cursor(token):
    with pytest.raises(Invalid):
        events.position_of(token)
