"""Audiences: made from a name and a query, watched from then on, and never again under the same key."""

from collections.abc import Mapping
from typing import Any

from ..computations.computation import (
    ACCOUNTS,
    ANONYMOUS_ID,
    AUDIENCE,
    DEFAULT_EXTERNAL_IDS,
    LINKED,
    PROFILE,
    USERS,
    Computation,
)
from ..computations.definition import check, references
from ..computations.status import external_ids_of
from .body import Body
from .definitions import Definitions, Described, Edit, Scope, reject_changed
from .model import Space

TYPES = (USERS, ACCOUNTS, LINKED)
EDITABLE = {"name", "description", "enabled", "definition", "options"}

DAYS = "backfillEventDataDays"
ONLY_LINKED = "only LINKED audiences have another target than profile"
NO_ANONYMOUS = "people known by nothing but an anonymous id cannot be let in later: create another audience"


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
        scope = body.choice("audienceType", TYPES, required=True) or USERS
        described, (query, target) = Described.read(body, is_new=True), _definition(body, scope, required=True)
        options = body.inner("options")
        external_ids, events = _external_ids(options), Scope.read(options, DAYS, scope=scope)
        if query:
            body.problems += check(query, AUDIENCE, scope)
        body.done()
        if scope == LINKED and described.enabled is None:
            described = described._replace(enabled=False)
        described = described._replace(target_entity=target)
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
        query, target = _definition(body, audience.scope)
        edit = self._edit(body, audience, query)
        body.done()
        described = described._replace(target_entity=target)
        return self._definitions.amend(audience, by, described, edit) if EDITABLE & content.keys() else audience

    def delete(self, audience: Computation) -> None:
        """With its connections; its key stays taken. Raises Conflict when another computation refers to it."""
        self._definitions.remove(audience)

    def _edit(self, body: Body, audience: Computation, query: str) -> Edit | None:
        """What is to be computed from now on. A change of what never changes is rejected."""
        reject_changed(body, [("audienceType", audience.scope), ("key", audience.key)])
        options = body.inner("options")
        body.problems += self._definitions.edit_problems(audience, query)
        Scope.check_kept(options, DAYS, audience)
        external_ids = _external_ids(options)
        if external_ids is not None and ANONYMOUS_ID in set(external_ids).difference(external_ids_of(audience)):
            options.reject("filterByExternalIds", NO_ANONYMOUS)
        return Edit(query or None, external_ids) if query or external_ids else None


def _definition(body: Body, scope: str, *, required: bool = False) -> tuple[str, str | None]:
    """The query, empty when none was given, and what is to be counted, if that was said."""
    definition = body.inner("definition", required=required)
    target = target_of(definition, scope)
    given = required or body.has("definition")
    return definition.required_text("query", longest=None) if given else "", target


def target_of(definition: Body, scope: str) -> str | None:
    """What is to be counted, if that was said."""
    target = definition.text("targetEntity", required=definition.has("targetEntity"))
    if scope != LINKED and target not in (None, PROFILE):
        definition.reject("targetEntity", ONLY_LINKED)
        return None
    return target


def _external_ids(options: Body) -> list[str] | None:
    external_ids = options.texts("filterByExternalIds")
    if external_ids == []:
        options.reject("filterByExternalIds", "name at least one type of external id, or leave this out")
    return external_ids
