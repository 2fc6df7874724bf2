"""Payloads to a partner and what became of each of them: batches, answers per item, splitting and fresh tokens."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..clock import Clock
from ..destinations.kind import Call, DestinationKind, Payload, Request, Settings
from ..errors import place_of
from .classification import (
    ETIMEDOUT,
    INTERNAL,
    PAYLOAD_VALIDATION_FAILED,
    Deferred,
    Discarded,
    Undelivered,
    no_answer,
    refusal,
)
from .redaction import shown_request, shown_response, without
from .redirects import follow
from .tokens import BeingRenewed, Tokens
from .transport import Response, Transport

logger = logging.getLogger(__name__)

UNAUTHORISED = 401
TOO_LARGE = 413


class Exchange(NamedTuple):
    """A request and its answer as they may be shown; `response` None when there was none."""

    request: dict[str, Any]
    response: dict[str, Any] | None


class Outcome(NamedTuple):
    """`failure` None: accepted. `requests` 0: nothing was attempted, it may go in a moment."""

    failure: Undelivered | None
    exchange: Exchange | None = None
    requests: int = 1


class Target(NamedTuple):
    """A destination with settings that have no problems. `mapping` tells those of different mappings apart."""

    destination_id: str
    kind: DestinationKind
    settings: Settings
    mapping: str = ""


class Sender:
    """`show_all` keeps what was said also of successes. `monotonic` gives seconds."""

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        clock: Clock,
        *,
        show_all: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport, self._tokens, self._clock, self._show_all = transport, tokens, clock, show_all
        self._monotonic = monotonic

    def send(self, target: Target, payloads: Sequence[Payload]) -> list[Outcome]:
        """One outcome per payload. Raises nothing: our own faults are tried again, the next version may know better."""
        try:
            settings = self._tokens.settings(target.destination_id, target.kind, target.settings)
            return self._fit(target, settings, payloads)
        except BeingRenewed:
            return [Outcome(Deferred(str(UNAUTHORISED)), requests=0)] * len(payloads)
        except Exception as error:
            return [Outcome(_unexpected(error))] * len(payloads)

    def _fit(self, target: Target, settings: Settings, payloads: Sequence[Payload]) -> list[Outcome]:
        """What cannot be sent does not keep its neighbours from it."""
        reasons = [target.kind.unfit(payload) for payload in payloads]
        fit = [payload for payload, reason in zip(payloads, reasons, strict=True) if not reason]
        told = iter(self._all(target, settings, fit, may_repeat=True) if fit else ())
        return [Outcome(Discarded(PAYLOAD_VALIDATION_FAILED, reason)) if reason else next(told) for reason in reasons]

    def ask(self, target: Target, request: Callable[[Settings], Request]) -> Response:
        """A request that carries no payload. Raises Undelivered for any answer but a good one."""
        kind = target.kind
        settings = self._tokens.settings(target.destination_id, kind, target.settings)
        answer = follow(self._transport, request(settings), kind.limits.timeout)
        if answer.status == UNAUTHORISED and kind.renewal is not None:
            fresh = self._tokens.renew(target.destination_id, kind, target.settings, settings)
            answer = follow(self._transport, request(fresh), kind.limits.timeout) if fresh is not None else answer
        replies = kind.replies(answer.status, answer.body, 1)
        status = replies[0].status if replies else answer.status
        failure = self._refusal(kind, status, answer)
        if failure is not None:
            raise failure
        return answer

    def _all(
        self, target: Target, settings: Settings, payloads: Sequence[Payload], *, may_repeat: bool
    ) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for call in target.kind.requests(payloads, settings):
            until = self._monotonic() + target.kind.limits.timeout
            outcomes |= self._one(target, settings, call, payloads, until, may_repeat=may_repeat)
        return [outcomes[place] for place in range(len(payloads))]

    def _one(
        self,
        target: Target,
        settings: Settings,
        call: Call,
        payloads: Sequence[Payload],
        until: float,
        *,
        may_repeat: bool,
    ) -> dict[int, Outcome]:
        """What became of the payloads of a call and of those that follow it, by their positions. They share the time
        there is."""
        answer = self._answer(call.request, until - self._monotonic())
        if may_repeat and isinstance(answer, Response):
            carried = [payloads[place] for place in call.items]
            repeated = self._again(target, settings, answer.status, carried)
            if repeated is not None:
                return dict(zip(call.items, repeated, strict=True))
        judged = self._judged(target.kind, settings, call.request, answer, len(call.items))
        outcomes = dict(zip(call.items, judged, strict=True))
        if call.then is not None and isinstance(answer, Response):
            for onward in call.then(answer.status, answer.body):
                outcomes |= self._one(target, settings, onward, payloads, until, may_repeat=may_repeat)
        return outcomes

    def _again(
        self, target: Target, settings: Settings, status: int, payloads: Sequence[Payload]
    ) -> list[Outcome] | None:
        """With a fresh token, or in two halves, it goes again at once: that is no retry, and happens only once. None
        where that cannot help."""
        if status == UNAUTHORISED and target.kind.renewal is not None:
            fresh = self._tokens.renew(target.destination_id, target.kind, target.settings, settings)
            if fresh is not None:
                return self._all(target, fresh, payloads, may_repeat=False)
        if status == TOO_LARGE and len(payloads) > 1:
            middle = (len(payloads) + 1) // 2
            halves = payloads[:middle], payloads[middle:]
            return [outcome for half in halves for outcome in self._all(target, settings, half, may_repeat=False)]
        return None

    def _answer(self, request: Request, timeout: float) -> Response | Undelivered:
        if timeout <= 0:
            return no_answer(ETIMEDOUT)
        try:
            return follow(self._transport, request, timeout)
        except Undelivered as failure:
            return failure
        except Exception as error:
            return _unexpected(error)

    def _judged(
        self, kind: DestinationKind, settings: Settings, request: Request, answer: Response | Undelivered, count: int
    ) -> list[Outcome]:
        failures = self._failures(kind, settings, answer, count)
        if not self._show_all and not any(failures):
            return [Outcome(None)] * count
        secrets = kind.secrets(settings)
        response = shown_response(answer, secrets) if isinstance(answer, Response) else None
        exchange = Exchange(shown_request(request, secrets), response)
        return [Outcome(failure, exchange if failure or self._show_all else None) for failure in failures]

    def _failures(
        self, kind: DestinationKind, settings: Settings, answer: Response | Undelivered, count: int
    ) -> list[Undelivered | None]:
        if isinstance(answer, Undelivered):
            return [answer] * count
        replies = kind.replies(answer.status, answer.body, count)
        if replies is None:
            return [self._refusal(kind, answer.status, answer)] * count
        secrets = kind.secrets(settings)
        return [self._refusal(kind, reply.status, answer, without(reply.detail, secrets)) for reply in replies]

    def _refusal(self, kind: DestinationKind, status: int, answer: Response, detail: str = "") -> Undelivered | None:
        now = self._clock.now()
        return refusal(status, answer.headers, now, detail, retried=kind.retried, refused=kind.refused)


def _unexpected(error: Exception) -> Undelivered:
    logger.error("An attempt broke: %s", place_of(error))
    return Deferred(INTERNAL, type(error).__name__)
