"""Random journeys in which people turn out to be one, somewhere on their ways: nobody is stuck, nothing is told twice
or not at all, and every step shows its true members."""

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import pytest

from chalicelib import bootstrap
from chalicelib.instants import to_iso
from tests.acceptance.engines import InMemory
from tests.acceptance.journeys import Step, Trip, ms, parts
from tests.acceptance.journeys_engines import Dying, Twice
from tests.acceptance.journeys_pencil import Pencil
from tests.acceptance.journeys_plain import QUARTER, Opening, Said, Traveller
from tests.acceptance.test_facebook import FacebookWorld

DAYS, PAIRS = 40, 3
TALLY: Counter[str] = Counter()


class Pair(NamedTuple):
    """A user and a guest with an address, and when they turn out to be one."""

    user: Sequence[Said]
    guest: Sequence[Said]
    met_at: int


class Meetings:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.engine = (InMemory(), Twice(), Dying(dice=Random(seed)))[seed % 3]
        self.world = FacebookWorld(self.engine)
        self.drawing = Pencil(self.random, self.world.facebook()["id"]).drawing()
        self.pairs = [self._pair() for _ in range(PAIRS)]

    def _pair(self) -> Pair:
        return Pair(self._said(), self._said(), self.random.randint(4, 4 * DAYS - 4) * QUARTER)

    def _said(self) -> Sequence[Said]:
        times = sorted(self.random.randint(1, 4 * DAYS) for _ in range(self.random.randint(3, 10)))
        return [self._message(at * QUARTER) for at in times]

    def _message(self, at: int) -> Said:
        if self.random.random() < 0.3:
            return Said(at, at, traits={"t": self.random.choice("xy")})
        return Said(at, at, self.random.choice("AABC"))

    def play(self) -> None:
        self.trip = Trip(self.world, [_whole(step) for step in self.drawing.steps], **self.drawing.settings)
        if isinstance(self.engine, Dying):
            self.engine.watched = True
        instants = {said.at for pair in self.pairs for said in (*pair.user, *pair.guest)}
        for at in sorted(instants | {pair.met_at for pair in self.pairs}):
            self.trip.at(f"{at}ms", *self._messages(at))
        self.trip.at(f"{DAYS}d3ms")

    def _messages(self, at: int) -> Iterator[dict[str, Any]]:
        for n, pair in enumerate(self.pairs):
            user, guest = {"userId": f"u{n}"}, {"anonymousId": f"a{n}", "context": {"traits": {"email": f"u{n}@x.io"}}}
            for who, people in ((user, pair.user), (guest, pair.guest)):
                yield from (_call(said, who, self.trip) for said in people if said.at == at)
            if pair.met_at == at:
                yield {"type": "identify", "traits": {}, **user, **guest}

    def check(self) -> None:
        members: Counter[str] = Counter()
        for n, pair in enumerate(self.pairs):
            joined = {stop: ms(when) for stop, when in self.trip.joined(f"user_id:u{n}").items()}
            shown = self.trip.members(f"user_id:u{n}")
            members.update(shown)
            self._check_place(pair, joined, shown)
            self._check_told(n, joined)
            TALLY.update(people=1, inside=bool(joined))
        counts = {stop: row["count"] for stop, row in self.trip.stops.items()}
        assert counts == {stop: members[stop] for stop in counts}

    def _check_place(self, pair: Pair, joined: dict[str, int], shown: list[str]) -> None:
        """Everybody is a member where the condition holds, and has gone on as far as one can."""

        def lot(step: Step) -> str:
            stops = [f"{step['id']}/{branch['name']}" for branch in step["branches"]]
            return next((stop.partition("/")[2] for stop in stops if stop in joined), "undrawn")

        said = sorted([*pair.user, *pair.guest], key=lambda said: said.at)
        one = Traveller(self.drawing, said, 0, [Opening(0, True, True)], lot, lambda: False)
        one.now, one.known, one.joined = ms(f"{DAYS}d3ms"), said, dict(joined)
        if joined:
            one.entered = joined["A"]
            assert shown == one.members
            one.go_on()
            assert one.joined == joined
            exit_after = self.drawing.settings.get("exitAfter")
            assert exit_after is None or one.now < one.entered + ms(exit_after)
        else:
            assert shown == []

    def _check_told(self, n: int, joined: dict[str, int]) -> None:
        """Under each name that a partner knows them by, they come and go in turns; who is out was said to have gone."""
        told: dict[tuple[str, str], str] = {}
        for _, sign, step, who in map(parts, self.trip.heard()):
            if who.startswith(f"u{n}"):
                told[step, who] = told.get((step, who), "") + sign
        for (step, _), signs in told.items():
            assert signs == ("EX" * len(signs))[: len(signs)]
            assert step in joined or signs.endswith("X")
        TALLY["told"] += len(told)


def _call(said: Said, who: dict[str, Any], trip: Trip) -> dict[str, Any]:
    content = {"type": "track", "event": said.event} if said.event else {"type": "identify", "traits": said.traits}
    return {**content, **who, "timestamp": to_iso(trip.start + said.happened)}


def _whole(step: Step) -> Step:
    return {key: value for key, value in step.items() if value is not None}


@pytest.mark.parametrize("block", range(4))
def test_people_who_turn_out_to_be_one_go_on_as_one(block: int) -> None:
    for seed in range(block * 4, block * 4 + 4):
        meetings = Meetings(seed)
        try:
            meetings.play()
            meetings.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        finally:
            bootstrap.install(None)


def test_the_tally_is_told() -> None:
    """How much was checked; run with -s to see it."""
    print(f"\n{dict(TALLY)}")
    assert min(TALLY["inside"], TALLY["told"]) > 10
