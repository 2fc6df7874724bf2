"""Counts what a session costs: AWS requests, consumed capacity units and this process's own CPU."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from botocore import handlers

# What a client puts in its user agent to be counted apart: in the cloud, these requests are Lambda's own.
TRIGGERS = "local-triggers"

_WRITES = ("Put", "Update", "Delete", "BatchWrite", "TransactWrite")


class Meter:
    """Sees every client made after `install`, pynamodb's included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._requests: dict[str, Counter[str]] = {"product": Counter(), "triggers": Counter()}
            self._units = {"write": 0.0, "read": 0.0}
            self._cpu, self._wall = time.process_time(), time.monotonic()

    def install(self) -> None:
        """botocore registers these handlers with every session made from now on."""
        handlers.BUILTIN_HANDLERS.extend(
            [("before-parameter-build.dynamodb", _ask_for_capacity), ("after-call", self._count)]
        )

    def figures(self) -> dict[str, Any]:
        with self._lock:
            return {
                "seconds": round(time.monotonic() - self._wall, 3),
                "cpu_seconds": round(time.process_time() - self._cpu, 3),
                "write_units": self._units["write"],
                "read_units": self._units["read"],
                "requests": {who: dict(sorted(counts.items())) for who, counts in self._requests.items()},
            }

    def _count(self, model: Any, parsed: Any, context: Mapping[str, Any], **_ignored: Any) -> None:
        agent = getattr(context.get("client_config"), "user_agent_extra", None) or ""
        who = "triggers" if TRIGGERS in agent else "product"
        kind = "write" if model.name.startswith(_WRITES) else "read"
        with self._lock:
            self._requests[who][f"{model.service_model.service_name}.{model.name}"] += 1
            self._units[kind] += sum(_capacity(parsed))


def _ask_for_capacity(params: dict[str, Any], model: Any, **_ignored: Any) -> None:
    if model.input_shape is not None and "ReturnConsumedCapacity" in model.input_shape.members:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")


def _capacity(parsed: Any) -> Iterator[float]:
    consumed = parsed.get("ConsumedCapacity") or () if isinstance(parsed, Mapping) else ()
    for one in [consumed] if isinstance(consumed, Mapping) else consumed:
        yield float(one.get("CapacityUnits", 0.0))
