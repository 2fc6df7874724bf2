"""One real event to a partner, to see what it is asked and answers. Filters do not apply, and nothing is counted."""

from collections.abc import Mapping
from typing import Any

from ..clock import Clock
from ..destinations.kind import DestinationKind, Payload
from ..destinations.registry import KINDS
from ..errors import Conflict, Invalid, NotFound, Problem
from ..ids import Ids
from ..instants import to_iso
from ..workspace.body import Body
from ..workspace.model import Destination, Subscription
from ..workspace.ports import Directory
from .classification import Deferred, Discarded
from .integrations import ALL
from .mappings import body, matching, target
from .sending import Outcome, Sender
from .tokens import Tokens
from .transport import Transport

_TOLD = ("result", "code", "detail", "request", "response")

TYPES = ("track", "identify", "group", "alias")


class Tester:
    def __init__(self, directory: Directory, transport: Transport, tokens: Tokens, ids: Ids, clock: Clock) -> None:
        self._directory, self._ids, self._clock = directory, ids, clock
        self._sender = Sender(transport, tokens, clock, show_all=True)

    def test(self, destination_id: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """What was sent and answered; where there are mappings, for each that is enabled and that the event meets, and
        on the whole what went wrong, if anything did. Raises NotFound, Invalid for settings or an event that cannot
        work, and Conflict for a destination that takes no single events or has no mapping for this one."""
        destination = self._directory.destination(destination_id)
        kind = KINDS.get(destination.metadata_id) if destination else None
        if destination is None or kind is None:
            raise NotFound("there is no destination with this id")
        if kind.lists:
            raise Conflict("this destination takes lists, not single events")
        if not destination.subscriptions:
            problems = kind.problems(destination.settings)
            if problems:
                raise Invalid(*problems)
        event = self._event(content, kind)
        if not destination.subscriptions:
            return {**self._sent(destination, kind, None, event), "event": event}
        ids = matching(destination, event)
        through = [one for one in destination.subscriptions if one.id in ids]
        if not through:
            raise Conflict("the event meets no trigger of an enabled subscription")
        told = [{"subscriptionId": one.id, **self._sent(destination, kind, one, event)} for one in through]
        whole = next((one for one in told if one["code"] is not None), told[0])
        return {**{name: whole[name] for name in _TOLD}, "event": event, "subscriptions": told}

    def _sent(
        self, destination: Destination, kind: DestinationKind, mapping: Subscription | None, event: Payload
    ) -> dict[str, Any]:
        try:
            to = target(destination, kind, mapping)
            (outcome,) = self._sender.send(to, [event if mapping is None else body(kind, mapping, event)])
        except Discarded as reason:
            outcome = Outcome(reason)
        failure, exchange = outcome.failure, outcome.exchange
        result = "delivered" if failure is None else "retried" if isinstance(failure, Deferred) else "discarded"
        return {
            "result": result,
            "code": None if failure is None else failure.code,
            "detail": None if failure is None else failure.detail or None,
            "request": exchange.request if exchange else None,
            "response": exchange.response if exchange else None,
        }

    def _event(self, content: Mapping[str, Any], kind: DestinationKind) -> Payload:
        """The fields given in an event that is otherwise like those Muster makes."""
        given = Body(content)
        event = given.mapping("event") or {}
        if event.get("type", "track") not in TYPES:
            raise Invalid(Problem(f'"type" must be one of {", ".join(TYPES)}', "event.type"))
        given.done()
        now, type = to_iso(self._clock.now()), event.get("type", "track")
        made: Payload = {"type": type, "messageId": self._ids.ksuid("test_")}
        if type == "track":
            made |= {"event": "Audience Entered", "properties": {"audience_key": "test", "test": True}}
        elif type in ("identify", "group"):
            made |= {"traits": {"test": True}}
        made |= {"userId": "test-user", "timestamp": now, "originalTimestamp": now, "receivedAt": now, "sentAt": now}
        made |= {"context": {"personas": {"computation_class": "audience", "computation_key": "test"}}}
        return {**made, **event, "integrations": {ALL: False, kind.name: True}}
