import pytest

from chalicelib import bootstrap

from .world import OperatedWorld


@pytest.fixture
def world():
    yield OperatedWorld()
    bootstrap.install(None)


@pytest.fixture
def api(world):
    return world.api()
