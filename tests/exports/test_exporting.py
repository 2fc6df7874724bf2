"""Files of the members of an audience and of the holders of a trait."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.clock import DAY, MINUTE, SECOND
from chalicelib.computations.computation import ACCOUNTS, AUDIENCE, TRAIT, USERS, Computation
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.exports.exporting import Exporting
from chalicelib.exports.request import EXTRA_ROWS, FORMATTED, Choice, of_audience, of_trait
from chalicelib.exports.service import Export, Exports, TooSoon
from chalicelib.tasks.task import FAILED, SUCCEEDED
from tests.replay.workshop import Workshop, killed_at_every_point

from .people import SPACE, account, head, history, settle


def computation(id: str, key: str, kind: str = AUDIENCE, scope: str = USERS) -> Computation:
    return Computation(id=id, workspace_id="w", space_id=SPACE, kind=kind, scope=scope, key=key, name=key, query="q")


BUYERS = computation("aud_1", "buyers")
SPENT = computation("tra_1", "spent", TRAIT)


class World(Workshop):
    def __init__(self, scratch: Any, fate: Callable[[str], None] = lambda _point: None) -> None:
        def kinds(world: Workshop) -> list[Any]:
            past = history(world.archive, world.clock, scratch)
            return [Exporting(world.work, world.archive, past, world.clock).kind()]

        super().__init__(kinds, fate)

    @property
    def exports(self) -> Exports:
        return Exports(self.work, self.archive, self.tasks, self.ids, self.clock)

    def export(self, of: Computation = BUYERS, **chosen: Any) -> Export:
        return self.exports.create(of, Choice(**chosen), "tok_1")

    def rows(self, export: Export) -> list[dict[str, str]]:
        text = self.kept.get(export.key).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def finished(self, of: Computation = BUYERS, **chosen: Any) -> list[dict[str, str]]:
        export = self.export(of, **chosen)
        task = self.closed(export.task_id)
        assert task.status == SUCCEEDED, task.error
        return self.rows(export)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def member(*emails: str, at: int = 0, **more: Any) -> Any:
    ids = [("email", email) for email in emails]
    return head(ids, at, outcomes={"buyers": (True, "aud_1"), **more.pop("outcomes", {})}, **more)


def test_members_and_nobody_else(world):
    settle(
        world.kept,
        {
            "use_b": member("b@x"),
            "use_a": member("a@x"),
            "use_left": head([("email", "l@x")], outcomes={"buyers": (False, "aud_1")}),
            "use_other": head([("email", "o@x")], outcomes={"buyers": (True, "aud_of_old")}),
            "use_custom": head([("email", "c@x")], traits={"buyers": True}),
            "use_none": head([("email", "n@x")]),
            "acc_1": account("g", outcomes={"buyers": (True, "aud_1")}),
        },
    )
    settle(world.kept, {"use_gone": member("g@x")}, version=1)
    settle(world.kept, {"use_gone": head([("email", "g@x")], 5, outcomes={"buyers": (False, "aud_1")})}, version=2)
    assert [row["key"] for row in world.finished()] == ["use_a", "use_b"]


def test_two_emails_of_one_person(world):
    settle(world.kept, {"use_1": member("a@x", "b@x", outcomes={"spent": (9.5, "tra_1")})})
    (row,) = world.finished(format=FORMATTED, traits=[])
    assert row == {"key": "use_1", "email": "a@x", "email_1": "b@x"}
    first, second = world.finished(SPENT, format=EXTRA_ROWS)
    ids = '{"email":["a@x","b@x"]}'
    assert first == {"key": "use_1", "value": "9.5", "external_ids": ids, "email": "a@x"}
    assert second == {**first, "email": "b@x"}


def test_traits_are_those_that_queries_see(world):
    outcomes = {"buyers": (True, "aud_1"), "spent": (3, "tra_1")}
    settle(world.kept, {"use_1": head([("user_id", "u")], traits={"plan": "=1+1", "gone": None}, outcomes=outcomes)})
    (row,) = world.finished(traits=None)
    assert json.loads(row["traits"]) == {"plan": "=1+1", "buyers": True, "spent": 3}
    world.clock.advance(5 * MINUTE)
    (row,) = world.finished(format=FORMATTED, external_ids=[], with_ids=False, traits=["plan", "spent", "nothing"])
    assert row == {"key": "use_1", "plan": "'=1+1", "spent": "3", "nothing": ""}


@pytest.mark.parametrize("value", [0, False, "", [1], {"a": 1}, 2.5])
def test_every_value_of_a_trait_is_one(world, value):
    holders = {"use_1": head([("user_id", "u")], outcomes={"spent": (value, "tra_1")})}
    settle(world.kept, {**holders, "use_2": head([("user_id", "v")], outcomes={"spent": (None, "tra_1")})})
    (row,) = world.finished(SPENT)
    assert row["value"] == (value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))


def test_an_audience_of_accounts_is_its_people(world):
    of_accounts = computation("aud_2", "idle", scope=ACCOUNTS)
    outcomes = {"idle": (True, "aud_2")}
    people = {"acc_1": account("g", outcomes=outcomes), "use_1": head([("user_id", "u")], outcomes=outcomes)}
    settle(world.kept, people)
    assert [row["key"] for row in world.finished(of_accounts)] == ["use_1"]


def test_values_of_accounts_cannot_be_exported(world):
    with pytest.raises(Invalid, match="accounts"):
        world.export(computation("tra_2", "t", TRAIT, ACCOUNTS))


def test_nobody_is_a_file_too(world):
    assert world.finished() == []


def test_one_at_a_time_and_one_in_five_minutes(world):
    first = world.export()
    with pytest.raises(Conflict) as refused:
        world.export()
    assert refused.value.data == {"exportId": first.id}
    world.export(computation("aud_9", "others"))
    while world.turn():
        continue
    world.clock.advance(MINUTE)
    with pytest.raises(TooSoon) as too_soon:
        world.export()
    assert too_soon.value.at == first.created_at + 5 * MINUTE
    world.clock.move_to(first.created_at + 5 * MINUTE)
    assert world.export().id != first.id


def test_an_export_that_failed_stands_in_nobodys_way(world):
    first = world.export()
    world.engine.worker._kinds["export"].steps["evaluate"] = lambda *_: 1 / 0
    assert world.closed(first.task_id).status == FAILED
    world.clock.move_to(first.created_at + MINUTE)
    world.export()


def test_a_link_for_a_day(world):
    settle(world.kept, {"use_1": member("a@x")})
    export = world.export()
    assert world.exports.get(BUYERS, export.id).link is None
    world.turn()
    found = world.exports.get(BUYERS, export.id)
    assert found.file.people == 1
    assert found.file.bytes == len(world.kept.get(export.key))
    assert "buyers.csv" in found.link
    assert f"seconds={DAY // SECOND}" in found.link
    world.clock.advance(DAY - 10 * SECOND)
    assert "seconds=10&" in world.exports.get(BUYERS, export.id).link
    world.clock.advance(10 * SECOND)
    assert world.exports.get(BUYERS, export.id).link is None


def test_an_export_belongs_to_its_computation(world):
    export = world.export()
    with pytest.raises(NotFound):
        world.exports.get(SPENT, export.id)


@pytest.mark.parametrize(
    ("read", "content", "fields"),
    [
        (of_audience, {"format": "XLS"}, ["format"]),
        (of_audience, {"format": "EXTRA_ROWS"}, ["format"]),
        (of_audience, {"format": "FORMATTED", "traits": True}, ["traits"]),
        (of_audience, {"externalIds": "email", "traits": [1]}, ["externalIds", "traits"]),
        (of_audience, {"traits": [f"t{n}" for n in range(201)]}, ["traits"]),
        (of_trait, {"format": "FORMATTED"}, ["format"]),
        (of_trait, {"externalIds": ["email"], "traits": ["a"]}, ["externalIds", "traits"]),
    ],
)
def test_choices_that_there_are_not(read, content, fields):
    with pytest.raises(Invalid) as refused:
        read(content)
    assert [problem.field for problem in refused.value.problems] == fields


def test_killed_at_every_call_the_same_bytes(tmp_path):
    people = {f"use_{n}": member(f"{n}@x", f"{n}@y") for n in range(20)}

    def new(fate: Callable[[str], None]) -> World:
        world = World(tmp_path, fate)
        settle(world.kept, people)
        return world

    def act(world: World) -> None:
        world.run(1)
        settle(world.kept, {"use_late": member("late@x")})  # after the export began

    bytes_of = set()
    for at, world, export in killed_at_every_point(new, World.export, act):
        assert world.closed(export.task_id).status == SUCCEEDED, at
        found = world.exports.get(BUYERS, export.id)
        prepared = len(world.rows(export)) == 20
        assert prepared or world.rows(export)[-1]["key"] == "use_late", at
        if prepared:
            bytes_of.add(world.kept.get(export.key))
        assert found.file is not None, at
        assert found.file.bytes == len(world.kept.get(export.key)), at
        assert world.kept.list(f"exports/{SPACE}/") == [export.key], at
    assert len(bytes_of) == 1


def test_an_order_cut_short_at_any_call_stands_in_nobodys_way_for_long(tmp_path):
    def ordered(world: World) -> None:
        world.survive(world.export)

    for at, world, _ in killed_at_every_point(lambda fate: World(tmp_path, fate), lambda world: None, ordered):
        world.run(6)
        assert world.closed(world.export().task_id).status == SUCCEEDED, at
