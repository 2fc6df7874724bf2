"""The cached read side."""

import logging

import pytest

from chalicelib import query
from chalicelib.clock import DAY, SECOND
from chalicelib.computations import catalogue
from chalicelib.destinations.registry import KINDS
from chalicelib.workspace import directory as module
from chalicelib.workspace.directory import StoredDirectory
from chalicelib.workspace.founding import found
from chalicelib.workspace.storage import Storage, computation_key

from .acme import Acme
from .crashing import CrashingRecords, Killed


@pytest.fixture
def acme():
    return Acme()


class TestAnswers:
    def test_are_kept_for_a_while(self, acme):
        key = acme.founded.write_key
        assert acme.directory.source_of_write_key(key).enabled is True
        acme.workspaces.sources.update(acme.founded.workspace_id, acme.founded.source_id, {"enabled": False})
        acme.table.calls.clear()
        acme.clock.advance(30 * SECOND - 1)
        assert acme.directory.source_of_write_key(key).enabled is True
        assert acme.table.calls == []
        acme.clock.advance(1)
        assert acme.directory.source_of_write_key(key).enabled is False

    def test_that_there_is_nothing_are_kept_for_a_moment_only(self, acme):
        assert acme.directory.token("tok") is None
        found(acme.records, acme.ids, acme.clock, slug="acme", name="Acme", api_token="tok")
        acme.clock.advance(2 * SECOND - 1)
        assert acme.directory.token("tok") is None
        acme.clock.advance(1)
        assert acme.directory.token("tok").workspace_id == acme.founded.workspace_id

    def test_are_forgotten_on_demand(self, acme):
        key, id = acme.founded.write_key, acme.founded.source_id
        assert acme.directory.source_of_write_key(key)
        acme.workspaces.sources.remove_write_key(acme.founded.workspace_id, id, key)
        acme.directory.refresh()
        assert acme.directory.source_of_write_key(key) is None

    def test_looked_up_before_a_refresh_do_not_outlive_it(self, acme):
        acme.directory._sources._look_up = lambda key: acme.directory.refresh()
        assert acme.directory.source_of_write_key(acme.founded.write_key) is None
        acme.directory._sources._look_up = acme.directory._find_source
        assert acme.directory.source_of_write_key(acme.founded.write_key) is not None

    def test_do_not_stay_fresh_when_the_clock_goes_back(self, acme):
        assert acme.directory.token("tok") is None
        found(acme.records, acme.ids, acme.clock, slug="acme", name="Acme", api_token="tok")
        acme.clock.advance(-1)
        assert acme.directory.token("tok") is not None

    def test_do_not_pile_up(self, acme, monkeypatch):
        monkeypatch.setattr(module, "MOST", 10)
        for guess in range(25):
            assert acme.directory.source_of_write_key(f"guess-{guess}") is None
        assert len(acme.directory._sources._answers) <= 10

    @pytest.mark.parametrize("id", ["", "x" * 256, "é", "\ud800"])
    def test_to_what_cannot_be_an_id_need_no_look(self, acme, id):
        assert acme.directory.source_of_write_key(id) is None
        assert acme.directory.space(id) is None
        assert acme.table.calls == []

    def test_to_any_secret_at_all(self, acme):
        for secret in ("", "x" * 10_000, "é", "\ud800"):
            assert acme.directory.token(secret) is None


def test_settings_are_opened_for_the_delivery(acme):
    sent = {
        "sourceId": acme.founded.engage_source_id,
        "metadataId": next(iter(KINDS)),
        "settings": {"url": "https://example.com", "sharedSecret": "hush"},
    }
    id = acme.workspaces.destinations.create(acme.founded.workspace_id, sent).id
    shown = acme.directory.destination(id)
    assert shown.settings == {"url": "https://example.com", "sharedSecret": "hush"}
    assert shown.secrets == {}
    stored = acme.workspaces.destinations.get(acme.founded.workspace_id, id)
    assert "sharedSecret" not in stored.settings
    assert "hush" not in stored.secrets["sharedSecret"]
    assert acme.directory.destination("nope") is None


def test_a_destination_can_be_asked_for_as_it_is_now(acme):
    sent = {"sourceId": acme.founded.engage_source_id, "metadataId": next(iter(KINDS)), "settings": {}}
    id = acme.workspaces.destinations.create(acme.founded.workspace_id, sent).id
    assert acme.directory.destination(id).enabled is True
    acme.workspaces.destinations.update(acme.founded.workspace_id, id, {"enabled": False})
    assert acme.directory.destination(id).enabled is True
    assert acme.directory.destination(id, fresh=True).enabled is False
    assert acme.directory.destination(id).enabled is False


class TestViews:
    def test_of_a_space_without_computations(self, acme):
        view = acme.view()
        assert (view.version, view.catalogue.by_key, view.connections) == (0, {}, {})

    def test_cost_one_read_while_nothing_changes(self, acme):
        acme.audience()
        first = acme.view()
        acme.table.calls.clear()
        assert acme.view() is first
        assert acme.table.calls == ["counters"]

    def test_show_every_change_at_once(self, acme):
        assert acme.keys() == set()
        audience = acme.audience()
        assert acme.keys() == {"big"}
        acme.workspaces.audiences.update(audience, {"enabled": False}, "me")
        assert acme.view().catalogue.by_key["big"].computation.enabled is False
        acme.workspaces.audiences.delete(audience)
        assert acme.keys() == set()

    def test_carry_their_version(self, acme):
        versions = []
        for name in "abc":
            acme.audience(name)
            view = acme.view()
            assert view.catalogue.version == view.version
            versions.append(view.version)
        assert versions == sorted(set(versions))

    def test_compile_each_query_once(self, acme, monkeypatch):
        compiled = []

        def compiling(computation):
            compiled.append(computation.key)
            return catalogue.compile_computation(computation)

        monkeypatch.setattr(module, "compile_computation", compiling)
        first = acme.audience("a")
        acme.view()
        acme.audience("b")
        acme.workspaces.audiences.update(first, {"name": "New"}, "me")
        view = acme.view()
        assert compiled == ["a", "b"]
        assert view.catalogue.by_key["a"].computation.name == "New"

    def test_leave_out_what_no_longer_compiles(self, acme, caplog):
        acme.audience("good")
        bad = acme.audience("bad")
        key = computation_key(acme.space.id, bad.id)
        bad.query = "jane@example.com ("
        Storage(acme.records, acme.clock).computations.amend(key, lambda _: bad)
        with caplog.at_level(logging.ERROR):
            assert acme.keys() == {"good"}
        assert bad.id in caplog.text
        assert "jane" not in caplog.text

    def test_leave_out_the_newest_of_a_circle(self, acme, caplog):
        storage = Storage(acme.records, acme.clock)
        acme.audience("outside", "trait('second') = 'true'")
        first = acme.audience("first", "trait('second') = 'true'")
        second = acme.audience("second")
        second.query = "trait('first') = 'true'"
        storage.computations.amend(computation_key(acme.space.id, second.id), lambda _: second)
        assert acme.keys() == {"outside", "first"}
        assert second.id in caplog.text
        assert first.id not in caplog.text

    def test_find_a_change_whose_maker_died_before_counting_it(self, acme):
        acme.audience("seen")
        before = acme.view()
        crashing = CrashingRecords(acme.records, 2)  # the reservation of the key and the audience itself
        with pytest.raises(Killed):
            acme.audience("unseen", services=acme.services(crashing))
        assert acme.keys() == {"seen"}
        acme.clock.advance(30 * SECOND)
        after = acme.view()
        assert set(after.catalogue.by_key) == {"seen", "unseen"}
        assert after.version > before.version
        other = StoredDirectory(acme.records, acme.secrets, acme.clock)
        assert other.view(acme.space.id).version == after.version

    def test_are_checked_now_and_then_without_being_made_anew(self, acme):
        acme.audience()
        first = acme.view()
        for _ in range(3):
            acme.clock.advance(30 * SECOND)
            assert acme.view() is first

    def test_group_connections_by_computation(self, acme):
        big, other = acme.audience("big"), acme.audience("other")
        sent = {"sourceId": acme.founded.engage_source_id, "metadataId": next(iter(KINDS)), "settings": {}}
        made = [acme.workspaces.destinations.create(acme.founded.workspace_id, sent).id for _ in range(2)]
        for audience, id in ((big, made[0]), (other, made[0]), (big, made[1])):
            acme.clock.advance(1)
            target = {"destination": {"id": id, "type": "destination"}}
            acme.workspaces.connections.add(acme.space, audience, target)
        found = acme.view().connections
        assert [c.destination_id for c in found[big.id]] == made
        assert [c.destination_id for c in found[other.id]] == made[:1]


def test_the_query_package_is_asked_with_the_bounds_of_the_computation(acme, monkeypatch):
    asked: list[dict[str, int]] = []
    compiling = query.compile

    def ask(definition, **more):
        asked.append(more)
        return compiling(definition, **more)

    monkeypatch.setattr(query, "compile", ask)
    audience = acme.audience(options={"includeHistoricalData": False})
    asked.clear()
    acme.view()
    assert asked == [{"received_from": audience.created_at, "generations": {}}]
    recent = acme.audience("Recent", options={"backfillEventDataDays": 2})
    asked.clear()
    acme.view()
    assert asked == [{"timestamp_from": recent.created_at - 2 * DAY, "generations": recent.generations}]
