"""From the text of a condition to its parts, or to the first error in it.

either      = both { "or" both }
both        = single { "and" single }
single      = ( "!" | "not" ) single | operand [ sign operand | "in" operand ]
operand     = "(" either ")" | "[" values "]" | value | path | name "(" operand { "," operand } ")"
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..query.errors import EMPTY, INVALID, SYNTAX, TYPE, UNKNOWN_FUNCTION, QueryError, shown
from .functions import FUNCTIONS
from .syntax import Call, Comparison, Junction, Membership, Negation, Node, Path, Value, Values
from .tokens import END, PATH, SIGN, VALUE, Token, tokens
from .values import kind_of

LONGEST = 5 * 1024  # bytes, as at Segment
DEEPEST = 64  # levels of parentheses, calls and negations: each costs a few stack frames
EQUALITY, ORDER = ("=", "!="), ("<", "<=", ">", ">=")
EXAMPLE = "Write a condition such as type = 'track' and event = 'Button Clicked'."


def parse(text: str) -> Node:
    """Raises QueryError."""
    if not text.strip():
        raise QueryError(EMPTY, "the condition is empty", text, 0, EXAMPLE)
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        advice = "Split it into several filters."
        raise QueryError(INVALID, f"the condition is longer than {LONGEST} bytes", text, 0, advice)
    return _Parser(text).condition()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._tokens = text, list(tokens(text))
        self._place = self._depth = 0

    def condition(self) -> Node:
        node = self._either()
        if self._next.type != END:
            self._unexpected()
        self._check_bool(node)
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += token.type != END
        return token

    def _is(self, *signs: str) -> bool:
        return self._next.type == SIGN and self._next.value in signs

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            self._unexpected(f"`{sign}` is expected")
        self._take()

    def _either(self) -> Node:
        return self._junction("or", self._both)

    def _both(self) -> Node:
        return self._junction("and", self._single)

    def _junction(self, sign: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self._is(sign):
            self._take()
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        for one in parts:
            self._check_bool(one)
        return Junction(sign, tuple(parts), parts[0].offset)

    def _single(self) -> Node:
        if self._is("!", "not"):
            return self._negation()
        left = self._operand()
        if self._is(*EQUALITY, *ORDER):
            return self._comparison(left)
        if self._is("in"):
            return self._membership(left)
        return left

    def _negation(self) -> Node:
        token = self._take()
        self._deeper(token)
        inner = self._single() if self._is("!", "not") else self._operand()
        if self._is(*EQUALITY, *ORDER, "in"):
            self._unexpected("what is negated here is not clear", "Put what is negated in parentheses: !( … ).")
        self._check_bool(inner)
        self._depth -= 1
        return Negation(inner, token.offset)

    def _comparison(self, left: Node) -> Node:
        sign = self._take()
        right = self._operand()
        if sign.value in ORDER:
            for side in (left, right):
                self._check(side, "number", f"`{sign.value}` compares numbers")
        return Comparison(sign.value, left, right, left.offset)

    def _membership(self, item: Node) -> Node:
        self._take()
        values = self._operand()
        self._check(values, "list", "`in` needs a list or the path of one")
        return Membership(item, values, item.offset)

    def _operand(self) -> Node:
        token = self._take()
        if token.type == SIGN and token.value in ("(", "["):
            return self._group(token) if token.value == "(" else self._values(token)
        if token.type not in (VALUE, PATH):
            self._place -= token.type != END
            self._unexpected("a value, the path of a field or a function is expected")
        if token.type == VALUE:
            return Value(token.value, token.offset)
        return self._call(token) if self._is("(") else Path(token.value, token.offset)

    def _group(self, opening: Token) -> Node:
        self._deeper(opening)
        node = self._either()
        self._expect(")")
        self._depth -= 1
        return node

    def _values(self, opening: Token) -> Node:
        values: list[Any] = []
        while not self._is("]"):
            if values:
                self._expect(",")
            if self._next.type != VALUE:
                self._unexpected("a list holds texts, numbers, true, false and null")
            values.append(self._take().value)
        self._take()
        return Values(tuple(values), opening.offset)

    def _call(self, name: Token) -> Node:
        function = FUNCTIONS.get(name.text)
        if function is None:
            advice = f"There are {', '.join(FUNCTIONS)}."
            self._reject(UNKNOWN_FUNCTION, f"there is no function {shown(name.text)}", name.offset, advice)
        self._deeper(self._take())
        arguments = [self._operand()]
        while self._is(","):
            self._take()
            arguments.append(self._operand())
        self._expect(")")
        self._depth -= 1
        if len(arguments) != function.arguments:
            many = "one argument" if function.arguments == 1 else f"{function.arguments} arguments"
            self._reject(TYPE, f"{name.text} takes {many}", name.offset)
        if function.prepare is not None:
            self._check_prepared(name.text, arguments)
        return Call(name.text, tuple(arguments), name.offset)

    def _check_prepared(self, name: str, arguments: Sequence[Node]) -> None:
        prepare, second = FUNCTIONS[name].prepare, arguments[1]
        if prepare is None or not isinstance(second, Value) or not isinstance(second.value, str):
            self._reject(TYPE, f"the second argument of {name} is a text in quotes", second.offset)
        try:
            prepare(second.value)
        except ValueError as error:
            self._reject(INVALID, f"{name} cannot use {shown(second.value)}: {error}", second.offset)

    def _check_bool(self, node: Node) -> None:
        self._check(node, "bool", "this is neither true nor false")

    def _check(self, node: Node, kind: str, message: str) -> None:
        """What can never be of this kind is a mistake. Null is nothing yet, as is what a path may lead to."""
        if _kind(node) not in (kind, "null"):
            self._reject(TYPE, message, node.offset)

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            self._reject(INVALID, f"nested more than {DEEPEST} deep", token.offset)

    def _unexpected(self, message: str = "", advice: str | None = None) -> NoReturn:
        token = self._next
        found = "the condition ends here" if token.type == END else f"unexpected {shown(token.text)}"
        advice = advice or ("Equality is written =." if token.text == "=" else None)
        self._reject(SYNTAX, f"{message}: {found}" if message else found, token.offset, advice)

    def _reject(self, code: str, message: str, offset: int, advice: str | None = None) -> NoReturn:
        raise QueryError(code, message, self._text, offset, advice)


def _kind(node: Node) -> str:
    """Of what it can be; null where that is only known of an event."""
    match node:
        case Value():
            return kind_of(node.value)
        case Path():
            return "null"
        case Values():
            return "list"
        case Call():
            return FUNCTIONS[node.name].gives
    return "bool"
