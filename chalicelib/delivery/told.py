"""What destinations were told last of a profile, connection by connection and row by row.

There is one sheet per profile that was ever told of: a change that says nothing to anybody costs nothing here, any
other one read and one write. The write is conditional and comes before the messages, so changes of a profile are told
one after the other, whoever tells them; whoever finds the change on the sheet already repeats what it says, and no
more. Rows are kept with their identifiers as long as somebody believes in them: who leaves has to leave under
identifiers, too, that were taken from the profile meanwhile.

Sequences grow with every telling of a profile, also across merges. They are instants where they can be, so that those
of two profiles that had the same identifier one after the other can be compared.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ..clock import DAY, Clock
from ..errors import Conflict, VersionConflict
from ..records import Key, Record, Records
from .rows import Group, Row

WAITING = 14 * DAY  # the longest that a message told earlier can still be on its way: no queue keeps it longer
_LARGE = 1_024  # bytes, from which on compression saves write units

CONTESTED = (Conflict, VersionConflict)

AnyRow = Row | Group
Mark = bool | bytes


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """What was told last of one row: the value as `mark_of` gives it, and under which `sequence`. `change` names what
    made it told. `follows`: what was told of it before may still be on its way."""

    row: Row | None
    group_id: str | None
    value: Mark
    sequence: int
    change: str
    follows: bool

    @property
    def identity(self) -> AnyRow:
        return Group(self.group_id) if self.group_id is not None else self.row or Row()

    @property
    def is_held(self) -> bool:
        return self.value not in (False, b"")


class Sheet(msgspec.Struct, array_like=True, frozen=True):
    """`version` is that of the newest change that is on it. `moved`: its profile was merged away, and whoever took it
    in speaks for it. `rows` are by connection id and `name_of` a row. `first` is by connection id the version of the
    profile that its first sync told: earlier changes are in that already."""

    version: int = 0
    sequence: int = 0
    moved: bool = False
    rows: dict[str, dict[str, Entry]] = msgspec.field(default_factory=dict)
    first: dict[str, int] = msgspec.field(default_factory=dict)


class Held(NamedTuple):
    """A sheet as it is stored; `record` None for one that is not."""

    key: Key
    record: Record | None
    sheet: Sheet


class Wanted(NamedTuple):
    """What a connection is to be told. `recalls`: rows believed in are told, too, whatever the profile holds now.
    `only_news`: not to those who were told this already."""

    connection_id: str
    rows: Sequence[AnyRow]
    value: Mark
    recalls: bool = False
    only_news: bool = False


class Telling(NamedTuple):
    """A row that is told. `follows` as in `Entry`."""

    row: AnyRow
    name: str
    sequence: int
    follows: bool


Tellings = list[list[Telling]]  # for each thing that is wanted

_decoder = msgspec.msgpack.Decoder(Sheet)


def name_of(row: AnyRow) -> str:
    return blake2b(msgspec.json.encode([type(row).__name__, row]), digest_size=12).hexdigest()


def mark_of(value: Any) -> Mark:
    """Enough of a value to know it again: values may be long."""
    if isinstance(value, bool):
        return value
    return b"" if value is None else blake2b(msgspec.json.encode(value), digest_size=12).digest()


class Told:
    def __init__(self, work: Records, clock: Clock) -> None:
        self._work, self._clock = work, clock

    def sheets(self, space_id: str, profile_ids: Iterable[str]) -> dict[str, Held]:
        """By profile id, all that are asked for."""
        keys = {profile_id: _key(space_id, profile_id) for profile_id in profile_ids}
        found = self._work.get_many(keys.values())
        return {profile_id: _held(key, found.get(key)) for profile_id, key in keys.items()}

    def change(
        self, held: Held, version: int, wanted: Sequence[Wanted], taken: Sequence[Held], known: Iterable[str]
    ) -> Tellings:
        """Tell a change of the profile. `taken` are the sheets of those it took in by this change, `known` the ids of
        all connections there are. Raises Conflict or VersionConflict: look at the sheets anew and try again."""
        sheet = held.sheet
        if sheet.moved or sheet.version > version:
            return [[] for _ in wanted]
        name = str(version)
        if sheet.version == version:
            return [_repeated(sheet, name, one.connection_id) for one in wanted]
        self._move(other for other in taken if not other.sheet.moved)
        before = _joined(sheet, [other.sheet for other in taken])
        late = [one if sheet.first.get(one.connection_id, 0) < version else _nothing(one) for one in wanted]
        after, tellings = self._told(before, name, late, known)
        self._save(held, replace(after, version=version))
        return tellings

    def again(
        self,
        held: Held,
        name: str,
        wanted: Wanted,
        known: Iterable[str],
        first_at: int | None = None,
        taken: Sequence[Held] = (),
    ) -> list[Telling]:
        """Tell a profile as it is, once for this name: whoever asks again under the same one repeats what was told,
        and nothing that was told otherwise since. `first_at` is the version of the profile, for the first time.
        `taken` are the sheets of all whom it ever took in. Raises Conflict or VersionConflict."""
        sheet = held.sheet
        if sheet.moved:
            return []
        repeated = _repeated(sheet, name, wanted.connection_id)
        if repeated:
            return repeated
        after, (tellings,) = self._told(_joined(sheet, [other.sheet for other in taken]), name, [wanted], known)
        if first_at is not None:
            after = replace(after, first={**after.first, wanted.connection_id: first_at})
        overlooked = [other for other in taken if other.record is not None and not other.sheet.moved]
        if tellings or overlooked:
            self._move(overlooked)
            self._save(held, after)
        return tellings

    def forget(self, space_id: str, profile_ids: Iterable[str]) -> None:
        for profile_id in profile_ids:
            self._work.delete(_key(space_id, profile_id))

    def _told(
        self, sheet: Sheet, change: str, wanted: Sequence[Wanted], known: Iterable[str]
    ) -> tuple[Sheet, Tellings]:
        now = self._clock.now()
        sequence, kept = max(sheet.sequence + 1, now), set(known)
        rows = {
            id: {name: e for name, e in entries.items() if e.is_held or e.sequence > now - WAITING}
            for id, entries in sheet.rows.items()
            if id in kept
        }
        tellings: Tellings = []
        for one in wanted:
            entries = rows.setdefault(one.connection_id, {})
            told = [_telling(row, entries, sequence, now) for row in _addressed(one, entries)]
            entries |= {t.name: _entry(t, one.value, change) for t in told}
            tellings.append(told)
        first = {id: version for id, version in sheet.first.items() if id in kept}
        return replace(sheet, sequence=sequence, rows=rows, first=first), tellings

    def _move(self, sheets: Iterable[Held]) -> None:
        for held in sheets:
            self._save(held, replace(held.sheet, moved=True))

    def _save(self, held: Held, sheet: Sheet) -> None:
        """Nobody believes in anything any more: then it may go when nothing told can be on its way."""
        is_held = any(entry.is_held for entries in sheet.rows.values() for entry in entries.values())
        expires_at = None if is_held and not sheet.moved else self._clock.now() + WAITING
        data = _packed(sheet)
        if held.record is None:
            self._work.create(held.key, data, expires_at=expires_at)
        else:
            self._work.replace(held.record, data, expires_at=expires_at)


def _addressed(wanted: Wanted, entries: Mapping[str, Entry]) -> Iterator[AnyRow]:
    named = {name_of(row): row for row in wanted.rows}
    if wanted.recalls:
        named |= {name: entry.identity for name, entry in entries.items() if entry.is_held and name not in named}
    for name, row in named.items():
        if not (wanted.only_news and name in entries and entries[name].value == wanted.value):
            yield row


def _nothing(wanted: Wanted) -> Wanted:
    return wanted._replace(rows=(), recalls=False)


def _telling(row: AnyRow, entries: Mapping[str, Entry], sequence: int, now: int) -> Telling:
    name = name_of(row)
    before = entries.get(name)
    return Telling(row, name, sequence, before is not None and before.sequence > now - WAITING)


def _entry(told: Telling, value: Mark, change: str) -> Entry:
    row, group_id = (None, told.row.group_id) if isinstance(told.row, Group) else (told.row, None)
    return Entry(row, group_id, value, told.sequence, change, told.follows)


def _repeated(sheet: Sheet, change: str, connection_id: str) -> list[Telling]:
    entries = sheet.rows.get(connection_id, {}).items()
    return [Telling(e.identity, name, e.sequence, e.follows) for name, e in entries if e.change == change]


def _joined(sheet: Sheet, others: Iterable[Sheet]) -> Sheet:
    """What was told last of each row counts, of whomever it was told."""
    rows = {id: dict(entries) for id, entries in sheet.rows.items()}
    sequence = sheet.sequence
    for other in others:
        sequence = max(sequence, other.sequence)
        for id, entries in other.rows.items():
            own = rows.setdefault(id, {})
            for name, entry in entries.items():
                if name not in own or own[name].sequence < entry.sequence:
                    own[name] = replace(entry, change="")
    return replace(sheet, sequence=sequence, rows=rows)


def _held(key: Key, record: Record | None) -> Held:
    return Held(key, record, Sheet() if record is None else _decoder.decode(_unpacked(record.data)))


def _packed(sheet: Sheet) -> bytes:
    data = msgspec.msgpack.encode(sheet)
    return b"z" + zlib.compress(data) if len(data) > _LARGE else b"-" + data


def _unpacked(data: bytes) -> bytes:
    return zlib.decompress(data[1:]) if data[:1] == b"z" else data[1:]


def _key(space_id: str, profile_id: str) -> Key:
    return Key(f"told#{space_id}#{profile_id}", "told")
