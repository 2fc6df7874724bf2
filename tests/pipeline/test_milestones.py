"""What went well with identities, in the log: told by the changes of profiles, once, and found by any value."""

import pytest

from chalicelib.clock import DAY, FixedClock
from chalicelib.errors import Unavailable
from chalicelib.pipeline.identity_log import MAPPED, MERGED, VALUE_LIMIT, IdentityLog
from chalicelib.pipeline.milestones import PER_ENTRY, Milestones, entries
from chalicelib.profiles.change import ProfileChange
from chalicelib.records import Record
from chalicelib.store.dynamodb import DynamoRecords
from tests.events import T0
from tests.pipeline.crowd import Crowd, call, limits
from tests.pipeline.shop import identify


def told(crowd, **filters):
    assert Milestones(crowd.log).write(crowd.profiles.changes) == set()
    return list(reversed(crowd.log.page("s", **filters).entries))


def test_new_identifiers_and_merges_are_told_with_their_events():
    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"e": "e1", "i": "i1"}, {"e": "e1", "a": "a1"})
    found = told(crowd)
    assert [(e.kind, [n.value for n in e.identifiers], e.profile_ids) for e in found] == [
        (MAPPED, ["a1"], crowd.made[:1]),
        (MAPPED, ["i1", "e1"], crowd.made[1:]),
        (MERGED, [], crowd.made),
    ]
    assert [e.message_id for e in found] == ["b1-0", "b2-0", "b3-0"]
    assert {e.source_id for e in found} == {"src"}


def test_telling_again_changes_nothing_and_events_without_news_say_nothing():
    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"a": "a1"}, {"a": "a1", "e": "e1"})
    assert told(crowd) == told(crowd)
    assert len(told(crowd)) == 2
    assert [len(list(entries(change))) for change in crowd.profiles.changes] == [1, 0, 1]


def test_any_of_the_values_finds_the_entry_and_forgetting_one_removes_it():
    crowd = Crowd()
    crowd.sees({"u": "u1", "e": "e1", "a": "a1"}, {"u": "u2"})
    for value in ("u1", "e1", "a1"):
        (entry,) = told(crowd, value=value)
        assert entry.kind == MAPPED
    crowd.log.forget("s", [], ["e1"])
    assert [n.value for e in crowd.log.page("s").entries for n in e.identifiers] == ["u2"]


def test_a_call_about_a_person_and_an_account_leaves_an_entry_of_each():
    crowd = Crowd()
    crowd.send({"type": "group", "groupId": "g1", "userId": "u1"})
    assert sorted(n.value for e in told(crowd, kind=MAPPED) for n in e.identifiers) == ["g1", "u1"]


def test_very_many_identifiers_at_once_are_told_in_portions():
    crowd = Crowd(rules=limits(a=1_000))
    crowd.send(*(call({"u": "u1", "a": f"a{n}"}) for n in range(2 * PER_ENTRY)))
    sizes = [len(e.identifiers) for e in told(crowd)]
    assert sorted(sizes) == [1, PER_ENTRY, PER_ENTRY]


def test_a_log_that_is_away_lets_only_merges_come_again():
    class Away:
        def write(self, space_id, entries):
            if list(entries):
                raise Unavailable("dynamodb")

    crowd = Crowd()
    crowd.sees({"a": "a1"}, {"a": "a1"}, {"e": "e1"}, {"a": "a1", "e": "e1"})
    failed = Milestones(Away()).write(crowd.profiles.changes)  # type: ignore[arg-type]
    assert failed == {crowd.profiles.changes[-1].record_id}


@pytest.mark.parametrize("merged_into", ["use_other", "deleted"])
def test_who_is_gone_says_nothing(merged_into):
    crowd = Crowd()
    crowd.send(identify("u1", {}))
    (change,) = crowd.profiles.changes
    gone = ProfileChange("r", "s", change.profile_id, 1, merged_into, None, change.new)
    assert list(entries(gone)) == []


def test_entries_end_after_thirty_days():
    crowd = Crowd()
    crowd.sees({"a": "a1"})
    assert len(told(crowd)) == 1
    crowd.clock.advance(31 * DAY)
    assert crowd.log.page("s").entries == []


@pytest.mark.parametrize("limit", [1, 2, 5, 500])
@pytest.mark.parametrize("place", ["memory", "aws"])
def test_new_identifiers_and_all_else_are_shown_in_one_order(place, limit, request):
    crowd = Crowd(rules=limits(a=1))
    if place == "aws":
        cloud, crowd.clock = request.getfixturevalue("cloud"), FixedClock(T0 + limit * 30 * DAY)
        work = DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, crowd.clock)
        crowd.log = IdentityLog(work, crowd.clock)
    crowd.sees(*({"u": "u1", "a": f"a{n}"} for n in range(4)), {"e": "e1"}, {"u": "u1", "e": "e1"}, apart=DAY // 3)
    expected = told(crowd)[::-1]
    assert {entry.kind for entry in expected} == {MAPPED, MERGED, VALUE_LIMIT}
    assert [e.at for e in expected] == sorted((e.at for e in expected), reverse=True)
    found, cursor = [], None
    while True:
        page = crowd.log.page("s", limit=limit, cursor=cursor)
        found += page.entries
        cursor = page.cursor
        if cursor is None:
            break
    assert found == expected


def test_who_looks_for_what_went_wrong_does_not_read_past_new_visitors(monkeypatch):
    crowd = Crowd(rules=limits(a=1))
    crowd.sees({"u": "u1", "a": "a1"}, {"u": "u1", "a": "a2"})
    crowd.send(*(call({"a": f"visitor{n}"}) for n in range(50)))
    told(crowd)
    read: list[Record] = []
    page = crowd.work.page

    def counted(partition, *args, **more):
        found = page(partition, *args, **more)
        read.extend(found.records)
        return found

    monkeypatch.setattr(crowd.work, "page", counted)
    assert [e.value for e in crowd.log.page("s", kind=VALUE_LIMIT).entries] == ["a2"]
    assert len(read) == 1
