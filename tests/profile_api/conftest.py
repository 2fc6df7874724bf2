"""The whole product in memory, asked over HTTP."""

from collections.abc import Iterator

import pytest

from chalicelib import bootstrap
from tests.acceptance.engines import InMemory
from tests.acceptance.world import World


@pytest.fixture
def world() -> Iterator[World]:
    yield World(InMemory())
    bootstrap.install(None)
