"""Journeys and their versions as they are stored.

A version's record is written before the journey names it. Whoever edits a draft puts another record in its place, so
that a journey is published as somebody saw it. What nobody names is swept away when a journey of the space is deleted.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ...clock import Clock
from ...computations.computation import FAILED, Computation
from ...errors import VersionConflict
from ...ids import Ids
from ...journeys.model import ENTRY, LIVE, Journey, Settings, Standing, Step, Version
from ...records import Key
from ..connections import Connections
from ..shelf import ABANDONED_AFTER
from ..storage import Storage, computation_key, journey_key, journey_version_key, space_partition
from .motion import find_version, find_versions
from .standings import shown_status


class Shelves(NamedTuple):
    storage: Storage
    ids: Ids
    clock: Clock

    def every(self, space_id: str) -> list[Journey]:
        return self.storage.journeys.every(space_partition(space_id), "journey#")

    def computations(self, space_id: str) -> list[Computation]:
        return self.storage.computations.every(space_partition(space_id), "computation#")

    def version(self, journey: Journey, standing: Standing) -> Version:
        """Raises VersionConflict when somebody has just put another draft in its place."""
        found = find_version(self.storage, journey, standing.version_id)
        if found is None:
            raise VersionConflict(f"journey {journey.id} is being changed by others")
        return found

    def put_version(
        self, space_id: str, journey_id: str, number: int, settings: Settings, steps: Sequence[Step], by: str
    ) -> Version:
        made = Version(
            id=self.ids.ksuid("jov_"),
            journey_id=journey_id,
            space_id=space_id,
            number=number,
            created_at=self.clock.now(),
            created_by=by,
            settings=settings,
            steps=list(steps),
        )
        self.storage.journey_versions.create(journey_version_key(space_id, journey_id, made.id), made)
        return made

    def drop_version(self, journey: Journey, version: Version) -> None:
        self.storage.journey_versions.delete(journey_version_key(journey.space_id, journey.id, version.id))

    def amend(self, journey: Journey, by: str, change: Callable[[Journey], Journey]) -> Journey:
        """Of the journey as it was read: when its versions changed meanwhile, this raises VersionConflict."""

        def changed(present: Journey) -> Journey:
            if present.versions != journey.versions:
                raise VersionConflict(f"journey {journey.id} was changed by others")
            at = max(self.clock.now(), present.updated_at + 1)  # so that callers see that it changed
            return replace(change(present), updated_at=at, updated_by=by)

        found = self.storage.journeys.amend(journey_key(journey.space_id, journey.id), changed)
        self.storage.bump(journey.space_id)
        return found

    def statuses(self, journeys: Sequence[Journey]) -> dict[str, str]:
        """Of all their versions by id, as their owners see them."""
        entries = {id: _entry_key(version) for id, version in find_versions(self.storage, journeys, (LIVE,)).items()}
        found = self.storage.records.get_many(entries.values())
        runs = {id: self.storage.computations.read(found[key]) for id, key in entries.items() if key in found}
        standings = [standing for journey in journeys for standing in journey.versions]
        return {standing.version_id: _status(standing, runs.get(standing.version_id)) for standing in standings}

    def sweep(self, space_id: str, journey_id: str, connections: Connections) -> None:
        """Remove what was of this journey, which is gone, and of others that are. What is being made just now is of a
        journey that is there, or of one that comes to be within the minute."""
        computations = self.computations(space_id)
        versions = self.storage.journey_versions.every(space_partition(space_id), "journey_version#")
        journeys = {journey.id: journey for journey in self.every(space_id)}
        gone = {c.id for c in computations if c.journey_id is not None and c.journey_id not in journeys}
        connections.remove_computations(space_id, gone)
        for id in gone:
            self.storage.computations.delete(computation_key(space_id, id))
        named = {standing.version_id for journey in journeys.values() for standing in journey.versions}
        for version in versions:
            abandoned = self.clock.now() - version.created_at >= ABANDONED_AFTER
            if version.journey_id == journey_id or (version.id not in named and abandoned):
                self.storage.journey_versions.delete(journey_version_key(space_id, version.journey_id, version.id))


def _entry_key(version: Version) -> Key:
    entry = next(step for step in version.steps if step.type == ENTRY)
    return computation_key(version.space_id, entry.sides[0].computation_id)


def _status(standing: Standing, entry: Computation | None) -> str:
    failed = entry is not None and entry.stage == FAILED
    return shown_status(standing, counted=entry is None or entry.counted, failed=failed)
