"""Paths into JSON objects, as written in a definition and as followed in data."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from .syntax import EACH, Path

# Definitions travel inside JSON inside strings, so the backslash in front of a literal dot may arrive doubled
# or quadrupled; any number of them means the same.
_STEP = re.compile(r"\\+\.|\.|[^.\\]+|\\+(?!\.)")


def split(text: str) -> Path | None:
    """The steps of a path; None when one of them is empty."""
    steps = [""]
    for piece in _STEP.findall(text):
        if piece == ".":
            steps.append("")
        else:
            steps[-1] += "." if piece.endswith(".") else piece
    return tuple(steps) if all(steps) else None


def join(path: Path) -> str:
    return ".".join(step.replace(".", "\\.") for step in path)


def expands(path: Path) -> bool:
    """Whether the path may give several values."""
    return EACH in path


def follow(value: Any, path: Path) -> Any:
    """What stands at the end of a path without `$`; None when it cannot be followed."""
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def entries(value: Any, path: Path) -> list[Any]:
    """Everything a path with `$` leads to, nulls left out."""
    found = [value]
    for step in path:
        found = _expanded(found) if step == EACH else [follow(item, (step,)) for item in found]
    return [item for item in found if item is not None]


def _expanded(items: list[Any]) -> list[Any]:
    result: list[Any] = []
    for item in items:
        if isinstance(item, list | tuple):
            result.extend(item)
        else:
            result.append(item)
    return result


def getter(path: Path) -> Callable[[Mapping[str, Any]], Any]:
    """`follow` for one path, made once."""
    if len(path) == 1:
        key = path[0]
        return lambda root: root.get(key)
    return lambda root: follow(root, path)
