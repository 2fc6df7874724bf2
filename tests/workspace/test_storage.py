"""Typed access to records, and names that one thing has at a time."""

import pytest

from chalicelib.clock import MINUTE, FixedClock
from chalicelib.errors import NotFound, VersionConflict
from chalicelib.records import Key
from chalicelib.store.memory import MemoryRecords
from chalicelib.workspace.model import Workspace
from chalicelib.workspace.shelf import ABANDONED_AFTER, Names, Shelf
from chalicelib.workspace.storage import workspace_key
from tests.events import T0

KEY = workspace_key("w")
NAME = Key("p", "name")


def workspace(name="A"):
    return Workspace(id="w", slug="a", name=name, created_at=T0)


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def records(clock):
    return MemoryRecords(clock)


@pytest.fixture
def shelf(records):
    return Shelf(records, Workspace)


def test_what_is_missing(shelf):
    assert shelf.find(KEY) is None
    with pytest.raises(NotFound, match="no workspace"):
        shelf.get(KEY)
    with pytest.raises(NotFound, match="no workspace"):
        shelf.amend(KEY, lambda present: present)


def test_ensuring_keeps_what_is_there(shelf):
    assert shelf.ensure(KEY, workspace("A")).name == "A"
    assert shelf.ensure(KEY, workspace("B")).name == "A"
    assert shelf.get(KEY).name == "A"


def test_an_amendment_starts_again_when_somebody_else_wrote(shelf):
    shelf.create(KEY, workspace("A"))
    rivals = iter(["B", "C"])

    def change(present):
        if rival := next(rivals, None):
            shelf.amend(KEY, lambda _: workspace(rival))
        return workspace(present.name + "!")

    assert shelf.amend(KEY, change).name == "C!"
    assert shelf.get(KEY).name == "C!"


def test_an_amendment_gives_up_when_others_never_stop(shelf):
    shelf.create(KEY, workspace("A"))

    def change(present):
        shelf.amend(KEY, lambda other: other)
        return present

    with pytest.raises(VersionConflict):
        shelf.amend(KEY, change)


class TestNames:
    @pytest.fixture
    def names(self, records, clock):
        return Names(records, clock)

    def test_the_first_one_has_it(self, names):
        assert names.take(NAME, "a", lambda owner: True)
        assert not names.take(NAME, "b", lambda owner: True)
        assert names.get(NAME).owner == "a"

    def test_one_whose_owner_was_never_made_can_be_taken_over_after_a_while(self, names, clock):
        assert names.take(NAME, "a", lambda owner: False)
        clock.advance(ABANDONED_AFTER - 1)
        assert not names.take(NAME, "b", lambda owner: False)
        clock.advance(1)
        assert names.take(NAME, "b", lambda owner: False)
        assert names.get(NAME).owner == "b"

    def test_one_in_use_never_is(self, names, clock):
        assert names.take(NAME, "a", lambda owner: True)
        clock.advance(100 * MINUTE)
        assert not names.take(NAME, "b", lambda owner: owner == "a")
        assert names.get(NAME).owner == "a"

    def test_only_one_takes_it_over(self, names, clock):
        assert names.take(NAME, "a", lambda owner: False)
        clock.advance(ABANDONED_AFTER)

        def rival_is_faster(owner):
            if owner == "a":
                assert names.take(NAME, "rival", lambda _: False)
            return False

        assert not names.take(NAME, "b", rival_is_faster)
        assert names.get(NAME).owner == "rival"
