"""A compiled definition, and its value for one profile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .comparators import NEVER
from .formula import Formula, Reading, Run
from .memories.rows import pooled
from .stream import Stream
from .syntax import Definition
from .values import plain
from .vocabulary import ACCOUNTS, AUDIENCE

# An edge at which nothing changes is stepped over, at most this often: looking ahead is cheaper than waking up.
LOOKAHEAD = 8


Times = Callable[[Run], Sequence[int]]


class Evaluation(NamedTuple):
    """`next_edge` is the first instant (epoch ms) at which time alone can change the value, None if it cannot.

    It lies after the `now` of the evaluation. Now and then the value stays the same at it, but it never changes
    before it.
    """

    value: Any
    next_edge: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a profile must remember for a definition, and how the value comes out of it.

    `traits`: the first path step of every trait that is read. `references`: those that may be keys of other
    computations. The rest is for evaluation: `exact` says that edges need no second look, `places` holds the stream
    of each place in a run, `performed` the places whose rows must name their user; `formulas` and `times` serve
    `explain`, by the identity of the node.
    """

    definition: Definition
    streams: tuple[Stream, ...]
    traits: frozenset[str]
    references: frozenset[str]
    result: Reading
    exact: bool
    places: tuple[Stream, ...]
    performed: frozenset[int]
    formulas: Mapping[int, Formula]
    times: Mapping[int, Times]

    def run(self, states: Mapping[str, Any], traits: Mapping[str, Any], now: int) -> Run:
        found = [states[stream.key] if stream.key in states else stream.empty() for stream in self.places]
        return Run(found, traits, now)


def evaluate(plan: Plan, states: Mapping[str, Any], traits: Mapping[str, Any], now: int) -> Evaluation:
    """The value of a USERS definition for one profile; a stream without a state has seen no event.

    `now` (epoch ms) must not lie before the arrival of an event that is in the states. Total for any JSON data.
    """
    if plan.definition.scope == ACCOUNTS:
        raise ValueError("an account definition is evaluated with evaluate_account")
    return _settled(plan, plan.run(states, traits, now))


def evaluate_account(
    plan: Plan,
    account_traits: Mapping[str, Any],
    users: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
    now: int,
) -> Evaluation:
    """The value of an ACCOUNTS definition; `users` holds (states, traits) of each user of the account."""
    members = [plan.run(states, traits, now) for states, traits in users]
    if plan.definition.kind == AUDIENCE:
        states: Sequence[Any] = [stream.empty() for stream in plan.places]
    else:
        states = [_pooled(plan, place, members) for place in range(len(plan.places))]
    return _settled(plan, Run(states, account_traits, now, members))


def _pooled(plan: Plan, place: int, members: Sequence[Run]) -> Any:
    """One stream for all users. Where a formula asks who performed an event, its rows say so."""
    if place in plan.performed:
        return pooled([member.states[place] for member in members])
    stream = plan.places[place]
    state = stream.empty()
    for member in members:
        state = stream.merge(state, member.states[place])
    return state


def _settled(plan: Plan, run: Run) -> Evaluation:
    value, edge = _at(plan, run)
    for _ in range(0 if plan.exact else LOOKAHEAD):
        if edge >= NEVER:
            break
        later, following = _at(plan, run.at(edge))
        if later != value or type(later) is not type(value):
            break
        edge = following
    return Evaluation(value, None if edge >= NEVER else edge)


def _at(plan: Plan, run: Run) -> tuple[Any, int]:
    value, edge = plan.result(run, None, None)
    return plain(value), edge
