"""One HTTP tracking request, read: who sends, what applies to all of it, and its messages as they were sent."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import Malformed
from . import body
from .refusal import Refused
from .write_key import write_key

SINGLE_KINDS = frozenset({"identify", "track", "page", "screen", "group", "alias"})
BATCH_KINDS = frozenset({"batch", "import"})

MESSAGE_LIMIT = 32 * 1024  # bytes of JSON as sent
MESSAGE_TOO_LARGE = "message_too_large"

# Clients stop at 512,000 bytes of messages; the slack is for the envelope around them and the last message added.
BATCH_LIMIT = 512_000 + 8_192

BATCH_ELEMENTS = 2_500

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


class TrackingRequest(msgspec.Struct, kw_only=True, frozen=True):
    """`count` messages were sent; `messages` is empty when that is more than BATCH_ELEMENTS.

    `kind` is the type of the one message of a single call, None for a batch. `sent_at`, `context` and
    `integrations` are those of a batch as a whole. A message that cannot be held is an Unfit in its place.
    """

    write_key: str
    kind: str | None
    count: int
    messages: list[Any]
    sent_at: str | None = None
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    integrations: dict[str, Any] = msgspec.field(default_factory=dict)


def read(kind: str, headers: Mapping[str, str], content: bytes) -> TrackingRequest:
    """`headers` by lower-case name. Raises Refused for what the sender has to be told."""
    try:
        if kind in BATCH_KINDS:
            return _batch(headers, content)
        return _single(kind, headers, content)
    except body.Unfit as error:
        raise Refused(error.code, str(error)) from error
    except Malformed as error:
        raise Refused(body.MALFORMED, "The body must be one JSON object.") from error


def _single(kind: str, headers: Mapping[str, str], content: bytes) -> TrackingRequest:
    text = body.inflate(content, headers.get("content-encoding", ""), MESSAGE_LIMIT)
    message = body.parse(text)
    if not isinstance(message, dict):
        raise Malformed("not an object")
    key = write_key(headers.get("authorization", ""), message.get("writeKey"))
    return TrackingRequest(write_key=key, kind=kind, count=1, messages=[message])


def _batch(headers: Mapping[str, str], content: bytes) -> TrackingRequest:
    text = body.inflate(content, headers.get("content-encoding", ""), BATCH_LIMIT)
    fields = body.decode(text, _FIELDS)
    key = write_key(headers.get("authorization", ""), _value(fields, "writeKey"))
    elements = _elements(fields.get("batch"))
    sent_at = _value(fields, "sentAt")
    return TrackingRequest(
        write_key=key,
        kind=None,
        count=len(elements),
        messages=[_element(element) for element in elements] if len(elements) <= BATCH_ELEMENTS else [],
        sent_at=sent_at if isinstance(sent_at, str) else None,
        context=_object(fields, "context"),
        integrations=_object(fields, "integrations"),
    )


def _elements(batch: msgspec.Raw | None) -> list[msgspec.Raw]:
    """Anything but an array counts as a batch without elements: only size and syntax are told to the sender."""
    if batch is None or not bytes(batch).startswith(b"["):
        return []
    elements = body.decode(batch, _ELEMENTS)
    for element in elements:
        _check_size(element)
    return elements


def _element(text: msgspec.Raw) -> Any:
    """An element that is JSON never costs the batch its neighbours."""
    try:
        return body.parse(text)
    except body.Unfit as error:
        return error


def _object(fields: Mapping[str, msgspec.Raw], name: str) -> dict[str, Any]:
    # What applies to every message is multiplied by their number, so it is held to the size of one.
    if name in fields:
        _check_size(fields[name])
    value = _value(fields, name)
    return value if isinstance(value, dict) else {}


def _value(fields: Mapping[str, msgspec.Raw], name: str) -> Any:
    return body.parse(fields[name]) if name in fields else None


def _check_size(text: msgspec.Raw) -> None:
    if len(memoryview(text)) > MESSAGE_LIMIT:
        raise Refused(MESSAGE_TOO_LARGE, f"A part of the batch is larger than {MESSAGE_LIMIT} bytes.")
