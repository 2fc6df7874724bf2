import pytest
from moto import mock_aws

from chalicelib import bootstrap
from chalicelib.store.dynamodb import DynamoRecords
from infra.resources import create

from .world import OperatedWorld


@pytest.fixture
def world():
    yield OperatedWorld()
    bootstrap.install(None)


@pytest.fixture
def api(world):
    return world.api()


def world_on_aws(clients):
    """The same on a table of DynamoDB that nobody else uses."""
    with mock_aws():
        table = create(clients, "muster").settings.work_table
        yield OperatedWorld(lambda clock: DynamoRecords(clients.dynamodb, table, clock))
        bootstrap.install(None)
