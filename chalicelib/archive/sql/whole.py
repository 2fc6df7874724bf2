"""A whole audience as one query, where the definition allows it."""

from ...query import filters
from ...query.filters import Bounds
from ...query.plan import Plan
from ...query.syntax import And, Comparison, Literal, Moment, Reduced, Trait
from ...query.vocabulary import AUDIENCE, USERS
from .cells import Cells
from .conditions import comparison_of, structure
from .funnels import Funnel
from .tallies import RELATION, Tallies
from .text import all_of
from .thresholds import NotInSql, reaching


def verdicts(plan: Plan, now: int, outcomes: bool) -> str | None:
    """Common table expressions after `source`, and a query for (subject, verdict) over these and `people`.

    Whoever is not among them is no member. The verdict is NULL where only the evaluator can tell. None when SQL has no
    words for the definition.
    """
    if plan.definition.scope != USERS or plan.definition.kind != AUDIENCE:
        return None
    try:
        return _Whole(plan, now, outcomes).query()
    except NotInSql:
        return None


class _Whole:
    def __init__(self, plan: Plan, now: int, outcomes: bool) -> None:
        self._now = now
        self._bounds = plan.streams[0].spec.bounds if plan.streams else Bounds()
        self._cells = Cells("v", outcomes)
        self._tallies = Tallies(self._bounds, now)
        self._funnels: list[Funnel] = []
        body = plan.definition.body
        if isinstance(body, Reduced):
            raise NotInSql
        self._terms = [structure(term, self._leaf) for term in (body.terms if isinstance(body, And) else [body])]

    def query(self) -> str:
        tallies = self._tallies.query
        relations = [relation for funnel in self._funnels for relation in funnel.relations]
        names = [funnel.name for funnel in self._funnels]
        if tallies is not None:
            relations.insert(0, f"{RELATION} as ({tallies})")
            names.insert(0, RELATION)
        joins = " ".join(f"left join {name} on {name}.profile_id = subject" for name in names)
        cells = "".join(f", {cell}" for cell in self._cells.select())
        # Term by term, so that each of them is asked where its columns come from, before anything is joined.
        possible = " and ".join(f"{term} is distinct from false" for term in self._terms)
        return (
            "".join(f", {relation}" for relation in relations)  # noqa: S608
            + f" select subject, {all_of(self._terms)} as verdict"
            + f" from (select *{cells} from people) {joins} where {possible}"  # noqa: S608
        )

    def _leaf(self, node: Comparison) -> str:
        if isinstance(node.left, Trait):
            return self._trait(node)
        if not isinstance(node.left, Reduced) or not all(isinstance(item, Literal | Moment) for item in node.operands):
            raise NotInSql
        found = filters.of(node.left.stream)
        if found.live:
            return self._funnel(node, node.left)
        if found.gap is not None or node.left.counted:
            raise NotInSql
        return self._tallies.comparison(node, node.left, found)

    def _trait(self, node: Comparison) -> str:
        if any(isinstance(item, Reduced) for item in node.operands) or self._cells.alias(node.left) is None:
            raise NotInSql
        return comparison_of(node, self._cells, self._now)

    def _funnel(self, node: Comparison, reduced: Reduced) -> str:
        name = f"funnel{len(self._funnels)}"
        funnel = Funnel(name, reduced, filters.of(reduced.stream), self._bounds, self._now)
        self._funnels.append(funnel)
        answer = reaching(node, lambda wanted: f"(coalesce({name}.kept, 0) >= {wanted})")
        return f"case when {name}.open then null else {answer} end"
