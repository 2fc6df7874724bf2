"""One row of the audit trail."""

from typing import Any

import msgspec

ID_PREFIX = "evt_"

SYSTEM = "__system__"  # the actor of what Muster does by itself


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`at` is epoch ms. `path` names the resource among all others: `spaces/<space>/audiences/<id>`.

    `actor` is the id of a token, or SYSTEM; `subject` says which of the two: `tokens/<id>`, or SYSTEM. `details` never
    hold personal data or secrets. `transient`: a failure that a retry may repair, of which nobody asked to be told.
    """

    id: str
    at: int
    workspace_id: str
    action: str
    resource_type: str
    resource_id: str
    resource_name: str
    path: str
    space_id: str | None = None
    actor: str = SYSTEM
    subject: str = SYSTEM
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    transient: bool = False


_decoder = msgspec.msgpack.Decoder(Row)


def encode(row: Row) -> bytes:
    return msgspec.msgpack.encode(row)


def decode(data: bytes) -> Row:
    return _decoder.decode(data)
