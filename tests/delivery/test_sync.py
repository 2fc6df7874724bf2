"""The steps of a sync as workers take them: each may die at any call, and the next one goes on from what was saved."""

import json
from collections import Counter
from contextlib import suppress
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.clock import HOUR, MINUTE, FixedClock
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.debugger import Debugger
from chalicelib.delivery.dispatch import Dispatch
from chalicelib.delivery.flush import Flush
from chalicelib.delivery.ledger import Ledger
from chalicelib.delivery.lists import CHANGES, MEMBERS, Lists
from chalicelib.delivery.message import decode
from chalicelib.delivery.sending import Sender
from chalicelib.delivery.sync import Syncs
from chalicelib.delivery.tokens import Tokens
from chalicelib.delivery.told import Told
from chalicelib.delivery.transport import MockTransport, Response
from chalicelib.destinations.facebook_custom_audiences import FACEBOOK_CUSTOM_AUDIENCES
from chalicelib.destinations.kind import Request
from chalicelib.profiles.ports import ProfileKey
from chalicelib.profiles.profile import Merge, Profile
from chalicelib.queues import DELIVER
from chalicelib.store.memory import MemoryArchive, MemoryProfiles, MemoryQueues, MemoryRecords, MemorySecrets
from chalicelib.tasks.kind import Cursor, Done, Later, StepFailed
from chalicelib.tasks.task import FAILED, SUCCEEDED, Step, Task
from chalicelib.workspace.model import Destination
from chalicelib.workspace.storage import Storage, computation_key, connection_key

from .test_crash import Fuse, Killed
from .world import E1, NOW, SPACE, FakeDirectory, audience, change, connection, emitter, head, webhook

MEMBERS_HERE, OTHERS = 10, 3
STEPS = ("load", "build", "deliver", "acknowledge", "finalize")
VIP = audience()


class Directory(FakeDirectory):
    """Of connections as they are stored: a sync changes them."""

    def __init__(self, storage, destinations, hides_until=0):
        super().__init__([VIP], (), destinations)
        self.storage = storage
        self.hides_until = hides_until

    def view(self, space_id):
        self.computations = [VIP] if self.storage.names._clock.now() >= self.hides_until else []
        self.connections = {c.id: c for c in self.storage.connections.every(f"space#{SPACE}", "connection#")}
        return super().view(space_id)


class Stage:
    def __init__(
        self,
        destination=None,
        answer=lambda request: Response(200, {}, b'{"id": "L1"}'),
        members=MEMBERS_HERE,
        others=OTHERS,
    ):
        self.clock = FixedClock(NOW)
        self.hides_until = 0  # when the computation comes to be known
        self.work, self.workspace = MemoryRecords(self.clock), MemoryRecords(self.clock)
        self.archive, self.queues, self.profiles = MemoryArchive(self.clock), MemoryQueues(), MemoryProfiles()
        self.asked: list[Request] = []
        self.called: list[tuple[str, str, dict[str, Any]]] = []
        tasks: Any = self
        self.tasks = tasks

        def partner(request):
            self.asked.append(request)
            return answer(request)

        self.transport = MockTransport(partner)
        self.destination = destination or webhook()
        self.connection = connection(VIP, self.destination.id)
        storage = Storage(self.workspace, self.clock)
        storage.connections.create(connection_key(SPACE, self.connection.id), self.connection)
        for n in range(members + others):
            profile = Profile(space_id=SPACE, profile_id=f"p{n:02d}")
            profile.head = head(("user_id", f"u{n}"), vip=n < members)
            profile.head.created_at = NOW + n
            self.profiles.save(profile)

    def syncs(self, around=lambda port: port) -> Syncs:
        work, archive, queues = around(self.work), around(self.archive), around(self.queues)
        storage = Storage(around(self.workspace), self.clock)
        directory = Directory(storage, [self.destination], self.hides_until)
        lists = Lists(work, lambda: self.tasks, lambda destination_id: {}, self.clock)
        tokens = Tokens(work, MemorySecrets(), self.transport, self.clock)
        sender = Sender(around(self.transport), tokens, self.clock)
        flush = Flush(storage, directory, archive, work, lists, sender, Ledger(work, self.clock), self.clock)
        return Syncs(
            storage=storage,
            directory=directory,
            profiles=self.profiles,
            archive=archive,
            work=work,
            told=Told(work, self.clock),
            dispatch=Dispatch(queues, lists, Debugger(self.work, self.clock)),
            lists=lists,
            flush=flush,
            tasks=lambda: self.tasks,
            clock=self.clock,
        )

    def create(self, kind, space_id, slot, **more):
        self.called.append((kind, slot, more["input"]))
        return SimpleNamespace(is_open=True)

    def task(self, about=MEMBERS, **input):
        return Task(
            task_id=f"{VIP.id}:sync:{self.destination.id}:1",
            kind="sync",
            space_id=SPACE,
            slot="1",
            steps=tuple(Step(name=name) for name in STEPS),
            created_at=NOW,
            computation_id=VIP.id,
            destination_id=self.destination.id,
            input={"about": about, "connection_id": self.connection.id, **input},
        )

    def work_off(self, task, around=lambda port: port, fails=0):
        """As a worker does, who is followed by another one when he dies; the steps as often as they were begun."""
        begun: Counter[str] = Counter()
        while (step := task.current_step) is not None:
            begun[step.name] += 1
            try:
                result = self.syncs(around).kind().steps[step.name](task, step, NoDeadline())
            except Killed:
                around = lambda port: port  # noqa: E731
                continue
            except StepFailed:
                if (fails := fails - 1) < 0:
                    raise
                continue
            if isinstance(result, Later):
                self.clock.move_to(result.at)
            match result:
                case Done(output_ref):
                    step = replace(step, completed_at=self.clock.now(), output_ref=output_ref)
                case Cursor(value) | Later(value):
                    step = replace(step, cursor=value)
            task = replace(task, steps=tuple(step if one.name == step.name else one for one in task.steps))
        return task, begun

    def told(self):
        return [decode(body) for body in self.queues.bodies(DELIVER)]


def test_members_are_told_and_nobody_else():
    stage = Stage()
    task, _ = stage.work_off(stage.task())
    told = stage.told()
    assert sorted(d.payload["userId"] for d in told) == sorted(f"u{n}" for n in range(MEMBERS_HERE))
    assert all(d.payload["traits"]["vip"] is True for d in told)
    assert next(step.output_ref for step in task.steps if step.name == "deliver") == str(MEMBERS_HERE)
    assert not stage.archive.list("runs/")


@pytest.mark.parametrize("after", [False, True])
def test_a_sync_of_members_survives_a_death_at_every_call(after):
    for at in count(1):
        stage, fuse = Stage(), Fuse(at, after)
        stage.work_off(stage.task(), fuse.around)
        told = Counter(d.message_id for d in stage.told())
        assert len(told) == MEMBERS_HERE, at
        assert max(told.values()) <= 2
        if not fuse.blown:
            assert set(told.values()) == {1}
            break
    assert at > 20


def test_the_first_sync_tells_nobody_who_was_told_live_and_live_changes_nobody_whom_it_told():
    stage = Stage()
    syncs = stage.syncs()
    live = emitter(syncs.directory, stage.queues, stage.work, stage.clock)
    entered = [change(None, head(("user_id", f"u{n}"), vip=True), profile_id=f"p{n:02d}", version=1) for n in (0, 1)]
    assert live.emit(entered[:1]) == set()
    stage.work_off(stage.task(first=True))
    assert live.emit(entered[1:]) == set()
    assert Counter(d.payload["userId"] for d in stage.told()) == {f"u{n}": 1 for n in range(MEMBERS_HERE)}
    left = change(head(("user_id", "u1"), vip=True), head(("user_id", "u1"), vip=False), profile_id="p01", version=2)
    assert live.emit([left]) == set()
    assert stage.told()[-1].payload["traits"]["vip"] is False


def test_a_resync_tells_everybody_again_under_other_ids():
    stage = Stage()
    stage.work_off(stage.task(first=True))
    again = replace(stage.task(), task_id="other")
    stage.work_off(again)
    assert len({d.message_id for d in stage.told()}) == 2 * MEMBERS_HERE
    assert [d.follows for d in stage.told()] == [False] * MEMBERS_HERE + [True] * MEMBERS_HERE


def become_one(stage):
    """The first two members, while nobody looks; the one who stays has got an email besides."""
    keys = [ProfileKey(SPACE, f"p{n:02d}") for n in (0, 1)]
    loaded = stage.profiles.load(keys)
    stays, goes = (loaded[key] for key in keys)
    stays.head = head(("user_id", "u0"), ("user_id", "u1"), E1, vip=True)
    stays.head.merges = [Merge("p01", NOW, "m", "src", [], [], None)]
    goes.merged_into = "p00"
    for profile in (goes, stays):
        stage.profiles.save(profile)


@pytest.mark.parametrize("after", [False, True])
def test_what_was_missed_while_it_was_switched_off_is_told_once_whoever_dies(after):
    for at in count(1):
        stage, fuse = Stage(), Fuse(at, after)
        stage.work_off(stage.task(first=True))
        become_one(stage)
        stage.work_off(replace(stage.task(resumed=True), task_id="again"), fuse.around)
        told = stage.told()[MEMBERS_HERE:]
        assert {(d.payload["userId"], d.payload["traits"]["email"]) for d in told} == {("u0", E1[1]), ("u1", E1[1])}
        assert len({d.message_id for d in told}) == 2
        sheets = stage.syncs().told.sheets(SPACE, ["p00", "p01"])
        assert [sheets[id].sheet.moved for id in ("p00", "p01")] == [False, True]
        if not fuse.blown:
            assert len(told) == 2
            break
    assert at > 15


def test_what_was_missed_is_not_told_by_changes_from_before_once_more():
    stage = Stage(members=1, others=0)
    live = emitter(stage.syncs().directory, stage.queues, stage.work, stage.clock)
    late = change(head(("user_id", "u0")), head(("user_id", "u0"), vip=True), profile_id="p00", version=1)
    stage.work_off(stage.task(resumed=True))
    assert live.emit([late]) == set()
    assert [d.payload["userId"] for d in stage.told()] == ["u0"]


def switched_on(stage):
    """As it is stored just before it is switched on."""
    Storage(stage.workspace, stage.clock).computations.create(computation_key(SPACE, VIP.id), VIP)
    stage.syncs().owe(VIP)


def run(stage, kind="compute", status=SUCCEEDED, created_at=NOW):
    made = replace(stage.task(), task_id=f"{VIP.id}:{kind}:-:1", kind=kind, destination_id=None)
    return replace(made, status=status, created_at=created_at, input={})


def test_what_is_owed_is_due_after_a_run_over_everybody_that_began_later():
    stage = Stage()
    switched_on(stage)
    for early in (run(stage, created_at=NOW - 1), run(stage, "batch"), run(stage, status=FAILED), run(stage, "export")):
        stage.syncs().report(early)
    assert stage.called == []
    stage.syncs().report(run(stage, "edit"))
    ((kind, slot, input),) = stage.called
    assert (kind, stage.connection.id in slot, input["connection_id"]) == ("sync", True, stage.connection.id)
    assert (input["about"], input["resumed"]) == (MEMBERS, True)
    stage.syncs().report(run(stage, "edit"))
    assert len(stage.called) == 1


@pytest.mark.parametrize("after", [False, True])
def test_what_is_owed_is_not_forgotten_by_whoever_dies(after):
    for at in count(1):
        stage, fuse = Stage(), Fuse(at, after)
        switched_on(stage)
        with suppress(Killed):
            stage.syncs(fuse.around).report(run(stage))
        stage.syncs().report(run(stage))
        assert len({slot for _, slot, _ in stage.called}) == 1
        if not fuse.blown:
            break
    assert at > 3


def test_a_paused_connection_is_owed_nothing_and_neither_are_those_of_what_is_deleted():
    for paused in (True, False):
        stage = Stage()
        switched_on(stage)
        storage = Storage(stage.workspace, stage.clock)
        if paused:
            key = connection_key(SPACE, stage.connection.id)
            storage.connections.amend(key, lambda present: replace(present, enabled=False))
        else:
            storage.computations.delete(computation_key(SPACE, VIP.id))
        stage.syncs().report(run(stage))
        assert stage.called == []


def test_a_connection_that_is_paused_or_gone_is_told_nothing():
    for enabled in (False, None):
        stage = Stage()
        key = connection_key(SPACE, stage.connection.id)
        storage = Storage(stage.workspace, stage.clock)
        if enabled is None:
            storage.connections.delete(key)
        else:
            storage.connections.amend(key, lambda present: replace(present, enabled=False))
        stage.work_off(stage.task())
        assert stage.told() == []


def test_one_that_is_not_stored_yet_is_waited_for_a_minute():
    stage = Stage()
    Storage(stage.workspace, stage.clock).connections.delete(connection_key(SPACE, stage.connection.id))
    _, begun = stage.work_off(stage.task())
    assert begun["load"] > 30
    assert stage.clock.now() - NOW <= 2 * MINUTE


def test_a_step_of_a_journey_is_waited_for_until_it_is_published():
    """Its connections are made before, and a list needs its name."""
    stage = Stage(facebook())
    stage.hides_until = NOW + 3_000
    _, begun = stage.work_off(stage.task(first=True))
    assert begun["load"] == 4
    assert stage.clock.now() >= stage.hides_until
    assert len(stage.asked) == 1
    assert [input["about"] for _, _, input in stage.called] == [CHANGES]


def test_a_step_of_a_journey_that_is_never_published_or_archived_meanwhile_is_told_nothing():
    for kind in (webhook(), facebook()):
        stage = Stage(kind)
        stage.hides_until = NOW + HOUR
        stage.work_off(stage.task())
        assert (stage.told(), stage.asked) == ([], [])


def test_a_thousand_members_among_fifty_thousand_people_are_told_once_and_the_others_not():
    """When the definition is taken in, by the changes that brings; and when a destination is connected later."""
    stage = Stage(members=0, others=0)
    changes = [
        change(head(("user_id", f"u{n}")), head(("user_id", f"u{n}"), vip=n % 50 == 0), profile_id=f"q{n}", version=2)
        for n in range(50_000)
    ]
    live = emitter(stage.syncs().directory, stage.queues, stage.work, stage.clock)
    for start in range(0, len(changes), 100):
        assert live.emit(changes[start : start + 100]) == set()
    told = stage.told()
    assert Counter(d.payload["traits"]["vip"] for d in told) == {True: 1_000}
    assert len({d.message_id for d in told}) == 1_000
    assert sum(key.partition.startswith("told#") for key in stage.work._items) == 1_000


def test_a_sync_looks_at_all_pages_of_people():
    stage = Stage(members=250, others=2_000)
    stage.work_off(stage.task())
    assert len({d.message_id for d in stage.told()}) == len(stage.told()) == 250


# Lists


def facebook():
    settings = {"accessToken": "hush", "adAccountId": "1"}
    return Destination(
        id="fb",
        workspace_id="w",
        source_id="s",
        metadata_id=FACEBOOK_CUSTOM_AUDIENCES.metadata_id,
        name="Facebook",
        enabled=True,
        created_at=0,
        settings=settings,
    )


def on_the_list(stage):
    found: set[str] = set()
    for request in stage.asked:
        if request.url.endswith("/L1/users"):
            rows = {row[0] for row in json.loads(request.body)["payload"]["data"]}
            found = found | rows if request.method == "POST" else found - rows
    return found


EVERYBODY = {f"u{n}" for n in range(MEMBERS_HERE)}


def test_members_wait_for_the_flush_that_is_called_once():
    stage = Stage(facebook())
    stage.work_off(stage.task())
    assert stage.told() == []
    ((kind, _, input),) = stage.called
    assert (kind, input["about"], input["due"]) == ("sync", CHANGES, (NOW // HOUR + 1) * HOUR)
    stage.work_off(stage.task(CHANGES, due=input["due"]))
    assert on_the_list(stage) == EVERYBODY
    assert len([r for r in stage.asked if r.url.endswith("customaudiences")]) == 1
    assert stage.clock.now() >= input["due"]
    assert Ledger(stage.work, stage.clock).counts("fb")["delivered"] == MEMBERS_HERE
    asked = len(stage.asked)
    stage.work_off(replace(stage.task(CHANGES), task_id="next"))
    assert len(stage.asked) == asked


@pytest.mark.parametrize("after", [False, True])
def test_a_flush_survives_a_death_at_every_call(after):
    for at in count(1):
        stage, fuse = Stage(facebook()), Fuse(at, after)
        stage.work_off(stage.task())
        stage.work_off(replace(stage.task(CHANGES), task_id="flush"), fuse.around)
        assert on_the_list(stage) == EVERYBODY, at
        assert not any(key.partition.startswith("list#") for key in stage.work._items)
        assert not stage.archive.list("runs/")
        if not fuse.blown:
            assert len([r for r in stage.asked if r.url.endswith("/users")]) == 1
            assert Ledger(stage.work, stage.clock).counts("fb")["delivered"] == MEMBERS_HERE
            break
    assert at > 10


def test_a_partner_that_is_busy_makes_the_step_fail_and_nothing_is_lost():
    answers = [Response(200, {}, b'{"id": "L1"}'), Response(503, {}), Response(503, {})]
    stage = Stage(facebook(), lambda request: answers.pop(0) if answers else Response(200, {}))
    stage.work_off(stage.task())
    _, begun = stage.work_off(replace(stage.task(CHANGES), task_id="flush"), fails=2)
    assert (begun["load"], begun["build"], begun["deliver"]) == (1, 1, 4)
    assert on_the_list(stage) == EVERYBODY


def test_rows_that_come_while_a_flush_ends_are_called_for_again():
    stage = Stage(facebook())
    stage.work_off(stage.task())
    flush = replace(stage.task(CHANGES), task_id="flush")
    done = {name: Step(name=name, completed_at=NOW, output_ref="0") for name in STEPS[:-1]}
    stage.called.clear()
    stage.work_off(replace(flush, steps=tuple(done.get(one.name, one) for one in flush.steps)))
    ((_, _, input),) = stage.called
    assert input["about"] == CHANGES


@pytest.mark.parametrize("answer", [Response(503, {}), Response(200, {}, b"{}"), Response(200, {}, b"no")])
def test_a_list_that_cannot_be_made_makes_the_sync_fail(answer):
    stage = Stage(facebook(), lambda request: answer)
    with pytest.raises(StepFailed) as failed:
        stage.work_off(stage.task())
    assert failed.value.code == "LIST_NOT_CREATED"
    assert "hush" not in str(failed.value)


def test_rows_of_a_paused_list_are_not_caught_up():
    stage = Stage(facebook())
    stage.work_off(stage.task())
    storage = Storage(stage.workspace, stage.clock)
    storage.connections.amend(
        connection_key(SPACE, stage.connection.id), lambda present: replace(present, enabled=False)
    )
    stage.work_off(replace(stage.task(CHANGES), task_id="flush"))
    assert on_the_list(stage) == set()
    assert not any(key.partition.startswith("list#") for key in stage.work._items)
