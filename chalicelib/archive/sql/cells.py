"""The values that conditions read of a row.

Each is extracted once, under an alias, as the text of its JSON: `"abc"`, `12.5`, `true`, `[1,2]`; NULL when there is
none or JSON says null. Beside it stands its `size`: what it reads as where that is a number, read once too.
"""

from ...query.syntax import Context, Operand, Path, Property, Trait
from .columns import Columns
from .text import json_path


class Cells(Columns):
    """`outcomes`: whether the values of computations stand in front of traits of the same name."""

    def __init__(self, prefix: str = "c", outcomes: bool = True) -> None:
        super().__init__(prefix)
        self._outcomes = outcomes

    def alias(self, node: Operand) -> str | None:
        """Where the value of a reference stands; None when SQL cannot read it."""
        made = self._expression(node)
        return None if made is None else self.named(made)

    def select(self) -> list[str]:
        """The optimizer leaves out the sizes that nobody asks for."""
        sizes = [f"try_cast({expression} as double) as {size(alias)}" for expression, alias in self._aliases.items()]
        return [*super().select(), *sizes]

    def _expression(self, node: Operand) -> str | None:
        if isinstance(node, Trait):
            return self._trait(node.path)
        if isinstance(node, Context):
            return extracted("context", node.path)
        if isinstance(node, Property):
            found = extracted("properties", node.path)
            return f"coalesce({found}, {_TIMESTAMP})" if node.path == ("timestamp",) else found
        return None

    def _trait(self, path: Path) -> str | None:
        custom = extracted("traits", path)
        if custom is None or not self._outcomes:
            return custom
        computed, rest = json_path(path[:1]), extracted("outcomes", (path[0], "value", *path[1:]))
        return f"case when outcomes <> '{{}}' and json_exists(outcomes, {computed}) then {rest} else {custom} end"


def size(alias: str) -> str:
    return f"{alias}_size"


def extracted(column: str, path: Path) -> str | None:
    found = json_path(path)
    return None if found is None else f"nullif(json_extract({column}, {found})::varchar, 'null')"


def _timestamp() -> str:
    """The time of the event as the JSON text it is shown as, in the years that can be written."""
    moment = "make_timestamp(timestamp * 1000)"
    fraction = "if(timestamp % 1000 = 0, '', '.' || lpad(((timestamp % 1000 + 1000) % 1000)::varchar, 3, '0'))"
    shown = f"""'"' || year({moment}) || strftime({moment}, '-%m-%dT%H:%M:%S') || {fraction} || 'Z"'"""
    return f"if(timestamp between {_FIRST} and {_LAST}, {shown}, null)"


_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999  # years 1 and 9999
_TIMESTAMP = _timestamp()
