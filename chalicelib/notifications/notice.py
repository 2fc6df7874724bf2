"""What people are told: one thing that happened."""

from typing import Any

import msgspec

from ..audit.row import Row
from ..destinations.json_text import stringify
from ..instants import to_iso

AUDIT = "audit"
ALERT = "alert"


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`name` is an action of the audit trail, or what its creator called an alert. `at` is epoch ms.

    `channels` are the ids of those to be told through; None for every channel that asked for `name`. `space_id` None:
    it concerns the workspace as a whole.
    """

    id: str
    kind: str
    workspace_id: str
    name: str
    text: str
    at: int
    space_id: str | None = None
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    channels: tuple[str, ...] | None = None


def of_row(row: Row) -> Notice:
    details = {"resource_id": row.path, "resource_type": row.resource_type, "subject": row.subject, **row.details}
    return Notice(
        id=f"ntf_{row.id}",
        kind=AUDIT,
        workspace_id=row.workspace_id,
        space_id=row.space_id,
        name=row.action,
        text=_sentence(row),
        at=row.at,
        details=details,
    )


def _sentence(row: Row) -> str:
    told = f"{row.action}: {row.resource_name}"
    if "error_code" in row.details:
        target = f" to destination {row.details['destination_id']}" if "destination_id" in row.details else ""
        attempt = f"attempt {row.details['attempt']} of {row.details['max_retries'] + 1}"
        then = "it will be tried again" if row.details["will_retry"] else "it will not be tried again"
        told += f"{target} ({row.details['error_code']}, {attempt}; {then})"
    return told


def as_json(notice: Notice) -> dict[str, Any]:
    """As webhooks get it and the in-app list shows it."""
    return {
        "id": notice.id,
        "kind": notice.kind,
        "name": notice.name,
        "text": notice.text,
        "timestamp": to_iso(notice.at),
        "workspaceId": notice.workspace_id,
        "spaceId": notice.space_id,
        "details": notice.details,
    }


def as_letter(notice: Notice) -> str:
    """As people read it in an e-mail."""
    facts = [f"{n}: {v if isinstance(v, str) else stringify(v)}" for n, v in notice.details.items()]
    return "\n".join([notice.text, "", f"at: {to_iso(notice.at)}", *facts, ""])
