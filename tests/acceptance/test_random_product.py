"""Weeks of a random space over HTTP: people, late and future events, merges; definitions that come, change, go off and
on; compared at random instants with a plain reading of all that was ever accepted."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from chalicelib import bootstrap, query
from chalicelib.clock import DAY, HOUR, SECOND
from chalicelib.instants import parse_iso, to_iso
from tests.acceptance.chronicle import Rule
from tests.acceptance.journal import DEFAULT_IDS, EVERYBODY, Journal
from tests.query import generate
from tests.query.generate import Generator

OPENINGS = "AAABBC"
PLAIN = [
    "event('A').count() >= 3",
    "event('A').within(7 days).count() >= 2",
    "event('B').within(30 days).count() = 0 AND event('A').count() >= 1",
    "event('A').within(2 days).count() > event('B').within(10 days).count()",
    "event('A').where(event('B').within(parent: 2 days).count() >= 1).within(12 days).count() >= 1",
    "event('A').within(4 days).sum(property('q')) > 3 OR event('C').within(6 days).count() >= 2",
    "NOT event('A').within(5 days).count() >= 1",
    "trait('d').within_last(6 days) OR event('B').between(1 day, 9 days).count() >= 2",
]
MOST = 9  # definitions
USERS = 7
TALLY: Counter[str] = Counter()


class Play:
    def __init__(self, seed: int, settle_seconds: int) -> None:
        self.random = Random(seed)
        self.journal = Journal(settle_seconds)
        self.world = self.journal.world
        self.made = Generator(self.random)
        self.connected: list[str] = []
        self.hook = self.world.webhook("hook")

    def act(self) -> None:
        deed = self.random.random()
        if deed < 0.5:
            self.say()
        elif deed < 0.58:
            self.create()
        elif deed < 0.64 and self.journal.rules:
            self.change(self.one(*self.journal.rules.values()))
        elif deed < 0.72:
            self.journal.check()
        elif deed < 0.76 and self.journal.chronicle.said:
            self.preview()
        else:
            self.world.advance(self.one(0.001, 1, 45, 600, 3_600, 5 * 3_600, DAY / SECOND, 2 * DAY / SECOND))

    def end(self) -> None:
        self.journal.check()
        self.hear()
        TALLY["compared"] += self.journal.compared

    def one(self, *options: Any) -> Any:
        return self.random.choice(options)

    # What people do

    def say(self) -> None:
        messages = [self.message() for _ in range(self.random.randint(1, 4))]
        if self.random.random() < 0.15:
            messages += self.again()
        self.journal.say(*messages)
        TALLY["messages"] += len(messages)

    def message(self) -> dict[str, Any]:
        now, who = self.journal.now, self.random.randrange(USERS)
        user, guest = {"userId": f"u{who}"}, {"anonymousId": f"a{who}{self.one('x', 'y')}"}
        ago = self.one(0, 0, 0, 1, HOUR, 5 * HOUR, DAY, 3 * DAY, 8 * DAY, 25 * DAY, -3 * HOUR, -2 * DAY)
        ids = self.one(user, user, user, user, guest, guest, guest, {**user, **guest})
        message = {"messageId": f"m{self.random.getrandbits(40):x}", "timestamp": to_iso(now - ago), **ids}
        if self.random.random() < 0.75:
            properties = self.near(self.made.properties())
            return {**message, "type": "track", "event": self.one(*OPENINGS), "properties": properties}
        traits = {key: self.one(value, value, value, None) for key, value in self.near(self.made.traits()).items()}
        mail = {"email": f"P{who}@x.io"} if self.random.random() < 0.3 else {}
        return {**message, "type": "identify", "traits": {**traits, **mail}}

    def near(self, data: Any) -> Any:
        """Dates of the generator are about its own time: here about now."""
        if isinstance(data, dict):
            return {key: self.near(value) for key, value in data.items()}
        if isinstance(data, list):
            return [self.near(value) for value in data]
        if isinstance(data, str) and data.startswith("2024-") and (at := parse_iso(data)):
            return to_iso(at + (self.journal.now - generate.T0) // DAY * DAY)[: len(data)]
        return data

    def again(self) -> list[dict[str, Any]]:
        """What was sent less than a day ago comes once more."""
        lately = [said.content for said in self.journal.chronicle.said if self.journal.now - said.at < 20 * HOUR]
        return [self.random.choice(lately)] if lately else []

    # What owners do

    def text(self, kind: str) -> str:
        while True:
            text = (
                self.made.computed_trait()
                if kind == "trait"
                else self.one(self.made.audience(), *PLAIN[:2], self.one(*PLAIN))
            )
            try:
                query.parse(text, kind=kind, scope="USERS")
            except query.QueryError:  # too long
                continue
            return str(text)

    def create(self) -> None:
        """References go to earlier ones."""
        if len(self.journal.rules) == MOST:
            return
        kind, history = self.one("audience", "audience", "trait"), self.random.random() < 0.7
        options: dict[str, Any] = {"includeHistoricalData": history}
        if history and self.random.random() < 0.4:
            options["backfillEventDataDays" if kind == "audience" else "backfillDurationDays"] = self.one(1, 4, 11)
        if kind == "trait":
            self.journal.trait(self.text(kind), self.one(True, False), **options)
        else:
            text = self.one(self.text(kind), f"{self.reference()}({self.text(kind)})")
            rule = self.journal.audience(text, self.one(DEFAULT_IDS, EVERYBODY), **options)
            self.connect(rule)
        TALLY["created"] += 1

    def reference(self) -> str:
        known = [rule for rule in self.journal.rules.values() if self.is_free(rule) and rule.kind == "audience"]
        return f"{self.one('', 'NOT ')}trait('{self.one(*known).key}') = 'true' AND " if known else ""

    def is_free(self, rule: Rule) -> bool:
        return rule.id not in self.journal.off

    def connect(self, rule: Rule) -> None:
        if self.random.random() < 0.7:
            self.world.connect({"id": rule.id}, self.hook)
            self.connected.append(rule.id)

    def change(self, rule: Rule) -> None:
        deed = self.one("edit", "edit", "switch", "ids")
        if deed == "edit":
            assert self.journal.edit(rule, self.text(rule.kind)) in (200, 409)
        elif deed == "ids" and rule.kind == "audience":
            assert self.journal.restrict(rule, "user_id") in (200, 409)
        elif deed == "switch" and not self.is_read(rule):
            self.journal.switch(rule, on=rule.id in self.journal.off)
        TALLY[deed] += 1

    def is_read(self, rule: Rule) -> bool:
        return any(f"trait('{rule.key}')" in other.text for other in self.journal.rules.values())

    # What became of it

    def preview(self) -> None:
        """Now, or as it was at some instant before."""
        self.journal.quiet()
        now = self.journal.now
        at = self.one(None, now - self.random.randrange(6 * DAY), self.one(*self.journal.chronicle.said).at)
        found = self.journal.preview(
            self.text("audience"), at, self.one(DEFAULT_IDS, EVERYBODY, ("email",)), self.one(None, 2, 9)
        )
        TALLY["previewed"] += found["size"]["count"]

    def hear(self) -> None:
        """What a partner was told last of each user is what is true."""
        last: dict[tuple[str, str], bool] = {}
        for event in self.world.events("hook"):
            if "userId" in event:
                last[event["properties"]["audience_key"], event["userId"]] = event["event"] == "Audience Entered"
        for rule in (self.journal.rules[id] for id in self.connected if id not in self.journal.off):
            for user in (f"u{n}" for n in range(USERS)):
                held = (self.world.traits(f"user_id:{user}") or {}).get(rule.key, False)
                assert last.get((rule.key, user), False) is held, (rule, user)
                TALLY["told"] += held


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    bootstrap.install(None)


@pytest.mark.parametrize("settle_seconds", [0, 90])
@pytest.mark.parametrize("seed", range(2))
def test_weeks_of_a_random_space(seed: int, settle_seconds: int) -> None:
    play = Play(seed, settle_seconds)
    for _ in range(90):
        play.act()
    play.end()


def test_what_was_tried_is_worth_the_name() -> None:
    assert TALLY["compared"] > 1_000
    assert min(TALLY[name] for name in ("created", "edit", "switch", "ids", "previewed", "told")) > 0
