"""The columns of history, and how the lines of landing objects become them."""

from collections.abc import Sequence
from pathlib import Path

from .database import listed, quoted
from .layout import EVENTS, PROFILES

# Ids are those the event was resolved to when it landed; JSON is kept as text, as it was sent.
EVENT = {
    "message_id": "VARCHAR",
    "profile_id": "VARCHAR",
    "account_id": "VARCHAR",
    "type": "VARCHAR",
    "event": "VARCHAR",
    "source_id": "VARCHAR",
    "timestamp": "BIGINT",
    "received_at": "BIGINT",
    "sent_at": "BIGINT",
    "original_timestamp": "BIGINT",
    "user_id": "VARCHAR",
    "anonymous_id": "VARCHAR",
    "group_id": "VARCHAR",
    "previous_id": "VARCHAR",
    "name": "VARCHAR",
    "category": "VARCHAR",
    "properties": "VARCHAR",
    "traits": "VARCHAR",
    "context": "VARCHAR",
    "integrations": "VARCHAR",
    "landed_at": "BIGINT",
}
SNAPSHOT = {
    "profile_id": "VARCHAR",
    "version": "BIGINT",
    "written_at": "BIGINT",
    "collection": "VARCHAR",
    "created_at": "BIGINT",
    "updated_at": "BIGINT",
    "external_ids": "VARCHAR",
    "id_types": "VARCHAR[]",
    "traits": "VARCHAR",
    "outcomes": "VARCHAR",
    "links": "VARCHAR[]",
    "merged_into": "VARCHAR",
    "deleted": "BOOLEAN",
}
# One line of a landing object is far below; only a limit that is named cannot surprise.
LONGEST_LINE = 16_777_216

_ISO = ("timestamp", "received_at", "sent_at", "original_timestamp")
_JSON = ("properties", "traits", "context", "integrations")


def landed_events(paths: Sequence[Path]) -> str:
    """A query for the events in files of lines."""
    read = dict.fromkeys(EVENT, "VARCHAR") | dict.fromkeys(_JSON, "JSON") | {"landed_at": "BIGINT"}
    shown = {name: _camel(name) for name in EVENT}
    shown |= {name: f"epoch_ms({_camel(name)}::TIMESTAMP)" for name in _ISO}
    shown |= {name: f"{name}::VARCHAR" for name in _JSON}
    shown["landed_at"] = f"coalesce(landedAt, {shown['received_at']})"
    return _query(paths, read, shown)


def landed_snapshots(paths: Sequence[Path]) -> str:
    """A query for the snapshots in files of lines."""
    read = {name: "JSON" if name in ("external_ids", "traits", "outcomes") else kind for name, kind in SNAPSHOT.items()}
    shown = {name: _camel(name) for name in SNAPSHOT}
    shown |= {name: f"{_camel(name)}::VARCHAR" for name in ("external_ids", "traits", "outcomes")}
    return _query(paths, read, shown)


def _query(paths: Sequence[Path], read: dict[str, str], shown: dict[str, str]) -> str:
    columns = ", ".join(f"{quoted(_camel(name))}: {quoted(kind)}" for name, kind in read.items())
    select = ", ".join(f"{expression} AS {name}" for name, expression in shown.items())
    options = f"format = 'newline_delimited', maximum_object_size = {LONGEST_LINE}, columns = {{{columns}}}"
    return f"SELECT {select} FROM read_json({listed(paths)}, {options})"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


SCHEMA = {EVENTS: EVENT, PROFILES: SNAPSHOT}
LANDED = {EVENTS: landed_events, PROFILES: landed_snapshots}
