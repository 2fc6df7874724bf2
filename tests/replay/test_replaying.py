"""What a space received, sent into another one."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.archive.history import History
from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.instants import to_iso
from chalicelib.pipeline.landing import Landed, land
from chalicelib.replay.feed import Feed
from chalicelib.replay.replaying import Replaying
from chalicelib.replay.replays import Replay, Replays
from chalicelib.tasks.task import FAILED, SUCCEEDED
from chalicelib.tracking.decode import events
from chalicelib.tracking.envelope import Accepted, unpack
from chalicelib.tracking.event import Event
from chalicelib.workspace.model import Source, Space
from tests.events import event
from tests.pipeline.shop import Shop, audience
from tests.tasks.world import NOON

from .workshop import Workshop, killed_at_every_point

START = NOON - 10 * DAY
HERE, THERE = "here", "there"


def space(id: str) -> Space:
    return Space(id=id, workspace_id="w", slug=id, name=id, engage_source_id="eng", created_at=0)


class Spaces:
    """Two spaces of a workspace with a source each."""

    def space(self, workspace_id: str, id: str) -> Space:
        if id not in (HERE, THERE):
            raise NotFound("no such space")
        return space(id)

    @property
    def sources(self) -> "Spaces":
        return self

    def every(self, workspace_id: str) -> list[Any]:
        fields = {"workspace_id": "w", "slug": "s", "name": "s", "metadata_id": "python", "enabled": True}
        return [
            Source(id=f"of_{id}", space_id=id, write_keys=[], created_at=0, **fields)  # type: ignore[arg-type]
            for id in (HERE, THERE)
        ]


class World(Workshop):
    def __init__(self, scratch: Any, fate: Callable[[str], None] = lambda _point: None, rate: int = 0) -> None:
        def kinds(world: Workshop) -> list[Any]:
            history = History(world.archive, world.clock, lambda: scratch)
            feed = Feed(world.queues, rate)
            replaying = Replaying(world.work, world.archive, history, feed, world.clock)
            world.closing.append(replaying.held.close)
            return [replaying.kind()]

        super().__init__(kinds, fate)

    def land(self, space_id: str, name: str, *rows: tuple[Event, str | None]) -> None:
        landed = [Landed(one, profile_id, None) for one, profile_id in rows]
        land(self.kept, space_id, [name], landed, self.clock.now())

    def order(self, of: str = HERE, **asked: Any) -> Replay:
        replays = Replays(self.work, Spaces(), self.tasks, self.ids, self.clock)  # type: ignore[arg-type]
        content = {"from": to_iso(START), "to": to_iso(NOON), "targetSpaceId": THERE, **asked}
        return replays.create(space(of), {name: value for name, value in content.items() if value is not None}, "tok")

    def batches(self) -> list[Accepted]:
        found = [unpack(body) for body in self.fed()]
        return [one for one in found if isinstance(one, Accepted)]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def bought(n: int, at: int | None = None, source: str = "of_here", **more: Any) -> Event:
    arrived = START + n * HOUR if at is None else at
    return event(
        "track",
        "Bought",
        at=arrived - MINUTE,
        message_id=f"m{n:05d}",
        **{"received_at": arrived, "source_id": source, "user_id": f"u{n % 5}", **more},
    )


def test_events_are_received_now_and_are_what_they_were(world):
    page = event(
        "page",
        None,
        at=START,
        message_id="p",
        received_at=START + 5,
        source_id="of_here",
        user_id="u1",
        anonymous_id="a1",
        name="Home",
        category="Shop",
        properties={"url": "/", "page_name": "Home", "deep": [{"x": None}, 1.5]},
        context={"ip": "1.2.3.4", "groupId": "g"},
        integrations={"All": False},
        original_timestamp=START - 7_777,
        sent_at=START - 7_000,
    )
    identify = event(
        "identify", None, at=START + 1, message_id="i", source_id="of_here", user_id="u1", traits={"a": None}
    )
    world.land(HERE, "b", (page, "use_1"), (identify, "use_1"))
    made = world.order()
    task = world.closed(made.task_id)
    assert task.status == SUCCEEDED, task.error
    (batch,) = world.batches()
    assert (batch.space_id, batch.source_id, batch.workspace_id) == (THERE, "of_here", "w")
    found = {one.message_id: one for one in events(batch)}
    for sent in (page, identify):
        again = found[sent.message_id]
        assert again.received_at == NOON
        for name in ("type", "event", "name", "category", "timestamp", "user_id", "anonymous_id", "source_id"):
            assert getattr(again, name) == getattr(sent, name), name
        for name in ("properties", "traits", "context", "integrations"):
            assert getattr(again, name) == getattr(sent, name), name


def test_the_range_is_of_arrival_and_has_no_end(world):
    rows = [bought(0, START - 1), bought(1, START), bought(2, NOON - 1), bought(3, NOON - HOUR, source="other")]
    world.land(HERE, "b", *[(one, "use") for one in rows])
    world.clock.advance(1)
    world.land(HERE, "c", (bought(4, NOON), "use"))
    world.closed(world.order(sourceId="of_here").task_id)
    assert [m["messageId"] for batch in world.batches() for m in batch.messages] == ["m00001", "m00002"]


def test_everything_once_in_order_of_arrival(world):
    rows = [bought(n) for n in range(240)]
    for start in range(0, 240, 30):
        world.land(HERE, f"b{start}", *[(one, "use") for one in rows[start : start + 30]])
    world.land(HERE, "again", *[(one, "use") for one in rows[:50]])
    world.closed(world.order().task_id)
    assert [m["messageId"] for batch in world.batches() for m in batch.messages] == [one.message_id for one in rows]


def test_the_own_space_has_counted_it(world):
    with pytest.raises(Invalid, match="counted these events already"):
        world.order(targetSpaceId=None)


def test_the_own_space_takes_what_nobody_was_found_for(world):
    rows = [(bought(1), None), (bought(2), "use_1"), (bought(3), None)]
    world.land(HERE, "b", *rows)
    world.clock.advance(1)
    world.land(HERE, "later", (bought(3), "use_2"))
    world.closed(world.order(targetSpaceId=None, unresolvedOnly=True).task_id)
    assert [m["messageId"] for batch in world.batches() for m in batch.messages] == ["m00001"]


def test_a_range_goes_into_a_space_once(world):
    world.land(HERE, "b", (bought(1), "use"))
    made = world.order()
    assert world.order().task_id == made.task_id
    world.closed(made.task_id)
    world.clock.advance(40 * DAY)
    assert world.order().task_id == made.task_id
    for meets in ({"from": to_iso(NOON - 1)}, {"sourceId": "of_here"}, {"unresolvedOnly": True}):
        with pytest.raises(Conflict, match="already") as refused:
            world.order(**meets)
        assert refused.value.data == {"replayId": made.id}
    world.order(**{"from": to_iso(NOON), "to": to_iso(NOON + HOUR)})


def test_nothing_comes_back_to_where_it_was_counted(world):
    world.order()
    with pytest.raises(Conflict, match="own sources"):
        world.order(THERE, targetSpaceId=HERE)
    with pytest.raises(Conflict, match="own sources"):
        world.order(THERE, targetSpaceId=HERE, sourceId="of_here")
    world.order(THERE, targetSpaceId=HERE, sourceId="of_there")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"from": None}, "from"),
        ({"to": None}, "to"),
        ({"to": to_iso(START)}, "to"),
        ({"to": to_iso(NOON + 1)}, "to"),
        ({"from": "yesterday"}, "from"),
        ({"targetSpaceId": "nowhere"}, "targetSpaceId"),
        ({"unresolvedOnly": "yes"}, "unresolvedOnly"),
    ],
)
def test_orders_that_make_no_sense(world, asked, field):
    with pytest.raises(Invalid) as refused:
        world.order(**asked)
    assert [problem.field for problem in refused.value.problems] == [field]


def cancelled_half_way(world: World) -> Replay:
    """One page was sent without a note of it."""
    for day in range(3):
        world.land(HERE, f"b{day}", *[(bought(n), "use") for n in range(day * 24, day * 24 + 24)])
    made = world.order()
    send = world.queue.send

    def stop(queue: str, messages: Any) -> None:
        send(queue, messages)
        if queue == "ingest":
            world.tasks.cancel(made.task_id)

    world.queue.send = stop  # type: ignore[method-assign]
    world.run(5)
    world.queue.send = send  # type: ignore[method-assign]
    return made


def test_a_replay_that_was_cancelled_goes_on_where_it_stopped(world):
    made = cancelled_half_way(world)
    world.clock.advance(HOUR)
    again = world.order()
    assert (again.id, again.tries) == (made.id, 2)
    assert world.closed(again.task_id).status == SUCCEEDED
    bodies = world.fed()
    shop = Shop([audience(f"n{n}", f"event('Bought').count() = {n}") for n in (14, 15)], space_id=THERE)
    world.resolve(shop, bodies)
    values = [[shop.value(f"user_id:u{n}", f"n{times}") for times in (14, 15)] for n in range(5)]
    assert [times.index(True) + 14 for times in values] == [15, 15, 14, 14, 14]


def test_after_a_day_nobody_can_tell_whether_the_last_page_counted(world):
    for day in range(2):
        world.land(HERE, f"b{day}", *[(bought(n), "use") for n in range(day * 24, day * 24 + 24)])
    made = world.order()
    sends: list[str] = []
    send = world.queue.send

    def stop(queue: str, messages: Any) -> None:
        send(queue, messages)
        sends.extend([queue] if queue == "ingest" else [])
        if len(sends) == 2:
            world.tasks.cancel(made.task_id)

    world.queue.send = stop
    world.run(5)
    world.queue.send = send
    world.clock.advance(21 * HOUR)
    task = world.closed(world.order().task_id)
    assert (task.status, task.error.code) == (FAILED, "STOPPED_LONG_AGO")


def test_killed_at_every_call_the_same_is_sent(tmp_path, monkeypatch):
    monkeypatch.setattr("chalicelib.replay.replaying.MOST_MESSAGES", 10)

    def new(fate: Callable[[str], None]) -> World:
        world = World(tmp_path, fate)
        world.land(HERE, "b", *[(bought(n), "use") for n in range(22)])
        return world

    batches: set[tuple[str, int]] = set()
    for at, world, made in killed_at_every_point(new, World.order, lambda world: world.run(1)):
        assert world.closed(made.task_id).status == SUCCEEDED, at
        found = world.batches()
        sent = {(one.batch_id, len(one.messages)) for one in found}
        batches = batches or sent
        assert sent == batches, at
        assert len(sent) == 3, at
        assert len({m["messageId"] for one in found for m in one.messages}) == 22, at


def test_an_order_cut_short_at_any_call_is_the_same_order_again(tmp_path):
    def new(fate: Callable[[str], None]) -> World:
        world = World(tmp_path, fate)
        world.land(HERE, "b", *[(bought(n), "use") for n in range(20)])
        return world

    def ordered(world: World) -> None:
        world.survive(world.order)

    for at, world, _ in killed_at_every_point(new, lambda world: None, ordered):
        made = world.order()
        assert world.closed(made.task_id).status == SUCCEEDED, at
        assert world.order().task_id == made.task_id, at
        sent = [m["messageId"] for one in world.batches() for m in one.messages]
        assert sent == [f"m{n:05d}" for n in range(20)], at
        with pytest.raises(Conflict):
            world.order(sourceId="of_here")
