"""A kind of destination: what its owner sets, which rules the settings obey and how payloads become HTTP requests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..errors import Problem
from .action import Action
from .multi_status import Reply, multi_status
from .rates import RATES
from .schedule import Schedule

Payload = dict[str, Any]
Settings = Mapping[str, Any]

STRING = "string"
BOOLEAN = "boolean"
SELECT = "select"  # a string out of `choices`
TEXT_MAP = "text-map"  # an object of strings
INTEGER = "integer"

_TYPES: Mapping[str, type[Any]] = {STRING: str, BOOLEAN: bool, SELECT: str, TEXT_MAP: dict, INTEGER: int}


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
    """`timeout` covers a whole attempt, in seconds; `batch` is how many payloads one request may carry; `rate` is how
    many requests an instance may be sent in a second, None for what the partner is known to take."""

    timeout: float = 10.0
    batch: int = 1
    rate: float | None = None


class Request(NamedTuple):
    """An HTTP request as it goes out. `private` is the owner's wish to reach private addresses: it counts only
    where the installation allows it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    private: bool = False


class Call(NamedTuple):
    """A request and the positions of the payloads it carries: its answer decides about all of them, unless it has an
    answer for each.

    `then` reads from the status and body of the answer which calls go on with some or all of these payloads, by the
    same positions. Of those the last answer decides; for none, the flow ends here.
    """

    request: Request
    items: tuple[int, ...]
    then: Callable[[int, bytes], Sequence["Call"]] | None = None


class Renewal(NamedTuple):
    """How an access token is renewed where the partner wants OAuth: the request, and what to read from the answer.

    `settings` gives settings by name, to be used in place of the owner's; it raises ValueError for an answer that has
    none. The names are those of secret options.
    """

    request: Callable[[Settings], Request]
    settings: Callable[[bytes], Mapping[str, Any]]


class Remote(NamedTuple):
    """How a list is made at a partner that takes lists: the request for a name and a key, and the list's id from the
    answer. `created` raises ValueError, or KeyError, for an answer that has none."""

    create: Callable[[str, str, Settings], Request]
    created: Callable[[bytes], str]


@dataclass(frozen=True, kw_only=True)
class DestinationKind:
    """`build` is a pure function; it is given settings without problems and at most as many payloads as fit into one
    request. `check` looks at settings of the right types, any of them may be absent.

    `batch_size` says how many payloads a request carries under given settings, where that is not always
    `limits.batch`. Payloads share a request only when they are equal at all `batch_keys`, dotted paths into them, and
    with none that goes `alone`.
    `replies` reads from the status and body of an answer what became of each payload; None when it says the same of
    all. `retried` and `refused` are statuses that this partner means in another way than others do. `unfit` says why
    a payload cannot be sent at all; an empty text if it can.

    `lists`: it takes members of lists in bulk, not single events; `remote` says how a list is made. `types` are those
    of the events it can be told. `actions` are those that mappings may ask for; without mappings an event is sent as
    the settings say.
    """

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
    batch_size: Callable[[Settings], int] | None = None
    batch_keys: tuple[str, ...] = ()
    alone: Callable[[Payload], bool] = field(default=lambda payload: False)
    replies: Callable[[int, bytes, int], Sequence[Reply] | None] = multi_status
    retried: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    schedule: Schedule = field(default_factory=Schedule)
    renewal: Renewal | None = None
    lists: bool = False
    remote: Remote | None = None
    unfit: Callable[[Payload], str] = field(default=lambda payload: "")
    types: frozenset[str] = frozenset({"identify", "track", "group"})
    actions: tuple[Action, ...] = ()

    @property
    def rate(self) -> float | None:
        """Requests per second and instance; None for as many as it answers."""
        return RATES.get(self.slug) if self.limits.rate is None else self.limits.rate

    def size_of_batch(self, settings: Settings) -> int:
        """How many payloads one request may carry."""
        return self.batch_size(self._complete(settings)) if self.batch_size else self.limits.batch

    def secrets(self, settings: Settings) -> list[str]:
        """The texts of the secret settings, those inside of objects one by one."""
        found = (settings.get(option.name) for option in self.options if option.secret)
        return [text for value in found for text in (value.values() if isinstance(value, dict) else [value]) if text]

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

    def action(self, id: str) -> Action | None:
        return next((action for action in self.actions if action.id == id), None)

    def secret_fields(self, action_id: str) -> set[str]:
        """Of a mapping: what is sealed at rest and never returned."""
        action, secret = self.action(action_id), {option.name for option in self.options if option.secret}
        return {field.key for field in action.fields if field.option in secret} if action else set()

    def mapping_problems(self, action_id: str, settings: Settings, own: Settings) -> list[Problem]:
        """What is wrong with the settings of a mapping beside the destination's `own`; what is wrong with these alone
        is not."""
        action = self.action(action_id)
        if action is None:
            return [Problem(f"{self.name} has no such action", "actionId")]
        found = list(action.problems(settings))
        wrong = {problem.field for problem in found}
        before = set(self.problems(own, complete=False))
        merged = self.problems({**own, **action.options(settings)}, complete=False)
        named = (_in_mapping(problem, action) for problem in merged if problem not in before)
        return found + [problem for problem in named if problem.field not in wrong]

    def requests(self, items: Sequence[Payload], settings: Settings) -> list[Call]:
        """The calls that carry `items`; every position appears in exactly one call."""
        return self.build(items, self._complete(settings))

    def _complete(self, settings: Settings) -> Settings:
        defaults = {option.name: option.default for option in self.options if option.default is not None}
        given = {name: value for name, value in settings.items() if value is not None and value != ""}
        return {**defaults, **given}


def _in_mapping(problem: Problem, action: Action) -> Problem:
    """Told by the field that stands in for the setting."""
    first, option, *others = (problem.field or "").split(".", 2)
    key = action.key_of(option)
    return Problem(problem.message.replace(option, key, 1), ".".join((first, key, *others)))


def _type_problem(option: Option, value: Any) -> Problem | None:
    path = f"settings.{option.name}"
    if not isinstance(value, _TYPES[option.type]) or (option.type == INTEGER and isinstance(value, bool)):
        return Problem(f"{option.name} must be {_article(option.type)}", path)
    if option.choices and value not in option.choices:
        return Problem(f"{option.name} must be one of {', '.join(option.choices)}", path)
    if option.type == TEXT_MAP and not all(isinstance(text, str) for text in value.values()):
        return Problem(f"every value of {option.name} must be a string", path)
    return None


def _article(type: str) -> str:
    return {
        STRING: "a string",
        SELECT: "a string",
        BOOLEAN: "true or false",
        TEXT_MAP: "an object of strings",
        INTEGER: "a whole number",
    }[type]
