"""A kind of destination: what its owner sets, which rules the settings obey and how payloads become HTTP requests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import Problem

Payload = dict[str, Any]
Settings = Mapping[str, Any]

STRING = "string"
BOOLEAN = "boolean"
SELECT = "select"  # a string out of `choices`
TEXT_MAP = "text-map"  # an object of strings

_TYPES: Mapping[str, type[Any]] = {STRING: str, BOOLEAN: bool, SELECT: str, TEXT_MAP: dict}


class Option(NamedTuple):
    """One setting. A `secret` one is sealed at rest and never returned."""

    name: str
    type: str
    description: str
    required: bool = False
    secret: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()


class Limits(NamedTuple):
    """`timeout` covers a whole attempt, in seconds; `batch` is how many payloads one request may carry."""

    timeout: float = 10.0
    batch: int = 1


class Request(NamedTuple):
    """An HTTP request as it goes out. `private` is the owner's wish to reach private addresses: it counts only
    where the installation allows it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    private: bool = False


class Call(NamedTuple):
    """A request and the positions of the payloads it carries: its answer decides about all of them."""

    request: Request
    items: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class DestinationKind:
    """`build` is a pure function; it is given settings without problems and at most `limits.batch` payloads per
    call are put into one request. `check` looks at settings of the right types, any of them may be absent."""

    metadata_id: str
    slug: str
    name: str
    description: str
    website: str
    categories: tuple[str, ...]
    options: tuple[Option, ...]
    build: Callable[[Sequence[Payload], Settings], list[Call]]
    check: Callable[[Settings], Iterable[Problem]] = field(default=lambda settings: ())
    limits: Limits = field(default_factory=Limits)

    def problems(self, settings: Settings, *, complete: bool = True) -> list[Problem]:
        """Every broken rule; fields are dotted paths from `settings`. With `complete` false, required settings may
        still be missing (an instance being set up; nothing is sent until they are there)."""
        by_name = {option.name: option for option in self.options}
        given = {name: value for name, value in settings.items() if value is not None}
        found = [
            Problem(f"{self.name} has no setting {name}", f"settings.{name}")
            for name in settings
            if name not in by_name
        ]
        if complete:
            found += [
                Problem(f"{option.name} is required", f"settings.{option.name}")
                for option in self.options
                if option.required and given.get(option.name) in (None, "")
            ]
        wrong = {
            name: problem
            for name, value in given.items()
            if name in by_name and (problem := _type_problem(by_name[name], value))
        }
        sound = {name: value for name, value in given.items() if name not in wrong and value != ""}
        return [*found, *wrong.values(), *self.check(sound)]

    def requests(self, items: Sequence[Payload], settings: Settings) -> list[Call]:
        """The calls that carry `items`; every position appears in exactly one call."""
        defaults = {option.name: option.default for option in self.options if option.default is not None}
        given = {name: value for name, value in settings.items() if value is not None and value != ""}
        return self.build(items, {**defaults, **given})


def _type_problem(option: Option, value: Any) -> Problem | None:
    path = f"settings.{option.name}"
    if not isinstance(value, _TYPES[option.type]):
        return Problem(f"{option.name} must be {_article(option.type)}", path)
    if option.choices and value not in option.choices:
        return Problem(f"{option.name} must be one of {', '.join(option.choices)}", path)
    if option.type == TEXT_MAP and not all(isinstance(text, str) for text in value.values()):
        return Problem(f"every value of {option.name} must be a string", path)
    return None


def _article(type: str) -> str:
    return {STRING: "a string", SELECT: "a string", BOOLEAN: "true or false", TEXT_MAP: "an object of strings"}[type]
