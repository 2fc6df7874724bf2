"""The harness does to functions what Lambda's event-source mappings do."""

import base64
from collections import Counter
from typing import Any

from chalicelib.queues import Outgoing
from infra.local.harness import Harness
from infra.local.triggers import Function, ScheduleTrigger
from tests.local.conftest import World

Event = dict[str, Any]


class Worker:
    """A queue function that fails the bodies it is told to, and remembers what it was given."""

    def __init__(self, *failing: str, raises: bool = False) -> None:
        self.failing, self.raises = failing, raises
        self.seen: list[str] = []
        self.events: list[Event] = []

    def __call__(self, event: Event, context: Any) -> Any:
        self.events.append(event)
        self.seen += [record["body"] for record in event["Records"]]
        failed = [record["messageId"] for record in event["Records"] if record["body"] in self.failing]
        if failed and self.raises:
            raise RuntimeError("poison")
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def test_drain_hands_over_everything_and_deletes_it(world: World) -> None:
    worker = Worker()
    world.send(*[f"m{n}" for n in range(23)])
    ran = world.harness(on_queue=worker).drain()
    assert sorted(worker.seen) == sorted(f"m{n}" for n in range(23))
    assert ran == {"work": 23, "tick": 1, "failed": 0, "given_up": 0}
    assert world.aws.waiting(world.aws.queue) == world.aws.waiting(world.aws.dead) == []


def test_the_event_is_lambdas(world: World) -> None:
    worker = Worker()
    world.send("a", "b")
    world.harness(on_queue=worker).drain()
    records = worker.events[0]["Records"]
    assert len({record["messageId"] for record in records}) == 2
    assert {record["eventSource"] for record in records} == {"aws:sqs"}
    assert {record["eventSourceARN"] for record in records} == {"arn:aws:sqs:us-east-1:123456789012:work"}
    assert {record["attributes"]["ApproximateReceiveCount"] for record in records} == {"1"}
    assert all(record["receiptHandle"] for record in records)


def test_only_the_failed_message_comes_again_and_ends_in_the_dead_letter_queue(world: World) -> None:
    worker = Worker("bad")
    world.send("good", "bad", "fine")
    ran = world.harness(on_queue=worker).drain()
    assert Counter(worker.seen) == {"good": 1, "fine": 1, "bad": 3}
    assert world.aws.waiting(world.aws.dead) == ["bad"]
    assert ran["failed"] == 3


def test_receive_counts_grow_with_every_attempt(world: World) -> None:
    worker = Worker("bad")
    world.send("bad")
    world.harness(on_queue=worker).drain()
    counts = [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in worker.events]
    assert counts == ["1", "2", "3"]


def test_an_exception_fails_the_whole_batch(world: World) -> None:
    worker = Worker("bad", raises=True)
    world.send("good", "bad")
    world.harness(on_queue=worker).drain()
    assert Counter(worker.seen)["good"] > 1
    assert "bad" in world.aws.waiting(world.aws.dead)


def test_an_unknown_id_in_the_answer_fails_the_whole_batch(world: World) -> None:
    seen = Counter[str]()

    def confused(event: Event, context: Any) -> Any:
        seen.update(record["body"] for record in event["Records"])
        return {"batchItemFailures": [{"itemIdentifier": "somebody-else"}]}

    world.send("a")
    world.harness(on_queue=confused).drain()
    assert seen == {"a": 3}


def test_an_answer_of_none_means_all_done(world: World) -> None:
    world.send("a")
    world.harness(on_queue=lambda event, context: None).drain()
    assert world.aws.waiting(world.aws.queue) == []


class Retrier:
    """Hides its message for `seconds` until it was tried `times` times."""

    def __init__(self, world: World, seconds: int, times: int) -> None:
        self.world, self.seconds, self.times = world, seconds, times
        self.tried: list[int] = []

    def __call__(self, event: Event, context: Any) -> Any:
        (record,) = event["Records"]
        self.tried.append(self.world.clock.now())
        if len(self.tried) > self.times:
            return None
        self.world.queues.hide("work", record["receiptHandle"], self.seconds)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}


def test_a_hidden_message_waits_for_the_products_clock(world: World) -> None:
    retrier = Retrier(world, 600, 1)
    harness = world.harness(on_queue=retrier)
    start = world.clock.now()
    world.send("a")
    harness.drain()
    harness.advance_to(start + 599_000)
    assert len(retrier.tried) == 1
    assert harness.held.count() == 1
    harness.advance_to(start + 600_000)
    assert retrier.tried == [start, start + 600_000]
    assert harness.held.count() == 0
    assert world.aws.waiting(world.aws.queue) == world.aws.waiting(world.aws.dead) == []


def test_a_long_advance_makes_each_retry_at_its_own_time(world: World) -> None:
    retrier = Retrier(world, 600, 2)
    harness = world.harness(on_queue=retrier)
    start = world.clock.now()
    world.send("a")
    harness.drain()
    ran = harness.advance_to(start + 86_400_000)
    late = [tried - start for tried in retrier.tried]
    assert [round(one / 60_000) for one in late] == [0, 10, 20]
    assert world.clock.now() == start + 86_400_000
    assert ran["work"] == 2


def test_a_hidden_message_counts_its_receives_towards_the_dead_letter_queue(world: World) -> None:
    retrier = Retrier(world, 600, 10)
    harness = world.harness(on_queue=retrier)
    world.send("a")
    harness.drain()
    harness.advance_to(world.clock.now() + 86_400_000)
    assert len(retrier.tried) == 3
    assert world.aws.waiting(world.aws.dead) == ["a"]


def test_a_delayed_message_is_sent_when_it_is_due(world: World) -> None:
    worker = Worker()
    harness = world.harness(on_queue=worker)
    world.queues.send("work", [Outgoing("later", delay=900), Outgoing("now")])
    harness.drain()
    assert worker.seen == ["now"]
    harness.advance_to(world.clock.now() + 900_000)
    assert worker.seen == ["now", "later"]


def test_a_message_hidden_but_finished_is_gone(world: World) -> None:
    def hides_and_succeeds(event: Event, context: Any) -> Any:
        world.queues.hide("work", event["Records"][0]["receiptHandle"], 60)

    world.send("a")
    harness = world.harness(on_queue=hides_and_succeeds)
    harness.drain()
    assert harness.held.count() == 0


def test_the_tick_follows_the_clock(world: World) -> None:
    harness = world.harness()
    harness.advance_to(world.clock.now() + 3_600_000)
    assert world.ticks[-1] == "2026-01-01T13:00:00Z"


def test_the_clock_may_be_set_back(world: World) -> None:
    harness = world.harness()
    harness.advance_to(world.clock.now() - 86_400_000)
    assert world.ticks[-1] == "2025-12-31T12:00:00Z"


def test_what_a_tick_queues_is_done_before_drain_answers(world: World) -> None:
    worker = Worker()
    harness = world.harness(on_queue=worker)
    backlog = ["one", "two"]

    def tick(event: Event, context: Any) -> None:
        if backlog:
            world.send(backlog.pop(0))

    world._tick = tick  # type: ignore[method-assign]
    harness = world.harness(on_queue=worker)
    ran = harness.drain()
    assert worker.seen == ["one", "two"]
    assert ran["tick"] == 3


class Emitter:
    """A stream function that fails the things it is told to, by sequence number or by raising."""

    def __init__(self, failing: str = "", times: int = 1_000, *, raises: bool = False) -> None:
        self.failing, self.times, self.raises = failing, times, raises
        self.batches: list[list[str]] = []
        self.events: list[Event] = []
        self.finished: list[str] = []

    def __call__(self, event: Event, context: Any) -> Any:
        names = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
        self.batches.append(names)
        self.events.append(event)
        if self.failing not in names or self.times <= 0:
            self.finished += names
            return {"batchItemFailures": []}
        self.times -= 1
        if self.raises:
            raise RuntimeError("poison")
        first = names.index(self.failing)
        self.finished += names[:first]
        number = event["Records"][first]["dynamodb"]["SequenceNumber"]
        return {"batchItemFailures": [{"itemIdentifier": number}]}


def test_stream_records_arrive_in_order_as_lambda_writes_them(world: World) -> None:
    emitter = Emitter()
    world.aws.put("a", blob={"B": b"\x00\x01"}, many={"M": {"deep": {"L": [{"B": b"\xff"}]}}})
    world.aws.put("b")
    ran = world.harness(on_stream=emitter).drain()
    assert emitter.finished == ["a", "b"]
    record = emitter.events[0]["Records"][0]
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventName"] == "INSERT"
    assert record["eventSourceARN"] == world.aws.stream_arn
    image = record["dynamodb"]["NewImage"]
    assert image["blob"] == {"B": base64.b64encode(b"\x00\x01").decode()}
    assert image["many"] == {"M": {"deep": {"L": [{"B": base64.b64encode(b"\xff").decode()}]}}}
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], int)
    assert ran["emit"] == 2


def test_a_failed_stream_batch_is_retried_from_its_first_failed_record(world: World) -> None:
    emitter = Emitter("b", times=1)
    for name in "abc":
        world.aws.put(name)
    world.harness(on_stream=emitter).drain()
    assert emitter.batches == [["a", "b", "c"], ["b", "c"]]
    assert emitter.finished == ["a", "b", "c"]


def test_a_poisonous_record_is_given_up_and_the_rest_goes_on(world: World) -> None:
    emitter = Emitter("b")
    for name in "abc":
        world.aws.put(name)
    ran = world.harness(on_stream=emitter).drain()
    assert emitter.finished == ["a", "c"]
    assert ran["given_up"] == 1


def test_a_batch_that_raises_is_halved_until_the_culprit_stands_alone(world: World) -> None:
    emitter = Emitter("c", raises=True)
    for name in "abcd":
        world.aws.put(name)
    ran = world.harness(on_stream=emitter).drain()
    assert emitter.finished == ["a", "b", "d"]
    assert ran["given_up"] == 1


def test_new_records_are_found_by_the_next_drain(world: World) -> None:
    emitter = Emitter()
    harness = world.harness(on_stream=emitter)
    world.aws.put("a")
    harness.drain()
    world.aws.put("b")
    assert harness.drain()["emit"] == 1
    assert emitter.finished == ["a", "b"]


class TwoShards:
    """A stream client with a parent shard that closes and the child that follows it."""

    class exceptions:  # noqa: N801
        class ExpiredIteratorException(Exception):
            pass

    def __init__(self) -> None:
        self.expired = {"child-0"}

    def describe_stream(self, StreamArn: str) -> Any:  # noqa: N803
        shards = [{"ShardId": "child", "ParentShardId": "parent"}, {"ShardId": "parent"}]
        return {"StreamDescription": {"Shards": shards}}

    def get_shard_iterator(self, StreamArn: str, ShardId: str, **start: str) -> Any:  # noqa: N803
        place = {"TRIM_HORIZON": "0"}.get(start["ShardIteratorType"], start.get("SequenceNumber"))
        return {"ShardIterator": f"{ShardId}-{place}"}

    def get_records(self, ShardIterator: str, Limit: int) -> Any:  # noqa: N803
        if ShardIterator in self.expired:
            self.expired.remove(ShardIterator)
            raise self.exceptions.ExpiredIteratorException
        if ShardIterator == "parent-0":
            return {"Records": [_change("old", "1")]}
        if ShardIterator == "child-0":
            return {"Records": [_change("new", "2")], "NextShardIterator": "child-1"}
        return {"Records": [], "NextShardIterator": ShardIterator}


def _change(name: str, number: str) -> Event:
    keys = {"id": {"S": name}}
    return {"eventID": number, "eventName": "INSERT", "dynamodb": {"Keys": keys, "SequenceNumber": number}}


def test_a_child_shard_is_read_after_its_parent_and_a_dead_iterator_is_renewed(world: World) -> None:
    emitter = Emitter()
    world.aws.streams = TwoShards()
    world.harness(on_stream=emitter).drain()
    assert emitter.finished == ["old", "new"]


def edges_of(world, *instants):
    """Edges that the tick takes away, as a profile's edge is once somebody has looked at it."""
    left = sorted(instants)
    met: list[int] = []

    def tick(event, context):
        while left and left[0] <= world.clock.now():
            left.pop(0)
            met.append(world.clock.now())

    def next_edge(before):
        return left[0] if left and left[0] <= before else None

    schedule = ScheduleTrigger(Function("tick", tick), world.clock)
    return Harness(world.clock, [], schedule, world.queues, threads=False, next_edge=next_edge), met


def test_a_jump_meets_each_edge_in_its_minute(world):
    start = world.clock.now()
    harness, met = edges_of(world, start + 3_600_001, start + 3_600_002, start + 7_200_001)
    harness.advance_to(start + 3 * 3_600_000)
    # Three hours in sixty steps are three minutes each.
    assert met == [start + 3_780_000, start + 3_780_000, start + 7_380_000]
    assert world.clock.now() == start + 3 * 3_600_000


def test_a_jump_stops_no_more_often_than_asked(world):
    start = world.clock.now()
    edges = [start + n * 60_000 for n in range(1, 1_000)]
    harness, met = edges_of(world, *edges)
    harness.advance_to(start + 1_000 * 60_000, stops=10)
    assert len(set(met)) <= 11
    assert len(met) == len(edges)
    harness, met = edges_of(world, world.clock.now() + 1)
    harness.advance_to(world.clock.now() + 60_000, stops=0)
    assert met == [world.clock.now()]


def test_an_edge_that_nobody_takes_away_does_not_hold_the_clock(world):
    start = world.clock.now()
    schedule = ScheduleTrigger(Function("tick", lambda event, context: None), world.clock)
    harness = Harness(world.clock, [], schedule, world.queues, threads=False, next_edge=lambda before: start)
    harness.advance_to(start + 86_400_000)
    assert world.clock.now() == start + 86_400_000
