"""A journey read plainly: every instant at which anything could change, one after the other, and at each of them the
rules as they are written."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chalicelib.clock import DAY
from tests.acceptance.journeys import Step, ms

QUARTER = DAY // 4
WINDOWS = (1, 3, 7)  # days; they end a millisecond later


class Said(NamedTuple):
    """An event, or traits; `at` is when it was received."""

    at: int
    happened: int
    event: str = ""
    traits: Mapping[str, Any] = {}


class Known(NamedTuple):
    """What a condition is asked about."""

    happened: Mapping[str, Sequence[int]]
    traits: Mapping[str, Any]
    now: int


class Condition(NamedTuple):
    text: str
    holds: Callable[[Known], bool]

    def both(self, other: "Condition") -> "Condition":
        return Condition(f"{self.text} AND {other.text}", lambda known: self.holds(known) and other.holds(known))

    def either(self, other: "Condition") -> "Condition":
        return Condition(f"({self.text} OR {other.text})", lambda known: self.holds(known) or other.holds(known))


def often(event: str, least: int, days: int | None = None) -> Condition:
    return Condition(f"event('{event}'){_within(days)}.count() >= {least}", lambda k: _count(k, event, days) >= least)


def never(event: str, days: int | None = None) -> Condition:
    return Condition(f"event('{event}'){_within(days)}.count() = 0", lambda k: _count(k, event, days) == 0)


def has(trait: str, value: str) -> Condition:
    return Condition(f"trait('{trait}') = '{value}'", lambda k: k.traits.get(trait) == value)


def has_not(trait: str, value: str) -> Condition:
    return Condition(f"NOT trait('{trait}') = '{value}'", lambda k: k.traits.get(trait) != value)


def _within(days: int | None) -> str:
    return "" if days is None else f".within({days} days)"


def _count(known: Known, event: str, days: int | None) -> int:
    since = None if days is None else known.now - days * DAY
    return sum(since is None or since <= at <= known.now for at in known.happened.get(event, ()))


@dataclass
class Drawing:
    """`conditions` are by step id, those of branches by "<step>/<name>"."""

    steps: list[Step]
    conditions: dict[str, Condition]
    settings: dict[str, Any]

    def stops(self, step: Step) -> list[str]:
        if step["type"] == "true_false":
            return [f"{step['id']}/true", f"{step['id']}/false"]
        if "branches" in step:
            return [f"{step['id']}/{branch['name']}" for branch in step["branches"]]
        return [] if step["type"] == "delay" else [step["id"]]

    def leads(self, step: Step, stop: str) -> str | None:
        name = stop.partition("/")[2]
        branches = {branch["name"]: branch for branch in step.get("branches", ())}
        target: str | None = step.get(name) if step["type"] == "true_false" else branches.get(name, step).get("next")
        return target


class Opening(NamedTuple):
    """From `at` on: whether people may come in. `cut`: this is a publication or a resumption."""

    at: int
    opens: bool
    cut: bool


@dataclass
class Traveller:
    """One person in one version. `lot` says which branch of a random split is theirs, `is_kept_out` whether an earlier
    version keeps them from coming in. From `frozen_at` on nothing happens any more."""

    drawing: Drawing
    said: Sequence[Said]  # in order of time
    named_at: int | None  # when there was an id that lets them in
    openings: Sequence[Opening]
    lot: Callable[[Step], str]
    is_kept_out: Callable[[], bool]
    frozen_at: int | None = None
    cycle: int = 0
    entered: int | None = None
    exited: int | None = None
    outcome: str | None = None
    barred: bool = False
    own_cut: int = 0
    joined: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)
    now: int = 0
    known: Sequence[Said] = ()
    is_named: bool = False
    told: list[tuple[int, str, str]] = field(default_factory=list)
    joins: Counter[str] = field(default_factory=Counter)  # in all cycles
    ended: Counter[str] = field(default_factory=Counter)  # by outcome

    def live(self, now: int, before: int) -> None:
        """With what was received before."""
        if now < self.openings[0].at or (self.frozen_at is not None and now >= self.frozen_at):
            return
        self.now, self.known = now, [said for said in self.said if said.at < before]
        self.is_named = self.named_at is not None and self.named_at < before
        opening = [one for one in self.openings if one.at <= now][-1]
        self.cut = max(one.at for one in self.openings if one.cut and one.at <= now)
        if not self.known:
            return
        if opening.at == now and opening.cut and not self.is_inside and not self._lets_the_past_in(now):
            self.barred = self._holds("A", self.cut)
        self._leave()
        if not self.is_inside and opening.opens:
            self._come_in()
        if self.is_inside:
            self.go_on()

    @property
    def is_inside(self) -> bool:
        return self.entered is not None and self.exited is None

    def _lets_the_past_in(self, cut: int) -> bool:
        return bool(self.drawing.settings.get("useHistoricalData")) and cut == self.openings[0].at

    def _leave(self) -> None:
        after = self.drawing.settings.get("exitAfter")
        if not self.is_inside or after is None or self.entered is None or self.now < self.entered + ms(after):
            return
        self.exited = self.entered + ms(after)
        self._end("exited")
        for step in self.drawing.steps:
            if step["type"] == "send_to_destination" and step["id"] in self.joined:
                self.told.append((self.now, "X", step["id"]))
        self.joined, self.arrived = {}, {}

    def _come_in(self) -> None:
        holds = self._holds("A", self.cut)
        self.barred = self.barred and holds
        if not holds or self.barred or not self.is_named or self.is_kept_out() or not self._may_come_again():
            return
        self.cycle += 1
        self.entered, self.exited, self.outcome, self.own_cut = self.now, None, None, self.cut
        self._join("A")

    def _may_come_again(self) -> bool:
        if self.exited is None:
            return True
        after = self.drawing.settings.get("reentryAfter")
        return after is not None and self.now >= self.exited + ms(after)

    def go_on(self) -> None:
        for step in self.drawing.steps:  # drawn in the order of the graph
            self._arrive(step)
        ends = [at for place, at in self.arrived.items() if place == ""]
        if ends and min(ends) <= self.now:
            self._end("completed")

    def _end(self, outcome: str) -> None:
        """The first outcome of a cycle is its only one."""
        if self.outcome is None:
            self.outcome = outcome
            self.ended[outcome] += 1

    def _join(self, stop: str) -> None:
        self.joined[stop] = self.now
        self.joins[stop] += 1

    def _arrive(self, step: Step) -> None:
        id = step["id"]
        if step["type"] == "entry":
            self._lead_on(step.get("next"), self.joined["A"])
        elif step["type"] == "delay" and id in self.arrived:
            self._lead_on(step.get("next"), self.arrived[id] + ms(step["duration"]))
        elif id in self.arrived and self.arrived[id] <= self.now:
            for stop in self._taken(step):
                if stop not in self.joined:
                    self._join(stop)
                    if step["type"] == "send_to_destination":
                        self.told.append((self.now, "E", id))
            for stop in self.drawing.stops(step):
                if stop in self.joined:
                    self._lead_on(self.drawing.leads(step, stop), self.joined[stop])

    def _lead_on(self, target: str | None, at: int) -> None:
        """The end of all ways has an empty name."""
        self.arrived[target or ""] = min(at, self.arrived.get(target or "", at))

    def _taken(self, step: Step) -> list[str]:
        """Stops that are joined by somebody who has arrived."""
        stops = self.drawing.stops(step)
        if step["type"] == "condition":
            return stops if self._holds(step["id"], self.openings[0].at) else []
        if step["type"] == "multi_branch":
            return [stop for stop in stops if self._holds(stop, self.openings[0].at)]
        if step["type"] == "random_split":
            return [f"{step['id']}/{self.lot(step)}"]
        if step["type"] == "true_false":
            if any(stop in self.joined for stop in stops):
                return []
            return [stops[0 if self._holds(step["id"], self.openings[0].at) else 1]]
        return stops

    @property
    def upcoming(self) -> list[int]:
        """When delays, times of exit and of coming back, and ads are over; also what is past."""
        settings = self.drawing.settings
        found = list(self.arrived.values())
        found += [
            at + ms(step["removeAfter"])
            for step in self.drawing.steps
            if "removeAfter" in step
            for at in self.joined.values()
        ]
        if self.entered is not None and "exitAfter" in settings:
            found.append(self.entered + ms(settings["exitAfter"]))
        if self.exited is not None and "reentryAfter" in settings:
            found.append(self.exited + ms(settings["reentryAfter"]))
        return found

    @property
    def members(self) -> list[str]:
        found = []
        for step in self.drawing.steps:
            found += [stop for stop in self.drawing.stops(step) if stop in self.joined and self._is_live(step, stop)]
        return sorted(found)

    def _is_live(self, step: Step, stop: str) -> bool:
        if step["type"] == "show_ad" and "removeAfter" in step:
            return self.now < self.joined[stop] + ms(step["removeAfter"])
        if step["type"] == "true_false":
            return self._holds(step["id"], self.openings[0].at) is stop.endswith("/true")
        if step["type"] in ("condition", "multi_branch"):
            return self._holds(stop, self.openings[0].at)
        return step["type"] != "entry" or self._holds("A", self.own_cut)

    def _holds(self, condition: str, cut: int) -> bool:
        happened: dict[str, list[int]] = {}
        traits: dict[str, tuple[int, Any]] = {}
        for said in self.known:
            if said.event and (said.happened >= cut or (condition == "A" and self._lets_the_past_in(cut))):
                happened.setdefault(said.event, []).append(said.happened)
            for name, value in said.traits.items():
                if name not in traits or traits[name][0] <= said.happened:
                    traits[name] = said.happened, value
        known = Known(happened, {name: value for name, (_, value) in traits.items()}, self.now)
        return self.drawing.conditions[condition].holds(known)


def travel(travellers: Sequence[Traveller], until: int) -> None:
    """One person in all versions, the earlier ones first, at every instant at which a window of any event may end, a
    delay may be over, or something happens. What time alone does at an instant is done before anything comes then."""
    ends = {said.happened + days * DAY + 1 for said in travellers[0].said for days in WINDOWS}
    fixed = {said.at for said in travellers[0].said} | ends
    fixed |= {opening.at for traveller in travellers for opening in traveller.openings}
    now: int | None = travellers[0].openings[0].at
    while now is not None and now <= until:
        for before in (now, now + 1):
            for traveller in travellers:
                traveller.live(now, before)
        upcoming = fixed.union(*(traveller.upcoming for traveller in travellers))
        now = min((at for at in upcoming if at > now), default=None)
    for traveller in travellers:
        traveller.live(until, until + 1)
