"""The whole product, and partners that are known by their hosts."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.delivery.transport import Response
from chalicelib.destinations.kind import DestinationKind, Request
from tests.acceptance.engines import Engine, InMemory
from tests.acceptance.world import World

HOUR = 3_600

Partner = Callable[[Request], Response]


class HostedWorld(World):
    """`asked` lists what went to hosts that a partner was named for."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.partners: dict[str, Partner] = {}
        self.asked: list[Request] = []
        super().__init__(engine or InMemory())

    def destination(self, kind: DestinationKind, source: str | None = None, **settings: Any) -> Any:
        source = source or self.stack.engage_source_id
        sent = {"sourceId": source, "metadataId": kind.metadata_id, "settings": settings}
        return self.manage("POST", "/destinations", sent).data["destination"]

    def trait(self, name: str, query: str, destination: Any, **settings: bool) -> None:
        """One of people, connected."""
        path = f"/spaces/{self.stack.space_id}/computed-traits"
        sent = {"name": name, "definition": {"type": "USERS", "query": query}}
        made = self.manage("POST", path, sent).data["computedTrait"]
        self.drain()
        target = {"destination": {"id": destination["id"], "type": "destination"}, "connectionSettings": settings}
        assert self.manage("POST", f"{path}/{made['id']}/destination-connections", target).status == 200

    def figures(self, destination: Any, *names: str) -> tuple[int, ...]:
        """What the delivery overview says of the last hours."""
        time = f"startTime={self.now(-24 * HOUR)}&endTime={self.now(60)}&granularity=HOUR"
        reply = self.manage("GET", f"/spaces/{self.stack.space_id}/delivery-overview?{time}")
        found = next(one for one in reply.data["destinations"] if one["destinationId"] == destination["id"])
        return tuple(found[name] for name in names)

    def reasons(self, destination: Any) -> dict[str, int]:
        """Why deliveries failed for good, and how many."""
        time = f"startTime={self.now(-24 * HOUR)}&endTime={self.now(60)}&granularity=HOUR&groupBy=discardReason"
        of = f"sourceId={self.stack.engage_source_id}&destinationConfigId={destination['id']}"
        found = self.manage("GET", f"/delivery-overview/failed-delivery?{time}&{of}").data["dataset"]
        return {one["discardReason"]: one["total"] for one in found if one["total"]}

    def _partner(self, request: Request) -> Response:
        partner = self.partners.get(urlsplit(request.url).netloc)
        if partner is None:
            return super()._partner(request)
        self.asked.append(request)
        return partner(request)


def said(request: Request) -> Any:
    """JSON, alone or as the only field of a form."""
    if request.headers["Content-Type"] == "application/json":
        return json.loads(request.body)
    return json.loads(parse_qs(request.body.decode())["data"][0])
