"""What went out goes again because its owner asks for it: once, to that destination, and without being counted."""

import json

import msgspec
import pytest
from msgspec.structs import replace

from chalicelib.clock import DAY, HOUR, MINUTE
from chalicelib.deadline import NoDeadline
from chalicelib.delivery.debugger import Debugger
from chalicelib.delivery.emissions import Emissions
from chalicelib.delivery.message import decode, encode
from chalicelib.delivery.replays import REPLAY, Replays, Wish, redrive_of, wish_of
from chalicelib.errors import Invalid, NotFound, Unavailable
from chalicelib.identity.external_id import USERS, Identifier
from chalicelib.profiles.ports import Claim
from chalicelib.profiles.profile import SUPPRESSED
from chalicelib.store.memory import MemoryArchive, MemoryIdentifiers
from chalicelib.tasks.kind import Cursor, Done, Later, StepFailed
from chalicelib.tasks.task import Step, Task

from .post import answers, delivery, posted
from .world import NOW, SPACE, audience, connection, webhook


class World:
    def __init__(self, partner=None, **world):
        self.post = posted(partner or answers(200), **world)
        self.post.queue.messages.clear()
        self.clock, self.ledger = self.post.clock, self.post.ledger
        self.archive, self.identifiers = MemoryArchive(), MemoryIdentifiers()
        debugger = Debugger(self.post.records, self.clock)
        self.emissions = Emissions(self.archive, self.ledger.counters, debugger, self.clock)
        self.replays = Replays(
            self.emissions, self.ledger, self.identifiers, self.post.queue, self.post.directory, self.clock
        )
        for user in ("u0", "u1", "u2"):
            self.know(user)

    def know(self, user, owner="p"):
        self.identifiers.claim(Claim(SPACE, Identifier(USERS, "user_id", user), owner, 0, "", ""))

    def emit(self, *deliveries):
        self.emissions.note(deliveries)
        for one in deliveries:
            self.post.queue.put(encode(one), one.message_id)

    def run(self, wish, task_id="t1", destination_id="d1"):
        """Every call of the step; the results."""
        task = Task(
            task_id=task_id,
            kind=REPLAY,
            space_id=SPACE,
            slot="s",
            steps=(),
            created_at=0,
            destination_id=destination_id,
            input=json.loads(json.dumps(_plain(wish))),
        )
        step, results = Step(name="replay"), []
        function = self.replays.kind().steps["replay"]
        while True:
            result = function(task, step, NoDeadline())
            results.append(result)
            if isinstance(result, Done):
                return results
            if isinstance(result, Later):
                self.clock.move_to(max(result.at, self.clock.now()))
            step = Step(name="replay", cursor=result.value)

    def sent(self):
        return [json.loads(request.body) for request in self.post.transport.requests]


def _plain(wish):
    return msgspec.to_builtins(wish)


def event(number, name="Audience Entered", destination_id="d1", user=None):
    payload = {
        "messageId": f"personas_{number}",
        "type": "track",
        "event": name,
        "userId": user or f"u{number % 3}",
        "integrations": {"All": False, "Webhook": True, "Braze": True},
        "context": {"consent": {"x": True}},
    }
    return delivery(number, destination_id, payload=payload)


ALL = Wish(since=NOW - HOUR, until=NOW + HOUR)


def two():
    vip = audience()
    return {
        "destinations": [webhook("d1"), webhook("d2")],
        "connections": [connection(vip, "d1"), connection(vip, "d2")],
    }


def test_what_was_made_goes_again_with_its_message_id_and_only_there():
    world = World(**two())
    world.emit(event(1), event(2), event(3, destination_id="d2"))
    world.post.play()
    before = len(world.sent())
    counts = world.ledger.counts("d1")
    results = world.run(ALL)
    assert results[-1] == Done("sent 2, left out 0")
    world.post.play()
    again = world.sent()[before:]
    assert sorted(one["messageId"] for one in again) == ["personas_1", "personas_2"]
    assert all(one["integrations"] == {"All": False, "Webhook": True} for one in again)
    assert all(one["context"] == {"consent": {"x": True}} for one in again)
    assert world.ledger.counts("d1") == counts, "what is replayed was counted before"
    assert {message.group for message in world.post.queue.sent} == {"replay#d1"}


def test_named_events_alone():
    world = World()
    world.emit(event(1), event(2, "Audience Exited"))
    world.run(replace(ALL, events=("Audience Exited",)))
    assert [decode(m.body).payload["event"] for m in world.post.queue.sent] == ["Audience Exited"]


@pytest.mark.parametrize(("since", "until", "count"), [(0, 1, 1), (1, HOUR, 0), (-HOUR, 0, 0), (-HOUR, 10 * HOUR, 1)])
def test_the_time_is_that_of_the_making_from_inclusive_to_exclusive(since, until, count):
    world = World()
    world.emit(event(1))
    world.run(Wish(since=NOW + since, until=NOW + until))
    assert len(world.post.queue.sent) == count


def test_a_range_over_days_goes_on_from_where_it_stopped():
    world = World()
    for number in range(60):
        world.emit(event(number))
        world.clock.advance(5 * HOUR)
    results = world.run(Wish(since=NOW, until=world.clock.now()))
    assert len(results) == 61
    ids = [decode(message.body).payload["messageId"] for message in world.post.queue.sent]
    assert ids == [f"personas_{number}" for number in range(60)]


def test_room_is_left_by_going_at_half_the_rate():
    world = World()
    for start in range(0, 600, 200):
        world.emit(*[event(n, user="u1") for n in range(start, start + 200)])
        world.clock.advance(1)
    began = world.clock.now()
    world.run(Wish(since=NOW, until=began))
    assert world.clock.now() - began == 6_000  # 600 at half of 200 a second


def test_a_disabled_destination_can_be_replayed_to():
    world = World(destinations=[webhook(enabled=False)])
    world.emissions.note([event(1)])
    world.run(ALL)
    world.post.play()
    assert [one["messageId"] for one in world.sent()] == ["personas_1"]


def test_a_destination_that_is_gone_ends_the_task():
    world = World()
    world.post.directory.destinations.clear()
    with pytest.raises(StepFailed):
        world.run(ALL)


def test_of_whom_nobody_knows_any_more_nothing_is_sent_again():
    world = World()
    world.know("hush", SUPPRESSED)
    world.emissions.note([event(1), event(2, user="gone"), event(3, user="hush")])
    assert world.run(ALL)[-1] == Done("sent 1, left out 2")


@pytest.mark.parametrize("form", [{"traits": {"email": "jo@ex.io"}}, {"context": {"traits": {"email": "jo@ex.io"}}}])
def test_who_is_known_by_an_address_alone(form):
    world = World()
    mail = delivery(1, payload={"messageId": "personas_1", "type": "track", **form})
    world.emissions.note([mail])
    assert world.run(ALL)[-1] == Done("sent 0, left out 1")
    world.identifiers.claim(Claim(SPACE, Identifier(USERS, "email", "jo@ex.io"), "p", 0, "", ""))
    assert world.run(ALL, "t2")[-1] == Done("sent 1, left out 0")


def failing(count=3, code=400):
    world = World(answers(*[code] * count, 200))
    world.emit(*[event(n) for n in range(count)])
    world.post.play()
    assert len(list(world.ledger.every_letter("d1"))) == count
    return world


def test_dead_letters_go_again_and_are_gone():
    world = failing()
    assert world.run(Wish(letters=True))[-1] == Done("sent 3, left out 0")
    world.post.play()
    assert world.ledger.dead_letters("d1") == []
    assert sorted(one["messageId"] for one in world.sent()[3:]) == ["personas_0", "personas_1", "personas_2"]
    assert world.ledger.counts("d1")["discarded"] == 3


def test_one_letter_or_those_of_one_code():
    world = World(answers(400, 404, 400, 200))
    world.emit(*[event(n) for n in range(3)])
    world.post.play()
    world.run(Wish(letters=True, code="404"))
    assert [letter.code for letter in world.ledger.dead_letters("d1")] == ["400", "400"]
    one = world.ledger.dead_letters("d1")[0].message_id
    world.run(Wish(letters=True, message_id=one), "t2")
    assert len(world.ledger.dead_letters("d1")) == 1


def test_a_letter_that_fails_again_is_a_letter_again_and_can_go_once_more():
    world = World(answers(400, 400, 200))
    world.emit(event(1))
    world.post.play()
    for task in ("t1", "t2"):
        assert len(world.ledger.dead_letters("d1")) == 1
        world.run(Wish(letters=True), task)
        world.post.play()
    assert world.ledger.dead_letters("d1") == []
    assert [one["messageId"] for one in world.sent()] == ["personas_1"] * 3


def test_many_letters_are_read_page_by_page():
    world = failing(250)
    results = world.run(Wish(letters=True))
    assert sum(isinstance(result, Later) for result in results) == 3
    assert len(world.post.queue.sent) == 250
    assert world.ledger.dead_letters("d1") == []


def test_failed_ones_of_a_time():
    world = failing(1)
    world.clock.advance(HOUR)
    world.run(Wish(letters=True, since=NOW + MINUTE, until=world.clock.now()))
    assert len(world.ledger.dead_letters("d1")) == 1
    world.run(Wish(letters=True, since=NOW, until=world.clock.now()), "t2")
    assert world.ledger.dead_letters("d1") == []


def test_a_death_between_sending_and_removing_sends_the_same_copy():
    world = failing(1)
    remove = world.ledger.remove

    def killed(letter):
        world.ledger.remove = remove
        raise KeyboardInterrupt

    world.ledger.remove = killed
    with pytest.raises(KeyboardInterrupt):
        world.run(Wish(letters=True))
    world.run(Wish(letters=True))
    assert len({decode(message.body).message_id for message in world.post.queue.sent}) == 1
    assert world.ledger.dead_letters("d1") == []


def test_a_step_yields_when_its_time_is_over():
    class Over:
        def remaining(self):
            return 0

    world = World()
    world.emit(event(1, destination_id="d2"))
    task = Task(
        task_id="t",
        kind=REPLAY,
        space_id=SPACE,
        slot="s",
        steps=(),
        created_at=0,
        destination_id="d1",
        input=_plain(ALL),
    )
    assert isinstance(world.replays.kind().steps["replay"](task, Step(name="replay"), Over()), Cursor)


def test_an_archive_that_is_away_holds_up_nothing(caplog):
    class Away(MemoryArchive):
        def put(self, key, body, metadata=None):
            raise Unavailable("s3")

    world = World()
    emissions = Emissions(Away(), world.ledger.counters, Debugger(world.post.records, world.clock), world.clock)
    emissions.note([event(1)])
    assert "cannot be replayed" in caplog.text
    assert "personas" not in caplog.text


def test_texts_with_line_ends_of_any_alphabet_come_back_whole():
    world = World()
    odd = event(1)
    odd.payload["traits"] = {"a": "x\u2028y\x85z\u2029\n\r\x0b\x0c\x1c\x1d\x1e"}
    world.emissions.note([odd])
    (stored,) = world.emissions.between(NOW - HOUR, NOW + HOUR)
    assert world.emissions.read(stored) == [odd]


FROM_TO = {"from": "2027-01-15T07:00:00Z", "to": "2027-01-15T09:00:00Z"}


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({}, ["from", "to"]),
        ({"from": "x", "to": 5}, ["from", "to"]),
        ({**FROM_TO, "only": "some"}, ["only"]),
        ({**FROM_TO, "only": []}, ["only"]),
        ({**FROM_TO, "only": [1]}, ["only"]),
        ({"from": FROM_TO["to"], "to": FROM_TO["from"]}, ["to"]),
        ({**FROM_TO, "from": "2020-01-01T00:00:00Z"}, ["from"]),
    ],
)
def test_wishes_that_cannot_be_granted(content, fields):
    with pytest.raises(Invalid) as caught:
        wish_of(content, NOW)
    assert [problem.field for problem in caught.value.problems] == fields


def test_wishes():
    assert wish_of(FROM_TO, NOW) == Wish(since=NOW - HOUR, until=NOW + 1)
    assert wish_of({**FROM_TO, "only": "failed"}, NOW + 5 * DAY).letters
    assert wish_of({**FROM_TO, "only": ["A"]}, NOW).events == ("A",)


@pytest.mark.parametrize("content", [{}, {"all": False}, {"all": True, "code": "400"}, {"code": 4}, {"all": "yes"}])
def test_a_redrive_says_exactly_what_it_means(content):
    with pytest.raises(Invalid):
        redrive_of(content, World().ledger, "d1")


def test_a_redrive_of_a_letter_there_is_not():
    with pytest.raises(NotFound):
        redrive_of({"messageId": "nope"}, World().ledger, "d1")
