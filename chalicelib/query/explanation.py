"""Why a definition has the value it has: which parts hold, on which events, and when that may change."""

from collections.abc import Mapping
from typing import Any

from . import printer
from .comparators import NEVER
from .formula import Run
from .plan import Plan, evaluate
from .syntax import And, Comparison, Condition, Or, Reduced
from .vocabulary import ACCOUNTS


def explain(plan: Plan, states: Mapping[str, Any], traits: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The evaluation of a USERS definition as plain data.

    `text`, `value` and `next_edge` (epoch ms or None) of the whole; `parts`: the same for every condition inside,
    in reading order. `events` lists the timestamps, oldest first, of the events behind a stream's value, where the
    profile remembers them one by one: a total over all time is kept without its events.
    """
    if plan.definition.scope == ACCOUNTS:
        raise ValueError("account definitions are explained user by user")
    run = plan.run(states, traits, now)
    body = plan.definition.body
    if isinstance(body, Reduced):
        evaluation = evaluate(plan, states, traits, now)
        return {
            "text": printer.reduced(body),
            "value": evaluation.value,
            "next_edge": evaluation.next_edge,
            **_events(plan, run, [body]),
        }
    return _condition(plan, run, body)


def _condition(plan: Plan, run: Run, node: Condition) -> dict[str, Any]:
    holds, edge = plan.formulas[id(node)](run, None, None)
    explained: dict[str, Any] = {
        "text": printer.condition(node),
        "value": holds,
        "next_edge": None if edge >= NEVER else edge,
    }
    if isinstance(node, Comparison):
        sides = (node.left, *node.operands)
        return explained | _events(plan, run, [side for side in sides if isinstance(side, Reduced)])
    terms = node.terms if isinstance(node, And | Or) else (node.term,)
    return explained | {"parts": [_condition(plan, run, term) for term in terms]}


def _events(plan: Plan, run: Run, reduced: list[Reduced]) -> dict[str, Any]:
    known = [(node, plan.times[id(node)]) for node in reduced if id(node) in plan.times]
    if not known:
        return {}
    return {"events": [{"of": printer.reduced(node), "timestamps": list(times(run))} for node, times in known]}
