"""What is wrong with a definition, and where."""

from ..errors import Permanent

EMPTY = "empty_definition"
SYNTAX = "syntax_error"
UNKNOWN_FUNCTION = "unknown_function"
TYPE = "type_error"
SCOPE = "scope_error"
INVALID = "invalid_argument"
TOO_MANY = "too_many_expressions"
CYCLE = "cycle"
NOT_SUPPORTED = "not_supported"

ADVICE = {
    EMPTY: "Write a condition such as event('Order Completed').count() >= 1.",
    SYNTAX: "Check quotes, parentheses and spelling around this place.",
    UNKNOWN_FUNCTION: "Function names are lower case; check the spelling.",
    TYPE: "Check what may stand here and which arguments it takes.",
    SCOPE: "Move this to a place where it has a meaning, or leave it out.",
    INVALID: "Give a value that this argument can take.",
    TOO_MANY: "Split the definition into audiences that refer to each other with trait('key').",
    CYCLE: "Leave out the reference that leads back to this definition.",
    NOT_SUPPORTED: "Leave this part out.",
}

SHOWN = 40  # characters of a word that a message quotes
EXCERPT = 60  # characters shown on either side of the offending place of a long line


def shown(word: str) -> str:
    """A word as messages quote it."""
    return f"`{word if len(word) <= SHOWN else word[:SHOWN] + '…'}`"


class QueryError(Permanent):
    """A definition that cannot be used.

    `offset` counts characters from 0, `line` and `column` from 1. `advice` is one line for the author.
    """

    def __init__(self, code: str, message: str, text: str, offset: int, advice: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offset = offset
        self.line = text.count("\n", 0, offset) + 1
        self.column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        self.advice = advice or ADVICE[code]
        self._text = text

    def report(self) -> str:
        """The message, the source line, a caret below the place, and the advice."""
        start = self.offset - self.column + 1
        end = self._text.find("\n", self.offset)
        line = self._text[start : end if end >= 0 else len(self._text)]
        left = max(0, self.column - 1 - EXCERPT)
        shown = line[left : self.column - 1 + EXCERPT].replace("\t", " ").replace("\r", " ")
        caret = " " * (self.column - 1 - left) + "^"
        place = f"line {self.line}, column {self.column}"
        return f"{self.message} ({place})\n  {shown}\n  {caret}\n{self.advice}"
