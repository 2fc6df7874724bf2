"""Reading the fields of a request body and listing everything that is wrong with it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..errors import Invalid, Problem
from ..instants import parse_iso

LONGEST = 255  # characters of a name, a slug or an id


class Content(dict[str, Any]):
    """A body that was held to its declaration: `problems` are what is wrong with its form."""

    def __init__(self, fields: Mapping[str, Any], problems: Sequence[Problem]) -> None:
        super().__init__(fields)
        self.problems = problems


class Body:
    """A JSON object being read. Fields that are missing or wrong read as an empty value and leave a problem behind;
    `done` raises them all. Unknown fields are ignored, null counts as absent."""

    def __init__(self, content: Mapping[str, Any], path: str = "", problems: list[Problem] | None = None) -> None:
        self.content, self.path = content, path
        self.problems: list[Problem] = [] if problems is None else problems
        self.form: Sequence[Problem] = content.problems if isinstance(content, Content) else ()

    def has(self, name: str) -> bool:
        return self.content.get(name) is not None

    def gives(self, name: str) -> bool:
        """Whether the field was sent, be it as null."""
        return name in self.content

    def reject(self, name: str, message: str, data: Any = None) -> None:
        self.problems.append(Problem(message, self.path + name, data))

    def done(self) -> None:
        """Raises Invalid when anything was wrong."""
        if self.problems or self.form:
            raise Invalid(*united(self.problems, self.form))

    def text(self, name: str, *, required: bool = False, longest: int | None = LONGEST) -> str | None:
        """A string; a required one must not be blank."""
        value: str | None = self._read(name, str, "a string", required)
        if value is None:
            return None
        if required and not value.strip():
            self.reject(name, f'"{self.path}{name}" must not be empty')
        elif longest is not None and len(value) > longest:
            self.reject(name, f'"{self.path}{name}" must have at most {longest} characters')
        else:
            return value
        return None

    def required_text(self, name: str, *, longest: int | None = LONGEST) -> str:
        return self.text(name, required=True, longest=longest) or ""

    def choice(self, name: str, choices: Collection[str], *, required: bool = False) -> str | None:
        value: str | None = self._read(name, str, "a string", required)
        if value is not None and value not in choices:
            self.reject(name, f'"{self.path}{name}" must be one of {", ".join(choices)}')
            return None
        return value

    def instant(self, name: str) -> int | None:
        """A date or date-time of ISO 8601, in epoch ms."""
        text = self.text(name)
        instant = None if text is None else parse_iso(text)
        if text is not None and instant is None:
            self.reject(name, f'"{self.path}{name}" must be a date or date-time of ISO 8601')
        return instant

    def flag(self, name: str, *, required: bool = False) -> bool | None:
        value: bool | None = self._read(name, bool, "true or false", required)
        return value

    def integer(self, name: str) -> int | None:
        value: int | None = self._read(name, int, "a whole number", False)
        if isinstance(value, bool):
            self.reject(name, f'"{self.path}{name}" must be a whole number')
            return None
        return value

    def number(
        self,
        name: str,
        *,
        required: bool = False,
        whole: bool = False,
        least: float | None = None,
        most: float | None = None,
        above: float | None = None,
    ) -> float | None:
        """A number within bounds; of a `whole` one `7.0` is the integer 7, as some clients write it."""
        value: float | None = self._read(name, int | float, "a number", required)
        if value is None:
            return None
        low = (least is not None and value < least) or (above is not None and value <= above)
        if isinstance(value, bool) or (whole and value % 1):
            self.reject(name, f'"{self.path}{name}" must be a {"whole " if whole else ""}number')
        elif low or (most is not None and value > most):
            self.reject(name, f'"{self.path}{name}" must be {_bounds(least, most, above)}')
        else:
            return int(value) if whole else value
        return None

    def anything(self, name: str, *, required: bool = False) -> Any:
        return self._read(name, object, "anything", required)

    def mapping(self, name: str, *, required: bool = False) -> dict[str, Any] | None:
        value: dict[str, Any] | None = self._read(name, dict, "an object", required)
        return value

    def inner(self, name: str, *, required: bool = False) -> "Body":
        """The fields of an object inside this one, whose problems are listed with these; empty when it is absent."""
        problems = self.problems
        content = self.mapping(name, required=required)
        if content is None:
            problems = []  # one problem for the object is enough, not one more for each of its fields
        return Body(content or {}, f"{self.path}{name}.", problems)

    def element(self, name: str, place: int, value: Any) -> "Body":
        """The fields of one object in a list."""
        return Body({str(place): value}, f"{self.path}{name}.", self.problems).inner(str(place), required=True)

    def items(self, name: str, *, required: bool = False) -> list[Any] | None:
        value: list[Any] | None = self._read(name, list, "a list", required)
        return value

    def texts(self, name: str) -> list[str] | None:
        """A list of distinct strings that are not blank, in their order."""
        values = self.items(name)
        if values is None:
            return None
        if not all(isinstance(value, str) and 0 < len(value.strip()) <= LONGEST for value in values):
            self.reject(name, f'"{self.path}{name}" must be a list of strings that are not empty')
            return None
        return list(dict.fromkeys(values))

    def _read(self, name: str, type: Any, what: str, required: bool) -> Any:
        value = self.content.get(name)
        if value is None:
            if required:
                self.reject(name, f'"{self.path}{name}" is required')
            return None
        if not isinstance(value, type):
            self.reject(name, f'"{self.path}{name}" must be {what}')
            return None
        return value


def united(problems: Sequence[Problem], form: Iterable[Problem]) -> list[Problem]:
    """The problems, and those of the form that none of them is about."""
    fields = [problem.field or "" for problem in problems]
    return [*problems, *(p for p in form if not any(_is_inside(p.field or "", field) for field in fields))]


def _is_inside(one: str, other: str) -> bool:
    """Whether one field is the other or a part of it, either way."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _bounds(least: float | None, most: float | None, above: float | None) -> str:
    low = f"above {above:g}" if above is not None else f"at least {least:g}" if least is not None else ""
    high = f"at most {most:g}" if most is not None else ""
    return " and ".join(filter(None, (low, high)))
