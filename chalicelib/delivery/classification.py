"""What an answer, or the lack of one, means for a delivery: done, later or never.

Undelivered
├── Deferred     the same request may succeed later
└── Discarded    it never will
"""

from collections.abc import Container, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from ..errors import MusterError, Permanent, Retryable

# Codes that are not an HTTP status; those of the network carry the names the field knows from Node.
ENOTFOUND = "ENOTFOUND"
EAI_AGAIN = "EAI_AGAIN"
ECONNREFUSED = "ECONNREFUSED"
ECONNRESET = "ECONNRESET"
ECONNABORTED = "ECONNABORTED"
EHOSTUNREACH = "EHOSTUNREACH"
ETIMEDOUT = "ETIMEDOUT"
TLS_FAILURE = "TLS_FAILURE"
INTERNAL = "INTERNAL"
INVALID_SETTINGS = "INVALID_SETTINGS"
UNSUPPORTED_EVENT_TYPE = "UNSUPPORTED_EVENT_TYPE"
PAYLOAD_VALIDATION_FAILED = "PAYLOAD_VALIDATION_FAILED"
CONNECTION_PAUSED = "CONNECTION_PAUSED"
DESTINATION_DISABLED = "DESTINATION_DISABLED"
CONNECTION_REMOVED = "CONNECTION_REMOVED"
SUPERSEDED = "SUPERSEDED"  # something newer was said of the same, and arrived

_TEMPORARY = frozenset(
    {ENOTFOUND, EAI_AGAIN, ECONNREFUSED, ECONNRESET, ECONNABORTED, EHOSTUNREACH, ETIMEDOUT, INTERNAL}
)

# Request timeout, locked, too many requests: the only client errors that pass by themselves.
_LATER = frozenset({408, 423, 429})
_NOT_IMPLEMENTED = 501  # the one server error that does not


class Undelivered(MusterError):
    """`code` is what counters and dead letters are kept by; `detail` explains it to the owner, without secrets."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


class Deferred(Undelivered, Retryable):
    """`not_before` is the instant (epoch ms) the partner asked us to wait for."""

    def __init__(self, code: str, detail: str = "", not_before: int | None = None) -> None:
        super().__init__(code, detail)
        self.not_before = not_before


class Discarded(Undelivered, Permanent):
    """Trying again cannot help."""


def no_answer(code: str, detail: str = "") -> Undelivered:
    """A request that got no answer, or was not sent at all."""
    return Deferred(code, detail) if code in _TEMPORARY else Discarded(code, detail)


def refusal(
    status: int,
    headers: Mapping[str, str],
    now: int,
    detail: str = "",
    *,
    retried: Container[int] = (),
    refused: Container[int] = (),
) -> Undelivered | None:
    """None when the answer accepts the delivery. Header names are lower case; `now` is epoch ms. `retried` and
    `refused` are what this partner means otherwise than the rest."""
    if 200 <= status < 300 and status not in retried and status not in refused:
        return None
    later = status in _LATER or (500 <= status < 600 and status != _NOT_IMPLEMENTED)
    if status in retried or (later and status not in refused):
        return Deferred(str(status), detail, not_before=_retry_after(headers.get("retry-after", ""), now))
    return Discarded(str(status), detail)


def _retry_after(text: str, now: int) -> int | None:
    """Seconds or an HTTP date, as an instant; None for anything else."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return now + int(text[:9]) * 1_000
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1_000)
