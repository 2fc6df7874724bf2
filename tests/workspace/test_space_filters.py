"""How filters of spaces become known, and how many of them there can be."""

import pytest

from chalicelib.clock import SECOND
from chalicelib.errors import Conflict, NotFound
from chalicelib.workspace.space_filters import MOST
from chalicelib.workspace.storage import space_filters_key

from .acme import Acme
from .crashing import Killed


@pytest.fixture
def acme():
    return Acme()


def create(acme, **fields):
    sent = {"integrationId": acme.founded.space_id, "name": "Tests", "if": "all", **fields}
    return acme.workspaces.space_filters.create(acme.founded.workspace_id, sent)


def known(acme):
    return [one.id for one in acme.directory.view(acme.founded.space_id).filters]


def test_every_worker_knows_a_change_at_once(acme):
    assert known(acme) == []
    one, two = create(acme), create(acme)
    assert known(acme) == [one.id, two.id]
    filters, workspace_id = acme.workspaces.space_filters, acme.founded.workspace_id
    filters.update(workspace_id, one.id, {"integrationId": acme.founded.space_id, "enabled": False})
    assert [f.enabled for f in acme.directory.view(acme.founded.space_id).filters] == [False, True]
    filters.delete(workspace_id, one.id)
    assert known(acme) == [two.id]


def test_a_change_whose_maker_died_before_counting_it_is_found(acme, monkeypatch):
    assert known(acme) == []

    def die(space_id):
        raise Killed

    monkeypatch.setattr(acme.workspaces.space_filters._storage, "bump", die)
    with pytest.raises(Killed):
        create(acme)
    acme.clock.advance(30 * SECOND)
    assert len(known(acme)) == 1


def test_a_filter_is_in_force_from_when_it_begins_to_drop(acme):
    made = create(acme, enabled=False)
    filters, started = acme.workspaces.space_filters, made.since

    def update(**fields):
        acme.clock.advance(SECOND)
        sent = {"integrationId": acme.founded.space_id, **fields}
        return (filters.update(acme.founded.workspace_id, made.id, sent).since - started) // SECOND

    assert update(name="Other") == 0
    assert update(enabled=True) == 2
    assert update(**{"if": "type = 'track'"}) == 2  # what it held back before it holds back still
    assert update(drop=False) == 2
    assert update(drop=True) == 5


def test_the_number_of_filters_holds_against_many_at_once(acme):
    """Between looking and writing somebody else may have written."""
    key = space_filters_key(acme.founded.space_id)
    made = [create(acme) for _ in range(MOST - 1)]
    shelf = acme.workspaces.space_filters._storage.space_filters
    amend = shelf.amend
    raced: list[bool] = []

    def race(key, change):
        def slow(present):
            changed = change(present)
            if not raced:
                raced.append(True)
                create(acme)
            return changed

        return amend(key, slow)

    shelf.amend = race
    with pytest.raises(Conflict):
        create(acme)
    assert len(shelf.get(key).filters) == MOST
    with pytest.raises(NotFound):
        acme.workspaces.space_filters.delete("other", made[0].id)
