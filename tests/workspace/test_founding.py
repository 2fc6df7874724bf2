"""The beginning of a workspace."""

import pytest

from chalicelib.clock import FixedClock
from chalicelib.errors import Conflict
from chalicelib.ids import CountingIds
from chalicelib.store.memory import MemoryRecords, MemorySecrets
from chalicelib.workspace.directory import StoredDirectory
from chalicelib.workspace.founding import found
from chalicelib.workspace.model import API_TOKEN, ENGAGE, PROFILE_TOKEN
from tests.events import T0

from .crashing import CrashingRecords, Killed


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def records(clock):
    return MemoryRecords(clock)


@pytest.fixture
def start(records, clock):
    ids = CountingIds(clock)

    def start(slug="acme", into=records, **more):
        return found(into, ids, clock, slug=slug, name="Acme", **more)

    return start


@pytest.fixture
def directory(records, clock):
    return StoredDirectory(records, MemorySecrets(), clock)


def check(directory, founded):
    """Everything a new workspace needs is there and fits together."""
    source = directory.source_of_write_key(founded.write_key)
    assert (source.id, source.space_id, source.enabled) == (founded.source_id, founded.space_id, True)
    space = directory.space(founded.space_id)
    assert (space.workspace_id, space.engage_source_id) == (founded.workspace_id, founded.engage_source_id)
    token = directory.token(founded.api_token)
    assert (token.kind, token.workspace_id, token.space_id) == (API_TOKEN, founded.workspace_id, None)
    token = directory.token(founded.profile_token)
    assert (token.kind, token.workspace_id, token.space_id) == (PROFILE_TOKEN, founded.workspace_id, founded.space_id)


def test_it_makes_all_that_is_needed(start, directory):
    founded = start()
    check(directory, founded)
    assert len(founded.space_id) == 22
    assert directory.space(f"spa_{founded.space_id}").id == founded.space_id


def test_the_second_time_nothing_new_is_made(start, records):
    first = start()
    before = dict(records._items)
    second = start()
    assert second == first._replace(api_token=None, profile_token=None)
    assert records._items == before


def test_what_is_passed_in_is_used(start, directory):
    founded = start(write_key="wk", api_token="tok-a", profile_token="tok-p")
    assert (founded.write_key, founded.api_token, founded.profile_token) == ("wk", "tok-a", "tok-p")
    check(directory, founded)
    check(directory, start(write_key="wk", api_token="tok-a", profile_token="tok-p"))


def test_tokens_can_be_added_later(start, directory):
    first = start()
    second = start(api_token="tok-a", profile_token="tok-p")
    check(directory, second)
    check(directory, first)


def test_every_slug_is_a_workspace_of_its_own(start):
    one, two = start("one"), start("two")
    assert all(a != b for a, b in zip(one, two, strict=True))


def test_credentials_of_others_are_refused(start, directory):
    first = start("one", write_key="wk", api_token="tok-a", profile_token="tok-p")
    for taken in ({"write_key": "wk"}, {"api_token": "tok-a"}, {"profile_token": "tok-p"}, {"api_token": "tok-p"}):
        with pytest.raises(Conflict):
            start(f"two-{taken}", **taken)
    check(directory, first)


def test_killed_at_any_call_it_is_completed_by_the_next_run(clock):
    calls = 0
    while True:
        records = MemoryRecords(clock)
        crashing = CrashingRecords(records, calls)
        ids = CountingIds(clock)
        try:
            founded = found(crashing, ids, clock, slug="acme", name="Acme")
        except Killed:
            founded = found(records, ids, clock, slug="acme", name="Acme")
        check(StoredDirectory(records, MemorySecrets(), clock), founded)
        if not crashing.killed:
            break
        calls += 1
    assert calls > 10


def test_the_engage_source_has_no_write_keys(start, directory, records):
    founded = start()
    place = directory._storage.sources.every(f"workspace#{founded.workspace_id}", "source#")
    engage = next(source for source in place if source.id == founded.engage_source_id)
    assert (engage.metadata_id, engage.slug, engage.write_keys) == (ENGAGE, "engage", [])
