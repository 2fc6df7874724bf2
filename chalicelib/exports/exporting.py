"""The task behind an export: what there is written down, the file made from it, and told that it is there."""

import csv
from pathlib import Path

import msgspec

from ..archive.cut import Cut
from ..archive.export_rows import holders, select, widths
from ..archive.history import History, Session
from ..clock import Clock
from ..deadline import Deadline
from ..profiles.ports import Archive
from ..records import Records
from ..tasks.kind import Cursor, Done, Kind, StepFailed
from ..tasks.task import Step, Task
from ..workspace.shelf import Shelf
from .rows import Person, Sheet
from .service import KEPT, KIND, Export, File, export_key, file_key

LINE_END = "\r\n"


class Exporting:
    """Its steps."""

    def __init__(self, work: Records, archive: Archive, history: History, clock: Clock) -> None:
        self._work, self._archive, self._history, self._clock = work, archive, history, clock
        self._exports = Shelf(work, Export)

    def kind(self) -> Kind:
        return Kind(KIND, {"prepare": self.prepare, "evaluate": self.evaluate, "store": self.store})

    def prepare(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """Whoever goes on after a crash reads the same, and writes the same bytes."""
        export = self._export(task)
        if self._archive.find(export.cut_key) is None:
            self._archive.put(export.cut_key, self._history.cut(export.space_id).encode())
        return Done()

    def evaluate(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        """Memory does not grow with the number of people: the file is written line by line."""
        export = self._export(task)
        cut = Cut.decode(self._archive.get(export.cut_key))
        with self._history.open(cut, days=[]) as session:
            people = select(session, export.computation_key, export.computation_id, members=not export.of_trait)
            path = session.directory / "export.csv"
            _write(session, export, path)
            self._archive.upload(export.key, path)
            made = File(people=people, bytes=path.stat().st_size, at=0)
        return Done(msgspec.json.encode(made).decode())

    def store(self, task: Task, step: Step, deadline: Deadline) -> Done | Cursor:
        export = self._export(task)
        note = task.step("evaluate").output_ref
        made = msgspec.structs.replace(msgspec.json.decode(note or "", type=File), at=self._clock.now())
        data = msgspec.msgpack.encode(made)
        self._work.put(file_key(export.space_id, export.id), data, expires_at=export.created_at + KEPT)
        self._archive.delete([export.cut_key])
        return Done()

    def _export(self, task: Task) -> Export:
        found = self._exports.find(export_key(task.space_id, str(task.input["export_id"])))
        if found is None:
            raise StepFailed("EXPORT_GONE", "What was to be exported is not known any more.")
        return found


def _write(session: Session, export: Export, path: Path) -> None:
    sheet = Sheet(export.choice, widths(session), of_trait=export.of_trait)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator=LINE_END)
        writer.writerow(sheet.header)
        for holder in holders(session, export.computation_key):
            writer.writerows(sheet.rows(Person(holder.profile_id, holder.ids, holder.traits, holder.value)))
