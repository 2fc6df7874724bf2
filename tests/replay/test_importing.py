"""A file of an owner's past, taken in line by line."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.clock import DAY, HOUR
from chalicelib.ids import CountingIds
from chalicelib.instants import to_iso
from chalicelib.replay import places
from chalicelib.replay.feed import MOST_MESSAGES, Feed
from chalicelib.replay.importing import Importing
from chalicelib.replay.imports import KIND, Import, Report
from chalicelib.tasks.task import CANCELLED, FAILED, SUCCEEDED
from chalicelib.tracking.decode import events
from chalicelib.tracking.envelope import Accepted, unpack
from chalicelib.workspace.shelf import Shelf
from tests.pipeline.shop import Shop, audience
from tests.tasks.simulated import Killed
from tests.tasks.world import NOON

from .workshop import Workshop, killed_at_every_point

KEY = "imports/s/file"
SOURCE = "src_1"


def world_of(content: bytes, fate: Callable[[str], None] = lambda _point: None, rate: int = 0) -> Workshop:
    def kinds(world: Workshop) -> list[Any]:
        ids = CountingIds(world.clock)
        importing = Importing(world.work, world.archive, Feed(world.queues, rate), ids, world.clock)
        world.closing.append(importing.held.close)
        return [importing.kind()]

    world = Workshop(kinds, fate)
    world.kept.put(KEY, content)
    return world


def order(world: Workshop, key: str = KEY) -> Import:
    id = world.ids.ksuid("imp_")
    made = Import(
        id=id,
        workspace_id="w",
        space_id="s",
        source_id=SOURCE,
        key=key,
        size=len(world.kept.get(key)),
        task_id=f"s:{KIND}:-:{id}",
        created_at=world.clock.now(),
        created_by="tok",
    )
    Shelf(world.stored, Import).put(places.import_key("s", id), made)
    world.tasks.create(KIND, "s", id, input={"import_id": id})
    return made


def report(world: Workshop, made: Import) -> Report:
    return Shelf(world.stored, Report).get(places.report_key("s", made.id))


def envelopes(bodies: list[str]) -> list[Accepted]:
    found = [unpack(body) for body in bodies]
    return [one for one in found if isinstance(one, Accepted)]


def bought(user: str, at: int = NOON - 400 * DAY, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Bought", "userId": user, "timestamp": to_iso(at), **more}


def ndjson(*rows: Any) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)


def shop(times: int) -> Shop:
    """It knows who bought exactly so often."""
    return Shop([audience("right", f"event('Bought').count() = {times}")])


def test_every_line_is_received_now_and_dated_then():
    world = world_of(ndjson(bought("u1"), bought("u2", sentAt=to_iso(NOON - 390 * DAY), receivedAt="2001-01-01")))
    made = order(world)
    assert world.closed(made.task_id).status == SUCCEEDED
    (accepted,) = envelopes(world.fed())
    found = events(accepted)
    assert [(e.user_id, e.timestamp, e.received_at) for e in found] == [
        ("u1", NOON - 400 * DAY, NOON),
        ("u2", NOON - 400 * DAY, NOON),
    ]
    assert (accepted.workspace_id, accepted.space_id, accepted.source_id) == ("w", "s", SOURCE)
    assert report(world, made) == Report(lines=2, accepted=2)


def test_lines_are_judged_as_the_tracking_api_judges_messages():
    lines = [
        bought("u1"),
        b"{not json",
        {"type": "track", "userId": "u1"},
        {"type": "dance", "userId": "u1"},
        b"",
        {"type": "track", "event": "E"},
        b"[1, 2]",
        {"type": "track", "event": "E", "userId": "u1", "properties": {"x": "y" * 40_000}},
        b'{"type":"track","event":"E","userId":"u1","properties":{"n":1e999}}',
        b"\xff\xfe",
        {"type": "identify", "userId": "u1", "messageId": "m" * 101},
        {"type": "group", "userId": "u1", "groupId": 7},
    ]
    world = world_of(ndjson(*lines))
    made = order(world)
    world.closed(made.task_id)
    found = report(world, made)
    expected = [
        (2, "malformed_body"),
        (3, "event_not_defined"),
        (4, "type_not_supported"),
        (6, "no_user_anon_id"),
        (7, "message_not_object"),
        (8, "message_too_large"),
        (9, "number_out_of_range"),
        (10, "malformed_body"),
        (11, "message_id_too_long"),
    ]
    assert found.samples == expected
    assert (found.lines, found.accepted, found.codes["malformed_body"]) == (11, 2, 2)
    assert found.rejected_key is not None
    listed = [json.loads(line) for line in world.kept.get(found.rejected_key).splitlines()]
    assert [(one["line"], one["code"]) for one in listed] == expected
    assert world.kept.list("imports/s/.rejected/") == [found.rejected_key]


def test_damage_is_told_with_what_was_read_before_it():
    packed = gzip.compress(ndjson(*[bought(f"u{n}") for n in range(40)]), compresslevel=0)
    world = world_of(packed[:-400])
    made = order(world)
    world.closed(made.task_id)
    found = report(world, made)
    assert found.codes == {"damaged_compression": 1}
    assert 30 < found.accepted < 40
    assert found.samples == [(found.accepted + 1, "damaged_compression")]


def test_what_has_no_message_id_gets_the_same_each_time_and_in_no_other_file():
    rows = [bought("u1"), bought("u1")]

    def ids(content: bytes) -> list[str]:
        world = world_of(content)
        world.closed(order(world).task_id)
        return [m["messageId"] for one in envelopes(world.fed()) for m in one.messages]

    first = ids(ndjson(*rows))
    assert len(set(first)) == 2
    assert ids(ndjson(*rows)) == first
    assert not set(ids(ndjson(*rows, bought("u2")))) & set(first)


def test_the_same_file_is_taken_in_once():
    world = world_of(ndjson(bought("u1")))
    made = order(world)
    world.closed(made.task_id)
    world.clock.move_to(NOON + 40 * DAY)
    world.kept.put("imports/s/copy", gzip.compress(world.kept.get(KEY)))
    again = order(world, "imports/s/copy")
    assert world.closed(again.task_id).status == SUCCEEDED
    assert report(world, again) == Report(same_as=made.id)
    assert len(world.fed()) == 1


MANY = [bought(f"u{n % 50}", sentAt="x") for n in range(4 * MOST_MESSAGES)]


def cancelled_half_way(world: Workshop) -> Import:
    made = order(world)
    sent: list[str] = []

    def stop(message: str) -> None:
        sent.append(message)
        if len(sent) == 2:
            world.tasks.cancel(made.task_id)

    send = world.queue.send
    world.queue.send = lambda queue, messages: (send(queue, messages), queue == "ingest" and stop(queue))  # type: ignore[assignment,func-returns-value]
    world.run(5)
    world.queue.send = send  # type: ignore[method-assign]
    assert world.tasks.get(made.task_id).status == CANCELLED
    return made


def test_an_import_that_was_cancelled_is_taken_up_where_it_stopped():
    world = world_of(ndjson(*MANY, {"type": "none"}))
    cancelled_half_way(world)
    world.clock.advance(HOUR)
    again = order(world)
    assert world.closed(again.task_id).status == SUCCEEDED
    assert report(world, again).accepted == len(MANY)
    assert report(world, again).samples == [(len(MANY) + 1, "type_not_supported")]
    bodies = world.fed()
    assert len(bodies) == 5  # one chunk was sent when it was cancelled, and not noted
    found = shop(len(MANY) // 50)
    world.resolve(found, bodies)
    assert all(found.value(f"user_id:u{n}", "right") for n in range(50))


def test_whoever_takes_up_an_import_and_dies_does_not_begin_anew():
    content = ndjson(*MANY)

    def prepare(world: Workshop) -> Import:
        cancelled_half_way(world)
        world.clock.advance(HOUR)
        world.fed()
        return order(world)

    chunks = None
    crashes = killed_at_every_point(lambda fate: world_of(content, fate), prepare, lambda world: world.run(1))
    for at, world, made in crashes:
        assert world.closed(made.task_id).status == SUCCEEDED, at
        assert report(world, made).accepted == len(MANY), at
        sent = {one.batch_id for one in envelopes(world.fed())}
        chunks = chunks or sent
        assert sent == chunks, at
        assert len(sent) == 3, at  # the first one was noted


def test_after_a_day_nobody_can_tell_whether_the_last_chunk_counted():
    world = world_of(ndjson(*MANY))
    cancelled_half_way(world)
    world.clock.advance(21 * HOUR)
    again = order(world)
    task = world.closed(again.task_id)
    assert task.status == FAILED
    assert task.error is not None
    assert (task.error.code, f"line {MOST_MESSAGES}," in task.error.message) == ("STOPPED_LONG_AGO", True)


def test_a_file_that_is_replaced_meanwhile_is_left_alone():
    world = world_of(ndjson(*MANY))
    made = order(world)
    kinds = world.engine.worker._kinds[KIND].steps
    read = kinds["read"]

    def spoilt(task: Any, step: Any, deadline: Any) -> Any:
        world.kept.put(KEY, ndjson(bought("u1")))
        return read(task, step, deadline)

    kinds["read"] = spoilt  # type: ignore[index]
    task = world.closed(made.task_id)
    assert (task.status, task.error and task.error.code) == (FAILED, "FILE_CHANGED")
    assert world.fed() == []


@pytest.mark.parametrize("packed", [False, True])
def test_killed_at_every_call_nothing_is_lost_or_doubled(packed):
    lines = ndjson(*[bought(f"u{n % 7}") for n in range(525)], {"type": "none"}, b"{")
    content = gzip.compress(lines) if packed else lines
    total = 525
    ids = None
    crashes = killed_at_every_point(lambda fate: world_of(content, fate), order, lambda world: world.run(1))
    for at, world, made in crashes:
        task = world.closed(made.task_id)
        assert task.status == SUCCEEDED, at
        assert report(world, made).accepted == total, at
        assert report(world, made).samples == [(526, "type_not_supported"), (527, "malformed_body")], at
        bodies = world.fed()
        messages = {m["messageId"] for one in envelopes(bodies) for m in one.messages}
        ids = ids or messages
        assert messages == ids, at
        assert len(ids) == total, at
        if at % 9 == 0:
            found = shop(total // 7)
            world.resolve(found, bodies)
            assert [found.value(f"user_id:u{n}", "right") for n in range(7)] == [True] * 7, at


def test_the_queue_is_filled_no_faster_than_events_may_come():
    world = world_of(ndjson(*[bought(f"u{n}") for n in range(1_500)]), rate=10)
    made = order(world)
    world.turn()
    waiting = sorted(at for at, _, queue, _ in world.queue.messages if queue == "ingest")
    assert waiting[:2] == [NOON, NOON + 50_000]
    assert world.closed(made.task_id).status == SUCCEEDED
    all_of_them = sorted(at for at, _, queue, _ in world.queue.messages if queue == "ingest")
    assert len(all_of_them) == 3
    assert all_of_them[2] >= NOON + 99_000


def test_imports_of_one_file_at_the_same_time_wait_for_each_other():
    world = world_of(ndjson(*MANY))
    first, second = order(world), order(world)
    assert world.closed(first.task_id).status == SUCCEEDED
    assert world.closed(second.task_id).status == SUCCEEDED
    accepted = [report(world, one) for one in (first, second)]
    assert sorted(one.accepted for one in accepted) == [0, len(MANY)]
    assert len(world.fed()) == 4


@settings(max_examples=15)
@given(
    kills=st.lists(st.integers(1, 60), max_size=6),
    lines=st.lists(st.integers(0, 4), min_size=1, max_size=1_300),
    packed=st.booleans(),
)
def test_whoever_dies_how_often_every_good_line_counts_once(kills, lines, packed):
    """Each number of `kills` is how many calls a worker lives; a line of 0 is no message."""
    rows = [bought(f"u{n}") if n else b"{" for n in lines]
    content = gzip.compress(ndjson(*rows)) if packed else ndjson(*rows)
    lives = [*kills]

    def fate(_point: str) -> None:
        if lives:
            lives[0] -= 1
            if lives[0] == 0:
                lives.pop(0)
                raise Killed

    world = world_of(content, fate)
    living, lives = lives, []
    made = order(world)
    lives.extend(living)
    task = world.closed(made.task_id)
    assert task.status == SUCCEEDED
    assert report(world, made).accepted == sum(1 for n in lines if n)
    assert report(world, made).codes == ({"malformed_body": lines.count(0)} if 0 in lines else {})
    messages = [m for one in envelopes(world.fed()) for m in one.messages]
    times = Counter((m["messageId"], m["userId"]) for m in messages)
    assert Counter(user for _, user in times) == Counter(f"u{n}" for n in lines if n)
