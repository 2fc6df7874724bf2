"""What a run keeps between its steps: its cut of history, and what each portion of days holds for each part.

Whoever repeats a step writes the same again.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from .. import query
from ..archive.scan import FreshEvent, Scanned
from ..errors import VersionConflict
from ..profiles.filling import Part
from ..profiles.ports import Archive

LEVEL = 1  # written once, read once


class Results:
    def __init__(self, archive: Archive, task_id: str) -> None:
        self._archive, self._prefix = archive, f"runs/{task_id}/"

    def cut(self, take: Callable[[], bytes]) -> bytes:
        """The first one that was taken."""
        key = f"{self._prefix}cut"
        found = self._archive.find(key)
        if found is not None:
            return found[0]
        cut = take()
        try:
            self._archive.put_if(key, cut, None)
        except VersionConflict:
            return self._archive.get(key)
        return cut

    def put(self, group: int, part: int, found: Iterable[Scanned]) -> None:
        body = msgspec.msgpack.encode([_Row(one.profile_id, one.states, one.fresh) for one in found])
        self._archive.put(self._key(group, part), zlib.compress(body, LEVEL))

    def of(self, part: int, groups: int, streams: Sequence[query.Stream]) -> dict[str, Part]:
        """By profile id, all portions of days taken together."""
        by_key = {stream.key: stream for stream in streams}
        found: dict[str, Part] = {}
        for group in range(groups):
            for row in _decoder.decode(zlib.decompress(self._archive.get(self._key(group, part)))):
                found[row.profile_id] = _joined(found.get(row.profile_id), row, by_key)
        return found

    def drop(self) -> None:
        self._archive.delete(self._archive.list(self._prefix))

    def _key(self, group: int, part: int) -> str:
        return f"{self._prefix}{group:05d}/{part:05d}"


class _Row(msgspec.Struct, array_like=True):
    profile_id: str
    states: dict[str, object]
    fresh: list[FreshEvent]


_decoder = msgspec.msgpack.Decoder(list[_Row])


def _joined(known: Part | None, row: _Row, streams: dict[str, query.Stream]) -> Part:
    if known is None:
        return Part(row.profile_id, row.states, row.fresh)
    states = dict(known.states)
    for key, state in row.states.items():
        states[key] = streams[key].merge(states[key], state) if key in states else state
    return Part(row.profile_id, states, [*known.fresh, *row.fresh])
