"""Every change killed at every write: what is left is whole, and doing it again succeeds."""

import pytest

from chalicelib.clock import MINUTE
from chalicelib.destinations.registry import KINDS
from chalicelib.errors import Conflict, NotFound
from chalicelib.workspace.storage import Storage, write_key_key

from .acme import Acme
from .crashing import CrashingRecords, Killed

SOURCE = {"slug": "shop", "enabled": True, "metadataId": "go"}


class Scene(Acme):
    """A workspace with one of each, and whatever `kill` cuts off."""

    def __init__(self):
        super().__init__()
        self.workspace_id = self.founded.workspace_id
        self.source = self.workspaces.sources.create(self.space, {**SOURCE, "slug": "old"})
        self.target = self.destination(self.workspaces)
        self.big = self.audience("Old")
        self.connection = self.connect(self.workspaces, self.big, self.target)

    def destination(self, services):
        sent = {"sourceId": self.founded.engage_source_id, "metadataId": next(iter(KINDS)), "settings": {}}
        return services.destinations.create(self.workspace_id, sent)

    def connect(self, services, audience, destination):
        target = {"destination": {"id": destination.id, "type": "destination"}}
        return services.connections.add(self.space, audience, target)

    def check(self):
        """What is shown is complete, and nothing works that is not shown."""
        storage, w = Storage(self.records, self.clock), self.workspaces
        for source in w.sources.every(self.workspace_id):
            slug = f"source_slug#{source.slug}"
            assert slug in {key.sort for key in self.records._items}
            for write_key in source.write_keys:
                assert self.directory.source_of_write_key(write_key) == source
        shown = {key for source in w.sources.every(self.workspace_id) for key in source.write_keys}
        pointed = {
            key.partition.removeprefix("write_key#") for key in self.records._items if "write_key#" in key.partition
        }
        for write_key in pointed - shown:
            assert self.directory.source_of_write_key(write_key) is None
        audiences = w.audiences.every(self.space.id)
        assert len({audience.key for audience in audiences}) == len(audiences)
        for destination in w.destinations.every(self.workspace_id):
            assert self.directory.destination(destination.id) == destination  # it has no secrets to open
        self.clock.advance(MINUTE)
        assert set(self.view().catalogue.by_id) == {audience.id for audience in audiences}
        for audience in audiences:
            connected = [c.destination_id for c in w.connections.of(audience)]
            assert len(set(connected)) == len(connected)
            assert connected == [c.destination_id for c in self.view().connections.get(audience.id, [])]
        assert storage.version(self.space.id) == self.view().version


OPERATIONS = {
    "create source": lambda s, w: w.sources.create(s.space, SOURCE),
    "rename source": lambda s, w: w.sources.update(s.workspace_id, s.source.id, {"slug": "new"}),
    "delete source": lambda s, w: w.sources.delete(s.workspace_id, s.source.id),
    "add write key": lambda s, w: w.sources.add_write_key(s.workspace_id, s.source.id),
    "remove write key": lambda s, w: w.sources.remove_write_key(s.workspace_id, s.source.id, s.source.write_keys[0]),
    "create destination": lambda s, w: s.destination(w),
    "delete destination": lambda s, w: w.destinations.delete(s.workspace_id, s.target.id),
    "create audience": lambda s, w: s.audience("New", services=w),
    "update audience": lambda s, w: w.audiences.update(s.big, {"enabled": False}, "me"),
    "delete audience": lambda s, w: w.audiences.delete(w.audiences.get(s.space.id, s.big.id)),
    "connect": lambda s, w: s.connect(w, s.audience("New"), s.target),
    "update connection": lambda s, w: w.connections.update(s.connection, {"enabled": False}),
    "disconnect": lambda s, w: w.connections.remove(w.connections.find(s.big, s.connection.id)),
}
GONE_ALREADY = {"delete source", "remove write key", "delete destination", "delete audience", "disconnect"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_write(name, after):
    operation = OPERATIONS[name]
    for calls in range(20):
        scene = Scene()
        scene.view()
        crashing = CrashingRecords(scene.records, calls, after=after)
        try:
            operation(scene, scene.services(crashing))
        except Killed:
            scene.check()
            again(scene, name, operation)
        scene.check()
        if not crashing.killed:
            return
    pytest.fail("it never came to its end")


def again(scene, name, operation):
    """The client that got no answer repeats its request: it succeeds, or what it wants is so already."""
    try:
        operation(scene, scene.workspaces)
    except NotFound:
        assert name in GONE_ALREADY
    except Conflict:
        assert name == "create source"
        assert "shop" in {source.slug for source in scene.workspaces.sources.every(scene.workspace_id)}


def test_a_removed_key_leaves_no_pointer_behind():
    scene = Scene()
    write_key = scene.source.write_keys[0]
    scene.workspaces.sources.remove_write_key(scene.workspace_id, scene.source.id, write_key)
    assert scene.records.get(write_key_key(write_key)) is None


def test_deleting_everything_leaves_only_the_keys_of_audiences():
    scene = Scene()
    before = set(Acme().records._items)
    scene.workspaces.audiences.delete(scene.big)
    scene.workspaces.destinations.delete(scene.workspace_id, scene.target.id)
    scene.workspaces.sources.delete(scene.workspace_id, scene.source.id)
    left = {k.sort for k in scene.records._items if k.partition != "sweeps"} - {key.sort for key in before}
    assert left == {"key#old", "version"}
