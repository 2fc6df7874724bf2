"""One event for one destination, as the deliver queue carries it."""

import re

import msgspec

from ..destinations.kind import Payload
from ..errors import Malformed


class Delivery(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """`message_id` is the same whenever the step that made it is repeated. `created_at` is the instant of the
    change (epoch ms). `replayed`: it went out before and goes again because the owner asks for it.

    `row` names whom it speaks of, empty for what speaks of nobody's state; the greatest `sequence` of a row is what
    holds. `follows`: something older about the same row may still be on its way. `listed`: it is
    collected for the next flush of a list. `subscription_id`: it goes through this mapping of the destination alone;
    `activation_id`: it is an event of this activation, and goes through its mapping.
    """

    message_id: str
    connection_id: str
    computation_id: str
    space_id: str
    destination_id: str
    created_at: int
    payload: Payload
    replayed: bool = False
    row: str = ""
    sequence: int = 0
    follows: bool = False
    listed: bool = False
    subscription_id: str = ""
    activation_id: str = ""

    @property
    def mapping_id(self) -> str:
        """Of the subscription or the activation through whose mapping it goes; blank where it goes through none."""
        return self.subscription_id or self.activation_id

    @property
    def is_state(self) -> bool:
        """It says how things stand, so it is worth nothing once something newer was said. Events happened anyway."""
        return bool(self.row) and not self.replayed and self.payload.get("type") in ("identify", "group")


COPY = "~"  # in a message id, before the mark of what is sent again

_decoder = msgspec.json.Decoder(Delivery)
_REFUSED = re.compile("[\ufffe\uffff]")  # by SQS; the other characters it refuses are escaped in any JSON


def encode(delivery: Delivery) -> str:
    return _REFUSED.sub(lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.encode(delivery).decode())


def group_of(delivery: Delivery) -> str:
    """Whose messages a fair queue counts together: nobody has to wait for the many of another."""
    return f"replay#{delivery.destination_id}" if delivery.replayed else delivery.destination_id


def decode(body: str) -> Delivery:
    """Raises Malformed for anything that is no delivery."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Malformed(f"not a delivery: {type(error).__name__}") from error
