"""Publishing a version: what its steps need is made first, then one write of the journey makes it count.

    wish, computations, connections ─► Journey ─► bump ─► run of the entry

Until that write nobody sees what was made, and doing it all again makes the same once more, under the same ids. Whoever
dies after it leaves the wish: the tick lets workers see the change and begins the run. The cut is taken just before
that write: what happens between the two is counted by workers who know nothing of the version.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ...clock import Clock
from ...computations.computation import (
    ANONYMOUS_ID,
    AUDIENCE,
    DEFAULT_EXTERNAL_IDS,
    USERS,
    Computation,
)
from ...computations.editions import begun, complete_streams, resumed
from ...errors import VersionConflict
from ...ids import Ids
from ...journeys.model import (
    AD,
    ENTRY,
    LIVE,
    SEND,
    Journey,
    Side,
    Standing,
    Step,
    Version,
)
from ..connections import Connections
from ..model import Space
from ..ports import Runs
from ..storage import Storage, computation_key, journey_key, journey_version_key, space_partition
from .motion import find_version
from .standings import ARCHIVE, current_of, published


class Publication:
    def __init__(self, storage: Storage, ids: Ids, clock: Clock, connections: Connections, runs: Runs) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock
        self._connections, self._runs = connections, runs

    def publish(
        self, space: Space, journey: Journey, draft: Version, previous: str | None, exclusive: bool, by: str
    ) -> Journey:
        """Raises NotFound, Conflict, and VersionConflict when the journey changed meanwhile."""
        version, kept = self._with_kept_keys(journey, draft, previous)
        now = self._clock.now()
        made = [
            (self._computation(space, journey, version, step, place, now, by), step)
            for step in version.steps
            for place in range(len(step.sides))
        ]
        complete = complete_streams(self._storage.computations.every(space_partition(space.id), "computation#"))
        made = [(begun(c, now, complete) if step.type == ENTRY else c, step) for c, step in made]
        entry = next(computation for computation, step in made if step.type == ENTRY)
        wish = self._runs.wish(space.id, entry.id)
        for computation, _ in made:
            if computation.id not in kept:
                self._storage.computations.put(computation_key(space.id, computation.id), computation)
        if version is not draft:
            self._storage.journey_versions.put(journey_version_key(space.id, journey.id, version.id), version)
        self._connections.settle(space, [(c, step.targets) for c, step in made if step.type in (SEND, AD)])
        changed = self._commit(journey, version, self.next_cut(space.id), previous, exclusive, by)
        self._storage.bump(space.id)
        wish.grant(entry)
        if version is not draft:
            self._storage.journey_versions.delete(journey_version_key(space.id, journey.id, draft.id))
        return changed

    def reopen(self, version: Version) -> Callable[[], None]:
        """To be called before the version is resumed, and what this gives after that: it begins the run of the entry.
        A tick that finds the wish looks at everybody for nothing, if the version is not resumed after all."""
        step = next(step for step in version.steps if step.type == ENTRY)
        key = computation_key(version.space_id, step.sides[0].computation_id)
        complete = complete_streams(self._storage.computations.every(space_partition(version.space_id), "computation#"))
        wish = self._runs.wish(version.space_id, step.sides[0].computation_id)
        now = self._clock.now()
        entry = self._storage.computations.amend(
            key, lambda present: resumed(present, max(now, present.begun_at + 1), complete)
        )
        return lambda: wish.grant(entry)

    def next_cut(self, space_id: str) -> int:
        """Later than all cuts of the space's journeys, whatever became of the clock."""
        journeys = self._storage.journeys.every(space_partition(space_id), "journey#")
        newest = max((cut for journey in journeys for s in journey.versions for cut in s.cuts), default=0)
        return max(self._clock.now(), newest + 1)

    def _commit(
        self, journey: Journey, version: Version, cut: int, previous: str | None, exclusive: bool, by: str
    ) -> Journey:
        exits = version.settings.exit_after is not None
        standing = Standing(
            version_id=version.id, number=version.number, status=LIVE, cuts=[cut], exclusive=exclusive, exits=exits
        )

        def change(present: Journey) -> Journey:
            if present.versions != journey.versions:
                raise VersionConflict(f"journey {journey.id} was changed by others")
            at = max(cut, present.updated_at + 1)
            return replace(published(present, standing, previous), updated_at=at, updated_by=by)

        return self._storage.journeys.amend(journey_key(journey.space_id, journey.id), change)

    def _with_kept_keys(self, journey: Journey, draft: Version, previous: str | None) -> tuple[Version, set[str]]:
        """The version as it is published, and the ids of the computations that it takes over: steps that send as they
        did in the version that is archived at the same moment. That becomes a record of its own, so that the draft
        stays what it was if it comes to nothing."""
        current = current_of(journey)
        archived = find_version(self._storage, journey, current.version_id) if current and previous == ARCHIVE else None
        before = {step.lineage: step for step in archived.steps} if archived else {}
        steps = [_taking_over(step, before.get(step.lineage)) for step in draft.steps]
        ids = {side.computation_id for step in before.values() for side in step.sides}
        kept = ids & {side.computation_id for step in steps for side in step.sides}
        return (replace(draft, id=self._ids.ksuid("jov_"), steps=steps) if kept else draft), kept

    @staticmethod
    def _computation(
        space: Space, journey: Journey, version: Version, step: Step, place: int, now: int, by: str
    ) -> Computation:
        side = step.sides[place]
        anonymous = [ANONYMOUS_ID] if version.settings.anonymous else []
        is_entry = step.type == ENTRY
        return Computation(
            id=side.computation_id,
            workspace_id=space.workspace_id,
            space_id=space.id,
            kind=AUDIENCE,
            scope=USERS,
            key=side.key,
            name=_name(journey, step, side),
            query=side.query or "",
            external_ids=[*DEFAULT_EXTERNAL_IDS, *anonymous],
            created_at=now,
            created_by=by,
            updated_at=now,
            updated_by=by,
            history=is_entry and version.settings.history,
            begun_at=now,
            counted=not is_entry,
            journey_id=journey.id,
        )


def _name(journey: Journey, step: Step, side: Side) -> str:
    return ": ".join(name for name in (journey.name, step.name, side.name) if name)


def _taking_over(step: Step, before: Step | None) -> Step:
    if before is None or step.type not in (SEND, AD) or step.type != before.type or not _sends_alike(step, before):
        return step
    sides: Sequence[tuple[Side, Side]] = list(zip(step.sides, before.sides, strict=True))
    kept = [replace(side, key=was.key, computation_id=was.computation_id) for side, was in sides]
    return replace(step, sides=kept, targets=before.targets)


def _sends_alike(step: Step, before: Step) -> bool:
    def content(of: Step) -> list[tuple[object, ...]]:
        return [(target.destination_id, target.settings, target.id_sync) for target in of.targets]

    return content(step) == content(before) and step.remove_after == before.remove_after
