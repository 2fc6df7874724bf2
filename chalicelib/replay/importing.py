"""The task behind an import: the file's name by its content, then chunk after chunk of its lines, then the report."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec.structs import replace

from ..clock import DAY, SECOND, Clock
from ..deadline import Deadline
from ..errors import Conflict, Malformed
from ..ids import Ids
from ..profiles.ports import Archive
from ..records import Key, Records
from ..tasks.book import Book
from ..tasks.kind import Cursor, Done, Kind, StepFailed
from ..tasks.task import SUCCEEDED, Step, Task
from ..tracking import body
from ..tracking.request import MESSAGE_TOO_LARGE, TrackingRequest
from ..tracking.validation import sift
from ..workspace.shelf import Shelf
from . import places
from .feed import MOST_BYTES, MOST_MESSAGES, REMEMBERED, Feed, Inlet, is_far_ahead
from .held import Held
from .imports import KEPT, KIND, Import, Report
from .lines import Chunk, Line, Lines, digest_of, lines_of
from .rejects import Reject, Rejects

DAMAGED = "damaged_compression"
CLAIM_KEPT = 400 * DAY  # for so long a file that was taken in is known again
REST = 5 * SECOND  # before the end of an invocation, in which the file is let go of

# The client's own times of sending belong to a request that was never made to us.
NOT_OF_THE_PAST = ("sentAt", "receivedAt")


class Named(msgspec.Struct, frozen=True):
    """What the first step found: the file by its content, and where to begin. `same_as` had it all in before."""

    digest: str
    etag: str
    start: str | None = None
    same_as: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """Which task takes in a file, and where it begins if another one came so far."""

    task_id: str
    start: str | None = None


class Place(msgspec.Struct, frozen=True):
    """Where the next chunk begins. `due`: when it is to be resolved; `at`: when it counts as received (epoch ms)."""

    offset: int = 0
    number: int = 1
    at: int = 0
    due: int = 0
    accepted: int = 0
    codes: dict[str, int] = msgspec.field(default_factory=dict)
    is_last: bool = False


class Importing:
    """Its steps."""

    def __init__(self, work: Records, archive: Archive, feed: Feed, ids: Ids, clock: Clock) -> None:
        self._work, self._archive, self._feed = work, archive, feed
        self._ids, self._clock = ids, clock
        self._tasks = Book(work)
        self._imports = Shelf(work, Import)
        self.held: Held[Lines] = Held()

    def kind(self) -> Kind:
        return Kind(KIND, {"prepare": self.prepare, "read": self.read, "store": self.store})

    def prepare(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """Name the file, and make sure that nobody else takes it in: the same file twice would count twice."""
        wanted = self._import(task)
        etag = self._etag(wanted)
        with self._fetched(wanted) as path:
            digest = digest_of(path)
        return _noted(self._named(wanted, task, digest, etag))

    def read(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """One chunk: sent, what was rejected noted, and only then is the place behind it saved."""
        wanted, named = self._import(task), _named(task)
        note = step.cursor or named.start
        place = _place(note) if note else Place(at=task.created_at, due=task.created_at)
        if named.same_as is not None or place.is_last:
            return Done(_encoded(place).decode())
        if is_far_ahead(place.due, self._clock.now()):
            return Cursor(_encoded(place).decode())
        lines, leave = self.held.take(task.task_id, str(place.offset), lambda: self._open(wanted, named, place))
        done = False
        try:
            following = self._take_in(wanted, named, place, lines.chunk(MOST_MESSAGES, MOST_BYTES), lines)
            done = True
        finally:
            leave(done and not following.is_last and deadline.remaining() > REST)
        return Cursor(_encoded(following).decode())

    def store(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        wanted, named = self._import(task), _named(task)
        report = Report(same_as=named.same_as) if named.same_as else self._report(wanted, named, task)
        data = msgspec.msgpack.encode(report)
        key = places.report_key(wanted.space_id, wanted.id)
        self._work.put(key, data, expires_at=wanted.created_at + KEPT)
        if named.same_as is None:
            self._rejects(wanted, named).drop_parts()
        return Done()

    def _report(self, wanted: Import, named: Named, task: Task) -> Report:
        place = _place(task.step("read").output_ref or "")
        rejected = sum(place.codes.values())
        rejects = self._rejects(wanted, named)
        known = self._work.get(places.report_key(wanted.space_id, wanted.id))
        if known is not None:  # stored before the parts were dropped, by a worker that died then
            return msgspec.msgpack.decode(known.data, type=Report)
        samples = rejects.gather() if rejected else []
        return Report(
            lines=place.accepted + rejected,
            accepted=place.accepted,
            codes=place.codes,
            samples=[(one.line, one.code) for one in samples],
            rejected_key=rejects.key if rejected else None,
        )

    def _take_in(self, wanted: Import, named: Named, place: Place, chunk: Chunk, lines: Lines) -> Place:
        good, rejected = self._sifted(named, chunk)
        if chunk.damaged:
            rejected.append(Reject(lines.number, DAMAGED))
        now = self._clock.now()
        pacing = self._feed.pacing(place.due, now, len(good))
        if good:
            inlet = Inlet(wanted.workspace_id, wanted.space_id, wanted.source_id)
            self._feed.send(inlet, f"{named.digest}#{place.offset}", good, place.at, now, pacing.due)
        if rejected:
            self._rejects(wanted, named).put(place.offset, rejected)
        return Place(
            offset=lines.offset,
            number=lines.number,
            at=now,
            due=pacing.following,
            accepted=place.accepted + len(good),
            codes=dict(Counter(place.codes) + Counter(one.code for one in rejected)),
            is_last=chunk.is_last,
        )

    def _sifted(self, named: Named, chunk: Chunk) -> tuple[list[dict[str, Any]], list[Reject]]:
        good, rejected = list[dict[str, Any]](), list[Reject]()
        for line in chunk.lines:
            judged = self._judged(line, named.digest)
            if isinstance(judged, str):
                rejected.append(Reject(line.number, judged))
            else:
                good.append(judged)
        return good, rejected

    def _judged(self, line: Line, digest: str) -> dict[str, Any] | str:
        """The message, or the code under which the tracking API would discard it."""
        if line.text is None:
            return MESSAGE_TOO_LARGE
        try:
            value = body.parse(line.text)
        except body.Unfit as error:
            return error.code
        except Malformed:
            return body.MALFORMED
        if isinstance(value, dict):
            value = {name: given for name, given in value.items() if name not in NOT_OF_THE_PAST}
            if value.get("messageId") in (None, ""):
                value["messageId"] = f"import-{digest[:32]}-{line.number}"
        request = TrackingRequest(write_key="", kind=None, count=1, messages=[value])
        sifted = sift(request, self._ids)
        return sifted.messages[0] if sifted.messages else next(iter(sifted.discarded))

    def _named(self, wanted: Import, task: Task, digest: str, etag: str) -> Named:
        claim = self._claim(wanted, digest, Claim(wanted.task_id))
        if claim.task_id == wanted.task_id:
            return Named(digest, etag, claim.start)
        held = self._tasks.find(claim.task_id)
        if held is None:  # so long ago that nothing but its claim is left
            raise StepFailed("IMPORTED_BEFORE", "The same file was imported through the same source.")
        if held.task.is_open:
            raise StepFailed("IMPORT_UNDER_WAY", "The same file is being imported through the same source.")
        if held.task.status == SUCCEEDED:
            return Named(digest, etag, same_as=str(held.task.input["import_id"]))
        ours = Claim(wanted.task_id, self._continued(held.task, task))
        # With the start in it: whoever goes on after a crash finds the claim ours.
        self._work.put(self._claim_key(wanted, digest), _encoded(ours), expires_at=self._clock.now() + CLAIM_KEPT)
        return Named(digest, etag, ours.start)

    def _claim(self, wanted: Import, digest: str, ours: Claim) -> Claim:
        """Who has this file; we do, if nobody had it."""
        key = self._claim_key(wanted, digest)
        try:
            self._work.create(key, _encoded(ours), expires_at=self._clock.now() + CLAIM_KEPT)
            return ours
        except Conflict:
            record = self._work.get(key)
        return msgspec.json.decode(record.data, type=Claim) if record else ours

    def _claim_key(self, wanted: Import, digest: str) -> Key:
        return places.imported_key(wanted.space_id, wanted.source_id, digest)

    def _continued(self, earlier: Task, task: Task) -> str | None:
        """Where an import that came to no end is taken up. Its last chunk may have been sent without a note of it, so
        it is sent again: profiles must still remember it."""
        if (prepared := earlier.step("prepare").output_ref) is None:
            return None
        note = earlier.step("read").cursor or _decoded(prepared).start
        if note is None:
            return None
        place = _place(note)
        if self._clock.now() - (earlier.completed_at or 0) > REMEMBERED:
            raise StepFailed(
                "STOPPED_LONG_AGO",
                f"The same file was imported up to line {place.number - 1}, too long ago to go on safely. "
                "Cut off what is in and import the rest.",
            )
        return _encoded(replace(place, at=task.created_at)).decode()

    def _import(self, task: Task) -> Import:
        return self._imports.get(places.import_key(task.space_id, str(task.input["import_id"])))

    def _rejects(self, wanted: Import, named: Named) -> Rejects:
        return Rejects(self._archive, wanted.space_id, f"{wanted.source_id}-{named.digest}")

    def _etag(self, wanted: Import) -> str:
        found = next((one for one in self._archive.stat(wanted.key) if one.key == wanted.key), None)
        if found is None:
            raise StepFailed("FILE_GONE", "The file is not in the archive any more.")
        return found.etag

    @contextmanager
    def _fetched(self, wanted: Import) -> Iterator[Path]:
        with TemporaryDirectory(prefix="import-") as scratch:
            path = Path(scratch) / "lines"
            self._archive.fetch(wanted.key, path)
            yield path

    @contextmanager
    def _open(self, wanted: Import, named: Named, place: Place) -> Iterator[Lines]:
        if self._etag(wanted) != named.etag:
            raise StepFailed("FILE_CHANGED", "The file was replaced while it was being imported.")
        with self._fetched(wanted) as path, lines_of(path, place.offset, place.number) as lines:
            yield lines


def _noted(named: Named) -> Done:
    return Done(_encoded(named).decode())


def _encoded(value: Named | Claim | Place) -> bytes:
    return msgspec.json.encode(value)


def _named(task: Task) -> Named:
    return _decoded(task.step("prepare").output_ref or "")


def _decoded(note: str) -> Named:
    return msgspec.json.decode(note, type=Named)


def _place(note: str) -> Place:
    return msgspec.json.decode(note, type=Place)


def place_of(task: Task) -> Place | None:
    """How far it is; None before it begins."""
    found = task.step("read")
    note = found.cursor or found.output_ref
    return msgspec.json.decode(note, type=Place) if note else None
