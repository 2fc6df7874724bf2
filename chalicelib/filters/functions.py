"""The functions that conditions may call. Each is total: what an argument cannot be makes it false, or null."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from .glob import glob
from .values import kind_of

LONGEST_ADDRESS = 64  # characters; an IPv6 address with a zone is shorter

Test = Callable[[str], bool]


class Function(NamedTuple):
    """`gives` is the kind of its result. With `prepare`, the second argument is a text in the condition, from which a
    test of the first one is made, once; it raises ValueError for what makes no sense."""

    arguments: int
    gives: str
    call: Callable[..., Any] | None = None
    prepare: Callable[[str], Test] | None = None


def _contains(text: Any, part: Any) -> bool:
    return isinstance(text, str) and isinstance(part, str) and part in text


def _length(value: Any) -> int | None:
    """Of a text in bytes."""
    match kind_of(value):
        case "null":
            return 0
        case "string":
            return len(value.encode("utf-8", "surrogatepass"))
        case "list":
            return len(value)
    return None


def _lowercase(text: Any) -> str | None:
    return text.lower() if isinstance(text, str) else None


def _uppercase(text: Any) -> str | None:
    return text.upper() if isinstance(text, str) else None


def _within(range: str) -> Test:
    network = ip_network(range, strict=False)

    def is_inside(address: str) -> bool:
        try:
            return len(address) <= LONGEST_ADDRESS and ip_address(address) in network
        except ValueError:
            return False

    return is_inside


FUNCTIONS = {
    "contains": Function(2, "bool", _contains),
    "match": Function(2, "bool", prepare=glob),
    "cidr": Function(2, "bool", prepare=_within),
    "length": Function(1, "number", _length),
    "lowercase": Function(1, "string", _lowercase),
    "uppercase": Function(1, "string", _uppercase),
    "typeof": Function(1, "string", kind_of),
}
