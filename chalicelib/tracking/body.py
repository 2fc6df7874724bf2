"""Request bytes as JSON values that every later step can hold: bounded in size, depth and number range."""

import re
import zlib
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from ..errors import Malformed
from .refusal import Refused

T = TypeVar("T")

MALFORMED = "malformed_body"
TOO_LARGE = "request_too_large"

# Far above what clients send, far below Python's own recursion limit, which later steps rely on.
MAX_DEPTH = 100

GZIP = zlib.MAX_WBITS | 16
SMALLEST, LARGEST = -(2**63), 2**64 - 1  # the integers msgpack can hold

_TOO_DEEP = ("nested_too_deep", f"JSON may be nested at most {MAX_DEPTH} levels deep.")
_OUT_OF_RANGE = ("number_out_of_range", "A number is out of the range of 64-bit floats.")

_ANYTHING = msgspec.json.Decoder(Any)
_LONG_DIGITS = re.compile(rb"\d{19}")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: one character
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half of a pair
    rb"|.)",
    re.DOTALL,
)


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its content coding; never inflates more than `limit` bytes. Raises Refused."""
    coding = encoding.strip().lower()
    if coding == "gzip":
        body = _gunzip(body, limit)
    elif coding not in ("", "identity"):
        raise Refused(MALFORMED, "The only Content-Encoding understood is gzip.")
    if len(body) > limit:
        raise Refused(TOO_LARGE, f"The request is larger than {limit} bytes.")
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(GZIP)
    try:
        content = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refused(MALFORMED, "The body is not gzip although Content-Encoding says so.") from error
    if len(content) <= limit and (not inflater.eof or inflater.unused_data):
        raise Refused(MALFORMED, "The gzip body does not end where it should.")
    return content


class Mismatch(Malformed):
    """JSON, but of another type than asked for."""


class Unfit(Malformed):
    """JSON that is right, but more than later steps can hold."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(text: bytes | msgspec.Raw) -> Any:
    """The JSON value in `text`: at most MAX_DEPTH deep, numbers at most 64 bit wide. Raises Malformed and Unfit."""
    try:
        value = decode(text, _ANYTHING)
    except Mismatch as error:  # of the values of JSON, msgspec refuses only such numbers
        raise Unfit(*_OUT_OF_RANGE) from error
    if _is_too_deep(value):
        raise Unfit(*_TOO_DEEP)
    return _narrowed(value) if _LONG_DIGITS.search(text) else value


def decode(text: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode, and once more with mended text if that can help. Raises Malformed, Mismatch for another type of value."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise Mismatch(f"not the JSON expected: {type(error).__name__}") from error
    except ValueError as error:
        mended = _without_halves(bytes(text))
        if mended == text:
            raise Malformed(f"not the JSON expected: {type(error).__name__}") from error
        return decode(mended, decoder)
    except RecursionError as error:
        raise Unfit(*_TOO_DEEP) from error


def _without_halves(text: bytes) -> bytes:
    # A browser that cuts a string inside an emoji sends half of a surrogate pair, which is no character.
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], text)


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _children(parent: Any) -> Iterator[Any]:
    if isinstance(parent, dict):
        return iter(parent.values())
    return iter(parent if isinstance(parent, list) else ())


def _narrowed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _narrowed(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_narrowed(child) for child in value]
    if isinstance(value, int) and not SMALLEST <= value <= LARGEST:
        return _as_float(value)
    return value


def _as_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise Unfit(*_OUT_OF_RANGE) from error
