"""Which write key a request carries: in the Authorization header, in the body, or the same one in both."""

import base64
import binascii

from .refusal import Refused

INVALID = "invalid_write_key"
MISMATCH = "write_key_mismatch"
UNSUPPORTED = "unsupported_authorization"


def write_key(authorization: str, in_body: object) -> str:
    """The key of the request, never empty. Raises Refused."""
    in_header = _of_header(authorization.strip())
    if in_body is not None and not isinstance(in_body, str):
        raise Refused(INVALID, "writeKey must be a string.")
    if in_header and in_body and in_header != in_body:
        raise Refused(MISMATCH, "The write keys of the Authorization header and of the body differ.")
    key = in_header or in_body or ""
    if not key.strip():
        raise Refused(
            INVALID, "A write key is required, as writeKey in the body or as the user of Basic authorization."
        )
    return key


def _of_header(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "basic":
        return _of_basic(credentials.strip())
    if scheme:
        raise Refused(UNSUPPORTED, "Only Basic authorization is understood here; OAuth tokens are not accepted yet.")
    return ""


def _of_basic(credentials: str) -> str:
    """The user. Some hand-written clients leave out the colon, some the padding."""
    try:
        padded = credentials + "=" * (-len(credentials) % 4)
        return base64.b64decode(padded, validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError) as error:
        raise Refused(UNSUPPORTED, "The Basic authorization is not base64.") from error
