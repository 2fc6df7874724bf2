from collections.abc import Iterator

import pytest

from .shop import database


@pytest.fixture(scope="session", autouse=True)
def closed_database() -> Iterator[None]:
    yield
    database().close()
    database.cache_clear()
