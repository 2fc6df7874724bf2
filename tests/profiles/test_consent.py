"""What people agree to: in any order of arrival, from anybody, and when two become one."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import DAY, MINUTE
from chalicelib.profiles.consent import CONFLICT, LONGEST_CATEGORY, MOST_CATEGORIES, fold, listen
from chalicelib.profiles.profile import Head, Preference
from tests.events import T0, event
from tests.pipeline.crowd import Crowd, call

NO, YES = False, True


def said(at=T0, **preferences):
    return event("track", "Seen", at=at, received_at=max(at, T0), context=agreed(**preferences))


def agreed(**preferences):
    return {"consent": {"categoryPreferences": preferences}}


def heard(*events):
    head = Head()
    for one in events:
        listen(head, one)
    return head


def values(head):
    return {category: preference.value for category, preference in head.consent.items()}


def test_the_event_that_happened_last_decides_each_category():
    events = [
        said(T0 - 3, ads=YES, mail=NO),
        said(T0 - 2, ads=NO),
        said(T0 - 1, mail=YES, push=YES),
    ]
    for order in permutations(events):
        assert values(heard(*order)) == {"ads": NO, "mail": YES, "push": YES}


def test_a_clock_in_the_future_does_not_make_an_answer_stick():
    ahead = event("track", "Seen", at=T0 + DAY, received_at=T0, context=agreed(ads=NO))
    later = event("track", "Seen", at=T0 + MINUTE, context=agreed(ads=YES))
    assert values(heard(ahead, later)) == values(heard(later, ahead)) == {"ads": YES}


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"consent": None},
        {"consent": {"categoryPreferences": None}},
        {"consent": {"categoryPreferences": [True]}},
        {"consent": {"categoryPreferences": {"ads": "true", "mail": 1, "": True, "x" * (LONGEST_CATEGORY + 1): True}}},
    ],
)
def test_what_is_no_answer_is_passed_over(context):
    assert heard(event("track", "Seen", context=context)).consent == {}


def test_of_very_many_categories_the_first_are_kept_and_stay_open_to_change():
    head = heard(said(T0 - 1, **{f"c{n}": YES for n in range(MOST_CATEGORIES + 5)}), said(T0, c0=NO))
    assert len(head.consent) == MOST_CATEGORIES
    assert head.consent["c0"] == Preference(NO, T0)


def test_two_people_become_one():
    kept = heard(said(T0 - 9, both=YES, neither=NO, differs=YES, mine=YES, mine_no=NO))
    fold(kept, heard(said(T0 - 5, both=YES, neither=NO, differs=NO, theirs=YES, theirs_no=NO)))
    assert values(kept) == {
        "both": YES,
        "neither": NO,
        "differs": CONFLICT,
        "mine": CONFLICT,
        "mine_no": NO,
        "theirs": CONFLICT,
        "theirs_no": NO,
    }
    listen(kept, said(T0 - 7, differs=YES))
    assert kept.consent["differs"] == Preference(CONFLICT, T0 - 5)
    listen(kept, said(T0 - 4, differs=YES))
    assert kept.consent["differs"] == Preference(YES, T0 - 4)


preferences = st.dictionaries(st.sampled_from("abc"), st.booleans(), max_size=3)


@given(st.lists(preferences, min_size=2, max_size=4))
def test_people_become_one_in_any_order(people):
    ends = []
    for order in permutations(people):
        head = heard(said(**order[0]))
        for other in order[1:]:
            fold(head, heard(said(**other)))
        ends.append(values(head))
    assert all(end == ends[0] for end in ends)
    for category, value in ends[0].items():
        answers = {person.get(category, False) for person in people}
        assert value == (CONFLICT if len(answers) > 1 else answers.pop())


def test_through_the_pipeline_with_late_events_and_a_merge():
    crowd = Crowd()
    crowd.send(call({"u": "u1"}, context=agreed(ads=YES, mail=YES)))
    crowd.clock.advance(MINUTE)
    crowd.send(call({"a": "a1"}, context=agreed(ads=YES, mail=NO)))
    crowd.clock.advance(MINUTE)
    crowd.send(call({"u": "u1", "a": "a1"}))
    assert values(crowd.profile("anonymous_id:a1").head) == {"ads": YES, "mail": CONFLICT}
    crowd.send(call({"u": "u1"}, timestamp="2026-03-01T12:00:30Z", context=agreed(mail=YES)))
    assert values(crowd.profile("user_id:u1").head) == {"ads": YES, "mail": CONFLICT}
    crowd.clock.advance(MINUTE)
    crowd.send(call({"u": "u1"}, context=agreed(mail=YES)))
    assert values(crowd.profile("user_id:u1").head) == {"ads": YES, "mail": YES}
