"""Computed traits: a value per person, reduced from events."""

from collections.abc import Mapping
from typing import Any

from ..computations.computation import ACCOUNTS, ANONYMOUS_ID, DEFAULT_EXTERNAL_IDS, TRAIT, USERS, Computation
from ..computations.definition import check
from .body import Body
from .definitions import FIXED, Definitions, Described, Edit, Scope, reject_changed
from .model import Space

DAYS = "backfillDurationDays"
TYPES = (USERS, ACCOUNTS)
EDITABLE = {"name", "description", "enabled", "definition"}


class ComputedTraits:
    """The computed traits of spaces. `content` is a request body, `by` the id of the token that asks."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def every(self, space_id: str) -> list[Computation]:
        """Oldest first."""
        return self._definitions.every(space_id, TRAIT)

    def get(self, space_id: str, trait_id: str) -> Computation:
        """Raises NotFound."""
        return self._definitions.get(space_id, TRAIT, trait_id, "computed trait")

    def create(self, space: Space, content: Mapping[str, Any], by: str) -> Computation:
        """Raises Invalid."""
        body = Body(content)
        described = Described.read(body, is_new=True)
        query, scope = _definition(body, required=True)
        options = body.inner("options")
        anonymous = options.flag("includeAnonymousUsers")
        events = Scope.read(options, DAYS, scope=scope)
        if query:
            body.problems += check(query, TRAIT, scope)
        body.done()
        trait = self._definitions.new(
            space, TRAIT, "tra_", scope=scope, query=query, described=described, events=events, by=by
        )
        trait.external_ids = [*DEFAULT_EXTERNAL_IDS, *([ANONYMOUS_ID] if anonymous else [])]
        body.problems += self._definitions.circles(trait)
        body.done()
        return self._definitions.add(trait)

    def update(self, trait: Computation, content: Mapping[str, Any], by: str) -> Computation:
        """What is given replaces what is there. Raises Invalid, NotFound and Conflict."""
        body = Body(content)
        described = Described.read(body, is_new=False)
        reject_changed(body, [("key", trait.key)])
        query, scope = _definition(body)
        if query and scope != trait.scope:
            body.reject("definition.type", FIXED)
        body.problems += self._definitions.edit_problems(trait, query)
        body.done()
        edit = Edit(query, None) if query else None
        return self._definitions.amend(trait, by, described, edit) if EDITABLE & content.keys() else trait

    def delete(self, trait: Computation) -> None:
        """Its values stay on profiles as ordinary traits. Raises Conflict when another computation refers to it."""
        self._definitions.remove(trait)


def _definition(body: Body, *, required: bool = False) -> tuple[str, str]:
    """The query, empty when none was given, and the type."""
    definition = body.inner("definition", required=required)
    given = required or body.has("definition")
    query = definition.required_text("query", longest=None) if given else ""
    return query, definition.choice("type", TYPES, required=given) or USERS
