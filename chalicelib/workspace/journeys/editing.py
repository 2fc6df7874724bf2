"""Changes of the steps of a journey: of a draft all, of a published version only where they send."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from ...errors import Conflict
from ...journeys.model import AD, DRAFT, MOVING, SEND, Journey, Settings, Standing, Step, Version
from ..connections import Connections
from ..model import Space
from ..storage import computation_key, journey_version_key
from .checking import Checking
from .drafting import Drafting
from .shelves import Shelves
from .soundness import keys_of, without_targets

STRUCTURE = "a published version keeps its steps and settings, all but the destinations: make a new version"
ARCHIVED = "an archived version sends nothing any more"


class Changes(NamedTuple):
    """`described` are fields of the journey; None leaves things as they are."""

    described: Mapping[str, Any]
    settings: Settings | None
    steps: list[Step] | None


class Editing(NamedTuple):
    shelves: Shelves
    drafting: Drafting
    checking: Checking
    connections: Connections

    def edit(self, space: Space, journey: Journey, standing: Standing, changes: Changes, by: str) -> Journey:
        """Raises Unsound, Conflict and VersionConflict."""
        if changes.settings is None and changes.steps is None:
            return self._describe(journey, changes.described, by) if changes.described else journey
        version = self.shelves.version(journey, standing)
        if standing.status == DRAFT:
            return self._redraw(space, journey, version, changes, by)
        self._aim(space, journey, standing, version, changes)
        return self._describe(journey, changes.described, by)

    def _describe(self, journey: Journey, described: Mapping[str, Any], by: str) -> Journey:
        return self.shelves.amend(journey, by, lambda present: replace(present, **described))

    def _redraw(self, space: Space, journey: Journey, version: Version, changes: Changes, by: str) -> Journey:
        """Keys stay with the steps whose ids and types stay."""
        settings = changes.settings or version.settings
        steps = version.steps if changes.steps is None else changes.steps
        self.checking.check(space, settings, steps, own_keys=keys_of(version))
        drawn = self.drafting.drawn(space.id, changes.described.get("name", journey.name), steps, version.steps)
        made = self.shelves.put_version(space.id, journey.id, version.number, settings, drawn, by)

        def change(present: Journey) -> Journey:
            versions = [
                replace(one, version_id=made.id) if one.version_id == version.id else one for one in present.versions
            ]
            return replace(present, versions=versions, **changes.described)

        changed = self.shelves.amend(journey, by, change)
        self.shelves.drop_version(journey, version)
        return changed

    def _aim(self, space: Space, journey: Journey, standing: Standing, version: Version, changes: Changes) -> None:
        """The version comes first: it knows the ids of the connections, so that doing it again makes no others."""
        steps = version.steps if changes.steps is None else changes.steps
        if not _is_same(steps, version.steps) or changes.settings not in (None, version.settings):
            raise Conflict(STRUCTURE)
        if standing.status not in MOVING:
            raise Conflict(ARCHIVED)
        self.checking.check_targets(space, steps)
        targets = {step.id: step.targets for step in steps}

        def change(present: Version) -> Version:
            aimed = [replace(s, targets=self.drafting.aimed(targets[s.id], s)) for s in present.steps]
            return replace(present, steps=aimed)

        key = journey_version_key(space.id, journey.id, version.id)
        self._settle(space, self.shelves.storage.journey_versions.amend(key, change))

    def _settle(self, space: Space, version: Version) -> None:
        senders = [step for step in version.steps if step.type in (SEND, AD)]
        keys = [computation_key(space.id, step.sides[0].computation_id) for step in senders]
        found = map(self.shelves.storage.computations.find, keys)
        pairs = zip(found, senders, strict=True)
        self.connections.settle(space, [(c, step.targets) for c, step in pairs if c is not None])


def _is_same(steps: Sequence[Step], before: Sequence[Step]) -> bool:
    """But for where they send."""
    one, other = ({step.id: without_targets(step) for step in both} for both in (steps, before))
    return one == other and len(steps) == len(before)
