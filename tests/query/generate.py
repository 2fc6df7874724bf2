"""Random well-typed definitions and random timelines.

Instants, names and values come from small pools, so that window edges, ties and equal values are met often. Plain
`random` instead of strategies: a definition is made of some fifty choices, which is slow to draw one by one.
"""

from random import Random
from typing import Any

from chalicelib import instants

from .timeline import Occurrence

HOUR = 3_600_000
DAY = 24 * HOUR
T0 = 1_715_774_400_000  # 2024-05-15T12:00Z; every event has arrived by then

EVENTS = "AAABBC"
SYMBOLS = ["=", "!=", ">", ">=", "<", "<="]
PATHS = ["p", "p", "p", "q", "o.k", "tags", "tags.$", "items.$.n", "p.$"]
NUMBERS = [-1, 0, 1, 1, 2, 2, 3, 10, 0.1, 0.2, 2.5, 10.0, 1e21, 123456.789]
TEXTS = ["2", "10", " 7 ", "007", "x", "x", "xy", "Zürich", "", "0.30"]


class Generator:
    def __init__(self, random: Random) -> None:
        self._random = random

    def one(self, *options: Any) -> Any:
        return self._random.choice(options)

    def chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def whole(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    # Data

    def moment(self) -> int:
        return T0 + self.whole(-48, 20) * HOUR + int(self.one(0, 0, 0, 0, 1, -1, 7))

    def date(self) -> str:
        at = T0 + self.whole(-5, 5) * DAY + self.one(0, 0, HOUR, -12 * HOUR, 1)
        return instants.to_iso(at)[: self.one(10, 24, 24, 23)]

    def scalar(self) -> Any:
        return self.one(*NUMBERS, *TEXTS, True, False, None, self.date(), self.date(), self.date())

    def some(self, make: Any, most: int = 3) -> list[Any]:
        return [make() for _ in range(self.whole(0, most))]

    def value(self) -> Any:
        kind = self.whole(0, 9)
        if kind == 0:
            return self.some(self.scalar)
        return {"k": self.scalar(), "z": self.some(self.scalar)} if kind == 1 else self.scalar()

    def properties(self) -> dict[str, Any]:
        made = {
            "p": self.value(),
            "q": self.scalar(),
            "o": {"k": self.value()},
            "tags": self.some(self.scalar),
            "items": self.some(lambda: {"n": self.scalar()} if self.chance(80) else {}),
        }
        return {key: value for key, value in made.items() if self.chance(85)}

    def traits(self) -> dict[str, Any]:
        made = {"t": self.value(), "u": self.scalar(), "tags": self.some(self.scalar), "d": self.date()}
        return {key: value for key, value in made.items() if self.chance(85)}

    def timeline(self, most: int = 14, prefix: str = "m") -> list[Occurrence]:
        """Events in order of arrival; a few arrive before their own timestamp."""
        arrivals = sorted(T0 + self.whole(-30, 0) * HOUR for _ in range(self.whole(0, most)))
        return [
            Occurrence(
                event=self.one(*EVENTS),
                timestamp=self.moment(),
                received_at=arrival,
                message_id=f"{self.whole(0, 9)}{prefix}{place:03}",
                source_id=self.one(None, "s1", "s2"),
                properties=self.properties(),
                context=self.one({}, {"page": {"url": "https://x.io/a"}}),
            )
            for place, arrival in enumerate(arrivals)
        ]

    # Definitions

    def literal(self) -> str:
        return str(
            self.one("0", "1", "2", "3", "10", "2.5", "0.3", "'2'", "'x'", "''", "true", "'true'", "2024-05-14")
            if self.chance(80)
            else f"'{self.date()}'"
        )

    def own(self) -> str:
        """Something the event at hand says."""
        if self.chance(15):
            return str(self.one("context('page.url')", "property('timestamp')"))
        return f"property('{self.one(*PATHS)}')"

    def trait(self) -> str:
        return str(self.one("trait('t')", "trait('u')", "trait('tags.$')", "trait('t.k')", "trait('d')"))

    def other(self, level: int) -> str:
        """Something that is not decided by the event alone."""
        if level >= 2 and self.chance(50):
            return f"property(parent: '{self.one(*PATHS)}')"
        return self.trait()

    def window(self, label: str = "") -> str:
        if self.chance(60):
            return f"within({label}{self.one('1 hour', '3 hours', '12 hours', '1 day', '40 hours', '3 days')})"
        near = self.whole(0, 20)
        return f"between({label}{near} hours, {near + self.whole(1, 40)} hours)"

    def comparison(self, left: str, right: str) -> str:
        kind = self.whole(0, 9)
        if kind <= 3:
            return f"{left} {self.one(*SYMBOLS)} {right if self.chance(40) else self.literal()}"
        if kind == 4:
            return f"{left}.{self.one('exists', 'absent')}()"
        if kind == 5:
            listed = ", ".join(self.literal() for _ in range(self.whole(1, 3)))
            return f"{left}.{self.one('one_of', 'none_of', 'contains')}({listed})"
        if kind == 6:
            name = self.one("omits", "starts_with", "ends_with", "contains")
            return f"{left}.{name}({right if self.chance(40) else self.literal()})"
        if kind == 7:
            return f"{left}.{self.one('before_date', 'after_date')}('{self.date()}')"
        name = self.one("within_last", "within_next", "before_last", "after_next")
        return f"{left}.{name}({self.one('0 hours', '1 hour', '30 hours', '0 days', '1 day', '3 days')})"

    def junction(self, make: Any, most: int = 3) -> str:
        terms = [make() for _ in range(self.one(1, 1, 2, most))]
        terms = [f"NOT {term}" if self.chance(20) else term for term in terms]
        joined = self.one(" AND ", " OR ").join(terms)
        return str(joined if len(terms) == 1 else f"{self.one('', '', 'NOT ')}({joined})")

    def condition(self, level: int) -> str:
        """What stands inside a where, `level` events deep."""

        def part() -> str:
            kind = self.whole(0, 9)
            if kind <= 2 and level < 3:
                return self.counted(level)
            if kind <= 5:
                return self.comparison(self.own(), self.own())
            if kind == 6:
                return f"{self.own()}.exists()"
            if kind == 7 and level >= 2:
                sides = [self.own(), f"property(parent: '{self.one(*PATHS)}')"]
                self._random.shuffle(sides)
                return " = ".join(sides)
            left, right = (self.own(), self.other(level)) if self.chance(70) else (self.other(level), self.own())
            return self.comparison(left, right)

        return self.junction(part, 2)

    def stream(self, level: int = 0, session: bool = False) -> str:
        """`level` counts the events around."""
        text = f"event('{self.one(*EVENTS)}')"
        if self.chance(45):
            text += f".where({self.condition(level + 1)})"
        if self.chance(10):
            text += ".sources(exclude: 's1')"
        if level and self.chance(60):
            text += "." + self.window("parent: ")
        if session:
            return text + f".expires_after({self.one('1 hour', '3 hours', '12 hours')})"
        return text + "." + self.window() if self.chance(60 if not level else 30) else text

    def reducer(self, account: bool = False) -> str:
        name = self.one("count", "sum", "avg", "min", "max", "first", "last", "unique", "mode")
        if name == "count":
            return "count()"
        reference = self.trait() if account and self.chance(40) else self.own()
        if name in ("min", "max"):
            reference += self.one("", " as string", " as number")
        if name == "mode":
            reference += self.one("", " as array") + self.one("", ", 1", ", 2")
        return f"{name}({reference})"

    def reduced(self, level: int = 0) -> str:
        reducer = self.reducer()
        return f"{self.stream(level)}.{reducer}{'.count()' if reducer.startswith('unique') else ''}"

    def counted(self, level: int = 0) -> str:
        """A comparison of a reduced stream."""
        if self.chance(65):
            limit = self.one("0", "1", "1", "1", "2", "2", "3", "1.5", "'1'", "-1")
            return f"{self.stream(level)}.count() {self.one(*SYMBOLS)} {limit}"
        right = self.trait() if self.chance(50) else self.reduced(level)
        return self.comparison(self.reduced(level), right)

    def audience(self) -> str:
        return self.junction(lambda: self.counted() if self.chance(75) else self.comparison(self.trait(), self.trait()))

    def computed_trait(self, account: bool = False) -> str:
        return f"{self.stream(session=self.chance(30))}.{self.reducer(account)}"

    def definition(self) -> tuple[str, str]:
        """Kind and text."""
        return ("audience", self.audience()) if self.chance(60) else ("trait", self.computed_trait())

    def account_definition(self) -> tuple[str, str]:
        if self.chance(50):
            return "trait", self.computed_trait(account=True)

        def part() -> str:
            if self.chance(50):
                return f"{self.one('ANY', 'ALL')} ({self.audience()})"
            return self.counted() if self.chance(50) else self.comparison(self.trait(), self.trait())

        return "audience", self.junction(part)
