"""Which computations of a space stand for steps of journeys that people move through now."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ...computations.computation import Computation
from ...computations.definition import Group
from ...journeys.model import MOVING, Journey, Version
from ..storage import Storage, journey_version_key, space_partition
from .soundness import keys_of


class Motion(NamedTuple):
    """`versions` are those that move."""

    versions: list[Version]

    @property
    def ids(self) -> set[str]:
        """Of their computations."""
        return {id for version in self.versions for id in computation_ids(version)}

    @property
    def groups(self) -> list[Group]:
        """A version waits for the ones before it: people may have to leave these first."""
        return [Group(keys_of(version), self._ids_up_to(version)) for version in self.versions]

    def counting(self, computations: Iterable[Computation]) -> list[Computation]:
        """Those that have values: all but those of steps that nobody moves through."""
        ids = self.ids
        return [computation for computation in computations if computation.journey_id is None or computation.id in ids]

    def _ids_up_to(self, last: Version) -> set[str]:
        versions = (v for v in self.versions if v.journey_id == last.journey_id and v.number <= last.number)
        return {id for version in versions for id in computation_ids(version)}


def in_motion(storage: Storage, space_id: str) -> Motion:
    journeys = storage.journeys.every(space_partition(space_id), "journey#")
    return Motion(list(find_versions(storage, journeys, MOVING).values()))


def find_versions(storage: Storage, journeys: Iterable[Journey], statuses: Collection[str]) -> dict[str, Version]:
    """Those that stand like that, by id."""
    keys = [
        journey_version_key(journey.space_id, journey.id, standing.version_id)
        for journey in journeys
        for standing in journey.versions
        if standing.status in statuses
    ]
    found = storage.records.get_many(keys)
    versions = [storage.journey_versions.read(found[key]) for key in keys if key in found]
    return {version.id: version for version in versions}


def find_version(storage: Storage, journey: Journey, version_id: str) -> Version | None:
    return storage.journey_versions.find(journey_version_key(journey.space_id, journey.id, version_id))


def computation_ids(version: Version) -> set[str]:
    return {side.computation_id for step in version.steps for side in step.sides}
