"""Profiles in history: landed when they change, read as they are or were."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.clock import DAY, HOUR, FixedClock
from chalicelib.delivery.snapshots import Snapshots, is_shown
from chalicelib.errors import Unavailable
from chalicelib.identity.external_id import ACCOUNTS, ExternalId
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.profile import Counted, Head, Link, Merge, Outcome, Trait, Trigger
from chalicelib.store.memory import MemoryArchive
from tests.events import T0

from .people import Person, email, plan
from .storehouse import SPACE, Storehouse


@pytest.fixture
def house(tmp_path: Path) -> Storehouse:
    return Storehouse(tmp_path)


def profiles(house: Storehouse, columns: str = "profile_id, version, traits", **how: Any) -> list[Any]:
    return house.rows(f"SELECT {columns} FROM profiles ORDER BY profile_id", **how)


def redirects(house: Storehouse, **how: Any) -> list[Any]:
    return house.rows("SELECT profile_id, canonical_id FROM redirects ORDER BY ALL", **how)


def test_a_profile_is_shown_as_its_newest_snapshot(house: Storehouse) -> None:
    person = Person(house, "p")
    person.becomes(T0, traits=plan("free"))
    person.becomes(
        T0 + 1,
        traits={**plan("pro"), "removed": Trait(None, T0, "src")},
        external_ids=[email("a@x.io"), email("b@x.io"), ExternalId("user_id", "u", "map_2", T0 + 1, "src", "m")],
        outcomes={"vip": Outcome(True, "aud_1", T0), "ltv": Outcome(1.5, "tra_1", T0 + 1)},
        links=[Link("acme", T0), Link("evil", T0)],
    )
    (row,) = profiles(house, "version, collection, created_at, updated_at, id_types, links, traits")
    assert row == (2, "users", T0, T0 + 1, ["email", "user_id"], ["acme", "evil"], '{"plan":"pro"}')
    ((ids, outcomes),) = profiles(house, "external_ids, outcomes")
    assert json.loads(ids)[2] == {"type": "user_id", "value": "u", "createdAt": T0 + 1}
    assert json.loads(outcomes)["vip"] == {"value": True, "computationId": "aud_1", "changedAt": T0}


def test_an_account_is_a_profile_too(house: Storehouse) -> None:
    Person(house, "a").becomes(T0, collection=ACCOUNTS)
    assert profiles(house, "profile_id, collection, id_types, links, traits") == [("a", "accounts", [], [], "{}")]


def test_what_does_not_show_is_not_landed(house: Storehouse) -> None:
    person = Person(house, "p")
    person.becomes(T0, traits=plan("free"))
    person.becomes(T0 + 1, traits=plan("free", T0 + 1), recent=[Counted(b"t", T0, b"h")], edges={"vip": 5})
    assert [row[:2] for row in profiles(house)] == [("p", 1)]
    person.becomes(T0 + 2, traits=plan(1))
    person.becomes(T0 + 3, traits=plan(True))
    assert [row[1:] for row in profiles(house)] == [(4, '{"plan":true}')]


@pytest.mark.parametrize(
    "fields",
    [
        {"external_ids": [email("a@x.io")]},
        {"traits": plan("pro")},
        {"outcomes": {"vip": Outcome(False, "aud_1", T0)}},
        {"links": [Link("acme", T0)]},
        {"merging": Merge("other", T0, "m", "s")},
    ],
)
def test_every_part_that_shows_is_noticed_when_it_comes_and_when_it_goes(fields: dict[str, Any]) -> None:
    def change(old: Head, new: Head, merged_into: str | None = None) -> ProfileChange:
        return ProfileChange("r", SPACE, "p", 2, merged_into, old, new)

    with_it, without = Head(**fields), Head()
    merged_into = "other" if with_it.merging else None
    assert is_shown(change(without, with_it, merged_into))
    assert is_shown(change(with_it, without))
    assert not is_shown(change(without, without))


def test_who_was_merged_away_leads_to_who_is_left(house: Storehouse) -> None:
    a, b, c = (Person(house, name) for name in "abc")
    for person in (a, b, c):
        person.becomes(T0)
    a.goes_into(b, T0 + 10)
    b.goes_into(c, T0 + 20)
    assert [row[0] for row in profiles(house)] == ["c"]
    assert redirects(house) == [("a", "c"), ("b", "c")]
    assert redirects(house, as_of=T0 + 10) == [("a", "b")]
    assert [row[0] for row in profiles(house, as_of=T0 + 19)] == ["b", "c"]
    assert redirects(house, as_of=T0) == []


def test_who_is_let_go_again_is_shown_again(house: Storehouse) -> None:
    a, b = Person(house, "a"), Person(house, "b")
    a.becomes(T0)
    b.becomes(T0)
    a.goes_into(b, T0 + 1)
    a.becomes(T0 + 2)
    assert [row[:2] for row in profiles(house)] == [("a", 3), ("b", 1)]
    assert redirects(house) == []


def test_a_deleted_person_never_was(house: Storehouse) -> None:
    a, b = Person(house, "a"), Person(house, "b")
    a.becomes(T0)
    b.becomes(T0, traits=plan("x"))
    a.goes_into(b, T0 + 1)
    b.is_deleted(T0 + DAY)
    assert profiles(house) == profiles(house, as_of=T0 + 1) == []
    assert redirects(house) == redirects(house, as_of=T0 + 1) == []
    a.is_deleted(T0 + DAY)
    assert redirects(house) == []
    archive = house.archive
    assert isinstance(archive, MemoryArchive)
    assert {key.split("/")[4] for key in archive.objects} == {"dt=2026-03-01", "dt=2026-03-02"}


def test_an_erased_person_is_not_shown_before_the_mark_has_landed(house: Storehouse) -> None:
    Person(house, "a").becomes(T0)
    house.erase("a")
    assert profiles(house) == []


def test_profiles_are_shown_as_they_were(house: Storehouse) -> None:
    person = Person(house, "p")
    for hour, value in enumerate(("free", "pro", "max")):
        person.becomes(T0 + hour * HOUR, traits=plan(value))
    assert profiles(house, as_of=T0 - 1) == []
    assert [row[1] for row in profiles(house, as_of=T0 + HOUR)] == [2]
    assert [row[1] for row in profiles(house, as_of=T0 + HOUR - 1)] == [1]
    assert [row[1] for row in profiles(house)] == [3]


def test_redelivered_changes_write_the_same_object_and_older_ones_do_not_win() -> None:
    archive, clock = MemoryArchive(), FixedClock(T0)
    old = ProfileChange("r1", SPACE, "p", 1, None, None, Head(updated_at=T0))
    new = ProfileChange("r2", SPACE, "p", 2, None, old.new, Head(updated_at=T0 + 1, traits=plan("pro")))
    for _ in range(2):
        Snapshots(archive, clock).land([old, new])
    assert len(archive.objects) == 1
    Snapshots(archive, clock).land([old])
    assert len(archive.objects) == 2


def test_changes_that_the_archive_does_not_take_come_again() -> None:
    class Full(MemoryArchive):
        def put(self, *_: Any) -> None:
            raise Unavailable("full")

    seen = ProfileChange("r1", SPACE, "p", 1, None, None, Head(updated_at=T0))
    plain = ProfileChange("r2", SPACE, "p", 2, None, seen.new, Head(updated_at=T0 + 1))
    assert Snapshots(Full(), FixedClock(T0)).land([seen, plain]) == {"r1"}


def test_profiles_can_be_left_out_of_a_session(house: Storehouse) -> None:
    Person(house, "p").becomes(T0)
    with house.history.open(house.history.cut(SPACE), profiles=False) as session:
        with pytest.raises(Exception, match="profiles"):
            session.rows("SELECT * FROM profiles")


def test_two_were_two_until_it_was_received_that_they_are_one(house: Storehouse) -> None:
    ann, bob = Person(house, "ann"), Person(house, "bob")
    ann.becomes(T0, traits=plan("a"))
    bob.becomes(T0, traits=plan("b"))
    told = Trigger("identify", "", T0 + 2 * HOUR)
    merging = Merge("ann", T0 - HOUR, "m", "s", trigger=told)  # which was true long before
    bob.becomes(T0, merged_into="ann", merging=merging)
    assert [row[0] for row in profiles(house, as_of=T0 + 2 * HOUR - 1)] == ["ann", "bob"]
    assert [row[0] for row in profiles(house, as_of=T0 + 2 * HOUR)] == ["ann"]


def test_what_time_alone_brought_or_took_is_told_since_then(house: Storehouse) -> None:
    ann = Person(house, "ann")
    ann.becomes(T0, outcomes={"vip": Outcome(True, "aud_1", T0), "last": Outcome("x", "tra_1", T0)})
    ann.becomes(T0, outcomes={"vip": Outcome(False, "aud_1", T0 + HOUR), "last": Outcome("x", "tra_1", T0)})
    house.clock.move_to(T0 + 2 * HOUR)
    ann.becomes(T0, outcomes={"vip": Outcome(False, "aud_1", T0 + HOUR)})

    def values(at: int) -> dict[str, Any]:
        ((found,),) = profiles(house, "outcomes", as_of=at)
        return {key: outcome["value"] for key, outcome in json.loads(found).items()}

    assert values(T0 + HOUR - 1) == {"vip": True, "last": "x"}
    assert values(T0 + HOUR) == values(T0 + 2 * HOUR - 1) == {"vip": False, "last": "x"}
    assert values(T0 + 2 * HOUR) == {"vip": False}
