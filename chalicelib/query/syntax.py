"""What a definition is made of once it has been read.

Two definitions are equal when they say the same; where they say it (`offset`) does not matter.
"""

from dataclasses import dataclass, field
from decimal import Decimal

SECOND = 1_000
UNITS = {"second": SECOND, "minute": 60 * SECOND, "hour": 3_600 * SECOND, "day": 86_400 * SECOND}

Path = tuple[str, ...]
EACH = "$"  # the path step that stands for every entry of an array


def _offset() -> int:
    return field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Duration:
    """`unit` is singular: a key of UNITS."""

    count: int
    unit: str

    @property
    def milliseconds(self) -> int:
        return self.count * UNITS[self.unit]


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | Decimal | bool
    offset: int = _offset()


@dataclass(frozen=True, slots=True)
class Moment:
    """A date or timestamp literal: as written, and the instant it means (epoch ms)."""

    text: str
    instant: int
    offset: int = _offset()


@dataclass(frozen=True, slots=True)
class Trait:
    path: Path
    offset: int = _offset()


@dataclass(frozen=True, slots=True)
class Property:
    """Of the innermost enclosing event, or of the one around that when `parent`."""

    path: Path
    parent: bool = False
    offset: int = _offset()


@dataclass(frozen=True, slots=True)
class Context:
    path: Path
    offset: int = _offset()


@dataclass(frozen=True, slots=True)
class Where:
    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Sources:
    excluded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Within:
    far: Duration
    parent: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    near: Duration
    far: Duration
    parent: bool = False


@dataclass(frozen=True, slots=True)
class ExpiresAfter:
    gap: Duration


Filter = Where | Sources | Within | Between | ExpiresAfter
Reference = Property | Context | Trait


@dataclass(frozen=True, slots=True)
class Stream:
    """`source` is `event` or `entity`."""

    source: str
    name: str
    filters: tuple[Filter, ...] = ()
    offset: int = _offset()


@dataclass(frozen=True, slots=True)
class Reduced:
    """A stream brought down to one value; `counted` asks for the size of a `unique` list."""

    stream: Stream
    reducer: str
    reference: Reference | None = None
    cast: str | None = None
    frequency: int | None = None
    counted: bool = False

    @property
    def is_list(self) -> bool:
        return self.reducer == "unique" and not self.counted


Scalar = Trait | Property | Context | Reduced
Operand = Literal | Moment | Scalar


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name` is the comparator's function name, also where a symbol was written."""

    left: Scalar
    name: str
    operands: tuple[Operand, ...] = ()
    duration: Duration | None = None
    offset: int = _offset()


@dataclass(frozen=True, slots=True)
class And:
    terms: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    terms: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    term: "Condition"


@dataclass(frozen=True, slots=True)
class Quantified:
    """`ANY` or `ALL` (`every`) of an account's users."""

    every: bool
    term: "Condition"


Condition = Comparison | And | Or | Not | Quantified


@dataclass(frozen=True, slots=True)
class Definition:
    """`kind` is `audience` (then `body` is a condition) or `trait`; `scope` USERS, ACCOUNTS or LINKED."""

    kind: str
    scope: str
    body: Condition | Reduced
    text: str = field(compare=False)
