"""A workspace to try things on."""

from types import SimpleNamespace

from chalicelib.clock import FixedClock
from chalicelib.destinations.registry import KINDS
from chalicelib.ids import CountingIds
from chalicelib.store.memory import MemoryRecords, MemorySecrets
from chalicelib.workspace.directory import StoredDirectory
from chalicelib.workspace.founding import found
from chalicelib.workspace.service import Workspaces
from chalicelib.workspace.storage import Storage
from tests.events import T0
from tests.management.api import AtOnce

BOUGHT = "event('Order Completed').count() >= 1"


class Counting:
    """Counts the calls that reach the table."""

    def __init__(self, records):
        self._records = records
        self.calls: list[str] = []

    def __getattr__(self, name):
        self.calls.append(name)
        return getattr(self._records, name)


class Acme:
    """A workspace, its services, and a directory of a worker that shares nothing but the table with them."""

    def __init__(self):
        self.clock = FixedClock(T0)
        self.ids = CountingIds(self.clock)
        self.records = MemoryRecords(self.clock)
        self.secrets = MemorySecrets()
        self.founded = found(self.records, self.ids, self.clock, slug="acme", name="Acme")
        self.workspaces = self.services(self.records)
        self.table = Counting(self.records)
        self.directory = StoredDirectory(self.table, self.secrets, self.clock)
        self.space = self.workspaces.space(self.founded.workspace_id, self.founded.space_id)

    def services(self, records):
        sizes = SimpleNamespace(of=lambda space_id: {})
        return Workspaces(
            records, self.secrets, KINDS, sizes, self.ids, self.clock, AtOnce(Storage(records, self.clock))
        )

    def audience(self, name="Big", query=BOUGHT, services=None, **more):
        self.clock.advance(1)
        sent = {"name": name, "audienceType": "USERS", "definition": {"query": query}, **more}
        return (services or self.workspaces).audiences.create(self.space, sent, "me")

    def view(self):
        return self.directory.view(self.space.id)

    def keys(self):
        return set(self.view().catalogue.by_key)
