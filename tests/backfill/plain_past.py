"""Another reader of history: slow, direct, over the landed lines."""

import gzip
import json
from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

from chalicelib import query
from chalicelib.archive.scan import FreshEvent, Scanned, add
from chalicelib.instants import parse_iso

PREFIX = "events/landing/"


class PlainPast:
    def __init__(self, archive: Any) -> None:
        self._archive = archive

    def cut(self, space_id: str) -> bytes:
        return json.dumps(self._archive.list(f"{PREFIX}{space_id}/")).encode()

    def groups(self, cut: bytes) -> list[list[str]]:
        return [[day] for day in sorted({key.split("/")[3] for key in json.loads(cut)})]

    def parts(self, cut: bytes) -> int:
        return 2

    def scan(
        self, cut: bytes, days: Sequence[str], streams: Sequence[query.Stream], settled_before: int, parts: int
    ) -> Iterator[Iterator[Scanned]]:
        rows = list(self._rows(cut, days))
        last = {row["messageId"]: row for row in sorted(rows, key=lambda row: row["landedAt"])}
        found: dict[str, Scanned] = {}
        for row in rows:
            event, profile_id = _event(row), row["profileId"]
            one = found.setdefault(profile_id, Scanned(profile_id, {}, []))
            if event.received_at >= settled_before:
                event.streams = [stream.key for stream in streams if stream.admits(event)]
                one.fresh += [event] if event not in one.fresh and event.streams else []
            elif row is last[row["messageId"]]:
                add(one.states, streams, event)
        for part in range(parts):
            yield iter([one for id, one in found.items() if id and crc32(id.encode()) % parts == part])

    def _rows(self, cut: bytes, days: Sequence[str]) -> Iterator[dict[str, Any]]:
        for key in json.loads(cut):
            if key.split("/")[3] in days:
                for line in gzip.decompress(self._archive.get(key)).splitlines():
                    yield json.loads(line)


def _event(row: dict[str, Any]) -> FreshEvent:
    return FreshEvent(
        event=row.get("event", ""),
        timestamp=parse_iso(row["timestamp"]) or 0,
        received_at=parse_iso(row["receivedAt"]) or 0,
        message_id=row["messageId"],
        source_id=row.get("sourceId"),
        properties=row.get("properties", {}),
        context=row.get("context", {}),
    )
