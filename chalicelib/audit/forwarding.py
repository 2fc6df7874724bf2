"""Rows of the audit trail as events: each one a Track call named Audit, sent into a source the owner chose.

It goes the way of every event, from the tracking API on, under a message id that follows from the row: sending it again
counts nothing twice. Forwarding itself never leaves a row, and failures of computations that read such events are not
forwarded: a failing one would otherwise feed itself for ever.
"""

import base64
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from ..computations.catalogue import Catalogue
from ..errors import NotFound, Unavailable
from ..instants import to_iso
from ..pipeline.intake import Call, Reply
from ..records import Key, Records
from ..workspace.body import Body
from ..workspace.model import ENGAGE, Source
from ..workspace.ports import Directory
from ..workspace.shelf import Shelf
from ..workspace.storage import workspace_partition
from .row import SYSTEM, Row

logger = logging.getLogger(__name__)

EVENT = "Audit"
TRY_AGAIN = 503


class Forwarding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One switch and one source per workspace."""

    enabled: bool = False
    source_id: str | None = None


class Intake(Protocol):
    """The tracking API. Implementation: `pipeline.intake`."""

    def accept(self, call: Call) -> Reply: ...


class Sources(Protocol):
    """Implementation: `workspace.sources`."""

    def get(self, workspace_id: str, source_id: str) -> Source:
        """Raises NotFound."""
        ...


class Forwarder:
    def __init__(self, workspace: Records, sources: Sources, directory: Directory, intake: Intake) -> None:
        self._shelf = Shelf(workspace, Forwarding)
        self._sources, self._directory, self._intake = sources, directory, intake

    def settings(self, workspace_id: str) -> Forwarding:
        return self._shelf.find(_key(workspace_id)) or Forwarding()

    def update(self, workspace_id: str, content: Mapping[str, Any]) -> Forwarding:
        """Raises Invalid."""
        before, body = self.settings(workspace_id), Body(content)
        enabled = body.flag("enabled", required=True)
        source_id = body.text("sourceId") or before.source_id
        if enabled and source_id is None:
            body.reject("sourceId", '"sourceId" is required to switch forwarding on')
        elif source_id is not None and body.has("sourceId"):
            self._check(body, workspace_id, source_id)
        body.done()
        settings = Forwarding(enabled=bool(enabled), source_id=source_id)
        self._shelf.put(_key(workspace_id), settings)
        return settings

    def forward(self, row: Row) -> None:
        """Does nothing while forwarding is off. Raises Unavailable when it is to be tried again."""
        settings = self.settings(row.workspace_id)
        if not settings.enabled or settings.source_id is None or self._would_feed_itself(row):
            return
        source = self._source(row.workspace_id, settings.source_id)
        if source is None or not source.enabled or not source.write_keys:
            logger.warning("Audit rows of workspace %s have no source to go to", row.workspace_id)
            return
        reply = self._intake.accept(_call(row, source.write_keys[0]))
        if reply.status == TRY_AGAIN:
            raise Unavailable("the tracking API put an audit row off")
        if reply.status != 200:
            logger.error("The tracking API refused audit row %s: %s", row.id, reply.body.get("code"))

    def _check(self, body: Body, workspace_id: str, source_id: str) -> None:
        source = self._source(workspace_id, source_id)
        if source is None:
            body.reject("sourceId", "there is no source with this id")
        elif source.metadata_id == ENGAGE:
            body.reject("sourceId", "the Engage source of a space receives nothing; choose or create another one")

    def _source(self, workspace_id: str, source_id: str) -> Source | None:
        try:
            return self._sources.get(workspace_id, source_id)
        except NotFound:
            return None

    def _would_feed_itself(self, row: Row) -> bool:
        if row.space_id is None or row.subject != SYSTEM:
            return False
        return row.resource_id in readers_of(EVENT, self._directory.view(row.space_id).catalogue)


def readers_of(event: str, catalogue: Catalogue) -> set[str]:
    """The ids of the computations and journeys that an event of this name can change, at first or second hand."""
    nodes = {k for s in catalogue.streams_of_event.get(event, ()) for k in catalogue.readers_of_stream[s.key]}
    names = {name for node in nodes for name in _names(catalogue, node)}
    for node in catalogue.order:  # those it refers to come first
        if any(plan.references & names for plan in catalogue.plans(node)):
            nodes.add(node)
            names.update(_names(catalogue, node))
    accounts = {
        compiled.computation.id
        for compiled in catalogue.accounts.values()
        if any(stream.event == event for stream in compiled.plan.streams)
    }
    return accounts.union(*(_ids(catalogue, node) for node in nodes))


def _names(catalogue: Catalogue, node: str) -> Iterable[str]:
    itinerary = catalogue.itineraries.get(node)
    return (node,) if itinerary is None else itinerary.names


def _ids(catalogue: Catalogue, node: str) -> set[str]:
    itinerary = catalogue.itineraries.get(node)
    if itinerary is None:
        return {catalogue.by_key[node].computation.id}
    return {itinerary.route.journey_id, *(stop.computation_id for stop in itinerary.route.stops)}


def event_of(row: Row) -> dict[str, Any]:
    """The Track call."""
    named = {"resource_id": row.path, "resource_type": row.resource_type}
    return {
        "messageId": f"audit-{row.id}",
        "timestamp": to_iso(row.at),
        "userId": row.actor,
        "event": EVENT,
        "properties": {
            "type": row.action,
            "workspace_id": row.workspace_id,
            "details": {**named, "subject": row.subject, "target": row.resource_name, **row.details},
        },
    }


def _call(row: Row, write_key: str) -> Call:
    credentials = base64.b64encode(f"{write_key}:".encode()).decode()
    return Call("track", {"authorization": f"Basic {credentials}"}, msgspec.json.encode(event_of(row)))


def _key(workspace_id: str) -> Key:
    return Key(workspace_partition(workspace_id), "audit_forwarding")
