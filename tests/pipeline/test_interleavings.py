"""Workers at the same time, in thousands of orders, dying anywhere: nothing lost, counted twice or wrongly joined."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import pytest

from chalicelib.deadline import NoDeadline
from chalicelib.identity.rules import Rules, TypeRule
from chalicelib.pipeline.fanout import OneByOne
from chalicelib.pipeline.resolve import Resolver
from chalicelib.profiles.profile import DELETED
from chalicelib.queues import Received
from tests.pipeline.baton import Baton, Worker
from tests.pipeline.crowd import TYPES, Crowd, call, limits
from tests.pipeline.invariants import Sent, check, end_of, explained_by, order_of
from tests.pipeline.shop import audience

LOYAL = audience("loyal", "event('Seen').count() >= 2", external_ids=list(TYPES.values()))
TALLY: Counter[str] = Counter()
ROUNDS = 40  # of deliveries; from the twentieth on nobody dies any more


class Space:
    """One space and the workers on it. `choose` and `fate` are those of the baton."""

    def __init__(
        self,
        rules: Rules,
        choose: Callable[[list[Worker]], Worker],
        fate: Callable[[Worker], str | None] = lambda worker: None,
    ) -> None:
        self.rules = rules
        self.crowd = Crowd(LOYAL, rules=rules)
        self.baton = Baton(choose, fate)
        self.sent: Sent = {}
        self.all: list[Received] = []

    def message(self, *events: dict[str, str], apart: int = 1) -> Received:
        """One queue message with these events; every third of them names an account, too."""
        number = len(self.all)
        self.crowd.clock.advance(apart)
        calls = [self._call(f"m{number}-{n}", ids) for n, ids in enumerate(events)]
        made = self.crowd.message(f"m{number}", *calls)
        self.all.append(made)
        return made

    def _call(self, message_id: str, ids: dict[str, str]) -> dict[str, Any]:
        self.sent[message_id] = [(TYPES[letter], ids[letter]) for letter in ("u", "a", "i", "e") if letter in ids]
        return call(ids, messageId=message_id)

    def join_group(self, ids: dict[str, str], group: str) -> Received:
        """A group call, which is no `Seen`."""
        message_id = f"m{len(self.all)}-g"
        self.crowd.clock.advance(1)
        self.all.append(self.crowd.message(message_id, {**call(ids), "type": "group", "groupId": group}))
        return self.all[-1]

    def resolve(self, messages: Sequence[Received]) -> set[str]:
        crowd, around = self.crowd, self.baton.around
        resolver = Resolver(
            directory=crowd.directory,  # type: ignore[arg-type]
            profiles=around(crowd.profiles),
            identifiers=around(crowd.identifiers),
            timeline=around(crowd.timeline),
            archive=around(crowd.archive),
            links=around(crowd.links),
            log=around(crowd.log),
            clock=crowd.clock,
            fanout=OneByOne(),
        )
        return resolver.resolve(messages, NoDeadline())

    def work(self, *shares: Sequence[Received]) -> list[Received]:
        """Each share to a worker of its own, all at once; what must be delivered again."""
        ended = self.baton.run(*(lambda share=share: self.resolve(share) for share in shares))
        done: set[str] = set()
        for worker, share in zip(ended, shares, strict=True):
            if worker.result is not None:
                done |= {message.id for message in share} - worker.result
        by_id = {message.id: message for share in shares for message in share}
        return [message for id, message in by_id.items() if id not in done]

    def end(self, *, serial: bool) -> None:
        """Check the people, and that delivering everything once more changes nothing."""
        people = check(self.crowd, self.sent, self.rules)
        if serial:
            order = order_of(self.crowd, self.sent)
            assert explained_by(self.sent, self.rules, people, order), f"{self.sent} made {people}"
        versions = {profile_id: self.crowd.stored(profile_id).version for profile_id in self.crowd.ids()}
        for message in self.all:
            assert self.crowd.resolve(message) == set()
        assert versions == {profile_id: self.crowd.stored(profile_id).version for profile_id in self.crowd.ids()}
        assert check(self.crowd, self.sent, self.rules) == people
        baton = self.baton
        TALLY.update(runs=1, calls=baton.calls, switches=baton.switches, deaths=baton.deaths)


RULES = [
    Rules(),
    limits(e=1),
    limits(a=2, e=2),
    Rules(types={"user_id": TypeRule(limit=2), "email": TypeRule(limit=1)}, priority=["email", "user_id"]),
    Rules(types={"anonymous_id": TypeRule(limit=1)}, mappings_limit=3),
    Rules(merges_limit=1),
]


class Run:
    """Everything follows from the seed. Workers die mostly around saves: that is where merges are half done."""

    def __init__(self, seed: int, deaths: float) -> None:
        self.dice = random.Random(seed)
        self.deaths = deaths
        self.space = Space(self.dice.choice(RULES), self._choose, self._fate)
        self._last: Worker | None = None

    def ids(self, most: int = 3) -> dict[str, str]:
        letters = self.dice.sample("uuaaei", self.dice.randint(1, most))
        return {letter: f"{letter}{self.dice.choice('123' if letter == 'a' else '12')}" for letter in letters}

    def message(self, events: int = 1, most: int = 3) -> Received:
        apart = self.dice.choice([0, 1, 60_000])
        return self.space.message(*(self.ids(most) for _ in range(events)), apart=apart)

    def _choose(self, workers: list[Worker]) -> Worker:
        if self._last not in workers or self.dice.random() < 0.35:
            self._last = self.dice.choice(workers)
        return self._last

    def _fate(self, worker: Worker) -> str | None:
        chance = self.deaths * (4 if worker.next in ("save", "claim") else 1)
        return self.dice.choice(["before", "after"]) if self.dice.random() < chance else None

    def deliver(self, messages: list[Received], workers: int) -> None:
        """Hand messages out until all are done; now and then one comes to two workers at once."""
        waiting = list(messages)
        for round in range(ROUNDS):
            if not waiting:
                return
            self.dice.shuffle(waiting)
            shares: list[list[Received]] = [[] for _ in range(workers)]
            for message in waiting:
                shares[self.dice.randrange(workers)].append(message)
                if self.dice.random() < 0.15:
                    shares[self.dice.randrange(workers)].append(message)
            self.deaths = 0 if round > ROUNDS // 2 else self.deaths
            waiting = self.space.work(*(share for share in shares if share))
        raise AssertionError("the messages never end")


def seeds(first: int, count: int) -> Iterator[int]:
    yield from range(first, first + count)


def told(seed: int, error: AssertionError) -> AssertionError:
    return AssertionError(f"seed {seed}: {error}")


@pytest.mark.parametrize("block", range(6))
def test_any_order_of_single_events_is_some_serial_order(block):
    for seed in seeds(block * 100, 100):
        run = Run(seed, deaths=0.0 if seed % 3 else 0.03)
        try:
            for _ in range(run.dice.randint(0, 3)):
                run.space.crowd.resolve(run.message())
            run.deliver([run.message() for _ in range(run.dice.randint(2, 3))], workers=run.dice.choice([2, 2, 3]))
            run.space.end(serial=True)
        except AssertionError as error:
            raise told(seed, error) from None


@pytest.mark.parametrize("block", range(6))
def test_people_who_exist_are_joined_in_a_serial_order(block):
    for seed in seeds(10_000 + block * 100, 100):
        run = Run(seed, deaths=0.04)
        try:
            for _ in range(3):
                run.space.crowd.resolve(run.message(most=1))
            joining = [run.message(most=3) for _ in range(run.dice.randint(2, 3))]
            run.deliver(joining, workers=run.dice.choice([2, 3]))
            run.space.end(serial=True)
        except AssertionError as error:
            raise told(seed, error) from None


@pytest.mark.parametrize("block", range(4))
def test_requests_of_several_events_under_deaths(block):
    for seed in seeds(20_000 + block * 60, 60):
        run = Run(seed, deaths=0.02)
        try:
            messages = [run.message(run.dice.randint(1, 5)) for _ in range(run.dice.randint(2, 6))]
            messages += [run.space.join_group(run.ids(2), run.dice.choice(["g1", "g2"])) for _ in range(2)]
            run.deliver(messages, workers=2)
            run.space.end(serial=False)
        except AssertionError as error:
            raise told(seed, error) from None


@pytest.mark.parametrize("block", range(4))
def test_a_look_at_the_living_finds_every_merge_that_was_left_half_done(block):
    """Nothing is delivered again: who lives is looked at, and nobody stays frozen whom no event will ever name."""
    for seed in seeds(40_000 + block * 75, 75):
        run = Run(seed, deaths=0.06)
        crowd = run.space.crowd
        for _ in range(4):
            crowd.resolve(run.message(most=1))
        run.space.work(*([run.message(most=3)] for _ in range(3)))
        living = [p for p in crowd.ids() if crowd.stored(p).merged_into is None]
        assert crowd.resolve(crowd.due("look", *living)) == set()
        stored = {profile_id: crowd.stored(profile_id) for profile_id in crowd.ids()}
        for profile in stored.values():
            if profile.merged_into not in (None, DELETED):
                TALLY["frozen"] += 1
                assert profile.profile_id in stored[end_of(stored, profile.profile_id)].ids, f"seed {seed}"


@pytest.mark.parametrize("block", range(2))
def test_one_worker_that_dies_often_makes_what_one_that_never_dies_makes(block):
    for seed in seeds(30_000 + block * 50, 50):
        ends = []
        for deaths in (0.0, 0.05):
            run = Run(seed, deaths)
            space, dice = run.space, random.Random(seed)
            run.dice = random.Random(seed)
            messages = [run.message(run.dice.randint(1, 4)) for _ in range(6)]
            run.dice = dice
            for message in messages:
                for _ in range(ROUNDS):
                    if not space.work([message]):
                        break
                    run.deaths *= 0.9
            space.end(serial=False)
            ends.append(state_of(space.crowd))
        assert ends[0] == ends[1], f"seed {seed}"


def state_of(crowd: Crowd) -> dict[str, Any]:
    """What is kept of people under their oldest identifier; ids that were taken out of use may differ."""
    found = {}
    for profile in map(crowd.stored, crowd.ids()):
        if profile.merged_into is None:
            head = profile.head
            found[head.external_ids[0].value] = {
                "external_ids": sorted((e.type, e.value, e.created_at, e.message_id) for e in head.external_ids),
                "traits": profile.trait_values(),
                "streams": profile.streams,
                "merges": sorted((m.at, m.message_id) for m in head.merges),
                "times": (head.created_at, head.updated_at, head.first, head.last),
                "events": sorted(set(crowd.events(profile))),
            }
    return found


class Scene(NamedTuple):
    """What stands before, messages of one or several events, and which of them two workers get at the same moment."""

    rules: Rules
    before: list[dict[str, str]]
    messages: list[list[dict[str, str]]]
    one: Sequence[int] = (0,)
    other: Sequence[int] = (1,)


SCENES = {
    "the same new person": Scene(Rules(), [], [[{"u": "u1", "a": "a1"}], [{"a": "a1", "e": "e1"}]]),
    "a new person on a shared device": Scene(Rules(), [], [[{"u": "u1", "a": "a1"}], [{"u": "u2", "a": "a1"}]]),
    "the same merge": Scene(
        Rules(), [{"a": "a1"}, {"u": "u1"}], [[{"u": "u1", "a": "a1"}], [{"a": "a1", "u": "u1", "e": "e1"}]]
    ),
    "two merges into one": Scene(
        Rules(), [{"a": "a1"}, {"e": "e1"}, {"u": "u1"}], [[{"e": "e1", "a": "a1"}], [{"u": "u1", "a": "a1"}]]
    ),
    "a chain": Scene(
        Rules(), [{"a": "a1"}, {"e": "e1"}, {"u": "u1"}], [[{"u": "u1", "e": "e1"}], [{"a": "a1", "e": "e1"}]]
    ),
    "the survivor gets a user id": Scene(
        Rules(), [{"a": "a1"}, {"u": "u2", "e": "e1"}], [[{"a": "a1", "e": "e1"}], [{"u": "u1", "a": "a1"}]]
    ),
    "the loser gets a user id": Scene(
        Rules(), [{"u": "u1", "a": "a1"}, {"e": "e1"}], [[{"a": "a1", "e": "e1"}], [{"u": "u2", "e": "e1"}]]
    ),
    "the last room": Scene(limits(a=2), [{"u": "u1", "a": "a1"}], [[{"u": "u1", "a": "a2"}], [{"u": "u1", "a": "a3"}]]),
    "one merge is left": Scene(
        Rules(merges_limit=1),
        [{"a": "a1"}, {"e": "e1"}, {"u": "u1"}],
        [[{"a": "a1", "e": "e1"}], [{"a": "a1", "u": "u1"}]],
    ),
    "what hangs on a merge that fails": Scene(
        limits(e=1),
        [{"e": "e2"}, {"a": "a2"}, {"u": "u2"}],
        [[{"u": "u2", "a": "a2", "e": "e2"}], [{"a": "a2", "i": "i2", "e": "e1"}], [{"u": "u1", "a": "a2"}]],
        one=(0, 1),
        other=(2,),
    ),
    "one message at two workers, and no room for its best identifier": Scene(
        Rules(mappings_limit=3),
        [{"a": "a1", "i": "i2", "e": "e1"}],
        [[{"u": "u1", "i": "i2", "e": "e1"}], [{"u": "u1"}]],
        one=(0,),
        other=(1, 0),
    ),
    "an identifier that arrives between two reads": Scene(
        limits(i=1), [{"a": "a1", "i": "i1"}], [[{"u": "u1", "a": "a1", "i": "i2"}], [{"u": "u1", "a": "a1"}]]
    ),
    "one message at two workers, and a merge in between": Scene(
        Rules(), [{"u": "u1"}, {"a": "a1"}], [[{"u": "u1"}, {"a": "a1"}], [{"u": "u1", "a": "a1"}]], other=(1, 0)
    ),
}


def schedules(longest: int) -> Iterator[list[tuple[int, int]]]:
    """Who runs for how many calls: every way to change hands twice, whoever starts."""
    for starts, first, second in product((0, 1), range(1, longest), range(1, longest)):
        yield [(starts, first), (1 - starts, second), (starts, 999), (1 - starts, 999)]


class Script:
    """Chooses as a schedule says; who is done is passed over."""

    def __init__(self, schedule: list[tuple[int, int]]) -> None:
        self._turns = [worker for worker, calls in schedule for _ in range(calls)]
        self._all: list[Worker] = []
        self.unused = 0

    def choose(self, workers: list[Worker]) -> Worker:
        self._all = self._all or list(workers)
        while self._turns:
            worker = self._all[self._turns.pop(0)]
            if not worker.done:
                return worker
            self.unused += 1
        return workers[0]


@pytest.mark.parametrize("name", SCENES)
def test_every_way_to_change_hands_twice(name):
    scene = SCENES[name]
    for schedule in schedules(12):
        script = Script(schedule)
        space = Space(scene.rules, script.choose)
        for ids in scene.before:
            space.crowd.resolve(space.message(ids))
        messages = [space.message(*events) for events in scene.messages]
        left = space.work([messages[n] for n in scene.one], [messages[n] for n in scene.other])
        for message in left:
            assert space.crowd.resolve(message) == set()
        try:
            space.end(serial=True)
        except AssertionError as error:
            raise AssertionError(f"{schedule}: {error}") from error


def test_the_tally_is_told():
    """How much of all that there is was tried; run with -s to see it."""
    print(f"\n{TALLY['runs']} interleavings, {TALLY['switches']} changes of hands, {TALLY['deaths']} deaths of workers")
    print(f"{TALLY['frozen']} merges completed by nothing but a look at the living")
