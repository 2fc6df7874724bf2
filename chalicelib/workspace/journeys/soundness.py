"""Whether the steps of a journey fit together. Every broken rule is told, with the place of it in the body."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ...computations.computation import AUDIENCE, USERS
from ...computations.definition import check, is_funnel, keys_read
from ...errors import Problem
from ...journeys.model import (
    AD,
    DELAY,
    ENTRY,
    HIDDEN_ENTRY,
    JOINED_AT,
    MULTI_BRANCH,
    RANDOM,
    TRUE_FALSE,
    Settings,
    Step,
    Version,
)

LONGEST_NAME, LONGEST_STEP_NAME = 73, 170  # characters, as at Segment
MOST_STEPS, MOST_RANDOM = 100, 5
MOST_BRANCHES = 25  # of a split by conditions
MOST_STOPS = 250  # steps, sides and branches together: each is an audience, and has to be made within one request
MOST_TARGETS = 10  # destinations of a step
MOST_SENDING = 100  # of all steps together: each is a connection, and has to be made within the same request

_OWN = "steps of the same journey are known by where they lead: they cannot be asked for by their keys"
_FUNNEL = "conditions of journeys cannot look from one event to another; make an audience of it and refer to that"


class Edge(NamedTuple):
    """`field` is where the body says it."""

    field: str
    origin: str
    target: str


def name_problems(name: str) -> list[Problem]:
    return [Problem(f'"name" must have at most {LONGEST_NAME} characters', "name")] if len(name) > LONGEST_NAME else []


def problems(settings: Settings, steps: Sequence[Step], own_keys: Collection[str] = ()) -> list[Problem]:
    """`own_keys` are those that steps have already."""
    found = list(_of_settings(settings))
    found += _of_numbers(steps)
    for place, step in enumerate(steps):
        found += _of_step(place, step, own_keys)
    return [*found, *_of_ways(steps), *target_problems(steps)]


def target_problems(steps: Sequence[Step]) -> list[Problem]:
    """Without regard to what is there at the other end."""
    found = [problem for place, step in enumerate(steps) for problem in _of_targets(f"steps.{place}", step)]
    if sum(len(step.targets) for step in steps) > MOST_SENDING:
        found.append(Problem(f"the steps of a journey have at most {MOST_SENDING} destinations together", "steps"))
    return found


def keys_of(version: Version) -> set[str]:
    """All traits that a version writes."""
    keys = {side.key for step in version.steps for side in step.sides}
    return {key + more for key in keys for more in ("", HIDDEN_ENTRY, JOINED_AT)}


def edges(steps: Sequence[Step]) -> list[Edge]:
    return [edge for place, step in enumerate(steps) for edge in _edges(f"steps.{place}", step)]


def query_fields(place: int, step: Step) -> Iterator[tuple[str, str]]:
    """The conditions of a step, each once, and where the body says them."""
    if step.type == MULTI_BRANCH:
        yield from ((f"steps.{place}.branches.{n}.query", side.query or "") for n, side in enumerate(step.sides))
    elif step.sides and step.sides[0].query is not None:
        yield f"steps.{place}.query", step.sides[0].query


def _of_settings(settings: Settings) -> Iterator[Problem]:
    if settings.reentry_after is not None and settings.exit_after is None:
        message = "nobody comes in again who never leaves: give exitAfter as well"
        yield Problem(message, "settings.reentryAfter")


def _of_numbers(steps: Sequence[Step]) -> Iterator[Problem]:
    entries = sum(step.type == ENTRY for step in steps)
    if entries != 1:
        yield Problem(f"a journey has exactly one step of the type {ENTRY}, this one has {entries}", "steps")
    if len(steps) > MOST_STEPS:
        yield Problem(f"a journey has at most {MOST_STEPS} steps", "steps")
    if sum(len(step.sides) for step in steps) > MOST_STOPS:
        yield Problem(f"a journey has at most {MOST_STOPS} steps, sides and branches together", "steps")
    seen = Counter[str]()
    for place, step in enumerate(steps):
        seen[step.id] += 1
        if seen[step.id] > 1:
            yield Problem(f"there is another step with the id {step.id!r}", f"steps.{place}.id")


def _of_step(place: int, step: Step, own_keys: Collection[str]) -> Iterator[Problem]:
    path = f"steps.{place}"
    if len(step.name) > LONGEST_STEP_NAME:
        yield Problem(f"the name of a step has at most {LONGEST_STEP_NAME} characters", f"{path}.name")
    if step.type in (MULTI_BRANCH, RANDOM):
        yield from _of_branches(path, step)
    for field, text in query_fields(place, step):
        yield from _query_problems(field, text, own_keys)


def _of_branches(path: str, step: Step) -> Iterator[Problem]:
    count, field = len(step.sides), f"{path}.branches"
    least, most = (2, MOST_BRANCHES) if step.type == MULTI_BRANCH else (1, MOST_RANDOM)
    if not least <= count <= most:
        yield Problem(f"a {step.type} has {least} to {most} branches, this one has {count}", field)
    for n, side in enumerate(step.sides):
        if len(side.name) > LONGEST_STEP_NAME:
            yield Problem(f"the name of a branch has at most {LONGEST_STEP_NAME} characters", f"{field}.{n}.name")
    if step.type == RANDOM:
        yield from _of_shares(field, step)


def _of_shares(field: str, step: Step) -> Iterator[Problem]:
    parts = [round((side.share or 0) * 100) for side in step.sides]  # people are drawn out of 10,000
    for n, (side, part) in enumerate(zip(step.sides, parts, strict=True)):
        if abs((side.share or 0) * 100 - part) > 1e-6:
            yield Problem("a percentage has at most two decimals", f"{field}.{n}.percent")
    if sum(parts) != 10_000:
        total = sum(parts) / 100
        yield Problem(f"the percentages of the branches add up to {total:g}, not to 100", field)


def _query_problems(field: str, text: str, own_keys: Collection[str]) -> Iterator[Problem]:
    for problem in check(text, AUDIENCE, USERS):
        yield Problem(problem.message, field, problem.data)
        return
    if is_funnel(text):
        yield Problem(_FUNNEL, field, {"code": "not_supported"})
    if keys_read(text) & set(own_keys):
        yield Problem(_OWN, field, {"code": "cycle"})


def _of_targets(path: str, step: Step) -> Iterator[Problem]:
    field = f"{path}.destinations"
    if step.type == AD and not step.targets:
        yield Problem(f"a step of the type {AD} needs a destination", field)
    if len(step.targets) > MOST_TARGETS:
        yield Problem(f"a step has at most {MOST_TARGETS} destinations", field)
    seen = set[str]()
    for n, target in enumerate(step.targets):
        if target.destination_id in seen:
            yield Problem("this step sends there already", f"{field}.{n}.destinationId")
        seen.add(target.destination_id)


def _edges(path: str, step: Step) -> Iterator[Edge]:
    if step.type == DELAY and step.next:
        yield Edge(f"{path}.next", step.id, step.next)
    for n, side in enumerate(step.sides):
        if side.next:
            yield Edge(_field_of_next(path, step, n), step.id, side.next)


def _field_of_next(path: str, step: Step, n: int) -> str:
    if step.type == TRUE_FALSE:
        return f"{path}.{step.sides[n].name}"
    return f"{path}.branches.{n}.next" if step.type in (MULTI_BRANCH, RANDOM) else f"{path}.next"


def _of_ways(steps: Sequence[Step]) -> list[Problem]:
    known: dict[str, int] = {}
    for place, step in enumerate(steps):
        known.setdefault(step.id, place)
    ways: dict[str, list[Edge]] = {id: [] for id in known}
    found = []
    for edge in edges(steps):
        if edge.target in known:
            ways[edge.origin].append(edge)
        else:
            found.append(Problem(f"there is no step with the id {edge.target!r}", edge.field))
    found += [Problem("this leads back: people only move forwards", edge.field) for edge in _back(ways)]
    entries = [step.id for step in steps if step.type == ENTRY]
    unreachable = set(known) - _reached(ways, entries) if entries else set()
    return found + [
        Problem(f"no way leads from the entry to {id!r}", f"steps.{place}")
        for id, place in known.items()
        if id in unreachable
    ]


def _reached(ways: Mapping[str, Sequence[Edge]], starts: Iterable[str]) -> set[str]:
    seen, waiting = set(starts), list(starts)
    while waiting:
        for edge in ways[waiting.pop()]:
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return seen


def _back(ways: Mapping[str, Sequence[Edge]]) -> list[Edge]:
    """One edge of each circle: those that lead to a step from which the present one was reached."""
    found: list[Edge] = []
    done = set[str]()
    for start in ways:
        under_way: dict[str, Iterator[Edge]] = {} if start in done else {start: iter(ways[start])}
        while under_way:
            id = next(reversed(under_way))
            edge = next(under_way[id], None)
            if edge is None:
                done.add(id)
                del under_way[id]
            elif edge.target in under_way:
                found.append(edge)
            elif edge.target not in done:
                under_way[edge.target] = iter(ways[edge.target])
    return found


def without_targets(step: Step) -> Step:
    """What of a step never changes once it is published."""
    return replace(
        step, lineage="", targets=[], sides=[replace(side, key="", computation_id="") for side in step.sides]
    )
