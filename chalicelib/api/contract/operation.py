"""An operation of one of the APIs, as the routes, the checks and the document know it."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

MANAGEMENT, PROFILES, TRACKING, FOUNDING, ANYBODY = "management", "profiles", "tracking", "founding", "anybody"

_VARIABLE = re.compile(r"{([a-z_]+)}")


class Operation(NamedTuple):
    """`takes` is the type of the body, `asks` that of the query, `gives` that of the answer: of its `data`, where the
    management API answers. `most` is the largest page of a list, 0 for what has no pages. `media` is what an answer
    that is not JSON holds. `access` says who may ask. `alias_of` is the path that the same goes by today."""

    method: str
    path: str
    summary: str
    gives: Any
    takes: Any = None
    asks: Any = None
    status: int = 200
    most: int = 0
    note: str = ""
    media: str = ""
    access: str = MANAGEMENT
    alias_of: str = ""

    @property
    def variables(self) -> list[str]:
        return _VARIABLE.findall(self.path)


class Group(NamedTuple):
    """Operations that belong together, as readers look for them."""

    name: str
    description: str
    operations: Sequence[Operation]
