"""Members of audiences and holders of traits as files. All of it are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...computations.computation import Computation
from ...exports.request import Choice, of_audience, of_trait
from ...exports.service import Export, TooSoon
from ...instants import to_iso
from ...tasks.task import Task
from ...workspace.rates import Consumed
from .audiences import AUDIENCE, find_audience
from .computed_traits import TRAIT, find_trait
from .endpoint import Call, endpoint
from .limits import TooMany
from .tasks import errand

routes = Blueprint(__name__)


@endpoint(routes, "POST", AUDIENCE + "/exports")
def export_audience(call: Call) -> dict[str, Any]:
    return _ordered(call, find_audience(call), of_audience(call.content()))


@endpoint(routes, "GET", AUDIENCE + "/exports/{export_id}")
def get_audience_export(call: Call) -> dict[str, Any]:
    return _followed(call, find_audience(call))


@endpoint(routes, "POST", TRAIT + "/exports")
def export_computed_trait(call: Call) -> dict[str, Any]:
    return _ordered(call, find_trait(call), of_trait(call.content()))


@endpoint(routes, "GET", TRAIT + "/exports/{export_id}")
def get_computed_trait_export(call: Call) -> dict[str, Any]:
    return _followed(call, find_trait(call))


def _ordered(call: Call, computation: Computation, choice: Choice) -> dict[str, Any]:
    application = bootstrap.current()
    try:
        made = application.desk.exports.create(computation, choice, call.token.id)
    except TooSoon as error:
        raise TooMany(Consumed(1, 1, error.at), application.clock.now()) from error
    return {"export": _shown(made, application.engine.tasks.get(made.task_id))}


def _followed(call: Call, computation: Computation) -> dict[str, Any]:
    found = bootstrap.current().desk.exports.get(computation, call.id("export_id"))
    shown = _shown(found.export, found.task)
    if found.file is not None and found.expires_at is not None:
        shown |= {
            "people": found.file.people,
            "bytes": found.file.bytes,
            "completedAt": to_iso(found.file.at),
            "expiresAt": to_iso(found.expires_at),
        }
    return {"export": shown if found.link is None else shown | {"url": found.link}}


def _shown(export: Export, task: Task) -> dict[str, Any]:
    choice = export.choice
    return {
        "id": export.id,
        "spaceId": export.space_id,
        "computationId": export.computation_id,
        "format": choice.format,
        "createdAt": to_iso(export.created_at),
        "createdBy": export.created_by,
        **errand(task),
    }
