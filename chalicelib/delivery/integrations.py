"""The `integrations` object of an event: which partners, by name, may have it."""

from collections.abc import Mapping
from typing import Any

ALL = "All"
FILTERED_BY_INTEGRATIONS_OBJECT = "FILTERED_BY_INTEGRATIONS_OBJECT"


def allows(integrations: Mapping[str, Any], name: str) -> bool:
    """Names are case-sensitive. An object in place of true carries options; whoever is not named follows `All`."""
    chosen = integrations.get(name, integrations.get(ALL, True))
    return isinstance(chosen, dict) or chosen is True
