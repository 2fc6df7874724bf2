"""Where messages go: single ones to the deliver queue, those of lists to what waits for the next flush."""

from collections.abc import Sequence

from ..queues import DELIVER, Outgoing, Queues
from .debugger import Notes
from .lists import Lists
from .message import Delivery, encode


class Dispatch:
    def __init__(self, queues: Queues, lists: Lists, notes: Notes) -> None:
        self._queues, self._lists, self._notes = queues, lists, notes

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Raises Unavailable, and then all of them must be sent again."""
        if not deliveries:
            return
        single = [delivery for delivery in deliveries if not delivery.listed]
        if single:
            self._queues.send(DELIVER, [Outgoing(encode(one), group=one.destination_id) for one in single])
        self._lists.put([delivery for delivery in deliveries if delivery.listed])
        self._notes.note(deliveries)
