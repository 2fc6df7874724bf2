"""Journeys: drawn as drafts, published as versions that only the destinations change of, and stopped."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from ...clock import Clock
from ...computations.definition import references
from ...errors import Conflict
from ...ids import Ids
from ...journeys.model import Journey, Settings, Standing, Step, Version
from ..body import Body
from ..connections import Connections
from ..model import Space
from ..ports import Runs
from ..storage import Storage, journey_key
from .checking import Checking
from .drafting import Drafting
from .editing import Changes, Editing
from .motion import in_motion
from .publication import Publication
from .reading import read_kind, read_settings, read_steps
from .shelves import Shelves
from .soundness import LONGEST_NAME, keys_of
from .standings import ARCHIVE, PAUSE, archived, current_of, draft_of, numbered, paused, resumed

MOST_VERSIONS = 25
COPY = " (copy)"  # after the name of what was cloned

HAS_DRAFT = "the journey has a draft already: publish or change that one"
NO_DRAFT = "the journey has no draft to be published: make a new version"


class Drawn(NamedTuple):
    """A version and how it stands; `status` is as its owner sees it."""

    standing: Standing
    version: Version
    status: str


class Journeys:
    """The journeys of spaces. `content` is a request body, `by` the id of the token that asks.

    What is malformed raises Invalid; Unsound is for what is well-formed and makes no journey. Whoever changes a
    journey that others change at the same moment meets VersionConflict.
    """

    def __init__(self, storage: Storage, ids: Ids, clock: Clock, connections: Connections, runs: Runs) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock
        self._connections = connections
        self._shelves = Shelves(storage, ids, clock)
        self._drafting = Drafting(storage, ids, clock)
        self._checking = Checking(storage, connections)
        self._editing = Editing(self._shelves, self._drafting, self._checking, connections)
        self._publication = Publication(storage, ids, clock, connections, runs)

    def every(self, space_id: str) -> list[Journey]:
        """Oldest first."""
        return sorted(self._shelves.every(space_id), key=lambda journey: (journey.created_at, journey.id))

    def get(self, space_id: str, journey_id: str) -> Journey:
        """Raises NotFound."""
        return self._storage.journeys.get(journey_key(space_id, journey_id))

    def drawn(self, journey: Journey, number: int | None = None) -> Drawn:
        """The newest version that was published, otherwise the draft; or the one of that number. Raises NotFound."""
        standing = numbered(journey, number)
        return Drawn(standing, self._shelves.version(journey, standing), self.statuses([journey])[standing.version_id])

    def statuses(self, journeys: Sequence[Journey]) -> dict[str, str]:
        """Of all their versions by id, as their owners see them."""
        return self._shelves.statuses(journeys)

    def create(self, space: Space, content: Mapping[str, Any], by: str) -> Journey:
        """A draft. Raises Invalid and Unsound."""
        body = Body(content)
        read_kind(body)
        name, description = _name(body), body.text("description", longest=None)
        body.items("steps", required=True)
        settings, steps = read_settings(body) or Settings(), read_steps(body) or []
        body.done()
        self._checking.check(space, settings, steps, name=name)
        return self._create(space, name, description, settings, steps, by)

    def clone(self, space: Space, journey: Journey, number: int | None, content: Mapping[str, Any], by: str) -> Journey:
        """A draft of another journey, under keys of its own. Raises Invalid, Unsound and NotFound."""
        body = Body(content)
        name = _name(body) if body.has("name") else f"{journey.name[: LONGEST_NAME - len(COPY)]}{COPY}"
        body.done()
        self._checking.check_name(name)
        version = self.drawn(journey, number).version
        return self._create(space, name, journey.description, version.settings, version.steps, by)

    def new_version(self, journey: Journey, content: Mapping[str, Any], by: str) -> Journey:
        """A draft to go on with, from the newest published version or the one asked for. Its keys are its own; a step
        that sends as before takes the old ones over if the version before it is archived when it is published: as long
        as both run, one key cannot tell of both. Raises Invalid, NotFound and Conflict."""
        body = Body(content)
        asked = body.number("from", whole=True, least=1)
        body.done()
        if draft_of(journey):
            raise Conflict(HAS_DRAFT)
        if len(journey.versions) >= MOST_VERSIONS:
            raise Conflict(f"a journey has at most {MOST_VERSIONS} versions")
        origin = self.drawn(journey, None if asked is None else int(asked)).version
        number = 1 + max(standing.number for standing in journey.versions)
        steps = self._drafting.drawn(journey.space_id, journey.name, origin.steps, origin.steps, new=True)
        made = self._shelves.put_version(journey.space_id, journey.id, number, origin.settings, steps, by)
        standing = Standing(version_id=made.id, number=number)
        return self._shelves.amend(
            journey, by, lambda present: replace(present, versions=[*present.versions, standing])
        )

    def update(
        self, space: Space, journey: Journey, number: int | None, content: Mapping[str, Any], by: str
    ) -> Journey:
        """Name and description at any time; settings and steps of the draft, or of the version asked for. What was
        published keeps both, but steps may send elsewhere. Raises Invalid, Unsound, NotFound and Conflict."""
        body = Body(content)
        read_kind(body)
        described = {"name": _name(body)} if body.has("name") else {}
        if (description := body.text("description", longest=None)) is not None:
            described["description"] = description
        changes = Changes(described, read_settings(body), read_steps(body))
        body.done()
        self._checking.check_name(described.get("name", ""))
        draft = draft_of(journey) if number is None else None
        return self._editing.edit(space, journey, draft or numbered(journey, number), changes, by)

    def publish(self, space: Space, journey: Journey, content: Mapping[str, Any], by: str) -> Journey:
        """Raises Invalid, Unsound and Conflict."""
        body = Body(content)
        previous, exclusive = body.choice("previous", (PAUSE, ARCHIVE)), body.flag("versionExclusion")
        standing = draft_of(journey)
        if current_of(journey) and standing and not body.has("previous"):
            body.reject("previous", f'another version lets people in: say "{PAUSE}" or "{ARCHIVE}"')
        body.done()
        if standing is None:
            raise Conflict(NO_DRAFT)
        draft = self._shelves.version(journey, standing)
        self._checking.check(space, draft.settings, draft.steps, own_keys=keys_of(draft))
        return self._publication.publish(space, journey, draft, previous, exclusive is True, by)

    def pause(self, journey: Journey, by: str) -> Journey:
        """Nobody comes in any more; who is inside goes on. Raises Conflict."""
        return self._shelves.amend(journey, by, paused)

    def resume(self, journey: Journey, by: str) -> Journey:
        """Everybody is looked at once more: who meets the condition already stays out. Raises Conflict."""
        again = resumed(journey, self._clock.now())
        begin = self._publication.reopen(self._shelves.version(journey, current_of(again) or again.versions[-1]))
        cut = self._publication.next_cut(journey.space_id)
        changed = self._shelves.amend(journey, by, lambda present: resumed(present, cut))
        begin()
        return changed

    def archive(self, journey: Journey, number: int | None, by: str) -> Journey:
        """For good: nobody moves, nobody is told, the values stay. Raises NotFound and Conflict."""
        return self._shelves.amend(journey, by, lambda present: archived(present, number))

    def delete(self, journey: Journey) -> None:
        """All versions; the values stay on profiles as ordinary traits, the keys stay taken. The record goes first:
        whoever dies after that leaves what nobody sees, and the next deletion in the space removes it. Raises Conflict
        when another definition refers to a step."""
        space_id = journey.space_id
        self._check_unread(journey)
        self._storage.journeys.delete(journey_key(space_id, journey.id))
        self._storage.bump(space_id)
        self._shelves.sweep(space_id, journey.id, self._connections)
        self._storage.bump(space_id)

    def _check_unread(self, journey: Journey) -> None:
        motion = in_motion(self._storage, journey.space_id)
        keys = {key for version in motion.versions if version.journey_id == journey.id for key in keys_of(version)}
        others = motion.counting(self._shelves.computations(journey.space_id))
        strangers = (o for o in others if o.journey_id != journey.id)
        readers = sorted({o.name for o in strangers if keys & references(o)})
        if readers:
            raise Conflict(f"other definitions refer to steps of this journey: {', '.join(readers)}")

    def _create(
        self, space: Space, name: str, description: str | None, settings: Settings, steps: Sequence[Step], by: str
    ) -> Journey:
        id, now = self._ids.ksuid("jou_"), self._clock.now()
        drawn = self._drafting.drawn(space.id, name, steps, ())
        version = self._shelves.put_version(space.id, id, 1, settings, drawn, by)
        made = Journey(
            id=id,
            workspace_id=space.workspace_id,
            space_id=space.id,
            name=name,
            description=description,
            created_at=now,
            created_by=by,
            updated_at=now,
            updated_by=by,
            versions=[Standing(version_id=version.id, number=1)],
        )
        self._storage.journeys.create(journey_key(space.id, id), made)
        self._storage.bump(space.id)
        return made


def _name(body: Body) -> str:
    return body.required_text("name", longest=None).strip()
