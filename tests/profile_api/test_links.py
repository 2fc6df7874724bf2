"""Links between people and accounts, page by page, also when either were merged or deleted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import FixedClock
from chalicelib.errors import Invalid
from chalicelib.profiles.links import RecordedLinks
from chalicelib.profiles.links_view import LinksView, place_of
from chalicelib.profiles.lookup import Lookup
from chalicelib.profiles.ports import ProfileKey
from chalicelib.profiles.profile import DELETED, Head, Link, Merge, Profile
from chalicelib.store.memory import MemoryIdentifiers, MemoryProfiles, MemoryRecords
from tests.events import T0


class Town:
    """People and accounts, linked as the pipeline links them: under the ids they had at the time."""

    def __init__(self):
        self.profiles = MemoryProfiles()
        self.links = RecordedLinks(MemoryRecords(FixedClock(T0)))
        self.view = LinksView(self.links, Lookup(self.profiles, MemoryIdentifiers()))

    def load(self, id):
        return self.profiles.load([ProfileKey("s", id)])[ProfileKey("s", id)]

    def settle(self, id):
        collection = "users" if id.startswith("use_") else "accounts"
        self.profiles.save(Profile(space_id="s", profile_id=id, head=Head(collection=collection)))

    def link(self, user_id, account_id, at):
        user = self.load(user_id)
        if all(link.account_id != account_id for link in user.head.links):
            self.links.add("s", account_id, user_id, at)
            user.head.links.append(Link(account_id, at))
            self.profiles.save(user)

    def merge(self, lost_id, survivor_id):
        lost, survivor = self.load(lost_id), self.load(survivor_id)
        known = {link.account_id: link for link in survivor.head.links}
        for link in lost.head.links:
            if link.account_id not in known or link.at < known[link.account_id].at:
                known[link.account_id] = link
        survivor.head.links = list(known.values())
        survivor.head.merges += [Merge(lost_id, T0, "m", "src"), *lost.head.merges]
        lost.merged_into = survivor_id
        self.profiles.save(lost)
        self.profiles.save(survivor)

    def delete(self, id):
        profile = self.load(id)
        profile.merged_into = DELETED
        self.profiles.save(profile)

    def walk(self, id, limit=20, between=lambda: None):
        seen, token = [], ""
        while True:
            page = self.view.page(self.load(id), limit, place_of(token))
            seen += [other.profile_id for other in page.items]
            token = page.next
            if not token:
                return seen
            between()


def town(*ids):
    made = Town()
    for id in ids:
        made.settle(id)
    return made


def test_the_oldest_link_first_from_both_ends():
    made = town("use_1", "use_2", "acc_1", "acc_2")
    made.link("use_1", "acc_2", T0 + 1)
    made.link("use_1", "acc_1", T0 + 2)
    made.link("use_2", "acc_2", T0)
    assert made.walk("use_1", 1) == made.walk("use_1") == ["acc_2", "acc_1"]
    assert made.walk("acc_2", 1) == made.walk("acc_2") == ["use_2", "use_1"]
    assert made.walk("acc_1") == ["use_1"]


def test_who_was_linked_under_two_ids_is_shown_once_at_the_first_place():
    made = town("use_1", "use_2", "use_3", "acc_1")
    for n, user in enumerate(("use_1", "use_2", "use_3")):
        made.link(user, "acc_1", T0 + n)
    made.merge("use_1", "use_3")
    assert made.walk("acc_1", 1) == made.walk("acc_1") == ["use_3", "use_2"]


def test_a_merged_account_has_the_people_of_both():
    made = town("use_1", "use_2", "use_3", "acc_1", "acc_2", "acc_3")
    made.link("use_1", "acc_2", T0)
    made.link("use_1", "acc_1", T0 + 1)
    made.link("use_2", "acc_2", T0 + 2)
    made.link("use_3", "acc_1", T0 + 2)
    made.link("use_1", "acc_3", T0 + 3)
    made.merge("acc_2", "acc_1")
    assert made.walk("acc_1", 1) == made.walk("acc_1") == ["use_1", "use_3", "use_2"]
    assert made.walk("use_1", 1) == made.walk("use_1") == ["acc_1", "acc_3"]


def test_the_deleted_leave_no_gap():
    made = town("acc_1", "acc_2", *(f"use_{n}" for n in range(6)))
    for n in range(6):
        made.link(f"use_{n}", "acc_1", T0 + n)
    made.link("use_1", "acc_2", T0)
    for n in (0, 2, 3, 5):
        made.delete(f"use_{n}")
    assert made.walk("acc_1", 2) == ["use_1", "use_4"]
    made.delete("acc_2")
    assert made.walk("use_1") == ["acc_1"]


def test_many_links_take_many_reads():
    people = [f"use_{n:03}" for n in range(120)]
    made = town("acc_1", *people)
    for person in people:
        made.link(person, "acc_1", T0)
    assert made.walk("acc_1") == people


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 3)), max_size=14)
merges = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=3)


@given(before=pairs, merged=merges, later=pairs, limit=st.integers(1, 3))
def test_a_walk_shows_everybody_who_was_there_once(before, merged, later, limit):
    made = town(*(f"use_{n}" for n in range(5)), *(f"acc_{n}" for n in range(3)))
    alive = set(range(5))
    for user, account, at in before:
        made.link(f"use_{user}", f"acc_{account}", T0 + at)
    for lost, survivor in merged:
        if lost != survivor and {lost, survivor} <= alive:
            alive.discard(lost)
            made.merge(f"use_{lost}", f"use_{survivor}")
    expected = {id: made.walk(id, 20) for id in ("acc_0", "acc_1", "acc_2", *(f"use_{n}" for n in sorted(alive)))}
    waiting = [(user, account, at) for user, account, at in later if user in alive]

    def more():
        if waiting:
            user, account, at = waiting.pop()
            made.link(f"use_{user}", f"acc_{account}", T0 + 10 + at)

    for id, known in expected.items():
        assert len(known) == len(set(known))
        seen = made.walk(id, limit, more)
        assert seen[: len(known)] == known
        assert len(seen) == len(set(seen))
    assert {account for n in alive for account in expected[f"use_{n}"]} == {
        account for account in ("acc_0", "acc_1", "acc_2") if expected[account]
    }


@pytest.mark.parametrize(
    "token", ["x", "1.use_1.acc_1", "1.acc_1", "-1.acc_1.use_1", "1.acc_1.use_1.", "é.acc_1.use_1"]
)
def test_what_no_page_gave_out_is_no_cursor(token):
    with pytest.raises(Invalid):
        place_of(token)
