"""Bodies that are made from events: JSON in which some objects are directives, which stand for what is in the event.

    {"@path": "$.properties.total"}            what stands there
    {"@template": "Hello {{traits.name}}"}     a text with what stands there put in

Everything else is taken as it is, lists and objects with what is in them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Problem
from .json_text import stringify

PATH, TEMPLATE = "@path", "@template"
DEEPEST = 20  # levels: no body of a partner comes near, and whoever reads them calls itself for each

_ROOT = "$"
_NAMES = re.compile(r"[^.\[\]{}\s]+(\.[^.\[\]{}\s]+)*")
_PLACE = re.compile(r"\{\{([^{}]*)\}\}")

_MISSING: Any = object()


def directive_in(value: Any) -> bool:
    """Whether a value is one, or meant as one."""
    return isinstance(value, dict) and any(name.startswith("@") for name in value)


def problems_of(value: Any, path: str, level: int = 1) -> Iterator[Problem]:
    """What cannot be made into a body."""
    if level > DEEPEST:
        yield Problem(f"nothing may be nested deeper than {DEEPEST} levels", path)
    elif directive_in(value):
        yield from _directive_problems(value, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from problems_of(inner, f"{path}.{name}", level + 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from problems_of(inner, f"{path}.{place}", level + 1)


def rendered(value: Any, event: Mapping[str, Any]) -> Any:
    """The body for an event, None when there is nothing. What leads nowhere is left out of objects; in lists, where
    places count, it is null."""
    made = _made(value, event)
    return None if made is _MISSING else made


def _made(value: Any, event: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [rendered(inner, event) for inner in value]
    if not isinstance(value, dict):
        return value
    if PATH in value:
        return _at(event, _names(value[PATH]))
    if TEMPLATE in value:
        return _PLACE.sub(lambda found: _text(_at(event, _names(found[1]))), value[TEMPLATE])
    made = {name: _made(inner, event) for name, inner in value.items()}
    return {name: inner for name, inner in made.items() if inner is not _MISSING}


def _directive_problems(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    name = next(name for name in value if name.startswith("@"))
    if name not in (PATH, TEMPLATE):
        yield Problem(f"the directive {name} is not supported; {PATH} and {TEMPLATE} are", path)
    elif len(value) > 1:
        yield Problem(f"beside {name} nothing may stand", path)
    elif not isinstance(value[name], str):
        yield Problem(f"{name} takes a string", path)
    elif name == PATH and not (value[name].startswith(_ROOT) and _is_path(value[name])):
        yield Problem(f"{PATH} takes names with dots between them, such as $.traits.email", path)
    elif name == TEMPLATE and not _is_template(value[name]):
        yield Problem("between {{ and }} stand names with dots between them, such as {{traits.name}}", path)


def _is_template(text: str) -> bool:
    rest = _PLACE.sub("", text)
    return "{{" not in rest and "}}" not in rest and all(_is_path(found) for found in _PLACE.findall(text))


def _is_path(text: str) -> bool:
    bare = _bare(text)
    return _NAMES.fullmatch(bare) is not None if bare else text.strip() in (_ROOT, f"{_ROOT}.")


def _bare(text: str) -> str:
    return text.strip().removeprefix(_ROOT).removeprefix(".")


def _names(text: str) -> list[str]:
    bare = _bare(text)
    return bare.split(".") if bare else []


def _at(event: Mapping[str, Any], names: list[str]) -> Any:
    value: Any = event
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _text(value: Any) -> str:
    if value is _MISSING or value is None:
        return ""
    return value if isinstance(value, str) else stringify(value)
