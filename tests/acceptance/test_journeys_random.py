"""Random journeys with random people over six weeks: where everybody is, since when, and what partners heard, compared
with a plain reading of the rules."""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.clock import SECOND
from chalicelib.instants import to_iso
from chalicelib.workspace.storage import Storage, journey_key, journey_version_key
from tests.acceptance import journeys
from tests.acceptance.engines import InMemory
from tests.acceptance.journeys import Step, Trip, label, span
from tests.acceptance.journeys_engines import Dying, Twice
from tests.acceptance.journeys_plain import (
    QUARTER,
    Condition,
    Drawing,
    Opening,
    Said,
    Traveller,
    has,
    has_not,
    never,
    often,
)
from tests.acceptance.test_facebook import FacebookWorld

PEOPLE = ("u1", "u2", "u3", "u4")
DAYS, EARLIER = 40, 3  # after and before the publication
TALLY: Counter[str] = Counter()


class Pencil:
    """Draws a tree of steps in the order of the graph; its branches may end in a common last step."""

    def __init__(self, random: Random, list_id: str) -> None:
        self.random, self._list_id = random, list_id
        self.steps: list[Step] = []
        self.conditions: dict[str, Condition] = {}
        self._is_joined = False

    def drawing(self) -> Drawing:
        self._step("entry", "A", 6)
        if self._is_joined:
            self.steps.append(journeys.send("Z"))
        return Drawing(self.steps, self.conditions, self._settings())

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"useHistoricalData": self.random.random() < 0.4}
        if self.random.random() < 0.6:
            settings["exitAfter"] = self.random.choice(["2d", "5d", "12d"])
            if self.random.random() < 0.7:
                settings["reentryAfter"] = self.random.choice(["6h", "3d", "1w"])
        return settings

    def _step(self, kind: str, id: str, depth: int) -> str:
        place = len(self.steps)
        self.steps.append({})  # it comes before what it leads to
        self.steps[place] = getattr(self, f"_{kind}")(id, depth - 1)
        return id

    def _next(self, depth: int) -> str | None:
        dice = self.random.random()
        if depth <= 0 or dice < 0.12:
            self._is_joined = self._is_joined or dice < 0.5
            return "Z" if dice < 0.5 else None
        kind = self.random.choice(("condition", "delay", "delay", "send", "send", "split", "multi", "lots", "ad"))
        return self._step(kind, f"{kind}{len(self.steps)}", depth)

    def _entry(self, id: str, depth: int) -> Step:
        return journeys.entry(id, self._ask(id), next=self._next(depth))

    def _condition(self, id: str, depth: int) -> Step:
        return journeys.condition(id, self._ask(id), next=self._next(depth))

    def _delay(self, id: str, depth: int) -> Step:
        return journeys.delay(id, self.random.choice(["6h", "1d", "3d"]), next=self._next(depth))

    def _send(self, id: str, depth: int) -> Step:
        return journeys.send(id, next=self._next(depth))

    def _ad(self, id: str, depth: int) -> Step:
        ended = {"removeAfter": "2d"} if self.random.random() < 0.6 else {}
        return journeys.show_ad(id, destinations=[{"destinationId": self._list_id}], next=self._next(depth), **ended)

    def _split(self, id: str, depth: int) -> Step:
        return journeys.split(id, self._ask(id), self._next(depth), self._next(depth))

    def _multi(self, id: str, depth: int) -> Step:
        names = ("b1", "b2", "b3")[: self.random.randint(2, 3)]
        return journeys.multi(id, **{name: (self._ask(f"{id}/{name}"), self._next(depth)) for name in names})

    def _lots(self, id: str, depth: int) -> Step:
        shares = self.random.choice([(50, 50), (20, 30.5, 49.5), (100,)])
        return journeys.lots(id, **{f"l{n}": (share, self._next(depth)) for n, share in enumerate(shares)})

    def _ask(self, id: str) -> str:
        self.conditions[id] = self._asked()
        return self.conditions[id].text

    def _asked(self) -> Condition:
        one = self._plain()
        dice = self.random.random()
        return one.both(self._plain()) if dice < 0.25 else one.either(self._plain()) if dice < 0.45 else one

    def _plain(self) -> Condition:
        event, days = self.random.choice("AABC"), self.random.choice([None, 1, 3, 7])
        dice = self.random.random()
        if dice < 0.5:
            return often(event, self.random.choice([1, 1, 2, 3]), days)
        if dice < 0.7:
            return never(event, days)
        return self.random.choice((has, has_not))("t", self.random.choice("xy"))


class Story:
    """Messages are by person; some do not say who they are at first."""

    def __init__(self, seed: int) -> None:
        self.random, self.engine = Random(seed), _engine(seed)
        self.world = FacebookWorld(self.engine)
        self.drawing = Pencil(self.random, self.world.facebook()["id"]).drawing()
        self.said = {user: self._said() for user in PEOPLE}
        self.named = {user: self._named_at(self.said[user]) for user in PEOPLE}
        self.openings = [Opening(0, True, True)]
        if self.random.random() < 0.35:
            paused = self.random.randint(1, 80) * QUARTER + QUARTER // 2
            resumed = paused + self.random.randint(1, 40) * QUARTER
            self.openings += [Opening(paused, False, False), Opening(resumed, True, True)]

    def _said(self) -> Sequence[Said]:
        times = sorted(self.random.randint(-4 * EARLIER, 4 * DAYS) for _ in range(self.random.randint(3, 14)))
        return [self._message(at * QUARTER) for at in times if at]

    def _message(self, at: int) -> Said:
        happened = at - (self.random.randint(1, 12) * QUARTER if self.random.random() < 0.15 else 0)
        if self.random.random() < 0.3:
            return Said(at, happened, traits={"t": self.random.choice("xy")})
        return Said(at, happened, self.random.choice("AABC"))

    def _named_at(self, said: Sequence[Said]) -> int | None:
        if not said:
            return None
        return said[0].at if self.random.random() < 0.8 else said[self.random.randrange(len(said))].at

    # In the product

    def play(self) -> None:
        world = self.world
        start = world.clock.now() + EARLIER * 4 * QUARTER
        instants = {said.at for people in self.said.values() for said in people}
        for at in sorted(instant for instant in instants if instant < 0):
            world.advance((start + at - world.clock.now()) / SECOND)
            world.send(*self._messages(at, start))
        world.advance((start - world.clock.now()) / SECOND)
        self.trip = Trip(world, [_whole(step) for step in self.drawing.steps], **self.drawing.settings)
        if isinstance(self.engine, Dying):
            self.engine.watched = True
        checks = {self.random.randint(1, 4 * DAYS - 1) * QUARTER + 2 for _ in range(2)} | {4 * DAYS * QUARTER + 2}
        actions = {opening.at: "resume" if opening.opens else "pause" for opening in self.openings[1:]}
        for at in sorted({instant for instant in instants if instant > 0} | checks | actions.keys()):
            self.trip.at(f"{at}ms", *self._messages(at, start))
            if at in actions:
                self.trip.do(actions[at])
            if at in checks:
                self.check(at)

    def _messages(self, at: int, start: int) -> Iterator[dict[str, Any]]:
        for user, people in self.said.items():
            named = self.named[user]
            for said in people:
                if said.at != at:
                    continue
                who = {"anonymousId": f"a-{user}"} | ({"userId": user} if named is not None and at >= named else {})
                dated = {"timestamp": to_iso(start + said.happened)}
                if said.event:
                    yield {"type": "track", "event": said.event, **who, **dated}
                else:
                    yield {"type": "identify", "traits": dict(said.traits), **who, **dated}

    # Compared

    def check(self, now: int) -> None:
        travellers = {user: self._traveller(user).travel(now) for user in PEOPLE}
        heard = [f"{span(at)} {sign}({sink}) {user}" for user, one in travellers.items() for at, sign, sink in one.told]
        assert sorted(self.trip.heard()) == sorted(heard), self
        for user, traveller in travellers.items():
            self._compare(user, traveller)
        members = Counter(stop for traveller in travellers.values() for stop in traveller.members)
        counts = {stop: row["count"] for stop, row in self.trip.stops.items()}
        assert counts == {stop: members[stop] for stop in counts}, self
        self._compare_figures(list(travellers.values()))

    def _compare(self, user: str, traveller: Traveller) -> None:
        name, told = f"anonymous_id:a-{user}", (user, self.said[user], self.named[user], self)
        assert self.trip.members(name) == traveller.members, told
        assert self.trip.joined(name) == {stop: span(at) for stop, at in traveller.joined.items()}, told
        state = self.trip.state(name)
        if state is not None:
            shown = [state[name] and self.trip.since(state[name]) for name in ("enteredAt", "exitedAt")]
            assert shown == [None if at is None else span(at) for at in (traveller.entered, traveller.exited)], told
            assert (state["cycle"], state["outcome"]) == (traveller.cycle, traveller.outcome), told
        TALLY.update(compared=1, told=len(traveller.told), entries=traveller.cycle, **traveller.ended)

    def _compare_figures(self, travellers: Sequence[Traveller]) -> None:
        figures, ended = self.trip.figures("+0d"), Counter[str]()
        joins = Counter[str]()
        for traveller in travellers:
            ended.update(traveller.ended, entered=traveller.cycle)
            joins.update(traveller.joins)
        assert [figures[name] for name in ("entered", "completed", "exits", "inProgress")] == [
            ended["entered"],
            ended["completed"],
            ended["exited"],
            ended["entered"] - ended["completed"] - ended["exited"],
        ], self
        rows = {label(row): row["joins"] for row in figures["steps"]}
        assert rows == {stop: joins[stop] for stop in rows}, self

    def _traveller(self, user: str) -> Traveller:
        def lot(step: Step) -> str:
            return self._lot(user, step)

        return Traveller(self.drawing, self.said[user], self.named[user], self.openings, lot)

    def _lot(self, user: str, step: Step) -> str:
        """As it has to be drawn; only the store tells by what."""
        adapters, space_id = self.world.application.adapters, self.world.stack.space_id
        journey_id, storage = self.trip.path.rsplit("/", 1)[1], Storage(adapters.workspace, self.world.clock)
        (standing,) = storage.journeys.get(journey_key(space_id, journey_id)).versions
        version = storage.journey_versions.get(journey_version_key(space_id, journey_id, standing.version_id))
        lineage = next(stored.lineage for stored in version.steps if stored.id == step["id"])
        profile = self.world.application.lookup.find(space_id, "users", f"anonymous_id:a-{user}")
        assert profile is not None
        drawn = int(sha256(f"{journey_id}:{lineage}:{profile.profile_id}".encode()).hexdigest(), 16) % 10_000
        for branch in step["branches"]:
            drawn -= round(branch["percent"] * 100)
            if drawn < 0:
                return str(branch["name"])
        raise AssertionError("the shares are no whole")

    def __repr__(self) -> str:
        texts = {id: condition.text for id, condition in self.drawing.conditions.items()}
        return f"{self.drawing.settings} {self.drawing.steps} {texts} {self.openings}"


def _engine(seed: int) -> InMemory:
    return (InMemory(), Twice(), Dying(dice=Random(seed)))[seed % 3]


def _whole(step: Step) -> Step:
    return {key: value for key, value in step.items() if value is not None}


@pytest.mark.parametrize("block", range(4))
def test_random_journeys_are_travelled_as_the_rules_say(block: int) -> None:
    for seed in range(block * 6, block * 6 + 6):
        story = Story(seed)
        try:
            story.play()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        finally:
            bootstrap.install(None)
        TALLY["deaths"] += story.engine.fate.deaths if isinstance(story.engine, Dying) else 0


def test_the_tally_is_told() -> None:
    """How much was compared; run with -s to see it."""
    print(f"\n{dict(TALLY)}")
    assert TALLY["told"] > 100
    assert min(TALLY["completed"], TALLY["exited"], TALLY["deaths"]) > 1
