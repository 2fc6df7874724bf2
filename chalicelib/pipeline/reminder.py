"""Merges that a reader found half done, sent through the ingest queue to whoever completes them."""

import logging

from ..errors import Retryable, place_of
from ..ids import Ids
from ..queues import INGEST, Outgoing, Queues
from ..tracking.envelope import Due, pack

logger = logging.getLogger(__name__)


class Reminder:
    def __init__(self, queues: Queues, ids: Ids) -> None:
        self._queues, self._ids = queues, ids

    def __call__(self, space_id: str, profile_id: str) -> None:
        """The reader is shown everybody anyway: that it cannot be sent must not keep him from reading."""
        envelope = Due(batch_id=self._ids.ksuid("due_"), space_id=space_id, profile_ids=[profile_id])
        try:
            self._queues.send(INGEST, [Outgoing(pack(envelope), group=space_id)])
        except Retryable as error:
            logger.warning("A merge that is half done waits for its next event: %s", place_of(error))
