"""A workspace whose owner draws journeys."""

from msgspec.structs import replace

from chalicelib.computations.editions import given_up
from chalicelib.destinations.registry import KINDS
from chalicelib.workspace.storage import Storage, computation_key
from tests.workspace.acme import Acme

ADDED = "event('Product Added').within(7 days).count() >= 1"
LOYAL = "trait('loyal') = 'true'"

EVENTS = next(kind.metadata_id for kind in KINDS.values() if not kind.lists)
LISTS = next(kind.metadata_id for kind in KINDS.values() if kind.lists)


def step(id, type, **more):
    return {"id": id, "type": type, **more}


def entry(**more):
    return step("a", "entry", name="Abandoned", query=ADDED, **more)


def send(*destinations, id="d", **more):
    targets = [{"destinationId": d, "track": True, "identify": False} for d in destinations]
    return step(id, "send_to_destination", name="Nudge", destinations=targets, **more)


def cart(destination_id, **more):
    """Entry, a day, loyalty, and a message."""
    steps = [
        entry(next="w"),
        step("w", "delay", duration="1d", next="c"),
        step("c", "condition", name="Loyal", query=LOYAL, next="d"),
        send(destination_id),
    ]
    return {"name": "Cart", "kind": "AUDIENCE", "steps": steps, **more}


class Carts(Acme):
    def __init__(self):
        super().__init__()
        self.workspace_id = self.founded.workspace_id
        self.target = self.destination(EVENTS)
        self.list = self.destination(LISTS)
        self.journeys = self.workspaces.journeys

    def services(self, records):
        found = super().services(records)
        self.runs = found.journeys._publication._runs
        return found

    def fail(self, computation):
        """Its first run gave up."""
        storage = Storage(self.records, self.clock)
        key = computation_key(self.space.id, computation.id)
        storage.computations.amend(key, lambda present: given_up(replace(present, counted=False)))

    def destination(self, metadata_id, source_id=None):
        source = source_id or self.founded.engage_source_id
        sent = {"sourceId": source, "metadataId": metadata_id, "settings": {}}
        return self.workspaces.destinations.create(self.workspace_id, sent).id

    def draw(self, **more):
        self.clock.advance(1)
        return self.journeys.create(self.space, {**cart(self.target), **more}, "me")

    def publish(self, journey, services=None, **content):
        journeys = (services or self.workspaces).journeys
        return journeys.publish(self.space, journeys.get(self.space.id, journey.id), content, "me")

    def live(self, **more):
        return self.publish(self.draw(**more))

    def again(self, journey):
        return self.journeys.get(self.space.id, journey.id)

    def version(self, journey, number=None):
        return self.journeys.drawn(self.again(journey), number).version

    def renew(self, journey, **content):
        return self.journeys.new_version(self.again(journey), content, "me")

    def keys_of(self, journey, number=None):
        """By step and side."""
        version = self.version(journey, number)
        return {f"{step.id}{side.name}": side.key for step in version.steps for side in step.sides}

    def computations(self):
        """By key, those that workers know."""
        return {item.computation.key: item.computation for item in self.view().catalogue.by_id.values()}

    def connected(self):
        """By key of the step, where it sends."""
        found = {}
        for id, connections in self.view().connections.items():
            item = self.view().catalogue.by_id.get(id)
            if item:
                found[item.computation.key] = [connection.destination_id for connection in connections]
        return found
