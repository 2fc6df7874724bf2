"""How journeys are shown: steps as they are drawn, so that they can be sent back as they are."""

from collections.abc import Mapping
from typing import Any

from ...instants import to_iso
from ...journeys.model import (
    AD,
    DELAY,
    MULTI_BRANCH,
    RANDOM,
    SEND,
    TRUE_FALSE,
    Journey,
    Settings,
    Side,
    Standing,
    Step,
    Target,
)
from ...workspace.journeys.durations import duration_text
from ...workspace.journeys.service import Drawn
from ...workspace.journeys.standings import numbered

Shape = dict[str, Any]


def outline(shown: Journey, statuses: Mapping[str, str]) -> Shape:
    """`statuses` are by id of version."""
    newest = numbered(shown, None)
    return {
        "id": shown.id,
        "spaceId": shown.space_id,
        "name": shown.name,
        "kind": "AUDIENCE",
        "version": newest.number,
        "status": statuses[newest.version_id],
        "versions": [_version(standing, statuses[standing.version_id]) for standing in shown.versions],
        "createdBy": shown.created_by,
        "updatedBy": shown.updated_by,
        "createdAt": to_iso(shown.created_at),
        "updatedAt": to_iso(shown.updated_at),
        **_given(description=shown.description),
    }


def journey(shown: Journey, drawn: Drawn, statuses: Mapping[str, str]) -> Shape:
    return {
        **outline(shown, statuses),
        "version": drawn.standing.number,
        "status": drawn.status,
        "settings": _settings(drawn.version.settings),
        "steps": [_step(step) for step in drawn.version.steps],
    }


def stop(step: Step, side: Side) -> Shape:
    """A step, or a side or branch of a split."""
    return {"id": step.id, "type": step.type, "name": step.name, **_given(branch=side.name or None), "key": side.key}


def _version(standing: Standing, status: str) -> Shape:
    published = {"publishedAt": to_iso(standing.cuts[0])} if standing.cuts else {}
    return {
        "version": standing.number,
        "status": status,
        "versionExclusion": standing.exclusive,
        **published,
    }


def _settings(shown: Settings) -> Shape:
    return {
        "useHistoricalData": shown.history,
        "includeAnonymous": shown.anonymous,
        **_given(exitAfter=_duration(shown.exit_after), reentryAfter=_duration(shown.reentry_after)),
    }


def _step(shown: Step) -> Shape:
    common = {"id": shown.id, "type": shown.type, "name": shown.name}
    if shown.type == DELAY:
        return {**common, "duration": duration_text(shown.wait), **_given(next=shown.next)}
    if shown.type == TRUE_FALSE:
        keys = {side.name: side.key for side in shown.sides}
        ways = _given(**{side.name: side.next for side in shown.sides})
        return {**common, "keys": keys, "query": shown.sides[0].query, **ways}
    if shown.type in (MULTI_BRANCH, RANDOM):
        return {**common, "branches": [_branch(side) for side in shown.sides]}
    sends = {"destinations": [_target(target) for target in shown.targets]} if shown.type in (SEND, AD) else {}
    side, removed = shown.sides[0], _duration(shown.remove_after)
    return {**common, "key": side.key, **_given(query=side.query, next=side.next, removeAfter=removed), **sends}


def _branch(shown: Side) -> Shape:
    return {
        "name": shown.name,
        "key": shown.key,
        **_given(query=shown.query, percent=shown.share, next=shown.next),
    }


def _target(shown: Target) -> Shape:
    settings = dict(shown.settings)
    return {
        "destinationId": shown.destination_id,
        "connectionId": shown.connection_id,
        **_given(track=settings.pop("sendTrack", None), identify=settings.pop("sendIdentify", None), **settings),
        **_given(idSyncConfiguration=shown.id_sync or None),
    }


def _duration(ms: int | None) -> str | None:
    return None if ms is None else duration_text(ms)


def _given(**values: Any) -> Shape:
    return {name: value for name, value in values.items() if value is not None}
