"""From rows of the audit trail to the outbox."""

from ..audit.row import Row
from .notice import of_row
from .outbox import Outbox


class Announcer:
    """`audit.trail.Listener`: takes rows while somebody waits for an answer, so it only writes them down."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def announce(self, row: Row) -> None:
        self._outbox.post(of_row(row), row)
