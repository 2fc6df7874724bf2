"""Audiences: made from a name and a query, watched from then on, and never again under the same key."""

from collections.abc import Mapping
from typing import Any

from ..computations.computation import ACCOUNTS, ANONYMOUS_ID, AUDIENCE, DEFAULT_EXTERNAL_IDS, USERS, Computation
from ..computations.definition import check, references
from ..computations.status import external_ids_of
from .body import Body
from .definitions import Definitions, Described, Edit, Scope, reject_changed
from .model import Space

LINKED = "LINKED"
TYPES = (USERS, ACCOUNTS, LINKED)
EDITABLE = {"name", "description", "enabled", "definition", "options"}
PROFILE = "profile"  # the only target an audience of users can have

DAYS = "backfillEventDataDays"
NO_ANONYMOUS = "people known by nothing but an anonymous id cannot be let in later: create another audience"
NOT_EVALUATED = "audiences of this type are not evaluated: use USERS or ACCOUNTS"


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
        """Raises Invalid."""
        body = Body(content)
        described = Described.read(body, is_new=True)
        scope, query = _scope(body), _query(body, required=True)
        options = body.inner("options")
        external_ids, events = _external_ids(options), Scope.read(options, DAYS, scope=scope)
        if query:
            body.problems += check(query, AUDIENCE, scope)
        body.done()
        audience = self._definitions.new(
            space, AUDIENCE, "aud_", scope=scope, query=query, described=described, events=events, by=by
        )
        audience.external_ids = list(DEFAULT_EXTERNAL_IDS) if external_ids is None else external_ids
        body.problems += self._definitions.circles(audience)
        body.done()
        return self._definitions.add(audience)

    def update(self, audience: Computation, content: Mapping[str, Any], by: str) -> Computation:
        """What is given replaces what is there. Raises Invalid, NotFound and Conflict."""
        body = Body(content)
        described = Described.read(body, is_new=False)
        edit = self._edit(body, audience)
        body.done()
        return self._definitions.amend(audience, by, described, edit) if EDITABLE & content.keys() else audience

    def delete(self, audience: Computation) -> None:
        """With its connections; its key stays taken. Raises Conflict when another computation refers to it."""
        self._definitions.remove(audience)

    def _edit(self, body: Body, audience: Computation) -> Edit | None:
        """What is to be computed from now on. A change of what never changes is rejected."""
        reject_changed(body, [("audienceType", audience.scope), ("key", audience.key)])
        query, options = _query(body), body.inner("options")
        body.problems += self._definitions.edit_problems(audience, query)
        Scope.check_kept(options, DAYS, audience)
        external_ids = _external_ids(options)
        if external_ids is not None and ANONYMOUS_ID in set(external_ids).difference(external_ids_of(audience)):
            options.reject("filterByExternalIds", NO_ANONYMOUS)
        return Edit(query or None, external_ids) if query or external_ids else None


def _scope(body: Body) -> str:
    scope = body.choice("audienceType", TYPES, required=True)
    if scope == LINKED:
        body.reject("audienceType", NOT_EVALUATED)
    return ACCOUNTS if scope == ACCOUNTS else USERS


def _query(body: Body, *, required: bool = False) -> str:
    definition = body.inner("definition", required=required)
    target = definition.text("targetEntity")
    if target not in (None, PROFILE):
        definition.reject("targetEntity", "only LINKED audiences have another target than profile")
    if required or body.has("definition"):
        return definition.required_text("query", longest=None)
    return ""


def _external_ids(options: Body) -> list[str] | None:
    external_ids = options.texts("filterByExternalIds")
    if external_ids == []:
        options.reject("filterByExternalIds", "name at least one type of external id, or leave this out")
    return external_ids
