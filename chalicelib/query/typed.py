"""What the checker knows of a piece of a definition while it reads on."""

from typing import NamedTuple

from .syntax import Comparison, Condition, Context, Literal, Moment, Operand, Property, Reduced, Scalar, Stream, Trait


class Place(NamedTuple):
    """Where the checker stands: `depth` counts the events around it, `quantified` means inside ANY or ALL."""

    kind: str
    scope: str
    depth: int = 0
    quantified: bool = False

    def inside_event(self) -> "Place":
        return self._replace(depth=self.depth + 1)


class Typed(NamedTuple):
    node: Stream | Scalar | Literal | Moment | Condition
    offset: int

    @property
    def stream(self) -> Stream | None:
        return self.node if isinstance(self.node, Stream) else None

    @property
    def scalar(self) -> Scalar | None:
        """What may stand on the left of a comparator."""
        if isinstance(self.node, Trait | Property | Context):
            return self.node
        return self.node if isinstance(self.node, Reduced) and not self.node.is_list else None

    @property
    def operand(self) -> Operand | None:
        """What may stand on the right of a comparator."""
        return self.node if isinstance(self.node, Literal | Moment) else self.scalar

    @property
    def described(self) -> str:
        node = self.node
        if isinstance(node, Stream):
            return "a stream of events that is not reduced yet"
        if isinstance(node, Literal | Moment):
            return "a literal"
        if isinstance(node, Reduced):
            return "a list" if node.is_list else f"the result of `{'count' if node.counted else node.reducer}`"
        if isinstance(node, Trait | Property | Context):
            return f"the value of `{type(node).__name__.lower()}`"
        return f"the result of `{node.name}`" if isinstance(node, Comparison) else "a condition"
