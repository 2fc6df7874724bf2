"""What a space keeps of its events, and for how long. These routes are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...archive import retention
from ...archive.retention import LONGEST, Figures
from ...instants import to_iso
from ...workspace.body import Body
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

ARCHIVE = "/spaces/{space_id}/archive"


@endpoint(routes, "GET", ARCHIVE)
def get_archive(call: Call) -> dict[str, Any]:
    """Of what is compacted: events join a few days after they arrive, profiles the day after."""
    return _shown(call)


@endpoint(routes, "PUT", ARCHIVE)
def put_archive(call: Call) -> dict[str, Any]:
    """`retentionDays`: events that arrived longer ago are removed by the next compaction; without it they are kept for
    ever. Profiles and what computations counted stay as they are."""
    days = _days(call.content())
    retention.keep(bootstrap.current().adapters.archive, call.space().id, days)
    return _shown(call)


def _days(content: dict[str, Any]) -> int | None:
    body = Body(content)
    days = body.integer("retentionDays")
    if days is not None and not 1 <= days <= LONGEST:
        body.reject("retentionDays", f'"retentionDays" must be between 1 and {LONGEST}')
    body.done()
    return days


def _shown(call: Call) -> dict[str, Any]:
    found: Figures = retention.figures(bootstrap.current().adapters.archive, call.space().id)
    return {
        "archive": {
            "retentionDays": found.retention_days,
            "days": found.days,
            "events": found.rows,
            "snapshots": found.profile_rows,
            "bytes": found.bytes,
            "lastCompactionAt": None if found.compacted_at is None else to_iso(found.compacted_at),
        }
    }
