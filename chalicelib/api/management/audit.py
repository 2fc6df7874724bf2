"""The audit trail, read and forwarded."""

from typing import Any

from chalice.app import Blueprint, Response

from ... import bootstrap
from ...audit.export import to_csv
from ...audit.forwarding import Forwarding
from ...audit.row import Row
from ...audit.trail import Filter
from ...instants import to_iso
from ...workspace.body import Body
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

EVENTS = "/audit-events"
FORWARDING = "/audit-forwarding"

CSV_ROWS = 10_000  # some 4 MB: Lambda answers with 6 at most
CSV_READS = 20  # a filter that little passes must be done before API Gateway gives up
NEXT_CURSOR = "X-Next-Cursor"


@endpoint(routes, "GET", EVENTS)
def list_audit_events(call: Call) -> dict[str, Any]:
    """The newest first, of 90 days. `action`, `actor` and `spaceId` are filters of Muster's; a page may be short of its
    count and still have a next one."""
    filter, trail = _filter(call), bootstrap.current().operations.trail

    def rows(count: int, cursor: str | None) -> tuple[list[Row], str | None]:
        page = trail.read(call.workspace_id, filter, count, cursor)
        return page.rows, page.cursor

    found, pagination = call.forward(rows)
    return {"events": [_shown(row) for row in found], "pagination": pagination}


@endpoint(routes, "GET", EVENTS + "/csv")
def export_audit_events(call: Call) -> Response:
    """The same as a file, by itself as long as it may be. When there is more, a header has the cursor to go on with."""
    filter, asked = _filter(call), call.object_parameter("pagination") or {}

    def rows(count: int, cursor: str | None) -> tuple[list[Row], str | None]:
        return _many(call, filter, count if "count" in asked else CSV_ROWS, cursor)

    found, pagination = call.forward(rows, CSV_ROWS)
    headers: dict[str, str | list[str]] = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": "attachment; filename=audit-events.csv",
    }
    if pagination["next"] is not None:
        headers[NEXT_CURSOR] = pagination["next"]
    return Response(to_csv(found), headers, 200)


@endpoint(routes, "GET", FORWARDING)
def get_audit_forwarding(call: Call) -> dict[str, Any]:
    return {"auditForwarding": _forwarding(bootstrap.current().operations.forwarder.settings(call.workspace_id))}


@endpoint(routes, "PUT", FORWARDING)
def put_audit_forwarding(call: Call) -> dict[str, Any]:
    """Without `sourceId` the source stays the one it was."""
    changed = bootstrap.current().operations.forwarder.update(call.workspace_id, call.content())
    return {"auditForwarding": _forwarding(changed)}


def _many(call: Call, filter: Filter, count: int, cursor: str | None) -> tuple[list[Row], str | None]:
    trail, rows = bootstrap.current().operations.trail, list[Row]()
    for _ in range(CSV_READS):
        page = trail.read(call.workspace_id, filter, count - len(rows), cursor)
        rows, cursor = [*rows, *page.rows], page.cursor
        if cursor is None or len(rows) == count:
            break
    return rows, cursor


def _filter(call: Call) -> Filter:
    body = Body(call.parameters)
    filter = Filter(
        since=body.instant("startTime"),
        until=body.instant("endTime"),
        resource_id=body.text("resourceId"),
        resource_type=body.text("resourceType"),
        action=body.text("action"),
        actor=body.text("actor"),
        space_id=body.text("spaceId"),
    )
    if filter.since is not None and filter.until is not None and filter.since > filter.until:
        body.reject("endTime", '"endTime" lies before "startTime"')
    body.done()
    return filter


def _shown(row: Row) -> dict[str, Any]:
    """What is known of a row beyond the fields that Segment's have follows at the end."""
    return {
        "id": row.id,
        "timestamp": to_iso(row.at),
        "type": row.action,
        "actor": row.actor,
        "resourceId": row.resource_id,
        "resourceType": row.resource_type,
        "resourceName": row.resource_name,
        "subject": row.subject,
        "details": row.details,
        **({} if row.space_id is None else {"spaceId": row.space_id}),
        **({"transient": True} if row.transient else {}),
    }


def _forwarding(settings: Forwarding) -> dict[str, Any]:
    return {"enabled": settings.enabled, "sourceId": settings.source_id}
