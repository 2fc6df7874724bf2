"""What a condition is made of. Every part has the place in the text where it begins."""

from typing import Any, NamedTuple


class Value(NamedTuple):
    value: Any
    offset: int


class Path(NamedTuple):
    names: tuple[str, ...]
    offset: int


class Values(NamedTuple):
    """A list that is written down."""

    values: tuple[Any, ...]
    offset: int


class Call(NamedTuple):
    name: str
    arguments: "tuple[Node, ...]"
    offset: int


class Comparison(NamedTuple):
    """`sign` is one of =, !=, <, <=, > and >=."""

    sign: str
    left: "Node"
    right: "Node"
    offset: int


class Membership(NamedTuple):
    item: "Node"
    values: "Node"
    offset: int


class Negation(NamedTuple):
    inner: "Node"
    offset: int


class Junction(NamedTuple):
    """`sign` is and, or."""

    sign: str
    parts: "tuple[Node, ...]"
    offset: int


Node = Value | Path | Values | Call | Comparison | Membership | Negation | Junction
