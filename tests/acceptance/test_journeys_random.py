"""Random journeys with random people over six weeks: where everybody is, since when, and what partners heard, compared
with a plain reading of the rules."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.clock import SECOND
from chalicelib.instants import to_iso
from chalicelib.workspace.storage import Storage, journey_key, journey_version_key
from tests.acceptance.engines import InMemory
from tests.acceptance.journeys import Step, Trip, label, span
from tests.acceptance.journeys_engines import Dying, Twice
from tests.acceptance.journeys_pencil import Pencil
from tests.acceptance.journeys_plain import (
    QUARTER,
    Drawing,
    Opening,
    Said,
    Traveller,
    travel,
)
from tests.acceptance.test_facebook import FacebookWorld

PEOPLE = ("u1", "u2", "u3", "u4")
DAYS, EARLIER = 40, 3  # after and before the publication
TALLY: Counter[str] = Counter()


@dataclass
class Plan:
    """A version, and when it is published after the first one."""

    drawing: Drawing
    openings: list[Opening]
    publishing: dict[str, Any] = field(default_factory=dict)
    frozen_at: int | None = None
    trip: Trip | None = None

    @property
    def start(self) -> int:
        return self.openings[0].at

    def keeps_out(self, earlier: Traveller) -> bool:
        """Somebody who was in the version before."""
        if self.publishing.get("versionExclusion"):
            return earlier.cycle > 0
        return self.publishing["previous"] == "pause" and "exitAfter" in earlier.drawing.settings and earlier.is_inside


class Story:
    """Messages are by person; some do not say who they are at first."""

    def __init__(self, seed: int) -> None:
        self.random, self.engine = Random(seed), _engine(seed)
        self.world = FacebookWorld(self.engine)
        self.list_id = self.world.facebook()["id"]
        self.said = {user: self._said() for user in PEOPLE}
        self.named = {user: self._named_at(self.said[user]) for user in PEOPLE}
        self.plans = [Plan(Pencil(self.random, self.list_id).drawing(), [Opening(0, True, True)])]
        dice = self.random.random()
        if dice < 0.3:
            self._pause()
        elif dice < 0.65:
            self._add_a_version()

    def _between(self) -> int:
        """An instant at which nobody says anything."""
        return self.random.randint(1, 80) * QUARTER + QUARTER // 2

    def _pause(self) -> None:
        paused = self._between()
        resumed = paused + self.random.randint(1, 40) * QUARTER
        self.plans[0].openings += [Opening(paused, False, False), Opening(resumed, True, True)]

    def _add_a_version(self) -> None:
        at, first = self._between(), self.plans[0]
        publishing = {
            "previous": self.random.choice(["pause", "archive"]),
            "versionExclusion": self.random.random() < 0.25,
        }
        if publishing["previous"] == "archive":
            first.frozen_at = at
        else:
            first.openings.append(Opening(at, False, False))
            if self.random.random() < 0.4:
                first.frozen_at = at + self.random.randint(1, 40) * QUARTER
        drawing = Pencil(self.random, self.list_id, "later-").drawing()
        self.plans.append(Plan(drawing, [Opening(at, True, True)], publishing))

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
        self._publish(self.plans[0])
        if isinstance(self.engine, Dying):
            self.engine.watched = True
        checks = {self.random.randint(1, 4 * DAYS - 1) * QUARTER + 2 for _ in range(2)} | {4 * DAYS * QUARTER + 2}
        actions = dict(self._actions())
        for at in sorted({instant for instant in instants if instant > 0} | checks | actions.keys()):
            self.first.at(f"{at}ms", *self._messages(at, start))
            actions.get(at, lambda: None)()
            if at in checks:
                self.check(at)

    @property
    def first(self) -> Trip:
        trip = self.plans[0].trip
        assert trip is not None
        return trip

    def _publish(self, plan: Plan) -> None:
        steps = [{key: value for key, value in step.items() if value is not None} for step in plan.drawing.steps]
        path = self.first.path if plan is not self.plans[0] else None
        plan.trip = Trip(self.world, steps, path, publishing=plan.publishing, **plan.drawing.settings)

    def _actions(self) -> Iterator[tuple[int, Callable[[], Any]]]:
        first = self.plans[0]
        if len(self.plans) == 1:
            for opening in first.openings[1:]:
                yield opening.at, partial(self.first.do, "resume" if opening.opens else "pause")
            return
        yield self.plans[1].start, partial(self._publish, self.plans[1])
        if first.frozen_at is not None and first.frozen_at != self.plans[1].start:
            yield first.frozen_at, partial(self.first.do, "archive?version=1")

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
        everybody = {user: self._travelled(user, now) for user in PEOPLE}
        for place, plan in enumerate(self.plans):
            if plan.trip is not None:
                self._compare(plan, plan.trip, {user: found[place] for user, found in everybody.items()})

    def _travelled(self, user: str, now: int) -> list[Traveller]:
        first = self._traveller(user, self.plans[0], lambda: False)
        later = [self._traveller(user, plan, partial(plan.keeps_out, first)) for plan in self.plans[1:]]
        travel([first, *later], now)
        return [first, *later]

    def _traveller(self, user: str, plan: Plan, is_kept_out: Callable[[], bool]) -> Traveller:
        lot, said, named = partial(self._lot, user, plan), self.said[user], self.named[user]
        return Traveller(plan.drawing, said, named, plan.openings, lot, is_kept_out, plan.frozen_at)

    def _compare(self, plan: Plan, trip: Trip, travellers: dict[str, Traveller]) -> None:
        told = [(at, sign, sink, user) for user, one in travellers.items() for at, sign, sink in one.told]
        heard = [f"{span(at - plan.start)} {sign}({sink}) {user}" for at, sign, sink, user in told]
        assert sorted(trip.heard()) == sorted(heard), self
        for user, traveller in travellers.items():
            self._compare_person(user, plan, trip, traveller)
        members = Counter(stop for traveller in travellers.values() for stop in traveller.members)
        counts = {stop: row["count"] for stop, row in trip.stops.items()}
        assert counts == {stop: members[stop] for stop in counts}, self
        self._compare_figures(trip, list(travellers.values()))

    def _compare_person(self, user: str, plan: Plan, trip: Trip, traveller: Traveller) -> None:
        name, told = f"anonymous_id:a-{user}", (user, self.said[user], self.named[user], self)
        assert trip.members(name) == traveller.members, told
        assert trip.joined(name) == {stop: span(at - plan.start) for stop, at in traveller.joined.items()}, told
        state = trip.state(name)
        if state is not None:
            shown = [state[name] and trip.since(state[name]) for name in ("enteredAt", "exitedAt")]
            instants = (traveller.entered, traveller.exited)
            assert shown == [None if at is None else span(at - plan.start) for at in instants], told
            assert (state["cycle"], state["outcome"]) == (traveller.cycle, traveller.outcome), told
        TALLY.update(compared=1, told=len(traveller.told), entries=traveller.cycle, **traveller.ended)
        TALLY.update(later=traveller.cycle if plan is not self.plans[0] else 0)

    def _compare_figures(self, trip: Trip, travellers: Sequence[Traveller]) -> None:
        figures, ended, joins = trip.figures("+0d"), Counter[str](), Counter[str]()
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

    def _lot(self, user: str, plan: Plan, step: Step) -> str:
        """As it has to be drawn; only the store tells by what."""
        adapters, space_id = self.world.application.adapters, self.world.stack.space_id
        journey_id, storage = self.first.path.rsplit("/", 1)[1], Storage(adapters.workspace, self.world.clock)
        standing = storage.journeys.get(journey_key(space_id, journey_id)).versions[self.plans.index(plan)]
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
        return "\n".join(f"{plan.drawing.settings} {plan.drawing.steps} {plan.openings}" for plan in self.plans)


def _engine(seed: int) -> InMemory:
    return (InMemory(), Twice(), Dying(dice=Random(seed)))[seed % 3]


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
