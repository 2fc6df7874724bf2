"""What is asked of a preview."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..computations.computation import ACCOUNTS, AUDIENCE, DEFAULT_EXTERNAL_IDS, LINKED, PROFILE, USERS
from ..computations.definition import check
from ..workspace.audiences import TYPES, target_of
from ..workspace.body import Body

MOST_DAYS = 36_500  # of lookback: older than what events can be


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`external_ids` and `lookback_days` are as they were given, None for the default. `as_of` (epoch ms): how it
    would have been then. `overlap_with` is the id of an audience. `target_entity` is given for linked ones alone."""

    query: str
    scope: str
    external_ids: list[str] | None = None
    lookback_days: int | None = None
    as_of: int | None = None
    overlap_with: str | None = None
    target_entity: str | None = None

    @property
    def eligible(self) -> list[str] | None:
        """Types of external id of which a person must have one; accounts need none."""
        if self.scope == ACCOUNTS:
            return None
        return list(DEFAULT_EXTERNAL_IDS) if self.external_ids is None else self.external_ids


def read(content: Mapping[str, Any], now: int) -> Asked:
    """Raises Invalid."""
    body = Body(content)
    scope = body.choice("audienceType", TYPES, required=True) or USERS
    definition = body.inner("definition", required=True)
    target = target_of(definition, scope)
    query = definition.required_text("query", longest=None) if body.has("definition") else ""
    if query:
        body.problems += check(query, AUDIENCE, scope)
    external_ids, days = _options(body.inner("options"))
    as_of = body.instant("asOf")
    if as_of is not None and as_of > now:
        body.reject("asOf", '"asOf" must not lie in the future')
    asked = Asked(
        query=query,
        scope=scope,
        external_ids=external_ids,
        lookback_days=days,
        as_of=as_of,
        overlap_with=body.text("overlapAudienceId"),
        target_entity=(target or PROFILE) if scope == LINKED else None,
    )
    body.done()
    return asked


def _options(options: Body) -> tuple[list[str] | None, int | None]:
    external_ids = options.texts("filterByExternalIds")
    if external_ids == []:
        options.reject("filterByExternalIds", "name at least one type of external id, or leave this out")
    given = options.content.get("backfillEventDataDays")
    if given is None:
        return external_ids, None
    if (
        isinstance(given, bool)
        or not isinstance(given, int | float)
        or given != given // 1
        or not 0 < given <= MOST_DAYS
    ):
        options.reject(
            "backfillEventDataDays", f'"options.backfillEventDataDays" must be a number from 1 to {MOST_DAYS}'
        )
        return external_ids, None
    return external_ids, int(given)
