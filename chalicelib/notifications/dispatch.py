"""The outbox worked off: rows forwarded, notices put into the in-app list and sent through their channels.

Each channel has a lane of its own, so that a slow one holds up only itself; once it fails for a passing reason, the
rest of its lane waits for the next attempt too.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ..audit.row import Row
from ..clock import SECOND, Clock
from ..deadline import Deadline
from ..delivery.classification import Undelivered
from ..delivery.lanes import side_by_side
from ..delivery.transport import Transport
from ..errors import Retryable, VersionConflict, place_of
from .channels import Channel, Channels
from .inbox import Inbox
from .kinds import KINDS, TIMEOUT, Outside, Topics
from .outbox import Claim, Outbox

logger = logging.getLogger(__name__)

AT_ONCE = 50  # notices per call: the next tick takes the others
NEEDED = int(TIMEOUT * SECOND) + 2 * SECOND  # one more attempt, and the writes after it


class Forwarder(Protocol):
    """Implementation: `audit.forwarding`."""

    def forward(self, row: Row) -> None:
        """Raises Unavailable when it is to be tried again."""
        ...


@dataclass
class _Open:
    """A claimed notice and the channels that are still to be told; None while that is not known."""

    claim: Claim
    waiting: set[str] | None = None


class _Errand(NamedTuple):
    claim: Claim
    waiting: set[str]
    channel: Channel


@dataclass
class Dispatcher:
    outbox: Outbox
    channels: Channels
    inbox: Inbox
    forwarder: Forwarder
    transport: Transport
    topics: Topics
    clock: Clock
    _down: set[str] = field(default_factory=set)

    def dispatch(self, deadline: Deadline) -> int:
        """How many notices were finished with. What does not fit into the time is left to the next tick."""
        self._down.clear()
        lanes: dict[str, list[_Errand]] = {}
        opened: list[_Open] = []
        for claim in self._claims(deadline):
            opened.append(_Open(claim))
            with _noted("A notice could not be looked at"):
                self._open(opened[-1], lanes)
        for errand, told in side_by_side(list(lanes.values()), self._tell, lambda: deadline.remaining() > NEEDED):
            if told:
                errand.waiting.discard(errand.channel.id)
        finished = 0
        for one in opened:
            with _noted("A notice could not be closed"):
                finished += self._close(one)
        return finished

    def _claims(self, deadline: Deadline) -> Iterator[Claim]:
        claimed = 0
        for record, posted in self.outbox.due():
            if claimed == AT_ONCE or deadline.remaining() <= NEEDED:
                return
            claim = self.outbox.claim(record, posted)
            if claim is not None:
                claimed += 1
                yield claim

    def _open(self, one: _Open, lanes: dict[str, list[_Errand]]) -> None:
        posted = one.claim.posted
        channels = [channel for channel in self.channels.every(posted.notice.workspace_id) if channel.enabled]
        if posted.waiting is None:
            self.inbox.put(posted.notice)
            if posted.row is not None:
                self.forwarder.forward(posted.row)
            channels = [channel for channel in channels if channel.wants(posted.notice)]
        else:
            channels = [channel for channel in channels if channel.id in posted.waiting]
        waiting = one.waiting = {channel.id for channel in channels}
        for channel in channels:
            lanes.setdefault(channel.id, []).append(_Errand(one.claim, waiting, channel))

    def _tell(self, errand: _Errand) -> bool:
        """Whether it need not be tried again."""
        channel, notice = errand.channel, errand.claim.posted.notice
        if channel.id in self._down:
            return False
        outside = Outside(self.transport, self.topics, self.clock.now())
        try:
            KINDS[channel.type].send(outside, self.channels.settings_of(channel), notice)
        except Retryable as error:
            logger.warning("Notification channel %s is put off: %s", channel.id, _reason(error))
            self._down.add(channel.id)
            return False
        except Exception as error:
            logger.error("Notification channel %s takes no notice %s: %s", channel.id, notice.id, _reason(error))
        return True

    def _close(self, one: _Open) -> bool:
        """Whether it is finished with."""
        if one.waiting == set():
            self.outbox.remove(one.claim)
            return True
        if one.claim.is_last:
            logger.error("Notice %s is given up for %s", one.claim.posted.notice.id, sorted(one.waiting or ()))
            self.outbox.remove(one.claim)
            return True
        if one.waiting is not None:
            self.outbox.keep(one.claim, tuple(sorted(one.waiting)))
        return False


def _reason(error: Exception) -> str:
    return error.code if isinstance(error, Undelivered) else place_of(error)


@contextmanager
def _noted(what: str) -> Iterator[None]:
    """Keep trouble with one notice from its neighbours; its next attempt stands in its record already."""
    try:
        yield
    except VersionConflict:
        logger.info("Another worker holds the same notice")
    except Exception as error:
        logger.error("%s: %s", what, place_of(error))
