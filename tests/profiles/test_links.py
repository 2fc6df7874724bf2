"""Links between people and accounts."""

import random

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import FixedClock
from chalicelib.profiles.links import RecordedLinks
from chalicelib.store.memory import MemoryRecords
from tests.events import T0


def links():
    return RecordedLinks(MemoryRecords(FixedClock(T0)))


def walk(made, account, limit):
    found, last = [], None
    while page := made.users("s", account, limit, last):
        found += [membership.user_id for membership in page]
        last = page[-1]
    return found


def test_the_first_link_stands_whoever_repeats_it():
    made = links()
    made.add("s", "acc_1", "use_2", T0 + 5)
    made.add("s", "acc_1", "use_1", T0)
    made.add("s", "acc_1", "use_2", T0 - 5)
    made.add("s", "acc_2", "use_3", T0)
    made.add("other", "acc_1", "use_4", T0)
    assert walk(made, "acc_1", 10) == ["use_1", "use_2"]
    assert walk(made, "acc_3", 10) == []


def test_it_is_known_since_when_somebody_belongs_to_an_account():
    made = links()
    made.add("s", "acc_1", "use_1", T0)
    made.add("s", "acc_1", "use_2", T0 + 5)
    made.add("s", "acc_2", "use_3", T0)
    assert made.times("s", "acc_1", ["use_2", "use_3", "use_1"]) == {"use_1": T0, "use_2": T0 + 5}


def test_a_link_can_be_removed_and_made_again():
    made = links()
    made.add("s", "acc_1", "use_1", T0)
    made.remove("s", "acc_1", "use_1")
    made.remove("s", "acc_1", "use_1")
    assert walk(made, "acc_1", 10) == []
    made.add("s", "acc_1", "use_1", T0 + 9)
    assert walk(made, "acc_1", 10) == ["use_1"]


@given(st.lists(st.integers(0, 30), max_size=25), st.integers(1, 7), st.randoms(use_true_random=False))
def test_every_walk_shows_each_person_once_in_order_of_creation(users, limit, source: random.Random):
    made = links()
    first: dict[str, int] = {}
    for user in users:
        at = T0 + source.randint(0, 10**6)
        made.add("s", "acc_1", f"use_{user}", at)
        first.setdefault(f"use_{user}", at)
    assert walk(made, "acc_1", limit) == sorted(first, key=lambda user: (first[user], user))
