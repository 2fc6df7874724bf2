"""Events of the past: files to import, and ranges of time to replay. All of it are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...instants import to_iso
from ...replay import importing, replaying
from ...replay.imports import Followed, Import, Report, Upload
from ...replay.replays import Replay
from ...tasks.task import Task
from ...workspace.body import Body
from .endpoint import Call, endpoint
from .tasks import errand

routes = Blueprint(__name__)

SPACE = "/spaces/{space_id}"
IMPORTS, REPLAYS = SPACE + "/imports", SPACE + "/replays"


@endpoint(routes, "POST", IMPORTS)
def create_import(call: Call) -> dict[str, Any]:
    """Without a key: where to PUT a file, whose key is to be sent then."""
    application, space, content = bootstrap.current(), call.space(), call.content()
    imports = application.desk.imports
    if content.get("key") is None:
        Body(content).done()
        return {"upload": _upload(imports.upload(space))}
    made = imports.create(space, content, call.token.id)
    return {"import": _import(made, application.engine.tasks.get(made.task_id), None, None)}


@endpoint(routes, "GET", IMPORTS)
def list_imports(call: Call) -> dict[str, Any]:
    """The newest first, without what became of them."""
    found, pagination = call.page(bootstrap.current().desk.imports.every(call.space().id))
    return {"imports": [_named(one) for one in found], "pagination": pagination}


@endpoint(routes, "GET", IMPORTS + "/{import_id}")
def get_import(call: Call) -> dict[str, Any]:
    imports = bootstrap.current().desk.imports
    found: Followed = imports.get(call.space().id, call.id("import_id"))
    return {"import": _import(found.made, found.task, found.report, imports.rejected_link(found))}


@endpoint(routes, "POST", REPLAYS)
def create_replay(call: Call) -> dict[str, Any]:
    application = bootstrap.current()
    made = application.desk.replays.create(call.space(), call.content(), call.token.id)
    return {"replay": _replay(made, application.engine.tasks.get(made.task_id))}


@endpoint(routes, "GET", REPLAYS + "/{replay_id}")
def get_replay(call: Call) -> dict[str, Any]:
    found = bootstrap.current().desk.replays.get(call.space().id, call.id("replay_id"))
    return {"replay": _replay(found.replay, found.task)}


def _upload(made: Upload) -> dict[str, Any]:
    return {"key": made.key, "method": "PUT", "url": made.url, "expiresAt": to_iso(made.expires_at)}


def _named(made: Import) -> dict[str, Any]:
    return {
        "id": made.id,
        "spaceId": made.space_id,
        "sourceId": made.source_id,
        "key": made.key,
        "bytes": made.size,
        "createdAt": to_iso(made.created_at),
        "createdBy": made.created_by,
        "taskId": made.task_id,
    }


def _import(made: Import, task: Task, report: Report | None, link: str | None) -> dict[str, Any]:
    shown = {**_named(made), **errand(task)}
    place = importing.place_of(task)
    if place is not None:
        shown["progress"] = {
            "lines": place.number - 1,
            "accepted": place.accepted,
            "rejected": sum(place.codes.values()),
            "bytesRead": place.offset,
        }
    return shown if report is None else shown | {"report": _report(report, link)}


def _report(report: Report, link: str | None) -> dict[str, Any]:
    """Bytes and lines are those of the file as it is inflated."""
    shown: dict[str, Any] = {
        "lines": report.lines,
        "accepted": report.accepted,
        "rejected": sum(report.codes.values()),
        "codes": report.codes,
        "samples": [{"line": line, "code": code} for line, code in report.samples],
    }
    if report.rejected_key is not None:
        shown |= {"rejectedKey": report.rejected_key, "rejectedUrl": link}
    return shown if report.same_as is None else shown | {"sameAs": report.same_as}


def _replay(replay: Replay, task: Task) -> dict[str, Any]:
    place = replaying.place_of(task)
    return {
        "id": replay.id,
        "spaceId": replay.space_id,
        "targetSpaceId": replay.target_id,
        "from": to_iso(replay.start),
        "to": to_iso(replay.end),
        "sourceId": replay.source_id,
        "unresolvedOnly": replay.unresolved_only,
        "createdAt": to_iso(replay.created_at),
        "createdBy": replay.created_by,
        **errand(task),
        "sent": place.sent if place else 0,
        "sentUntil": to_iso(place.received_at) if place and place.received_at >= 0 else None,
    }
