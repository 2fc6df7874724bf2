"""Rows of the identity graph for a warehouse: what each change of a person says, exactly once."""

import gzip
import json
from hashlib import sha1

import pytest

from chalicelib.clock import DAY, MINUTE
from chalicelib.delivery.graph import GRAPH, MAPPINGS, TABLES, TRAITS, Graph, rows
from chalicelib.errors import Unavailable
from chalicelib.identity.external_id import Identifier
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.profile import Head, Trait
from chalicelib.profiles.removal import Removal
from chalicelib.store.memory import MemoryArchive
from tests.events import T0
from tests.pipeline.baton import Worker
from tests.pipeline.crowd import Crowd, call, limits
from tests.pipeline.shop import identify, track
from tests.pipeline.test_interleavings import Run, Space


class Warehouse:
    def __init__(self, crowd):
        self.crowd = crowd
        self.archive = MemoryArchive(crowd.clock)
        assert Graph(self.archive).write(crowd.profiles.changes) == set()

    def rows(self, table):
        """As a reader finds them: each once, in the order of changes."""
        found = {}
        for key in self.archive.list(f"sync/{table}/s/"):
            for line in gzip.decompress(self.archive.get(key)).splitlines():
                row = json.loads(line)
                found[row.get("segment_id") or row["canonical_segment_id"], row["seq"]] = row
        return list(found.values())

    def name(self, profile_id):
        return f"P{self.crowd.made.index(profile_id) + 1}"

    def graph(self):
        return [(self.name(r["segment_id"]), self.name(r["canonical_segment_id"])) for r in self.rows(GRAPH)]

    def mappings(self):
        return [(r["external_id_value"], self.name(r["segment_id"]), r["__operation"]) for r in self.rows(MAPPINGS)]

    def traits(self):
        return [
            (self.name(r["canonical_segment_id"]), r["name"], r["value"], r["merged_to"] and self.name(r["merged_to"]))
            for r in self.rows(TRAITS)
        ]


def test_case_7_two_anonymous_people_with_one_address():
    crowd = Crowd()
    assert crowd.sees({"a": "a1"}, {"a": "a1", "e": "e1"}, {"a": "a2"}, {"a": "a2", "e": "e1"}) == [
        "P1",
        "P1",
        "P2",
        "P1",
    ]
    warehouse = Warehouse(crowd)
    assert warehouse.graph() == [("P1", "P1"), ("P2", "P2"), ("P2", "P1")]
    assert warehouse.mappings() == [("a1", "P1", "CREATED"), ("e1", "P1", "CREATED"), ("a2", "P2", "CREATED")]


def test_the_fields_of_a_mapping_and_of_an_edge():
    crowd = Crowd()
    crowd.clock.advance(MINUTE)
    happened = {"timestamp": "2026-03-01T11:59:00.000Z", "sentAt": "2026-03-01T12:01:00.000Z"}
    crowd.send(track("Bought", "u1", messageId="m1", **happened))
    crowd.made = crowd.ids()
    (profile_id,) = crowd.made
    warehouse = Warehouse(crowd)
    (mapping,), (edge,) = warehouse.rows(MAPPINGS), warehouse.rows(GRAPH)
    first = crowd.profile("user_id:u1").head.external_ids[0]
    assert mapping == {
        "external_id_type": "user_id",
        "external_id_value": "u1",
        "external_id_hash": sha1(b"user_idu1").hexdigest(),
        "segment_id": profile_id,
        "triggering_event_id": "m1",
        "triggering_event_name": "Bought",
        "triggering_event_type": "track",
        "triggering_event_source_id": "src",
        "timestamp": "2026-03-01T11:59:00.000Z",
        "received_at": "2026-03-01T12:01:00.000Z",
        "__operation": "CREATED",
        "seq": 100_001,
    }
    assert first.created_at == T0 - MINUTE
    assert edge == {
        "segment_id": profile_id,
        "canonical_segment_id": profile_id,
        "triggering_event_id": "m1",
        "triggering_event_type": "track",
        "timestamp": "2026-03-01T11:59:00.000Z",
        "seq": 100_000,
    }


def test_case_19_and_who_was_merged_before_goes_along():
    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"e": "e1"}, {"u": "u1"}, {"u": "u1", "e": "e1", "i": "i1"})
    crowd.sees({"u": "u1", "a": "a1"})
    warehouse = Warehouse(crowd)
    assert warehouse.graph() == [("P1", "P1"), ("P2", "P2"), ("P3", "P3"), ("P3", "P2"), ("P2", "P1"), ("P3", "P1")]
    assert warehouse.mappings() == [
        ("a1", "P1", "CREATED"),
        ("e1", "P2", "CREATED"),
        ("u1", "P3", "CREATED"),
        ("i1", "P2", "CREATED"),
    ]
    merged = [row for row in warehouse.rows(GRAPH) if row["segment_id"] != row["canonical_segment_id"]]
    assert [row["triggering_event_type"] for row in merged] == ["track"] * 3
    assert merged[1]["triggering_event_id"] == merged[2]["triggering_event_id"]


def test_a_three_way_merge_in_one_change():
    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"e": "e1"}, {"u": "u1"}, {"u": "u1", "e": "e1", "a": "a1"})
    assert sorted(Warehouse(crowd).graph()[3:]) == [("P2", "P1"), ("P3", "P1")]


def test_an_identifier_that_is_put_aside_makes_no_row():
    crowd = Crowd(rules=limits(e=1))
    crowd.sees({"u": "u1", "e": "e1"}, {"u": "u1", "e": "e2"})
    assert [value for value, _, _ in Warehouse(crowd).mappings()] == ["u1", "e1"]


def test_case_17_an_identifier_is_taken_away_and_comes_back():
    crowd = Crowd()
    crowd.sees({"u": "u1", "e": "e1"})
    crowd.clock.advance(DAY)
    Removal(crowd.lookup, crowd.profiles, crowd.identifiers, crowd.clock).remove(
        "s", "u1", Identifier("users", "email", "e1")
    )
    crowd.sees({"u": "u1"}, {"u": "u1", "e": "e1"})
    warehouse = Warehouse(crowd)
    assert warehouse.mappings() == [
        ("u1", "P1", "CREATED"),
        ("e1", "P1", "CREATED"),
        ("e1", "P1", "REMOVED"),
        ("e1", "P1", "CREATED"),
    ]
    removed = warehouse.rows(MAPPINGS)[2]
    assert removed["timestamp"] == removed["received_at"] == "2026-03-02T12:01:00.000Z"
    assert removed["triggering_event_id"] is removed["triggering_event_type"] is None
    assert [key for key in warehouse.archive.objects if "REMOVED" in str(gzip.decompress(warehouse.archive.get(key)))]


def test_traits_are_told_when_they_change():
    crowd = Crowd()
    crowd.send(identify("u1", {"plan": "a", "visits": 1}))
    crowd.clock.advance(MINUTE)
    crowd.send(identify("u1", {"plan": "a", "visits": True, "city": "x"}))
    crowd.clock.advance(MINUTE)
    crowd.send(identify("u1", {"plan": None}), track("Seen", "u1"))
    crowd.made = crowd.ids()
    assert Warehouse(crowd).traits() == [
        ("P1", "plan", "a", None),
        ("P1", "visits", 1, None),
        ("P1", "visits", True, None),
        ("P1", "city", "x", None),
        ("P1", "plan", None, None),
    ]


def test_case_20_traits_of_a_merge_are_told_of_the_canonical_profile_only():
    crowd = Crowd()
    crowd.send(identify("u1", {"plan": "a"}))
    crowd.clock.advance(MINUTE)
    crowd.send({"type": "identify", "anonymousId": "a1", "traits": {"plan": "b", "city": "x"}})
    crowd.made = crowd.ids()
    crowd.sees({"u": "u1", "a": "a1"})
    assert Warehouse(crowd).traits()[3:] == [
        ("P1", "plan", "b", None),
        ("P1", "city", "x", None),
        ("P2", None, None, "P1"),
    ]


def test_accounts_and_the_deleted_say_nothing():
    crowd = Crowd()
    crowd.send({"type": "group", "groupId": "g1", "traits": {"plan": "ent"}})
    crowd.send(call({"u": "u1"}))
    user = crowd.profile("user_id:u1")
    told = len(crowd.profiles.changes)
    crowd.profiles.bury(user)
    assert [r for c in crowd.profiles.changes[told:] for r in rows(c)] == []
    crowd.made = [user.profile_id]
    warehouse = Warehouse(crowd)
    assert (warehouse.graph(), warehouse.mappings(), warehouse.traits()) == (
        [("P1", "P1")],
        [("u1", "P1", "CREATED")],
        [],
    )
    gone = ProfileChange("r", "s", "use_1", 3, None, Head(), None)
    assert list(rows(gone)) == []


def test_emitting_again_writes_the_same_objects():
    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"a": "a1", "e": "e1"}, {"a": "a2"}, {"a": "a2", "e": "e1"})
    warehouse = Warehouse(crowd)
    before = dict(warehouse.archive.objects)
    assert len(before) == len(TABLES)
    assert Graph(warehouse.archive).write(crowd.profiles.changes) == set()
    assert warehouse.archive.objects == before
    graph = warehouse.graph()
    for change in crowd.profiles.changes:  # in other portions
        Graph(warehouse.archive).write([change])
    assert sorted(warehouse.graph()) == sorted(graph)


def test_rows_go_to_the_day_of_their_change_and_events_without_news_to_none():
    crowd = Crowd()
    crowd.sees({"a": "a1"})
    crowd.clock.advance(DAY)
    crowd.sees({"a": "a1", "e": "e1"})
    warehouse = Warehouse(crowd)
    days = sorted(key.split("/")[3] for key in warehouse.archive.objects)
    assert days == ["dt=2026-03-01", "dt=2026-03-01", "dt=2026-03-02"]
    told = len(crowd.profiles.changes)
    crowd.sees({"a": "a1", "e": "e1"}, {"e": "e1"})
    assert [row for change in crowd.profiles.changes[told:] for row in rows(change)] == []


def test_an_archive_that_is_away_lets_the_change_come_again():
    class Away(MemoryArchive):
        def put(self, key, body, metadata=None):
            if MAPPINGS in key:
                raise Unavailable("s3")
            super().put(key, body, metadata)

    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"a": "a1"}, {"a": "a2"})
    changes = crowd.profiles.changes
    assert Graph(Away(crowd.clock)).write(changes) == {changes[0].record_id, changes[2].record_id}


@pytest.mark.parametrize("block", range(3))
def test_whoever_dies_when_each_mapping_is_told_once_and_the_graph_leads_home(block):
    """Workers at the same time, dying anywhere: the rows agree with what the profiles have become."""
    for seed in range(50_000 + block * 60, 50_060 + block * 60):
        run = Run(seed, deaths=0.03)
        run.deliver([run.message(run.dice.randint(1, 3)) for _ in range(6)], workers=2)
        crowd = run.space.crowd
        crowd.made = crowd.ids()
        warehouse = Warehouse(crowd)
        agrees(crowd, warehouse, seed)


def agrees(crowd, warehouse, seed):
    stored = {profile_id: crowd.stored(profile_id) for profile_id in crowd.ids()}
    mapped = [value for value, _, operation in warehouse.mappings() if operation == "CREATED"]
    living = [p for p in stored.values() if p.merged_into is None]
    held = sorted(e.value for p in living for e in p.head.external_ids)
    assert sorted(mapped) == held, f"seed {seed}"
    canonical = {}
    for row in warehouse.rows(GRAPH):
        canonical[row["segment_id"]] = row["canonical_segment_id"]
    was_somebody = {p.profile_id for p in stored.values() if p.head.first is not None}
    assert canonical.keys() == was_somebody, f"seed {seed}"
    for profile in living:
        assert {id for id, leads_to in canonical.items() if leads_to == profile.profile_id} == set(profile.ids)
    assert all(row["triggering_event_type"] for row in warehouse.rows(MAPPINGS)), f"seed {seed}"


@pytest.mark.parametrize("fate", ["before", "after"])
def test_killed_at_every_call_the_rows_are_the_same(fate):
    expected = None
    for place in range(1, 40):
        died = [place]

        def fate_of(worker: Worker, died=died):
            died[0] -= 1
            return fate if died[0] == -1 else None

        space = Space(Crowd().directory.view("s").rules, lambda workers: workers[0], fate_of)
        for ids in ({"a": "a1"}, {"e": "e1"}, {"u": "u1"}):
            space.crowd.resolve(space.message(ids))
        joining = space.message({"u": "u1", "e": "e1", "a": "a1", "i": "i1"})
        space.work([joining])
        deaths = space.baton.deaths
        assert space.crowd.resolve(joining) == set()
        space.crowd.made = space.crowd.ids()
        warehouse = Warehouse(space.crowd)
        made = sorted(warehouse.graph()), sorted(warehouse.mappings()), sorted(map(str, warehouse.traits()))
        expected = expected or made
        assert made == expected
        if not deaths:
            break
    assert place > 8


def test_a_change_without_rows_of_its_own_does_not_take_its_neighbours_along():
    crowd = Crowd()
    crowd.sees({"a": "a1"})
    crowd.send(identify("u1", {"plan": "a"}))
    good, bad = crowd.profiles.changes
    assert bad.new is not None
    bad.new.traits["plan"] = Trait(object(), T0, "src")
    archive = MemoryArchive(crowd.clock)
    assert Graph(archive).write([bad, good]) == {bad.record_id}
    lines = [
        json.loads(line) for key in archive.list("sync/") for line in gzip.decompress(archive.get(key)).splitlines()
    ]
    assert {line["segment_id"] for line in lines} == {good.profile_id}
