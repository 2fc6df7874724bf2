"""The task behind a preview: what there is written down, the definition evaluated over it, the result kept a day."""

import logging

import msgspec

from .. import query
from ..archive.breakdown import has_types, shared
from ..archive.cut import Cut
from ..archive.database import exceeded
from ..archive.history import History, Session
from ..archive.membership import evaluate_history
from ..clock import DAY, Clock
from ..computations.computation import ACCOUNTS, AUDIENCE, DEFAULT_EXTERNAL_IDS, LINKED
from ..computations.linked import REASON
from ..deadline import Deadline
from ..errors import Invalid, Retryable, place_of
from ..identity.rules import BUILT_IN
from ..profiles.ports import Archive
from ..records import Records
from ..tasks.kind import Cursor, Done, Kind, StepFailed
from ..tasks.task import Step, Task
from ..workspace.shelf import Shelf
from .request import Asked
from .service import KEPT, KIND, TOO_MUCH, Preview, Result, Share, preview_key, result_key

logger = logging.getLogger(__name__)

BROKEN = "The definition could not be evaluated over what people have done so far. It is our fault: please report it."

_OF_ACCOUNTS = "group_id"


class Previewing:
    """Its steps."""

    def __init__(self, work: Records, archive: Archive, history: History, clock: Clock) -> None:
        self._work, self._archive, self._history, self._clock = work, archive, history, clock
        self._previews = Shelf(work, Preview)

    def kind(self) -> Kind:
        return Kind(KIND, {"prepare": self.prepare, "evaluate": self.evaluate, "store": self.store})

    def prepare(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        preview = self._preview(task)
        if self._archive.find(preview.cut_key) is None:
            self._archive.put(preview.cut_key, self._history.cut(preview.space_id).encode())
        return Done()

    def evaluate(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """What fails for another reason than the weather fails at once: somebody waits for the answer."""
        preview = self._preview(task)
        if preview.asked.scope == LINKED:
            return _noted(Result(failure=REASON))
        try:
            result = self._result(preview)
        except Retryable:
            raise
        except Exception as error:
            logger.error("A preview cannot be evaluated: %s", place_of(error))
            too_much = isinstance(error, Invalid) or exceeded(error)
            result = Result(failure=TOO_MUCH if too_much else BROKEN)
        return _noted(result)

    def store(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        preview = self._preview(task)
        note = task.step("evaluate").output_ref
        data = msgspec.msgpack.encode(msgspec.json.decode(note or "", type=Result))
        self._work.put(result_key(preview.space_id, preview.id), data, expires_at=preview.created_at + KEPT)
        self._archive.delete([preview.cut_key])
        return Done()

    def _result(self, preview: Preview) -> Result:
        asked, cut = preview.asked, Cut.decode(self._archive.get(preview.cut_key))
        now = preview.created_at if asked.as_of is None else asked.as_of
        with self._history.open(cut, as_of=asked.as_of) as session:
            found = evaluate_history(session, _plan(asked, now), now=now, external_ids=asked.eligible)
            types = _types(asked)
            return Result(
                size=found.size,
                sample=found.sample,
                breakdown=[Share(*one) for one in has_types(session, found.table, types)] if types else None,
                overlap=_overlap(session, found.table, preview),
            )

    def _preview(self, task: Task) -> Preview:
        found = self._previews.find(preview_key(task.space_id, str(task.input["preview_id"])))
        if found is None:
            raise StepFailed("PREVIEW_GONE", "The preview is more than a day old.")
        return found


def _noted(result: Result) -> Done:
    return Done(msgspec.json.encode(result).decode())


def _overlap(session: Session, table: str, preview: Preview) -> int | None:
    other, key = preview.asked.overlap_with, preview.overlap_key
    return None if other is None or key is None else shared(session, table, key, other)


def _plan(asked: Asked, now: int) -> query.Plan:
    definition = query.parse(asked.query, kind=AUDIENCE, scope=asked.scope)
    days = asked.lookback_days
    return query.compile(definition, timestamp_from=None if days is None else now - days * DAY)


def _types(asked: Asked) -> list[str]:
    """The types that every space knows, and those that were asked for; accounts have but one."""
    if asked.scope == ACCOUNTS:
        return []
    first = [*DEFAULT_EXTERNAL_IDS, *(asked.external_ids or ())]
    return [*dict.fromkeys(first), *sorted(BUILT_IN - {*first, _OF_ACCOUNTS})]
