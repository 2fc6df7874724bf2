"""Audiences: made from a name and a query, watched from then on, and never again under the same key."""

from collections.abc import Mapping
from typing import Any

from ..computations.computation import ACCOUNTS, AUDIENCE, DEFAULT_EXTERNAL_IDS, USERS, Computation
from ..computations.definition import check, references
from .body import Body
from .definitions import Definitions, Described, reject_changed, reject_history
from .model import Space

LINKED = "LINKED"
TYPES = (USERS, ACCOUNTS, LINKED)
EDITABLE = {"name", "description", "enabled", "definition", "options"}
PROFILE = "profile"  # the only target an audience of users can have

NO_OTHER_IDS = "the external ids of an audience cannot be changed yet: create an audience with these ids instead"
NOT_EVALUATED = "audiences of this type are not evaluated yet: use USERS"


class Audiences:
    """The audiences of spaces. `content` is a request body, `by` the id of the token that asks."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def every(self, space_id: str) -> list[Computation]:
        """Oldest first."""
        return self._definitions.every(space_id, AUDIENCE)

    def get(self, space_id: str, audience_id: str) -> Computation:
        """Raises NotFound."""
        return self._definitions.get(space_id, AUDIENCE, audience_id, "audience")

    def consumers(self, audience: Computation) -> list[Computation]:
        """The audiences whose query refers to this one."""
        return [other for other in self.every(audience.space_id) if audience.key in references(other)]

    def create(self, space: Space, content: Mapping[str, Any], by: str) -> Computation:
        """Only events received from now on count for it. Raises Invalid."""
        body = Body(content)
        described = Described.read(body, is_new=True)
        scope, query = _scope(body), _query(body, required=True)
        external_ids = _external_ids(body)
        if query:
            body.problems += check(query, AUDIENCE, scope)
        body.done()
        audience = self._definitions.new(space, AUDIENCE, "aud_", scope=scope, query=query, described=described, by=by)
        audience.external_ids = list(DEFAULT_EXTERNAL_IDS) if external_ids is None else external_ids
        body.problems += self._definitions.circles(audience)
        body.done()
        self._definitions.add(audience)
        return audience

    def update(self, audience: Computation, content: Mapping[str, Any], by: str) -> Computation:
        """What is given replaces what is there. Raises Invalid and NotFound."""
        body = Body(content)
        described = Described.read(body, is_new=False)
        self._check_kept(body, audience)
        body.done()
        return self._definitions.amend(audience, by, described) if EDITABLE & content.keys() else audience

    def delete(self, audience: Computation) -> None:
        """With its connections; its key stays taken. Raises Conflict when another computation refers to it."""
        self._definitions.remove(audience)

    def _check_kept(self, body: Body, audience: Computation) -> None:
        """Reject a change of what cannot change, or cannot yet."""
        reject_changed(body, [("audienceType", audience.scope), ("key", audience.key)])
        body.problems += self._definitions.edit_problems(audience, _query(body))
        external_ids = _external_ids(body)
        if external_ids is not None and set(external_ids) != set(audience.external_ids):
            body.reject("options.filterByExternalIds", NO_OTHER_IDS)


def _scope(body: Body) -> str:
    scope = body.choice("audienceType", TYPES, required=True)
    if scope in (ACCOUNTS, LINKED):
        body.reject("audienceType", NOT_EVALUATED)
    return USERS


def _query(body: Body, *, required: bool = False) -> str:
    definition = body.inner("definition", required=required)
    target = definition.text("targetEntity")
    if target not in (None, PROFILE):
        definition.reject("targetEntity", "only LINKED audiences have another target than profile")
    if required or body.has("definition"):
        return definition.required_text("query", longest=None)
    return ""


def _external_ids(body: Body) -> list[str] | None:
    """What `options` say of them; options that would need events of the past are rejected."""
    options = body.inner("options")
    reject_history(options, "backfillEventDataDays")
    external_ids = options.texts("filterByExternalIds")
    if external_ids == []:
        options.reject("filterByExternalIds", "name at least one type of external id, or leave this out")
    return external_ids
