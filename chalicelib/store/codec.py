"""Between profiles or events and the bytes kept of them.

A blob is one byte that tells its form, then msgpack. Structs are written as arrays in the order of their fields:
a new field goes to the end, and whoever reads an older or a newer blob leaves out what it does not know.
"""

import zlib
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from ..errors import Malformed
from ..profiles.profile import Head
from ..tracking.event import Event

T = TypeVar("T")

PLAIN = b"\x00"
DEFLATED = b"\x01"
WORTH_DEFLATING = 256  # bytes; below, zlib rarely wins more than its own overhead


class _StoredHead(Head, array_like=True, kw_only=True):
    """The same fields without their names."""


class _StoredEvent(Event, array_like=True, kw_only=True):
    """The same fields without their names."""


_encoder = msgspec.msgpack.Encoder()
_head = msgspec.msgpack.Decoder(_StoredHead)
_streams = msgspec.msgpack.Decoder(dict[str, Any])
_events = msgspec.msgpack.Decoder(list[_StoredEvent])


def encode_head(head: Head) -> bytes:
    return _shrink(_encoder.encode(msgspec.structs.astuple(head)))


def decode_head(blob: bytes) -> Head:
    return Head(**msgspec.structs.asdict(_read(_head, blob)))


def encode_streams(streams: dict[str, Any]) -> bytes:
    return _shrink(_encoder.encode(streams))


def decode_streams(blob: bytes) -> dict[str, Any]:
    return _read(_streams, blob)


def encode_events(events: Sequence[Event]) -> bytes:
    return _shrink(_encoder.encode([msgspec.structs.astuple(event) for event in events]))


def decode_events(blob: bytes) -> list[Event]:
    return [Event(**msgspec.structs.asdict(event)) for event in _read(_events, blob)]


def _shrink(packed: bytes) -> bytes:
    if len(packed) < WORTH_DEFLATING:
        return PLAIN + packed
    # Raw deflate saves the six bytes of header and checksum; DynamoDB keeps the bytes right.
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflate.compress(packed) + deflate.flush()
    return DEFLATED + deflated if len(deflated) < len(packed) else PLAIN + packed


def _read(decoder: msgspec.msgpack.Decoder[T], blob: bytes) -> T:
    try:
        return decoder.decode(_expand(blob))
    except (zlib.error, msgspec.DecodeError) as error:
        raise Malformed(f"not a stored value: {type(error).__name__}") from error


def _expand(blob: bytes) -> bytes:
    form, packed = blob[:1], blob[1:]
    if form == PLAIN:
        return packed
    if form == DEFLATED:
        return zlib.decompress(packed, -zlib.MAX_WBITS)
    raise Malformed("a stored value of an unknown form")
