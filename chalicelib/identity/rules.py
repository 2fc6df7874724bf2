"""What the owner of a space decides about identifiers: limits, blocked values, priorities and where they are found."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from ..clock import DAY
from ..errors import Problem

DAILY, WEEKLY, MONTHLY, ANNUALLY, EVER = "daily", "weekly", "monthly", "annually", "ever"
WINDOWS: dict[str, int | None] = {DAILY: DAY, WEEKLY: 7 * DAY, MONTHLY: 30 * DAY, ANNUALLY: 365 * DAY, EVER: None}

NONE, LOWER, E164 = "none", "lower", "e164"
NORMALISATIONS = (NONE, LOWER, E164)

KINDS_OF_DEVICES = ("android", "ios")
DEVICE_TYPES = tuple(f"{kind}.{id}" for kind in KINDS_OF_DEVICES for id in ("id", "idfa", "push_token"))
BUILT_IN = frozenset(
    {
        "user_id",
        "anonymous_id",
        "email",
        "ga_client_id",
        "cross_domain_id",
        "braze_id",
        "group_id",
        *DEVICE_TYPES,
    }
)

# Values that many devices and scripts send instead of an id: they would glue strangers together.
BLOCKED_VALUES = ("-1", "null", "anonymous")
BLOCKED_PATTERNS = ("^[0-]*$",)

# A person has one user id: two of them on a profile are two people on one device.
DEFAULT_LIMITS = {"user_id": 1}
DEFAULT_LIMIT = 5
DEFAULT_PRIORITY = ("user_id", "email")

MOST_MAPPINGS = 1_000  # of one profile
MOST_BYTES = 160_000  # of a profile's identifiers as they are stored: a thousand ordinary ones
MOST_MERGES = 100

MOST_TYPES = 200
MOST_VALUES = 200  # blocked ones of a type
MOST_PATTERNS = 20
LONGEST_VALUE = 500  # characters; longer values are never promoted
LONGEST_PATTERN = 200
LONGEST_NAME = 100

_NAME = re.compile(r"[a-z0-9_]+")
# A repeated group that repeats something inside can take longer than a lifetime on a value that just fails.
_NESTED = re.compile(r"[*+}]\)*\)\s*[*+{]")


class TypeRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many different values of a type a profile may take within a period, and which values count as none.

    `limit` and `normalise` of None stand for the type's own default: one user id, five of all others; lower case for
    e-mail addresses, as sent for all others. A pattern is looked for anywhere in a value unless it is anchored.
    """

    limit: int | None = None
    period: str = EVER
    blocked_values: list[str] = msgspec.field(default_factory=lambda: list(BLOCKED_VALUES))
    blocked_patterns: list[str] = msgspec.field(default_factory=lambda: list(BLOCKED_PATTERNS))
    normalise: str | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The rules of one space; they hold for its people and its accounts alike.

    `types` has the rules that differ from the default. Types in `priority` come first, in that order, all others
    after them in alphabetical order. `custom` are the names of identifiers that are also looked for among traits
    and properties, in snake_case and in camelCase. `auto_add` takes types of `context.externalIds` that nobody set
    up; `properties_email` takes the e-mail address among the properties of an event; `cross_domain_id` and `braze_id`
    take the identifiers of these names.
    """

    types: dict[str, TypeRule] = msgspec.field(default_factory=dict)
    priority: list[str] = msgspec.field(default_factory=lambda: list(DEFAULT_PRIORITY))
    custom: list[str] = msgspec.field(default_factory=list)
    auto_add: bool = True
    properties_email: bool = True
    cross_domain_id: bool = False
    braze_id: bool = False
    mappings_limit: int = MOST_MAPPINGS
    merges_limit: int = MOST_MERGES

    def of(self, type: str) -> TypeRule:
        """The complete rule of a type: nothing in it is None."""
        rule = self.types.get(type) or TypeRule()
        return msgspec.structs.replace(
            rule,
            limit=DEFAULT_LIMITS.get(type, DEFAULT_LIMIT) if rule.limit is None else rule.limit,
            normalise=(LOWER if type == "email" else NONE) if rule.normalise is None else rule.normalise,
        )


DEFAULT_RULES = Rules()


def problems(rules: Rules) -> list[Problem]:
    """Every rule that cannot be followed; the fields are named as on the wire."""
    return [*_of_types(rules), *_of_names("priority", rules.priority), *_of_custom(rules), *_of_limits(rules)]


def _of_types(rules: Rules) -> Iterator[Problem]:
    if len(rules.types) > MOST_TYPES:
        yield Problem(f'"types" may hold at most {MOST_TYPES} types', "types")
    for type, rule in rules.types.items():
        field = f"types.{type}"
        if not _is_name(type):
            yield _bad_name(type, field)
        if rule.limit is not None and rule.limit < 1:
            yield Problem(f'"{field}.limit" must be at least 1', f"{field}.limit")
        if rule.period not in WINDOWS:
            yield Problem(f'"{field}.period" must be one of {", ".join(WINDOWS)}', f"{field}.period")
        if rule.normalise not in (None, *NORMALISATIONS):
            yield Problem(f'"{field}.normalise" must be one of {", ".join(NORMALISATIONS)}', f"{field}.normalise")
        yield from _of_values(rule.blocked_values, f"{field}.blockedValues")
        yield from _of_patterns(rule.blocked_patterns, f"{field}.blockedPatterns")


def _of_values(values: Sequence[str], field: str) -> Iterator[Problem]:
    if len(values) > MOST_VALUES:
        yield Problem(f'"{field}" may hold at most {MOST_VALUES} values', field)
    for place, value in enumerate(values):
        if not 0 < len(value) <= LONGEST_VALUE:
            yield Problem(f'"{field}.{place}" must have 1 to {LONGEST_VALUE} characters', f"{field}.{place}")


def _of_patterns(patterns: Sequence[str], field: str) -> Iterator[Problem]:
    if len(patterns) > MOST_PATTERNS:
        yield Problem(f'"{field}" may hold at most {MOST_PATTERNS} patterns', field)
    for place, pattern in enumerate(patterns):
        reason = _why_not(pattern)
        if reason:
            yield Problem(f'"{field}.{place}" {reason}', f"{field}.{place}")


def _why_not(pattern: str) -> str | None:
    if not 0 < len(pattern) <= LONGEST_PATTERN:
        return f"must have 1 to {LONGEST_PATTERN} characters"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no regular expression: {error}"
    if _NESTED.search(pattern):
        return "repeats a group that repeats something itself, which can take for ever"
    return None


def _of_names(field: str, names: Sequence[str]) -> Iterator[Problem]:
    if len(names) > MOST_TYPES:
        yield Problem(f'"{field}" may hold at most {MOST_TYPES} types', field)
    for place, name in enumerate(names):
        if not _is_name(name):
            yield _bad_name(name, f"{field}.{place}")
        if name in names[:place]:
            yield Problem(f'"{field}" lists {name!r} twice', f"{field}.{place}")


def _of_custom(rules: Rules) -> Iterator[Problem]:
    yield from _of_names("custom", rules.custom)
    for place, name in enumerate(rules.custom):
        if name in BUILT_IN:
            yield Problem(f"{name!r} has its own place in events and cannot be a custom identifier", f"custom.{place}")


def _of_limits(rules: Rules) -> Iterator[Problem]:
    if not 1 <= rules.mappings_limit <= MOST_MAPPINGS:
        yield Problem(f'"mappingsLimit" must be from 1 to {MOST_MAPPINGS}', "mappingsLimit")
    if not 0 <= rules.merges_limit <= MOST_MERGES:
        yield Problem(f'"mergesLimit" must be from 0 to {MOST_MERGES}', "mergesLimit")


def _is_name(name: str) -> bool:
    return name in BUILT_IN or (len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None)


def _bad_name(name: str, field: str) -> Problem:
    return Problem(f"{name!r} is no name of an identifier: use lower-case letters, digits and _", field)
