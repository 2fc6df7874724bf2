"""What an audience would be. `asOf`, `identifierBreakdown` and `overlap` are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...instants import to_iso
from ...previews.quota import Exhausted
from ...previews.request import Asked, read
from ...previews.service import Followed, Result
from . import shapes
from .audiences import AUDIENCES
from .endpoint import Call, endpoint
from .limits import TooMany

routes = Blueprint(__name__)

PREVIEWS = AUDIENCES + "/previews"


@endpoint(routes, "POST", PREVIEWS)
def create_audience_preview(call: Call) -> dict[str, Any]:
    application, space = bootstrap.current(), call.space()
    asked = read(call.content(), application.clock.now())
    try:
        return {"audiencePreview": {"id": application.desk.previews.create(space, asked).id}}
    except Exhausted as error:
        raise TooMany(error.consumed, application.clock.now()) from error


@endpoint(routes, "GET", PREVIEWS + "/{preview_id}")
def get_audience_preview(call: Call) -> dict[str, Any]:
    found = bootstrap.current().desk.previews.get(call.space().id, call.id("preview_id"))
    return {"audiencePreview": _shown(found)}


def _shown(found: Followed) -> dict[str, Any]:
    asked = found.preview.asked
    options = {"filterByExternalIds": asked.external_ids, "backfillEventDataDays": asked.lookback_days}
    shown = {
        "id": found.preview.id,
        "audienceType": asked.scope,
        "definition": shapes.definition(asked.query, asked.target_entity),
        "options": {name: value for name, value in options.items() if value is not None},
        "status": found.status,
    }
    if asked.as_of is not None:
        shown["asOf"] = to_iso(asked.as_of)
    if found.failure is not None:
        shown["failureReason"] = found.failure
    return shown if found.result is None else shown | _completed(asked, found.result)


def _completed(asked: Asked, result: Result) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "results": [{"id": id} for id in result.sample],
        "size": {"type": asked.scope, "count": result.size, "uniqueCount": result.size},
    }
    if result.breakdown is not None:
        shown["identifierBreakdown"] = [
            {"type": share.type, "count": share.count, "percent": _percent(share.count, result.size)}
            for share in result.breakdown
        ]
    if result.overlap is not None:
        percent = _percent(result.overlap, result.size)
        shown["overlap"] = {"audienceId": asked.overlap_with, "count": result.overlap, "percent": percent}
    return shown


def _percent(part: int, whole: int) -> float:
    """With one decimal, halves up."""
    return (2_000 * part + whole) // (2 * whole) / 10 if whole else 0.0
