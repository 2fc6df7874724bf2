"""Suppression and deletion of people."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...deadline import LambdaDeadline
from ...instants import to_iso
from ...workspace.regulations import DELETING, Regulation
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

SUBJECT_TYPE = "USER_ID"
ARCHIVED = (
    "The events of deleted profiles stay in the files of the archive until these are rewritten. Their ids are listed "
    "under erasures/ in the archive, for its readers to leave them out."
)


@endpoint(routes, "POST", "/regulations")
def create_regulation(call: Call) -> dict[str, Any]:
    """Carried out before it is answered. Partners are not told."""
    created = bootstrap.current().regulations.create(
        call.workspace_id, call.content(), LambdaDeadline(routes.lambda_context)
    )
    return {"regulateId": created.id} | ({"archive": ARCHIVED} if created.type in DELETING else {})


@endpoint(routes, "GET", "/regulations/{regulate_id}")
def get_regulation(call: Call) -> dict[str, Any]:
    regulations = bootstrap.current().regulations
    found = regulations.get(call.workspace_id, call.id("regulate_id"))
    return {"regulation": _shown(found, regulations.status(found))}


@endpoint(routes, "GET", "/suppressions")
def list_suppressions(call: Call) -> dict[str, Any]:
    regulations = bootstrap.current().regulations

    def suppressed(count: int, cursor: str | None) -> tuple[list[Any], str | None]:
        return regulations.suppressed(call.workspace_id, count, cursor)

    found, pagination = call.forward(suppressed)
    shown = [{"subjectType": SUBJECT_TYPE, "subjectIds": [one.user_id]} for one in found]
    return {"suppressed": shown, "pagination": pagination}


def _shown(regulation: Regulation, status: str) -> dict[str, Any]:
    """`streamStatus` would list partners; `regulationType`, `subjects` and `deletedProfiles` are additions of ours."""
    finished = {} if regulation.finished_at is None else {"finishedAt": to_iso(regulation.finished_at)}
    return {
        "id": regulation.id,
        "workspaceId": regulation.workspace_id,
        "overallStatus": status,
        "createdAt": to_iso(regulation.created_at),
        **finished,
        "streamStatus": [],
        "regulationType": regulation.type,
        "subjects": regulation.subjects,
        "deletedProfiles": regulation.deleted,
    }
