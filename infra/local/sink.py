"""A webhook receiver that remembers what came and answers as it is told."""

import threading
from collections import deque
from typing import Annotated, Any

import msgspec

from chalicelib import instants
from chalicelib.clock import Clock

# Enough for a session of looking; an unattended stack must not eat the machine's memory.
MOST_REQUESTS = 10_000


Status = Annotated[int, msgspec.Meta(ge=200, le=599)]


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """One scripted answer."""

    status: Status
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: Any = None


class Script(msgspec.Struct, forbid_unknown_fields=True):
    """What PUT takes: statuses, or answers in full."""

    responses: list[Status | Answer]


class Sink:
    """Answers 200 whenever its script is at its end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._requests: deque[dict[str, Any]] = deque(maxlen=MOST_REQUESTS)
        self._script: deque[Answer] = deque()
        self._received = 0

    def receive(self, headers: dict[str, str], body: bytes) -> Answer:
        text = body.decode("utf-8", errors="replace")
        with self._lock:
            answer = self._script.popleft() if self._script else Answer(200)
            self._received += 1
            self._requests.append(
                {
                    "number": self._received,
                    "time": instants.to_iso(self._clock.now()),
                    "answered": answer.status,
                    "headers": headers,
                    "body": _parsed(text),
                    "raw": text,
                }
            )
        return answer

    def listing(self, last: int = MOST_REQUESTS) -> dict[str, Any]:
        """The latest `last` requests, oldest first."""
        with self._lock:
            return {
                "received": self._received,
                "scripted": [answer.status for answer in self._script],
                "requests": list(self._requests)[max(0, len(self._requests) - last) :],
            }

    def script(self, script: Script) -> None:
        """Replaces what was scripted before."""
        with self._lock:
            self._script = deque(one if isinstance(one, Answer) else Answer(one) for one in script.responses)

    def empty(self) -> None:
        with self._lock:
            self._requests.clear()
            self._script.clear()
            self._received = 0


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
