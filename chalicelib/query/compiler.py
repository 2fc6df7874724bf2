"""Compiles a definition: streams to remember, and a formula of closures over them."""

from collections.abc import Mapping, Sequence

from . import formula as make
from . import paths, references
from .admission import constant, constants, is_static
from .comparators import NEGATED, entry
from .errors import NOT_SUPPORTED, QueryError
from .filters import Bounds
from .formula import Formula, Reading
from .frames import Frame
from .plan import Plan, Times
from .reductions import Reduction, Reductions
from .syntax import (
    And,
    Comparison,
    Condition,
    Context,
    Definition,
    Literal,
    Moment,
    Not,
    Operand,
    Property,
    Quantified,
    Reduced,
    Reference,
    Trait,
)
from .thresholds import enough, limit_of, threshold
from .vocabulary import ACCOUNTS, LINKED, TRAIT


def compile(
    definition: Definition,
    *,
    received_from: int | None = None,
    timestamp_from: int | None = None,
    generations: Mapping[str, str] | None = None,
) -> Plan:
    """Compile for evaluation.

    Only events received at or after `received_from` and dated at or after `timestamp_from` (epoch ms) count.
    `generations`, by the base key of a stream, are appended to the keys of streams. Raises QueryError `not_supported`
    for linked audiences.
    """
    if definition.scope == LINKED:
        message = "`entity` is not supported: linked audiences are not computed"
        offset = next((node.offset for node in references.streams_read(definition) if node.source == "entity"), 0)
        raise QueryError(NOT_SUPPORTED, message, definition.text, offset)
    return _Compiler(definition, Bounds(received_from, timestamp_from), generations or {}).plan()


class _Compiler:
    def __init__(self, definition: Definition, bounds: Bounds, generations: Mapping[str, str]) -> None:
        self._definition = definition
        self._reductions = Reductions(bounds, generations, self._all, self._reference)
        self._by_performer = definition.scope == ACCOUNTS and definition.kind == TRAIT
        self._formulas: dict[int, Formula] = {}
        self._times: dict[int, Times] = {}
        self._performed: set[int] = set()
        self._exact: set[int] = set()

    def plan(self) -> Plan:
        body = self._definition.body
        result: Reading = self._reduced(body, None) if isinstance(body, Reduced) else self._condition(body)
        traits = references.traits_read(self._definition)
        places = self._reductions.streams()
        return Plan(
            definition=self._definition,
            streams=tuple({stream.key: stream for stream in places}.values()),
            traits=frozenset(node.path[0] for node in traits),
            references=references.keys_read(self._definition),
            result=result,
            exact=id(body) in self._exact,
            places=places,
            performed=frozenset(self._performed),
            formulas=self._formulas,
            times=self._times,
        )

    def _condition(self, node: Condition, frame: Frame | None = None, member: bool = False) -> Formula:
        """`frame` is the event around the condition; `member` says that it speaks of one user of an account."""
        if frame is not None:
            return make.flag(frame.flag(node)) if is_static(node) else self._made(node, frame, member)
        self._formulas[id(node)] = made = self._made(node, None, member)
        return made

    def _made(self, node: Condition, frame: Frame | None, member: bool) -> Formula:
        if isinstance(node, Comparison):
            made = self._comparison(node, frame)
            return make.for_any(made) if frame is None and not member and self._means_any_user(node) else made
        if isinstance(node, Not):
            return make.negated(self._condition(node.term, frame, member))
        if isinstance(node, Quantified):
            return (make.for_all if node.every else make.for_any)(self._condition(node.term, None, True))
        terms = [self._condition(term, frame, member) for term in node.terms]
        return make.both(terms) if isinstance(node, And) else make.either(terms)

    def _means_any_user(self, node: Comparison) -> bool:
        """Accounts have no events of their own: a bare comparison of events asks each of their users."""
        reads_events = any(isinstance(part, Reduced) for part in (node.left, *node.operands))
        return self._definition.scope == ACCOUNTS and reads_events

    def _all(self, conditions: Sequence[Condition], frame: Frame) -> Formula:
        return make.both([self._condition(node, frame) for node in conditions])

    def _comparison(self, node: Comparison, frame: Frame | None) -> Formula:
        name = NEGATED.get(node.name, node.name)
        made = self._positive(node, name, frame)
        return made if name == node.name else make.negated(made)

    def _positive(self, node: Comparison, name: str, frame: Frame | None) -> Formula:
        if isinstance(node.left, Reduced):
            limit = limit_of(node)
            reduction = self._reduce(node.left, frame, None if limit is None else enough(node.name, limit))
            if limit is not None and reduction.reaches is not None:
                if reduction.exact:
                    self._exact.add(id(node))
                return threshold(node.name, limit, reduction.reaches)
            left = reduction.reading
        else:
            left = self._reference(node.left, frame)
        if node.duration is not None:
            return make.from_now(left, name, node.duration)
        if all(isinstance(operand, Literal | Moment) for operand in node.operands) and not _expands(node.left):
            return make.against_constants(left, name, constants(node))
        return make.compared(left, entry(name), [self._operand(operand, frame) for operand in node.operands])

    def _operand(self, node: Operand, frame: Frame | None) -> Reading:
        if isinstance(node, Literal | Moment):
            return make.fixed(constant(node))
        return self._reduced(node, frame) if isinstance(node, Reduced) else self._reference(node, frame)

    def _reduced(self, node: Reduced, frame: Frame | None) -> Reading:
        return self._reduce(node, frame).reading

    def _reduce(self, node: Reduced, frame: Frame | None, enough: int | None = None) -> Reduction:
        reduction = self._reductions.compile(node, frame, enough)
        if frame is None and reduction.times is not None:
            self._times[id(node)] = reduction.times
        if reduction.exact:
            self._exact.add(id(node))
        return reduction

    def _reference(self, node: Reference, frame: Frame | None, whole: bool = False) -> Reading:
        if isinstance(node, Trait):
            return self._trait(node, frame, whole)
        of_parent = isinstance(node, Property) and node.parent
        event = frame.parent if frame is not None and of_parent else frame
        if event is None:
            raise TypeError(f"{node!r} has no event to be read from")
        place = event.value(node, whole)
        return make.parent_column(place) if of_parent else make.column(place)

    def _trait(self, node: Trait, frame: Frame | None, whole: bool) -> Reading:
        if frame is None or not self._by_performer:
            return make.trait(node.path, whole)
        self._performed.add(frame.place)
        return make.performers_trait(node.path, whole)


def _expands(node: Operand) -> bool:
    return isinstance(node, Trait | Property | Context) and paths.expands(node.path)
