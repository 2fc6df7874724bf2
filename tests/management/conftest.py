import pytest

from chalicelib import bootstrap

from .api import World


@pytest.fixture
def world():
    yield World()
    bootstrap.install(None)


@pytest.fixture
def api(world):
    return world.api()
