from tests.audit.conftest import api, world

__all__ = ["api", "world"]
