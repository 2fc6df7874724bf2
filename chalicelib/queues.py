"""Queues as the services see them. Implementations: `store.memory`, `store.sqs`."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

INGEST = "ingest"
COMPUTE = "compute"
DELIVER = "deliver"

# SQS takes messages up to 1 MiB; what is left is room for the attributes.
MESSAGE_LIMIT = 1_048_576 - 4_096


class Outgoing(NamedTuple):
    """A message to send. `group` isolates noisy neighbours (SQS fair queues); `delay` is in seconds, at most 900."""

    body: str
    group: str | None = None
    delay: int = 0


class Received(NamedTuple):
    """A message as a worker gets it. `receipt` is what hides it again; `receives` counts how often it was received,
    this time included."""

    id: str
    receipt: str
    body: str
    receives: int = 1


class Queues(Protocol):
    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Returns only when the queue has taken every message. Raises Unavailable otherwise.

        Some of the messages may have been taken when it raises.
        """
        ...

    def hide(self, queue: str, receipt: str, seconds: int) -> None:
        """Make a received message visible again only after `seconds` (at most 12 h)."""
        ...
