"""What a run does, what it leaves out, and what becomes of one that is given up."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.clock import DAY, MINUTE, SECOND
from chalicelib.computations.computation import ACCOUNTS
from chalicelib.deadline import NoDeadline
from chalicelib.errors import Conflict
from chalicelib.tasks.task import CANCELLED, FAILED, QUEUED, SUCCEEDED
from chalicelib.workspace.storage import Storage, computation_key
from tests.backfill.plain_past import PlainPast
from tests.backfill.town import SETTLE, Process, Town, untouched


class Watched(PlainPast):
    """Counts the scans, and fails as long as it is broken."""

    def __init__(self, archive: Any) -> None:
        super().__init__(archive)
        self.scans, self.broken = 0, False

    def scan(self, *given: Any) -> Any:
        if self.broken:
            raise OSError("no disk")
        self.scans += 1
        return super().scan(*given)


@pytest.fixture
def past() -> list[Watched]:
    return []


@pytest.fixture
def town(tmp_path: Path, past: list[Watched]) -> Town:
    def reader(archive: Any) -> Watched:
        past.append(Watched(archive))
        return past[-1]

    made = Town(tmp_path, reader)
    made.send({"event": "A", "u": "u1"}, {"event": "B", "u": "u1"}, {"event": "A", "u": "u2"})
    made.clock.advance(3 * DAY)
    made.send({"event": "A", "u": "u1"})
    return made


def tasks(town: Town, computation: Any) -> list[Any]:
    return town.home.engine.tasks.of_computation(town.space_id, computation.id)


def members(town: Town, computation: Any) -> int:
    return sum(town.actual(computation, person) is True for person in town.people())


def test_history_is_read_when_nobody_is_left_who_did_not_know(town: Town, past: list[Watched]) -> None:
    made = town.audience("Often", "event('A').count() >= 2")
    town.home.compute()
    assert (past[0].scans, town.stored(made.id).stage) == (0, "computing")
    town.clock.advance(SETTLE - 1)
    town.home.compute()
    assert past[0].scans == 0
    town.clock.advance(1)
    town.home.compute()
    assert past[0].scans > 0
    assert (town.stored(made.id).ready, town.stored(made.id).stage) == (True, "computing")
    town.clock.advance(SETTLE)
    town.home.compute()
    assert (town.stored(made.id).stage, members(town, made)) == ("live", 1)


def test_equal_streams_are_filled_once(town: Town, past: list[Watched]) -> None:
    first = town.audience("First", "event('A').count() >= 2")
    town.run()
    scans = past[0].scans
    second = town.audience("Second", "event('A').count() >= 1")
    town.run()
    assert past[0].scans == scans
    assert (members(town, first), members(town, second)) == (1, 2)
    assert town.stored(second.id).generations == town.stored(first.id).generations
    town.update(first, definition={"query": "event('A').count() >= 1"})
    town.run()
    assert past[0].scans == scans
    assert (members(town, first), town.stored(first.id).version) == (2, 2)
    town.delete(town.stored(first.id))
    town.send({"event": "A", "u": "u3"})
    assert (members(town, second), town.check()) == (3, 3)


def test_what_was_taken_over_of_somebody_who_is_gone_is_filled_anew(town: Town, past: list[Watched]) -> None:
    first = town.audience("First", "event('A').count() >= 2")
    town.run()
    scans = past[0].scans
    second = town.audience("Second", "event('A').count() >= 1")
    taken_over = town.stored(second.id).generations
    assert taken_over == town.stored(first.id).generations
    town.delete(town.stored(first.id))
    town.run()
    assert past[0].scans > scans
    assert town.stored(second.id).generations != taken_over
    assert (members(town, second), town.check()) == (2, 2)


def test_traits_alone_need_no_history(town: Town, past: list[Watched]) -> None:
    made = town.audience("Some", "trait('all_b').exists()")
    assert town.stored(made.id).ready
    town.run()
    assert past[0].scans == 0
    assert town.stored(made.id).stage == "live"


def test_a_first_run_that_fails_for_good_can_be_begun_again(town: Town, past: list[Watched]) -> None:
    past[0].broken = True
    made = town.audience("Often", "event('A').count() >= 2")
    town.run()
    (task,) = tasks(town, made)
    assert (task.status, task.attempt, task.error.code) == (FAILED, 6, "STEP_ERROR")
    assert "no disk" not in task.error.message
    assert (town.stored(made.id).stage, town.stored(made.id).ready) == ("failed", False)
    assert not town.home.directory.view(town.space_id).catalogue.filling
    assert town.archive.list("runs/") == []
    town.send({"event": "A", "u": "u2"})
    past[0].broken = False
    town.update(made, enabled=True)
    town.run()
    assert (town.stored(made.id).stage, members(town, made), town.check()) == ("live", 2, 2)


def test_an_edit_that_fails_for_good_leaves_everything_as_it_was(town: Town, past: list[Watched]) -> None:
    made = town.audience("Often", "event('A').count() >= 2")
    town.run()
    past[0].broken = True
    edit = {"query": "event('B').count() >= 1"}
    town.update(made, definition=edit)
    with pytest.raises(Conflict):
        town.update(made, definition={"query": "event('B').count() >= 2"})
    town.run()
    stored = town.stored(made.id)
    assert (stored.stage, stored.version, stored.upcoming, stored.query) == ("live", 1, None, "event('A').count() >= 2")
    assert [task.status for task in tasks(town, made)] == [FAILED, SUCCEEDED]
    past[0].broken = False
    town.update(made, definition=edit)
    town.run()
    assert (town.stored(made.id).version, town.check()) == (2, 2)


def test_deleted_or_switched_off_it_is_called_off(town: Town) -> None:
    gone, off = town.audience("Gone", "event('A').count() >= 2"), town.audience("Off", "event('B').count() >= 1")
    town.home.compute()
    town.delete(town.stored(gone.id))
    town.update(off, enabled=False)
    town.run()
    assert [tasks(town, one)[0].status for one in (gone, off)] == [CANCELLED, CANCELLED]
    assert [one.name for one in town.computations()] == ["Off"]
    town.send({"event": "B", "u": "u2"})
    town.update(off, enabled=True)
    town.run()
    assert (members(town, off), town.check()) == (2, 2)


def test_five_first_runs_of_a_space_at_a_time(town: Town) -> None:
    made = [town.audience(f"q{n}", f"event('A').where(property('v') > {n}).count() >= 1") for n in range(7)]
    town.home.compute()
    stages = [town.stored(one.id).stage for one in made]
    assert sorted(stages) == ["computing"] * 5 + ["preparing"] * 2
    assert sum(tasks(town, one)[0].status == QUEUED for one in made) == 2
    town.run()
    assert {town.stored(one.id).stage for one in made} == {"live"}
    assert town.check() == 14


def test_a_wish_of_somebody_who_died_is_granted_by_the_tick(town: Town) -> None:
    process = town.home
    process.wishes.grant = lambda computation, key: None  # type: ignore[method-assign]
    made = town.audience("Often", "event('A').count() >= 2")
    assert tasks(town, made) == []
    assert process.wishes.tick(NoDeadline()) == 0
    town.clock.advance(MINUTE)
    assert process.wishes.tick(NoDeadline()) == 1
    assert process.wishes.tick(NoDeadline()) == 0
    assert len(tasks(town, made)) == 1


def test_what_is_computed_on_accounts_is_filled_and_left_to_its_runs(town: Town, past: list[Watched]) -> None:
    sent = {"name": "Busy", "audienceType": ACCOUNTS, "definition": {"query": "ANY event('A').count() >= 2"}}
    made = town.home.workspaces.audiences.create(town.home.space(), sent, "me")
    assert (made.history, made.lookback_days) == (True, None)
    town.run()
    stored = town.stored(made.id)
    assert (stored.ready, stored.upcoming, past[0].scans > 0) == (True, None, True)
    (key,) = [stream.key for stream in town.home.directory.view(town.space_id).catalogue.accounts["busy"].streams]
    assert sum(key in person.streams for person in town.people()) == 2


def test_nobody_waits_longer_than_it_takes(town: Town) -> None:
    made = town.audience("Often", "event('A').count() >= 2")
    town.home.compute()
    (task,) = tasks(town, made)
    assert task.message_at == town.clock.now() + SETTLE
    assert task.message_at - task.created_at < 15 * MINUTE
    assert SETTLE > 60 * SECOND


@pytest.mark.parametrize("knows_too_late", [False, True])
def test_what_a_slow_worker_counts_without_knowing_of_it_is_found_in_history(town: Town, knows_too_late: bool) -> None:
    """That is what settling is for: whoever comes after it knows, or is refused."""
    slow = Process(town, untouched)
    old = slow.directory.view(town.space_id)
    slow.directory.view = lambda space_id: old  # type: ignore[method-assign]
    made = town.audience("Often", "event('A').count() >= 2")
    town.home.compute()
    message = town.message({"event": "A", "u": "u2"})
    if knows_too_late:
        town.send({"event": "B", "u": "u2"})  # by somebody who knows
        assert slow.resolve([message]) == {message.id}
        assert town.home.resolve([message]) == set()
    else:
        assert slow.resolve([message]) == set()
    assert members(town, made) == 0
    town.run()
    assert (members(town, made), town.check()) == (2, 2)


def values_seen(town: Town, computation: Any, rounds: int = 60) -> set[Any]:
    """Every value that anybody ever had of it until nothing is left to be taken in; people do things meanwhile."""
    seen: set[Any] = set()
    for _ in range(rounds):
        town.home.compute()
        town.send({"event": "B", "u": "u1"}, {"event": "B", "u": "u3"})
        seen |= {town.actual(computation, person) for person in town.people()}
        town.clock.advance(30 * SECOND)
        town.tick()
        if not town.home.engine.tasks.open():
            return seen | {town.actual(computation, person) for person in town.people()}
    raise AssertionError("it never ends")


@pytest.mark.parametrize("history", [True, False])
def test_what_reads_another_one_waits_for_it(town: Town, history: bool) -> None:
    """Otherwise it would tell of people who have done what the other one has yet to find out."""
    first = town.audience("First", "event('A').count() >= 1")
    rest = town.audience("Rest", "NOT trait('first') = 'true'", includeHistoricalData=history)
    after = town.audience("After", "trait('rest') = 'true'", includeHistoricalData=history)
    town.send({"event": "B", "u": "u3"})
    assert values_seen(town, rest) == {None, True}
    assert (members(town, first), members(town, rest), members(town, after)) == (2, 1, 1)
    assert {town.stored(made.id).stage for made in (first, rest, after)} == {"live"}


def test_nobody_waits_for_what_failed_or_is_switched_off(town: Town, past: list[Watched]) -> None:
    past[0].broken = True
    first = town.audience("First", "event('A').count() >= 1")
    rest = town.audience("Rest", "NOT trait('first') = 'true'")
    town.run(rounds=400)
    assert (town.stored(first.id).stage, town.stored(rest.id).stage) == ("failed", "live")
    off = town.audience("Off", "event('B').count() >= 1", includeHistoricalData=False)
    town.update(off, enabled=False)
    last = town.audience("Last", "NOT trait('off') = 'true'")
    town.run()
    assert (members(town, rest), members(town, last)) == (2, 2)


def test_nobody_waits_for_ever(town: Town) -> None:
    """What it waits for may stand in line behind it."""
    first = town.audience("First", "event('A').count() >= 1")
    town.run()
    stuck = Storage(town.workspace, town.clock).computations
    key = computation_key(town.space_id, first.id)
    stuck.amend(key, lambda present: replace(present, counted=False, stage="computing"))
    Storage(town.workspace, town.clock).bump(town.space_id)
    rest = town.audience("Rest", "NOT trait('first') = 'true'")
    stages = []
    for _ in range(70):
        town.home.compute()
        stages.append(town.stored(rest.id).stage)
        town.clock.advance(MINUTE)
        town.tick()
    assert stages.index("live") == pytest.approx(60, abs=4)
