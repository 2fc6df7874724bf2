"""A world per test, on AWS in this process."""

from collections.abc import Iterator

import pytest

from tests.conftest import Cloud
from tests.tasks.world import World


@pytest.fixture
def world(cloud: Cloud) -> Iterator[World]:
    made = World(cloud)
    yield made
    made.close()
