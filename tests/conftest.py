"""What tests of several packages share: AWS in this process, with the resources of the template, and a database."""

import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hypothesis
import pytest
from moto import mock_aws  # before any client is made: moto hooks into botocore's defaults
from moto.core.botocore_stubber import BotocoreStubber

from chalicelib.archive import database, history, workshop
from chalicelib.store.clients import Clients
from chalicelib.tasks.pace import Threaded
from infra.resources import Names, create

from .swift_moto import quicken

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# How long an example takes says something about the machine, not about us.
hypothesis.settings.register_profile("muster", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("muster")


class Cloud(NamedTuple):
    clients: Clients
    names: Names


@pytest.fixture(scope="session")
def clients() -> Iterator[Clients]:
    """Made once: every new client costs as much as a hundred calls. Only `cloud` gives them something to talk to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        _serialise(patch)
        quicken(patch)
        yield Clients("us-east-1")


@pytest.fixture(scope="module")
def cloud(clients: Clients) -> Iterator[Cloud]:
    """All resources of the template, empty at the start of each test module."""
    with mock_aws():
        yield Cloud(clients, create(clients, "muster"))


@pytest.fixture(scope="session", autouse=True)
def shared_database() -> Iterator[pytest.MonkeyPatch]:
    """A new database costs as much as all that a test asks of it. What sessions make in it is temporary: each sees its
    own."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (history, workshop):
            patch.setattr(module, "connect", _session)
        yield patch
    if _database.cache_info().currsize:
        _database().close()
        _database.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def no_waiting() -> Iterator[None]:
    """On a clock that stands still the same instant comes again as a cursor, for which a worker would really wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Threaded, "pause", lambda pace, milliseconds: None)
        yield


@pytest.fixture
def own_databases(shared_database: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its own directory, as in the product."""
    for module in (history, workshop):
        monkeypatch.setattr(module, "connect", database.connect)


@cache
def _database() -> "DuckDBPyConnection":
    return database.connect(Path(tempfile.gettempdir()))


def _session(directory: Path) -> "DuckDBPyConnection":
    session = _database().cursor()
    session.execute("SET TimeZone = 'UTC'")
    return session


def _serialise(patch: pytest.MonkeyPatch) -> None:
    """moto loses updates when threads change one item at the same time."""
    lock, answer = threading.RLock(), BotocoreStubber.process_request

    def one_by_one(self: BotocoreStubber, request: object) -> object:
        with lock:
            return answer(self, request)

    patch.setattr(BotocoreStubber, "process_request", one_by_one)
