"""The errors a caller can meet, drawn once.

MusterError
├── Permanent                 trying again cannot help
│   ├── Invalid               the caller's input breaks a rule; `problems` says which
│   │   └── Unsound           every part of it is in order, but they do not fit together
│   ├── NotFound
│   ├── Conflict              the state of the thing forbids it
│   ├── Unauthorized
│   ├── Forbidden
│   └── Malformed             bytes that are not what they claim to be
└── Retryable                 the same call may succeed later
    ├── VersionConflict       somebody else wrote the item first
    └── Unavailable           a service did not take the call
"""

import traceback
from dataclasses import dataclass
from typing import Any


class MusterError(Exception):
    """Base of all errors raised on purpose."""


class Permanent(MusterError):
    """Trying again cannot help."""


class Retryable(MusterError):
    """The same call may succeed later."""


@dataclass(frozen=True)
class Problem:
    """One broken rule: `field` is a dotted path into the body, `data` is machine-readable detail."""

    message: str
    field: str | None = None
    data: Any = None


class Invalid(Permanent):
    """Input that breaks one or more rules; all of them are listed."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(p.message for p in problems))
        self.problems = problems


class Unsound(Invalid):
    """Input whose parts are in order and do not fit together."""


class NotFound(Permanent):
    """The thing named does not exist, or not for this caller."""


class Conflict(Permanent):
    """The present state of the thing forbids what was asked; `data` is machine-readable detail."""

    def __init__(self, message: str = "", data: Any = None) -> None:
        super().__init__(message)
        self.data = data


class Unauthorized(Permanent):
    """No credentials, or ones that are not known."""


class Forbidden(Permanent):
    """Known credentials, but not those that may do this."""


class Malformed(Permanent):
    """Bytes that cannot be decoded as what they claim to be."""


class VersionConflict(Retryable):
    """A conditional write lost against a concurrent one."""


class Unavailable(Retryable):
    """A service did not take the call."""


def place_of(error: BaseException) -> str:
    """What went wrong and where, for logs: never the message, which may quote personal data or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in reversed(frames[-4:]))
    return f"{type(error).__name__} at {where or 'nowhere'}"
