"""What a kind of destination can be asked to do with an event, and how its owner says so in a mapping."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import Problem
from .directives import directive_in, problems_of


class Field(NamedTuple):
    """What a mapping sets. `option` is the setting of the destination it stands in for; blank for the body, which is
    made from each event."""

    key: str
    label: str
    description: str
    option: str = ""
    required: bool = False
    default: Any = None


class Action(NamedTuple):
    """`trigger` is the condition a mapping begins with, None where its owner has to say."""

    id: str
    slug: str
    name: str
    description: str
    trigger: str | None
    fields: tuple[Field, ...]

    def body(self, settings: Mapping[str, Any]) -> Any:
        """What makes the body of an event, None for the event itself."""
        found = (settings.get(field.key, field.default) for field in self.fields if not field.option)
        return next(found, None)

    def options(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of a destination as a mapping has them."""
        return {field.option: settings[field.key] for field in self.fields if field.option and field.key in settings}

    def key_of(self, option: str) -> str:
        return next((field.key for field in self.fields if field.option == option), option)

    def problems(self, settings: Mapping[str, Any]) -> Iterator[Problem]:
        """Of fields that there are not, and of directives. Dotted paths from `settings`."""
        by_key = {field.key: field for field in self.fields}
        for key, value in settings.items():
            path = f"settings.{key}"
            if key not in by_key:
                yield Problem(f"{self.name} has no field {key}", path)
            elif not by_key[key].option:
                yield from _body_problems(key, value, path)
            elif directive_in(value):
                yield Problem(f"{key} is the same for every event: it takes no directives", path)
        for field in self.fields:
            if field.required and settings.get(field.key) in (None, ""):
                yield Problem(f"{field.key} is required", f"settings.{field.key}")


def _body_problems(key: str, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        yield from problems_of(value, path)
    else:
        yield Problem(f"{key} must be an object", path)
