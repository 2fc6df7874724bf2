"""What is written down of events that were worked off: how many filters left out, and the names of the others."""

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from ..errors import place_of
from .admission import Admitted
from .discards import Discards
from .vocabulary import Vocabulary

FILTERED = "event_setting"  # as Segment calls what a setting of its owner leaves out

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Books:
    discards: Discards
    vocabulary: Vocabulary

    def close(self, space_id: str, admitted: Admitted, left: Collection[str]) -> None:
        """Without the queue messages that are `left` for another time. Raises nothing: the events are counted by now,
        and failing would only bring them again."""
        try:
            self._close(space_id, admitted, left)
        except Exception as error:
            logger.error("What became of events is not written down: %s", place_of(error))

    def _close(self, space_id: str, admitted: Admitted, left: Collection[str]) -> None:
        dropped: Counter[str] = Counter()
        for queue_id, by_source in admitted.dropped.items():
            dropped.update({} if queue_id in left else by_source)
        for source_id, count in dropped.items():
            self.discards.count(source_id, {FILTERED: count})
        done = [batch for batch in admitted.batches if batch.queue_id not in left]
        self.vocabulary.note(space_id, (event for batch in done for event in batch.events))
