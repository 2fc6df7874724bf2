"""Any journey, any conditions: travelling when something is due or happens is as good as travelling every minute, and
both end where the rules say."""

from typing import Any, NamedTuple

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chalicelib.journeys.model import LIVE, PAUSED, TRUE_FALSE, Settings, Step
from chalicelib.journeys.passage import Passage
from chalicelib.journeys.route import Route, route_of
from chalicelib.journeys.travel import meet

from . import drawing
from .drawing import Traveller, journey_of, standing, version_of
from .minutes import Life, stops_of

START, END = 1_000, 1_040
MINUTES = range(START, END + 1)
SHARES = ((50, 50), (100, 0), (20, 30, 50), (33.3, 33.3, 33.4))
OTHER = "jov_0"

spans = st.integers(0, 9)
turns = st.lists(st.integers(START - 3, END), max_size=5, unique=True).map(sorted)


@st.composite
def graphs(draw: Any) -> list[Step]:
    """Only with steps that can be reached."""
    count = draw(st.integers(0, 7))
    ids = [f"s{number}" for number in range(count + 1)]
    steps: dict[str, Step] = {}
    for number, step_id in enumerate(ids):
        following = st.sampled_from([*ids[number + 1 :], *ids[number + 1 :], None])
        steps[step_id] = draw(_steps(step_id, following)) if number else drawing.entry(step_id, draw(following))
    reached, waiting = set(), ["s0"]
    while waiting:
        step = steps[waiting.pop()]
        reached.add(step.id)
        waiting += [on for on in (step.next, *(side.next for side in step.sides)) if on is not None]
    return [step for step in reversed(steps.values()) if step.id in reached]


def _steps(step_id: str, following: st.SearchStrategy[str | None]) -> st.SearchStrategy[Step]:
    one = st.just(step_id)
    return st.one_of(
        st.builds(drawing.condition, one, following),
        st.builds(drawing.delay, one, spans, following),
        st.builds(drawing.true_false, one, following, following),
        st.builds(drawing.multi_branch, one, following, following),
        st.sampled_from(SHARES).flatmap(
            lambda shares: st.builds(
                drawing.random_split, one, *(st.tuples(st.just(share), following) for share in shares)
            )
        ),
        st.builds(drawing.send, one, following),
        st.builds(drawing.advert, one, following, st.none() | spans),
    )


@st.composite
def times(draw: Any) -> Settings:
    exit_after = draw(st.none() | st.integers(1, 12))
    reentry_after = draw(st.none() | st.integers(0, 12)) if exit_after else None
    return Settings(history=draw(st.booleans()), exit_after=exit_after, reentry_after=reentry_after)


class World(NamedTuple):
    """`lines` as a traveller has them. `switches`: paused, resumed, paused and so on. `eligible` and `elsewhere`,
    inside the earlier version, are lines as well."""

    steps: list[Step]
    settings: Settings
    lines: dict[str | tuple[str, int], list[int]]
    by_events: set[str]
    switches: list[int]
    eligible: list[int]
    elsewhere: list[int]
    profile_id: str


@st.composite
def worlds(draw: Any) -> World:
    steps, switches = draw(graphs()), draw(st.lists(st.integers(START + 1, END), max_size=4, unique=True).map(sorted))
    lines: dict[str | tuple[str, int], list[int]] = {("s0", cut): draw(turns) for cut in (START, *switches[1::2])}
    for step in steps:
        for stop_id in stops_of(step):
            lines[stop_id] = draw(turns)
        if step.type == TRUE_FALSE:
            lines[f"{step.id}/1"] = lines[f"{step.id}/0"]
    stops = [stop_id for step in steps for stop_id in stops_of(step)]
    return World(
        steps=steps,
        settings=draw(times()),
        lines=lines,
        by_events=draw(st.sets(st.sampled_from(stops))),
        switches=switches,
        eligible=draw(st.just([START]) | turns),
        elsewhere=draw(st.just([]) | turns),
        profile_id=draw(st.sampled_from(["pro_1", "pro_2", "pro_3", "pro_4"])),
    )


def is_on(line: list[int], now: int) -> bool:
    return sum(turn <= now for turn in line) % 2 == 1


class Visits:
    """Of somebody in that world. Whoever opens the version looks at everybody."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.openings = {START, *world.switches[1::2]}
        self.routes = [self._route(count) for count in range(len(world.switches) + 1)]
        self.person = Traveller(self.routes[0], world.profile_id)
        self.person.lines, self.person.by_events = {**world.lines}, world.by_events

    def _route(self, switched: int) -> Route:
        cuts = (START, *self.world.switches[1:switched:2])
        journey = journey_of(
            standing(0, "draining", (1,), exits=True), standing(1, PAUSED if switched % 2 else LIVE, cuts)
        )
        return route_of(journey, version_of(self.world.steps, self.world.settings))

    def route_at(self, now: int) -> Route:
        return self.routes[sum(switch <= now for switch in self.world.switches)]

    def at(self, now: int) -> Passage | None:
        person = self.person
        person.route = self.route_at(now)
        person.eligible = is_on(self.world.eligible, now)
        left = None if is_on(self.world.elsewhere, now) else 2
        person.others = {OTHER: Passage(cycle=1, entered_at=1, exited_at=left)}
        if now in self.openings:
            person.passage = meet(person.route, person.passage, person.holds("s0", now, now)[0])
        person.at(now)
        return person.passage

    def happenings(self) -> set[int]:
        """When there is more than the passing of time."""
        world = self.world
        by_events = [
            line
            for key, line in world.lines.items()
            if (key if isinstance(key, str) else key[0]) in world.by_events
        ]  # fmt: skip
        lines = (*by_events, world.eligible, world.elsewhere)
        return self.openings.union(*lines)


@settings(max_examples=80)
@given(worlds())
def test_travelling_when_due_is_travelling_every_minute_is_what_the_rules_say(world):
    every, when_due = Visits(world), Visits(world)
    life = Life(world.steps, world.settings, world.profile_id, lambda *asked: every.person.holds(*asked)[0])
    events = every.happenings()
    for now in MINUTES:
        if now in every.openings:
            life.open(now)
        life.minute(now, every.route_at(now).opens, is_on(world.eligible, now), is_on(world.elsewhere, now))
        assert life.is_as(every.at(now), now)
        if now in events or when_due.person.due == now:
            when_due.at(now)
        assert when_due.person.passage == every.person.passage
        assert when_due.person.due is None or when_due.person.due > now


@settings(max_examples=40)
@given(worlds(), st.integers(2, 7))
def test_looking_seldom_only_makes_everything_later(world, period):
    """Where conditions stay met, nobody leaves and nothing depends on when one comes, nobody misses anything."""
    assume(all(step.type != TRUE_FALSE for step in world.steps))
    lines = {key: line[:1] for key, line in world.lines.items()}
    world = world._replace(settings=Settings(history=True), switches=[], eligible=[START], elsewhere=[], lines=lines)
    often, seldom = Visits(world), Visits(world)
    for now in range(START, START + 90 + 8 * period):
        before = seldom.person.here.joined
        often.at(now)
        if (now - START) % period == 0:
            seldom.at(now)
        assert before.items() <= seldom.person.here.joined.items()
        assert all(at >= often.person.here.joined[stop_id] for stop_id, at in seldom.person.here.joined.items())
    assert seldom.person.here.joined.keys() == often.person.here.joined.keys()
    assert seldom.person.here.outcome == often.person.here.outcome
