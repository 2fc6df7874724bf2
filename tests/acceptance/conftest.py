"""What the acceptance tests are run against: an installation on AWS played by moto, or a world in memory."""

from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from tests.acceptance import installation
from tests.acceptance.engines import InMemory
from tests.acceptance.installation import Muster, Source, unique
from tests.acceptance.world import World
from tests.conftest import Cloud


@pytest.fixture
def world() -> Iterator[World]:
    yield World(InMemory())
    bootstrap.install(None)


@pytest.fixture(scope="module")
def muster(cloud: Cloud) -> Iterator[Muster]:
    with installation.running(cloud) as running:
        yield running


@pytest.fixture
def source(muster: Muster) -> Source:
    return muster.source()


@pytest.fixture
def user() -> str:
    """The id of somebody new."""
    return unique("user")
