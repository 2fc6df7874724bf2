"""Random journeys."""

from random import Random
from typing import Any

from tests.acceptance import journeys
from tests.acceptance.journeys import Step
from tests.acceptance.journeys_plain import WINDOWS, Condition, Drawing, has, has_not, never, often


class Pencil:
    """Draws a tree of steps in the order of the graph; its branches may end in a common last step."""

    def __init__(self, random: Random, list_id: str, prefix: str = "") -> None:
        self.random, self._list_id, self._prefix = random, list_id, prefix
        self.steps: list[Step] = []
        self.conditions: dict[str, Condition] = {}
        self._is_joined = False

    def drawing(self) -> Drawing:
        self._step("entry", "A", 6)
        if self._is_joined:
            self.steps.append(journeys.send(f"{self._prefix}Z"))
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
            return f"{self._prefix}Z" if dice < 0.5 else None
        kind = self.random.choice(("condition", "delay", "delay", "send", "send", "split", "multi", "lots", "ad"))
        return self._step(kind, f"{self._prefix}{kind}{len(self.steps)}", depth)

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
        event, days = self.random.choice("AABC"), self.random.choice([None, *WINDOWS])
        dice = self.random.random()
        if dice < 0.5:
            return often(event, self.random.choice([1, 1, 2, 3]), days)
        if dice < 0.7:
            return never(event, days)
        return self.random.choice((has, has_not))("t", self.random.choice("xy"))
