"""Identity resolution written down as plainly as possible: the yardstick for the real one, which shares nothing with
it but the rules' own data."""

from dataclasses import dataclass, field

from chalicelib.identity.rules import WINDOWS, Rules

Id = tuple[str, str]  # type, value


@dataclass
class Someone:
    number: int
    created: int
    ids: dict[Id, int] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)


class Naive:
    """One space. Profiles are numbered from 1 in the order in which they were made; `gone` leads from those merged
    away to their survivors."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.live: dict[int, Someone] = {}
        self.gone: dict[int, int] = {}
        self.violations: list[Id] = []
        self._made = 0

    def send(self, ids: list[Id], at: int = 0, event: str = "") -> int | None:
        """The number of the profile that the event went to."""
        ids = list(dict.fromkeys(ids))
        if not ids:
            return None
        while True:
            owners = [p for p in self.live.values() if any(i in p.ids for i in ids)]
            new = [i for i in ids if self.owner(i) is None]
            if not self._breaks(owners, new, at):
                break
            worst = self._worst(ids)
            ids.remove(worst)
            self.violations.append(worst)
        survivor = self._survivor(owners, at)
        for identifier in new:
            if len(survivor.ids) < self.rules.mappings_limit:
                survivor.ids[identifier] = at
            else:
                self.violations.append(identifier)
        survivor.events.append(event)
        return survivor.number

    def owner(self, identifier: Id) -> int | None:
        return next((p.number for p in self.live.values() if identifier in p.ids), None)

    def _survivor(self, owners: list[Someone], at: int) -> Someone:
        if not owners:
            self._made += 1
            someone = self.live[self._made] = Someone(self._made, at)
            return someone
        survivor, *others = sorted(owners, key=lambda p: p.number)
        for other in others:
            survivor.ids |= other.ids
            survivor.events += other.events
            survivor.merged += [other.number, *other.merged]
            del self.live[other.number]
            self.gone |= dict.fromkeys([other.number, *other.merged], survivor.number)
        return survivor

    def _breaks(self, owners: list[Someone], new: list[Id], at: int) -> bool:
        if len(owners) <= 1 and not new:
            return False
        everything = {i: added for p in owners for i, added in p.ids.items()} | dict.fromkeys(new, at)
        if len(owners) > 1:
            merges = sum(1 + len(p.merged) for p in owners) - 1
            if merges > self.rules.merges_limit or len(everything) > self.rules.mappings_limit:
                return True
            types = {type for type, _ in everything}
        else:
            types = {type for type, _ in new}
        return any(self._count(type, everything, at) > (self.rules.of(type).limit or 0) for type in types)

    def _count(self, type: str, everything: dict[Id, int], at: int) -> int:
        window = WINDOWS[self.rules.of(type).period]
        return sum(1 for (t, _), added in everything.items() if t == type and (window is None or added > at - window))

    def _worst(self, ids: list[Id]) -> Id:
        priority = self.rules.priority

        def place(type: str) -> tuple[int, str]:
            return (priority.index(type), "") if type in priority else (len(priority), type)

        worst = max(place(type) for type, _ in ids)
        same = [i for i in ids if place(i[0]) == worst]
        unowned = [i for i in same if self.owner(i) is None]
        return (unowned or same)[-1]
