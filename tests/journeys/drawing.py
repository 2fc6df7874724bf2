"""Journeys drawn in a few words, and people whose conditions follow a time line."""

from collections.abc import Collection, Sequence

from chalicelib.journeys.model import (
    AD,
    CONDITION,
    DELAY,
    ENTRY,
    LIVE,
    MULTI_BRANCH,
    RANDOM,
    SEND,
    TRUE_FALSE,
    Journey,
    Settings,
    Side,
    Standing,
    Step,
    Version,
)
from chalicelib.journeys.passage import Passage
from chalicelib.journeys.route import Route, route_of
from chalicelib.journeys.travel import travel

T0 = 1_735_689_600_000  # 2025-01-01
NEVER = ()


def _side(step_id: str, name: str, next_id: str | None, query: str | None, share: float | None = None) -> Side:
    label = f"{step_id}_{name}" if name else step_id
    return Side(name=name, key=f"j_o_{label}", computation_id=f"aud_{label}", query=query, share=share, next=next_id)


def _step(kind: str, step_id: str, next_id: str | None, query: str | None, remove_after: int | None = None) -> Step:
    sides = [_side(step_id, "", next_id, query)]
    return Step(id=step_id, type=kind, name=step_id, lineage=f"l_{step_id}", sides=sides, remove_after=remove_after)


def entry(step_id: str, next_id: str | None = None) -> Step:
    return _step(ENTRY, step_id, next_id, "entry?")


def condition(step_id: str, next_id: str | None = None) -> Step:
    return _step(CONDITION, step_id, next_id, "condition?")


def send(step_id: str, next_id: str | None = None) -> Step:
    return _step(SEND, step_id, next_id, None)


def advert(step_id: str, next_id: str | None = None, remove_after: int | None = None) -> Step:
    return _step(AD, step_id, next_id, None, remove_after)


def delay(step_id: str, wait: int, next_id: str | None = None) -> Step:
    return Step(id=step_id, type=DELAY, name=step_id, lineage=f"l_{step_id}", wait=wait, next=next_id)


def true_false(step_id: str, true: str | None = None, false: str | None = None) -> Step:
    sides = [_side(step_id, "true", true, "split?"), _side(step_id, "false", false, "split?")]
    return Step(id=step_id, type=TRUE_FALSE, name=step_id, lineage=f"l_{step_id}", sides=sides)


def multi_branch(step_id: str, *ways: str | None) -> Step:
    sides = [_side(step_id, f"b{place}", way, "branch?") for place, way in enumerate(ways)]
    return Step(id=step_id, type=MULTI_BRANCH, name=step_id, lineage=f"l_{step_id}", sides=sides)


def random_split(step_id: str, *shares: tuple[float, str | None]) -> Step:
    sides = [_side(step_id, f"r{place}", way, None, share) for place, (share, way) in enumerate(shares)]
    return Step(id=step_id, type=RANDOM, name=step_id, lineage=f"l_{step_id}", sides=sides)


def version_of(steps: Sequence[Step], settings: Settings | None = None, number: int = 1) -> Version:
    return Version(
        id=f"jov_{number}",
        journey_id="jou_1",
        space_id="spa_1",
        number=number,
        created_at=T0,
        created_by="ada",
        settings=settings or Settings(),
        steps=list(steps),
    )


def journey_of(*standings: Standing) -> Journey:
    return Journey(
        id="jou_1",
        workspace_id="wor_1",
        space_id="spa_1",
        name="Cart",
        created_at=T0,
        created_by="ada",
        updated_at=T0,
        updated_by="ada",
        versions=list(standings),
    )


def standing(number: int = 1, status: str = LIVE, cuts: Sequence[int] = (T0,), **facts: bool) -> Standing:
    return Standing(version_id=f"jov_{number}", number=number, status=status, cuts=list(cuts), **facts)


def drawn(*steps: Step, status: str = LIVE, cuts: Sequence[int] = (T0,), **settings: int | bool) -> Route:
    version = version_of(steps, Settings(**settings))  # type: ignore[arg-type]
    return route_of(journey_of(standing(status=status, cuts=cuts)), version)


class Traveller:
    """`lines` are by stop, or by stop and cut, the instants at which its condition turns, false before the first one.

    `foreseen`: whether time alone turns them, so that they are edges; not so those of the stops in `by_events`.
    """

    def __init__(self, route: Route, profile_id: str = "pro_1", foreseen: bool = True) -> None:
        self.route = route
        self.profile_id = profile_id
        self.foreseen = foreseen
        self.by_events: Collection[str] = ()
        self.lines: dict[str | tuple[str, int], Sequence[int]] = {}
        self.others: dict[str, Passage] = {}
        self.passage: Passage | None = None
        self.eligible = True
        self.due: int | None = None
        self.asked: set[tuple[str, int]] = set()

    @property
    def here(self) -> Passage:
        return self.passage or Passage()

    def holds(self, stop_id: str, cut: int, now: int) -> tuple[bool, int | None]:
        line = self.lines.get((stop_id, cut), self.lines.get(stop_id, NEVER))
        edge = next((instant for instant in line if instant > now), None)
        return sum(
            instant <= now for instant in line
        ) % 2 == 1, edge if self.foreseen and stop_id not in self.by_events else None

    def at(self, now: int) -> Passage:
        """Travel, and once more: nothing more may happen. Nowhere is shown as a passage without anything in it."""
        self.asked = set()

        def conditions(stop_id: str, cut: int) -> tuple[bool, int | None]:
            assert (stop_id, cut) not in self.asked, "asked twice at an instant"
            self.asked.add((stop_id, cut))
            return self.holds(stop_id, cut, now)

        first = travel(self.route, self.passage, self.others, self.profile_id, self.eligible, conditions, now)
        asked, self.asked = self.asked, set()
        again = travel(self.route, first.passage, self.others, self.profile_id, self.eligible, conditions, now)
        self.asked = asked
        assert again.passage == first.passage
        assert first.due is None or first.due > now
        self.passage, self.due = first
        return self.here

    def until(self, end: int, *events: int) -> Passage:
        """Travel at these instants, and whenever something is due."""
        waiting = sorted(events)
        while True:
            instants = [instant for instant in (self.due, *waiting[:1]) if instant is not None and instant <= end]
            if not instants:
                return self.here
            now = min(instants)
            waiting = [instant for instant in waiting if instant > now]
            self.at(now)
