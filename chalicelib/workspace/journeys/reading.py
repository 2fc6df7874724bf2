"""From the body of a request to the steps of a journey: everything that is wrong with its form.

What is read has no keys yet, and no ids of its own: see `drafting`. Whether the steps fit together is another question:
see `soundness`.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ...journeys.model import (
    AD,
    CONDITION,
    DELAY,
    ENTRY,
    MULTI_BRANCH,
    RANDOM,
    SEND,
    TRUE_FALSE,
    TYPES,
    Settings,
    Side,
    Step,
    Target,
)
from ..body import Body
from ..connections import read_id_sync
from .durations import read_duration

KINDS = ("AUDIENCE", "EVENT")
# Steps of journeys that single events start, and what joining a step does already.
UNKNOWN = ("set_trait", "entry_event", "hold_until", "data_split")
NOT_SUPPORTED = {"code": "not_supported"}

LONGEST_ID = 64  # of a step: it is part of other ids

_ID = re.compile(r"[A-Za-z0-9_.-]+")
_FLAGS = {"track": "sendTrack", "identify": "sendIdentify"}
_NAMES = ("enterEventName", "exitEventName")


def read_kind(body: Body) -> None:
    if body.choice("kind", KINDS) == "EVENT":
        message = "journeys that single events start are not supported; start one by a condition: AUDIENCE"
        body.reject("kind", message, NOT_SUPPORTED)


def read_settings(body: Body) -> Settings | None:
    """None when there are none."""
    if not body.has("settings"):
        return None
    settings = body.inner("settings")
    return Settings(
        history=settings.flag("useHistoricalData") is True,
        anonymous=settings.flag("includeAnonymous") is True,
        exit_after=read_duration(settings, "exitAfter", "d"),
        reentry_after=read_duration(settings, "reentryAfter", "hdw"),
    )


def read_steps(body: Body) -> list[Step] | None:
    """None when there are none."""
    items = body.items("steps")
    if items is None:
        return None
    return [_step(body.element("steps", place, item)) for place, item in enumerate(items)]


def _step(body: Body) -> Step:
    type = _type(body)
    id = body.required_text("id", longest=LONGEST_ID)
    if id and not _ID.fullmatch(id):
        body.reject("id", f'"{body.path}id" may have letters, digits, hyphens, dots and underscores only')
    name = (body.text("name", longest=None) or "").strip() or type
    step = Step(id=id, type=type, name=name, lineage="")
    return msgspec.structs.replace(step, **_READERS[type](body)) if type else step


def _type(body: Body) -> str:
    type = body.choice("type", (*TYPES, *UNKNOWN), required=True)
    if type in UNKNOWN:
        body.reject("type", f'"{type}" is not supported; there are {", ".join(TYPES)}', NOT_SUPPORTED)
        return ""
    return type or ""


def _condition(body: Body) -> dict[str, Any]:
    return {"sides": [_side("", _query(body), _next(body))]}


def _delay(body: Body) -> dict[str, Any]:
    return {"wait": read_duration(body, "duration", required=True) or 0, "next": _next(body)}


def _true_false(body: Body) -> dict[str, Any]:
    query = _query(body)
    return {"sides": [_side(name, query, _next(body, name)) for name in ("true", "false")]}


def _multi_branch(body: Body) -> dict[str, Any]:
    return {"sides": [_branch(branch, query=_query(branch)) for branch in _branches(body)]}


def _random(body: Body) -> dict[str, Any]:
    branches = _branches(body)
    shares = [branch.number("percent", required=True, least=0, most=100) for branch in branches]
    return {"sides": [_branch(branch, share=share or 0.0) for branch, share in zip(branches, shares, strict=True)]}


def _send(body: Body) -> dict[str, Any]:
    return {"sides": [_side("", None, _next(body))], "targets": _targets(body)}


def _ad(body: Body) -> dict[str, Any]:
    return {**_send(body), "remove_after": read_duration(body, "removeAfter")}


_READERS: Mapping[str, Any] = {
    ENTRY: _condition,
    CONDITION: _condition,
    DELAY: _delay,
    TRUE_FALSE: _true_false,
    MULTI_BRANCH: _multi_branch,
    RANDOM: _random,
    SEND: _send,
    AD: _ad,
}


def _branches(body: Body) -> list[Body]:
    items = body.items("branches", required=True) or []
    return [body.element("branches", place, item) for place, item in enumerate(items)]


def _branch(body: Body, *, query: str | None = None, share: float | None = None) -> Side:
    return _side(body.required_text("name", longest=None).strip(), query, _next(body), share)


def _side(name: str, query: str | None, next: str | None, share: float | None = None) -> Side:
    return Side(name=name, key="", computation_id="", query=query, share=share, next=next)


def _query(body: Body) -> str:
    return body.required_text("query", longest=None)


def _next(body: Body, name: str = "next") -> str | None:
    """Empty is nowhere, as some editors send it."""
    return body.text(name) or None


def _targets(body: Body) -> list[Target]:
    items = body.items("destinations") or []
    return [_target(body.element("destinations", place, item)) for place, item in enumerate(items)]


def _target(body: Body) -> Target:
    settings: dict[str, Any] = {known: body.flag(name) for name, known in _FLAGS.items() if body.has(name)}
    settings |= {name: body.required_text(name) for name in _NAMES if body.has(name)}
    id_sync = [msgspec.to_builtins(item) for item in read_id_sync(body)]
    return Target(
        destination_id=body.required_text("destinationId"), connection_id="", settings=settings, id_sync=id_sync
    )
