"""What is wrong with a journey, as it stands among everything else of its space."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...computations.definition import depends_on
from ...errors import Conflict, NotFound, Problem, Unsound
from ...journeys.model import AD, Settings, Step
from ..connections import Connections
from ..model import Space
from ..ports import DestinationKind
from ..storage import Storage, space_partition
from .motion import in_motion
from .soundness import name_problems, problems, query_fields, target_problems

_TRACKED = ("sendTrack", "sendIdentify", "enterEventName", "exitEventName")
_NO_EVENTS = "this destination takes lists of members, and no events: leave out how events are sent"
_NO_LIST = f"a step of the type {AD} needs a destination that takes lists of members"
_CYCLE = "this depends on a step of the same journey"


class Checking(NamedTuple):
    """Raises Unsound with everything that is wrong."""

    storage: Storage
    connections: Connections

    def check(
        self,
        space: Space,
        settings: Settings,
        steps: Sequence[Step],
        *,
        name: str = "",
        own_keys: Collection[str] = (),
    ) -> None:
        """`own_keys` are the traits that the steps write."""
        found = [*name_problems(name), *problems(settings, steps, own_keys), *self._of_targets(space, steps)]
        _raise(found)
        if own_keys:
            _raise(list(self._circles(space.id, steps, own_keys)))

    def check_name(self, name: str) -> None:
        _raise(name_problems(name))

    def check_targets(self, space: Space, steps: Sequence[Step]) -> None:
        _raise([*target_problems(steps), *self._of_targets(space, steps)])

    def _circles(self, space_id: str, steps: Sequence[Step], own_keys: Collection[str]) -> Iterator[Problem]:
        """Others may know the keys since the draft was made."""
        motion, own = in_motion(self.storage, space_id), set(own_keys)
        others = motion.counting(self.storage.computations.every(space_partition(space_id), "computation#"))
        for place, step in enumerate(steps):
            for field, text in query_fields(place, step):
                if own & depends_on(text, others, motion.groups):
                    yield Problem(_CYCLE, field, {"code": "cycle"})

    def _of_targets(self, space: Space, steps: Sequence[Step]) -> Iterator[Problem]:
        known: dict[str, DestinationKind | NotFound | Conflict | None] = {}
        for place, step in enumerate(steps):
            for n, target in enumerate(step.targets):
                field = f"steps.{place}.destinations.{n}"
                if target.destination_id not in known:
                    known[target.destination_id] = self._kind(space, target.destination_id)
                kind = known[target.destination_id]
                if isinstance(kind, NotFound | Conflict):
                    yield Problem(str(kind), f"{field}.destinationId", getattr(kind, "data", None))
                elif kind is not None:
                    yield from _of_kind(field, step, kind, target.settings)

    def _kind(self, space: Space, destination_id: str) -> DestinationKind | NotFound | Conflict | None:
        try:
            return self.connections.check(space, destination_id)
        except (NotFound, Conflict) as error:
            return error


def _of_kind(field: str, step: Step, kind: DestinationKind, settings: Mapping[str, object]) -> Iterator[Problem]:
    if step.type == AD and not kind.lists:
        yield Problem(_NO_LIST, f"{field}.destinationId")
    if (step.type == AD or kind.lists) and settings.keys() & set(_TRACKED):
        yield Problem(_NO_EVENTS, field)


def _raise(found: Sequence[Problem]) -> None:
    if found:
        raise Unsound(*found)
