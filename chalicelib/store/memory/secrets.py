"""Secrets for tests: bound to their context and not readable at a glance, but not encrypted."""

import base64
import binascii

import msgspec

from ...errors import Malformed

PREFIX = "memory1:"


class MemorySecrets:
    def seal(self, plain: str, context: str) -> str:
        return PREFIX + base64.b64encode(msgspec.msgpack.encode((context, plain))).decode("ascii")

    def open(self, sealed: str, context: str) -> str:
        sealed_for, plain = _decoded(sealed)
        if sealed_for != context:
            raise Malformed("this secret was sealed for something else")
        return plain


def _decoded(sealed: str) -> tuple[str, str]:
    if not sealed.startswith(PREFIX):
        raise Malformed("not a sealed secret")
    try:
        packed = base64.b64decode(sealed.removeprefix(PREFIX), validate=True)
        return msgspec.msgpack.decode(packed, type=tuple[str, str])
    except (binascii.Error, msgspec.DecodeError) as error:
        raise Malformed("not a sealed secret") from error
