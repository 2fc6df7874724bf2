"""What the ingest queue carries: one envelope per HTTP request (more only past the size limit).

The queue message is a base64 text of deflated msgpack: SQS refuses some characters that JSON strings may
hold, and bills by 64 KB.
"""

import base64
import binascii
import zlib
from typing import Any

import msgspec

from ..errors import Malformed


class Accepted(msgspec.Struct, tag="events", kw_only=True):
    """Messages of one request, validated but not yet normalised.

    `batch_id` is made once, when the request is accepted: it is what tells a redelivery from a client's
    duplicate. `context` and `integrations` are the request's own and are merged into each message when it is
    decoded; every message has `type` and `messageId`. `address` is that of the connection.
    """

    batch_id: str
    workspace_id: str
    space_id: str
    source_id: str
    received_at: int
    sent_at: str | None = None
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    integrations: dict[str, Any] = msgspec.field(default_factory=dict)
    messages: list[dict[str, Any]] = msgspec.field(default_factory=list)
    address: str | None = None


class Due(msgspec.Struct, tag="due", kw_only=True):
    """Profiles of one space whose earliest edge has passed."""

    batch_id: str
    space_id: str
    profile_ids: list[str]


Envelope = Accepted | Due

_decoder: msgspec.msgpack.Decoder[Envelope] = msgspec.msgpack.Decoder(Envelope)


def pack(envelope: Envelope) -> str:
    return base64.b64encode(zlib.compress(msgspec.msgpack.encode(envelope), 1)).decode("ascii")


def unpack(body: str) -> Envelope:
    """Raises Malformed for anything `pack` did not make."""
    try:
        return _decoder.decode(zlib.decompress(base64.b64decode(body, validate=True)))
    except (binascii.Error, zlib.error, msgspec.DecodeError, ValueError) as error:
        raise Malformed(f"not an ingest envelope: {type(error).__name__}") from error
